"""Bringing a registration to another conversation: by a one-time code, or by the mail address."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from actions import audit, boards, contacts, mail_proof, tries
from domain.addresses import normalise_mail
from domain.channels import CHATS, FETCHED
from domain.codes import Choose, fold_pin, make_pin
from domain.contact_codes import fold_contact_code, make_contact_code
from domain.refusals import Refusal, refuse
from domain.speech import Speech
from domain.wording import say
from storage import attempts, contact_codes, people, proofs, replies, ways
from storage.database import Transaction
from storage.tables import ContactCode, ContactPoint, Guardian


@dataclass(frozen=True, slots=True)
class IssuedCode:
    code: str = field(repr=False)
    minutes: int


@dataclass(frozen=True, slots=True)
class HandedOver:
    """`older` are the guardian's other contact points of the same channel."""

    older: tuple[contacts.OwnWay, ...]


def issue_code(
    tx: Transaction, contact_id: int, *, retires: bool, choose: Choose = secrets.choice
) -> IssuedCode | Refusal:
    """Give a guardian a code to type in another chat; `retires` gives this one up for it."""
    point = people.lock_contact(tx, contact_id)
    guardian = contacts.own_guardian(tx, contact_id)
    if isinstance(guardian, Refusal):
        return guardian
    settings = boards.settings(tx, point.board_id)
    issued = f"contact_code:contact:{contact_id}"
    if refused := tries.blocked(
        tx, point.board_id, contact_id, {issued: settings.tries_per_contact}
    ):
        return refused
    attempts.add(tx, point.board_id, issued)
    code, minutes = make_contact_code(choose), settings.contact_code_minutes
    until = tx.now + timedelta(minutes=minutes)
    contact_codes.add(tx, guardian, code, until, contact_id if retires else None)
    _record(tx, point, "issue_contact_code", {"retires": retires})
    return IssuedCode(code, minutes)


def look_at_code(tx: Transaction, contact_id: int, text: str) -> bool | Refusal:
    """Whether a code may be used here, and then whether it gives up another contact point."""
    point = people.lock_contact(tx, contact_id)
    row = _typed(tx, point, text)
    if isinstance(row, Refusal):
        return row
    if refused := _unfit(tx, row, point):
        return refused
    return row.retires_id is not None


def use_code(tx: Transaction, contact_id: int, text: str) -> HandedOver | Refusal:
    """Make the contact point in which a code was typed the guardian's whose code it is."""
    point = people.lock_contact(tx, contact_id)
    row = _typed(tx, point, text)
    if isinstance(row, Refusal):
        return row
    guardian = ways.locked(tx, row.guardian_id)
    if refused := _unfit(tx, row, point):
        return refused
    row.used_at = tx.now
    return _hand_over(tx, guardian, point, row.retires_id)


def _typed(tx: Transaction, point: ContactPoint, text: str) -> ContactCode | Refusal:
    """The code that was typed; wrong ones are counted and limited."""
    limits = {f"contact:{point.id}": boards.settings(tx, point.board_id).tries_per_contact}
    if kept_out := tries.blocked(tx, point.board_id, point.id, limits):
        return kept_out
    code = fold_contact_code(text)
    row = contact_codes.open_code(tx, point.board_id, code) if code else None
    return row or tries.wrong(tx, point.board_id, point.id, "wrong_contact_code", limits)


def _unfit(tx: Transaction, row: ContactCode, point: ContactPoint) -> Refusal | None:
    """Why a right code cannot be used here; it is not used up by trying."""
    there = people.guardians_of(tx, point.id)
    if row.guardian_id in {each.id for each in there}:
        return refuse("code_used_here")
    return refuse("way_taken") if any(ways.is_registered(tx, g.id) for g in there) else None


# By the mail address that is registered.


