"""Telling staff what happened to a broadcast, at every contact point that the board uses.

What the board has turned off is silent even where somebody has nothing else: they could press
nothing there, and whoever submits must learn that nobody can approve.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from actions import boards
from actions.previews import button, card, moment_of, preview, ref_of
from domain.approval import Authorship
from domain.broadcasts import State
from domain.cards import CardVerb
from domain.names import addressed
from domain.roles import approvers, writers
from domain.speech import Speech
from domain.wording import Text, say
from storage import people, replies, staff
from storage.database import Transaction
from storage.tables import Broadcast

# What those concerned may want to do at once about what was decided.
_FOLLOWS = {State.RETURNED: CardVerb.EDIT, State.APPROVED: CardVerb.CANCEL}


def authorship(row: Broadcast) -> Authorship:
    return Authorship(row.school_id, frozenset(row.author_ids), row.submitted_by)


def approvers_of(
    tx: Transaction, row: Broadcast, submitter: int | None, self_approval: bool
) -> list[int]:
    """Who can be asked to approve: the deciding roles, without those who wrote it."""
    whose = Authorship(row.school_id, frozenset(row.author_ids), submitter)
    holders = staff.holders(tx, row.board_id, approvers(row.school_id), row.school_id)
    may = [one for one in holders if self_approval or not whose.is_of(one)]
    return [one for one in may if ways_to(tx, one)]


def everyone_concerned(tx: Transaction, row: Broadcast) -> set[int]:
    """Who wrote, edited or submitted a broadcast, and all who may decide on it."""
    holders = staff.holders(tx, row.board_id, approvers(row.school_id), row.school_id)
    return {*still_in_office(tx, row, {*row.author_ids, row.submitted_by}), *holders}


def still_in_office(tx: Transaction, row: Broadcast, involved: Container[int | None]) -> set[int]:
    """Those who may write or decide there now: who has left hears no more of it."""
    roles = writers(row.school_id) | approvers(row.school_id)
    return {one for one in staff.holders(tx, row.board_id, roles, row.school_id) if one in involved}


def send_cards(tx: Transaction, row: Broadcast, staff_ids: Iterable[int]) -> None:
    tell(tx, staff_ids, card(tx, preview(tx, row.id)))


def tell(tx: Transaction, staff_ids: Iterable[int], speech: Speech) -> None:
    for staff_id in sorted(staff_ids):
        for contact_id in ways_to(tx, staff_id):
            replies.queue(tx, contact_id, speech)


def ways_to(tx: Transaction, staff_id: int) -> list[int]:
    """The contact points at which somebody can be told, on channels that their board uses.

    Who has blocked us there hears nothing, and must not be counted as asked.
    """
    allows = boards.settings(tx, staff.board_of(tx, staff_id)).allows
    points = [people.contact(tx, point) for point in staff.contacts_of(tx, staff_id)]
    return [point.id for point in points if allows(point.channel) and point.state == "active"]


def tell_decision(tx: Transaction, row: Broadcast, decider: int) -> None:
    """Tell all others concerned who decided what, so that nobody decides or waits in vain."""
    words = say(
        f"broadcast.told.{row.state}",
        subject=row.subject,
        name=addressed(staff.name_of(tx, decider)),
        time=moment_of(tx, row, row.due_at or tx.now),
        reason=row.reason,
    )
    _tell_about(tx, row, everyone_concerned(tx, row) - {decider}, words)


def tell_taken_back(tx: Transaction, row: Broadcast, editor: int) -> None:
    """Tell all others concerned, before an edit, that what they knew will not go out."""
    name = addressed(staff.name_of(tx, editor))
    words = say("broadcast.told.taken_back", subject=row.subject, name=name)
    subject = say("broadcast.told.subject.taken_back", subject=row.subject)
    others = everyone_concerned(tx, row) - {editor}
    tell(tx, others, Speech(words=(words,), subject=subject))


def tell_expired(tx: Transaction, row: Broadcast) -> None:
    words = say("broadcast.told.expired", subject=row.subject)
    _tell_about(tx, row, everyone_concerned(tx, row), words)


def _tell_about(tx: Transaction, row: Broadcast, staff_ids: set[int], words: Text) -> None:
    subject = say(f"broadcast.told.subject.{row.state}", subject=row.subject)
    verb = _FOLLOWS.get(State(row.state))
    buttons = (button(tx, ref_of(row), verb),) if verb else ()
    tell(tx, staff_ids, Speech(words=(words,), buttons=buttons, subject=subject))
