"""確認しました: a guardian says that they have read a broadcast that asked them to say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from actions import audit
from domain.broadcasts import Relation, State
from domain.content import wants_confirmation
from domain.refusals import Refusal, refuse
from storage import broadcasts, confirmations, reminding
from storage.database import Transaction
from storage.tables import Broadcast

_GOES_OUT = (State.SENDING, State.SENT)

Standing = Literal["", "wanted", "confirmed"]
"""Whether somebody is asked to confirm, and whether they have; empty where nobody is asked."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Everybody behind the contact point has confirmed; `again` if they had already."""

    subject: str
    again: bool


def confirm(tx: Transaction, broadcast_id: int, contact_point_id: int) -> Confirmed | Refusal:
    """Note that whoever is behind a contact point has read a broadcast.

    Where two guardians share a mailbox, both have: it is theirs together, and nobody can tell
    which of them pressed.
    """
    row = broadcasts.find(tx, broadcast_id)
    if row is None or not confirmations.was_sent_to(tx, broadcast_id, contact_point_id):
        return refuse("unknown_broadcast")
    if refused := _refused(tx, row):
        return refused
    people = set(confirmations.people_at(tx, row.id, contact_point_id))
    new = people - confirmations.confirmed_of(tx, row.id, people)
    _note(tx, row, people, contact_point_id)
    if new:
        chain = audit.chain_of(row.board_id, row.school_id)
        who = audit.contact(contact_point_id)
        audit.record(tx, chain, who, "confirm", f"broadcast:{row.id}", {"guardians": len(new)})
    return Confirmed(row.subject, again=not new)


def _note(tx: Transaction, row: Broadcast, people: set[int], contact_point_id: int) -> None:
    """Who confirmed a reminder has confirmed what it reminds of, and the other way round."""
    for each in reminding.same_message(tx, row):
        among = confirmations.in_audience(tx, each.id, people)
        confirmations.add(tx, each, among, contact_point_id)


def _refused(tx: Transaction, row: Broadcast) -> Refusal | None:
    if State(row.state) not in _GOES_OUT:
        return _taken_back(tx, row)
    return None if wants_confirmation(row.options) else refuse("no_confirmation_wanted")


def _taken_back(tx: Transaction, row: Broadcast) -> Refusal:
    """Where another message took its place, that is the one to read."""
    follows = (Relation.REPLACEMENT, Relation.CORRECTION)
    root = reminding.root_of(tx, row)
    newer = next(iter(broadcasts.follow_ups_of(tx, root.id, follows, _GOES_OUT)), None)
    if newer is None:
        return refuse("confirm_withdrawn")
    return refuse("confirm_replaced", newer=newer.subject)


def state_of(tx: Transaction, broadcast_id: int, contact_point_id: int) -> Standing:
    """How a contact point stands to the question whether a broadcast was read."""
    row = broadcasts.find(tx, broadcast_id)
    asked = row is not None and wants_confirmation(row.options)
    if row is None or not asked or State(row.state) not in _GOES_OUT:
        return ""
    done = confirmations.confirmed_at(tx, contact_point_id, [broadcast_id])
    return "confirmed" if done else "wanted"