def ask_return(
    tx: Transaction, contact_id: int, text: str, choose: Choose = secrets.choice
) -> Refusal | None:
    """Send a number to a mail address if it is registered; answered alike if it is not."""
    asker = people.lock_contact(tx, contact_id)
    address = normalise_mail(text)
    if address is None:
        return refuse("not_a_mail_address")
    if kept_out := mail_proof.limited(tx, asker, address.raw):
        return kept_out
    pin = make_pin(choose)
    proofs.add_proof(
        tx, asker.board_id, contact_id, address.raw, pin, tx.now + mail_proof.PROOF_LASTS
    )
    mailbox = _mailbox(tx, asker, address.raw)
    if mailbox is not None and people.guardians_of(tx, mailbox.id):
        replies.queue(tx, mailbox.id, _letter(pin))
    _record(tx, asker, "ask_return")
    return None


def prove_return(tx: Transaction, contact_id: int, pin_text: str) -> HandedOver | Refusal:
    """Make the asker's contact point that of the guardian whose mailbox got the number."""
    asker = people.lock_contact(tx, contact_id)
    proof = proofs.open_proof(tx, contact_id)
    if proof is None:
        return refuse("no_open_proof")
    if proof.tries >= mail_proof.PIN_TRIES:
        return refuse("too_many_tries")
    address = proofs.try_pin(tx, proof, fold_pin(pin_text))
    mailbox = _mailbox(tx, asker, address) if address is not None else None
    if mailbox is None:
        _record(tx, asker, "prove_return", {"refused": "wrong_pin"})
        return refuse("wrong_pin")
    guardian = contacts.own_guardian(tx, mailbox.id)
    if isinstance(guardian, Refusal):
        # Two share the mailbox: which of them this is, nobody can know here.
        _record(tx, asker, "prove_return", {"refused": guardian.code})
        return refuse("cannot_return")
    return _hand_over(tx, ways.locked(tx, guardian.id), asker, None)


def retire_older(tx: Transaction, contact_id: int, way_id: int) -> Refusal | None:
    """Give up the old telephone's contact point, for the new one that acts here."""
    return contacts.drop(tx, contact_id, way_id)


def _mailbox(tx: Transaction, asker: ContactPoint, address: str) -> ContactPoint | None:
    found = people.find_contact_point(tx, people.MAIL, mail_proof.MAIL_ACCOUNT, address)
    return found if found is not None and found.board_id == asker.board_id else None


def _letter(pin: str) -> Speech:
    minutes = int(mail_proof.PROOF_LASTS.total_seconds() // 60)
    return Speech(
        words=(say("new_phone.letter", pin=pin, minutes=minutes),),
        subject=say("proof.subject"),
    )


def _hand_over(
    tx: Transaction, guardian: Guardian, point: ContactPoint, retires_id: int | None
) -> HandedOver | Refusal:
    """Link a contact point, let go what it takes the place of, and tell all who should know."""
    before = ways.of_guardian(tx, guardian.id)
    if refused := contacts.gain(tx, guardian, point):
        _record(tx, point, "gain_way", {"refused": refused.code})
        return refused
    contacts.tell_others(tx, guardian, point, retires_id or point.id)
    if retires_id in {way.point.id for way in before} and retires_id is not None:
        contacts.retire(tx, guardian, retires_id)
    if before and _comes_before(point, before[0].point, retires_id):
        people.link_contact(tx, guardian, point.id)
    contacts.record(tx, guardian, point.id, "gain_way", f"guardian:{guardian.id}")
    return HandedOver(_older(tx, point))


def _comes_before(point: ContactPoint, first: ContactPoint, retires_id: int | None) -> bool:
    """Whether a new way takes the first place: from its like, and from what tells nobody."""
    if first.id == retires_id:
        return True
    takes_its_place = first.channel == point.channel and retires_id is None
    return takes_its_place or (point.channel in CHATS and first.channel in FETCHED)


def _older(tx: Transaction, point: ContactPoint) -> tuple[contacts.OwnWay, ...]:
    mine = contacts.own_ways(tx, point.id)
    if isinstance(mine, Refusal):
        return ()
    return tuple(way for way in mine.ways if way.channel == point.channel and not way.is_here)


def _record(
    tx: Transaction, point: ContactPoint, verb: str, details: dict[str, object] | None = None
) -> None:
    chain, who = audit.chain_of(point.board_id, None), audit.contact(point.id)
    audit.record(tx, chain, who, verb, who, details)
