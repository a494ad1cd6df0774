"""How a family's mail is written: with links or without, for new telephones or old ones."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from actions import arrivals, contacts, mail_proof
from domain.codes import Choose, fold_pin, make_pin
from domain.content import MAIL_FORMS
from domain.refusals import Refusal, refuse
from domain.wording import Words
from storage import people, proofs, ways
from storage.database import Transaction
from storage.tables import ContactPoint, Guardian


@dataclass(frozen=True, slots=True)
class OwnMail:
    """A mailbox as its guardian is told of it.

    `arrived` says that a link in the newest test mail, or in a later broadcast, was opened.
    """

    contact_id: int
    name: Words = field(repr=False)
    form: str
    arrived: bool


def own_mails(tx: Transaction, contact_id: int) -> tuple[OwnMail, ...] | Refusal:
    """The mailboxes of the guardian who speaks."""
    guardian = contacts.own_guardian(tx, contact_id)
    if isinstance(guardian, Refusal):
        return guardian
    found = [way.point for way in ways.of_guardian(tx, guardian.id)]
    return tuple(_own(tx, point) for point in found if point.channel == people.MAIL)


def has_mail(tx: Transaction, contact_id: int) -> bool:
    """Whether the guardian who speaks has a mailbox here that is theirs alone to look after."""
    guardian = contacts.own_guardian(tx, contact_id)
    if isinstance(guardian, Refusal):
        return False
    return any(way.point.channel == people.MAIL for way in ways.of_guardian(tx, guardian.id))


def _own(tx: Transaction, point: ContactPoint) -> OwnMail:
    arrived, tested = point.arrived_at, point.tested_at
    is_there = arrived is not None and (tested is None or arrived >= tested)
    return OwnMail(point.id, contacts.name_of(tx, point), point.mail_form, is_there)


def set_form(
    tx: Transaction, contact_id: int, mail_id: int, form: str, choose: Choose = secrets.choice
) -> Refusal | None:
    """Write mail to one of the guardian's mailboxes in this form, and find out if it arrives."""
    if form not in MAIL_FORMS:
        raise ValueError(f"there is no form of mail {form!r}")
    guardian = contacts.owner(tx, contact_id, mail_id)
    if isinstance(guardian, Refusal):
        return guardian
    mailbox = people.contact(tx, mail_id)
    if mailbox.channel != people.MAIL:
        return refuse("no_such_way")
    if kept_out := _limited(tx, contact_id, mailbox):
        return kept_out
    if mailbox.mail_form != form:
        mailbox.mail_form = form
        # What arrived in another form says nothing of this one.
        mailbox.arrived_at = None
        _record(tx, guardian, contact_id, mailbox, "set_mail_form", {"form": form})
    _test(tx, contact_id, mailbox, choose)
    return None


def send_again(
    tx: Transaction, contact_id: int, mail_id: int, choose: Choose = secrets.choice
) -> Refusal | None:
    """Send another test mail to one of the guardian's mailboxes."""
    guardian = contacts.owner(tx, contact_id, mail_id)
    if isinstance(guardian, Refusal):
        return guardian
    mailbox = people.contact(tx, mail_id)
    if mailbox.channel != people.MAIL:
        return refuse("no_such_way")
    if kept_out := _limited(tx, contact_id, mailbox):
        return kept_out
    _record(tx, guardian, contact_id, mailbox, "test_mail", None)
    _test(tx, contact_id, mailbox, choose)
    return None


def prove_number(tx: Transaction, contact_id: int, mail_id: int, text: str) -> Refusal | None:
    """Take the number from a test mail that came without a link."""
    guardian = contacts.owner(tx, contact_id, mail_id)
    if isinstance(guardian, Refusal):
        return guardian
    proof = proofs.open_proof(tx, contact_id)
    if proof is None:
        return refuse("no_open_proof")
    if proof.tries >= mail_proof.PIN_TRIES:
        return refuse("too_many_tries")
    address = proofs.try_pin(tx, proof, fold_pin(text))
    mailbox = _mailbox(tx, address) if address is not None else None
    if mailbox is None or mailbox.id != mail_id:
        return refuse("wrong_pin")
    arrivals.note_number(tx, mailbox)
    _record(tx, guardian, contact_id, mailbox, "mail_arrived", None)
    return None


def _mailbox(tx: Transaction, address: str) -> ContactPoint | None:
    return people.find_contact_point(tx, people.MAIL, mail_proof.MAIL_ACCOUNT, address)


def _limited(tx: Transaction, contact_id: int, mailbox: ContactPoint) -> Refusal | None:
    """A test mail counts as a number that is sent does: nobody floods a mailbox."""
    asker, address = people.contact(tx, contact_id), people.open_address(tx, mailbox)
    return mail_proof.limited(tx, asker, address)


def _test(tx: Transaction, contact_id: int, mailbox: ContactPoint, choose: Choose) -> None:
    if arrivals.has_link(mailbox):
        arrivals.send_test(tx, mailbox)
        return
    mailbox.tested_at = tx.now
    pin, address = make_pin(choose), people.open_address(tx, mailbox)
    until = tx.now + mail_proof.PROOF_LASTS
    proofs.add_proof(tx, mailbox.board_id, contact_id, address, pin, until)
    mail_proof.send_pin(tx, mailbox, pin)


def _record(
    tx: Transaction,
    guardian: Guardian,
    contact_id: int,
    mailbox: ContactPoint,
    verb: str,
    details: dict[str, object] | None,
) -> None:
    contacts.record(tx, guardian, contact_id, verb, f"contact:{mailbox.id}", details)
