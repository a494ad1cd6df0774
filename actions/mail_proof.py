"""Adding a mail address: it counts once the number sent to it was typed back.

Whether mail with a link arrives as well is found out from then on (actions.arrivals).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from actions import arrivals, audit, boards, contacts, tries
from domain.addresses import normalise_mail
from domain.channels import CHATS
from domain.codes import Choose, fold_pin, make_pin
from domain.refusals import Refusal, refuse
from domain.speech import Speech
from domain.wording import say
from storage import attempts, opt_outs, people, proofs, replies, suppressions, ways
from storage.database import Transaction
from storage.tables import ContactPoint, Guardian

log = structlog.get_logger()

MAIL_ACCOUNT = "email"
PROOF_LASTS = timedelta(minutes=30)
PIN_TRIES = 5
# An address may be asked for by so many times what one contact point may ask: strangers who use
# theirs up for somebody's address do not keep that person out, and a mailbox is not flooded.
_TIMES_FOR_AN_ADDRESS = 4
# So many numbers leave in an hour. On the evening when a city of 40,000 hands out its slips some
# two thousand families give an address; more than that is somebody who has mail sent to strangers.
PINS_IN_AN_HOUR = 3000
# As long as a request may wait for the school: so long one number is enough.
_BEFORE_ADMISSION = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class MailAsked:
    """A number is on its way to this address."""

    address: str


@dataclass(frozen=True, slots=True)
class MailProved:
    """The mailbox is the guardian's; a test mail with a link is on its way to it."""

    contact_id: int


def ask_mail(
    tx: Transaction, contact_id: int, text: str, choose: Choose = secrets.choice
) -> MailAsked | Refusal:
    """Send a number to an address that a registered guardian wants to be reached at."""
    asker = people.lock_contact(tx, contact_id)
    address = normalise_mail(text)
    if address is None:
        return refuse("not_a_mail_address")
    guardians = people.guardians_of(tx, contact_id)
    if not guardians:
        return refuse("not_registered")
    if full := _full(tx, guardians, address.raw):
        return full
    is_admitted = any(ways.is_registered(tx, guardian.id) for guardian in guardians)
    if kept_out := limited(tx, asker, address.raw, is_admitted=is_admitted):
        return kept_out
    mailbox = people.contact_point(
        tx, asker.board_id, people.MAIL, MAIL_ACCOUNT, address.raw, address.domain
    )
    # Whoever hears from a mailbox chose its language, and it stays theirs.
    if not ways.is_in_use(tx, mailbox.id):
        mailbox.language = asker.language
    pin = make_pin(choose)
    until = tx.now + PROOF_LASTS
    proofs.add_proof(tx, asker.board_id, contact_id, address.raw, pin, until)
    send_pin(tx, mailbox, pin)
    _record(tx, asker, "ask_mail", mailbox.id)
    return MailAsked(address.raw)


def limited(
    tx: Transaction, asker: ContactPoint, address: str, *, is_admitted: bool = True
) -> Refusal | None:
    """Each number sent counts, so that nobody floods a mailbox that is not theirs.

    Whom no school has let in yet has one number sent: anybody can be that.
    """
    own = f"mail:contact:{asker.id}"
    if not is_admitted and attempts.count(tx, own, _BEFORE_ADMISSION):
        return _refused_once(tx, asker, own, "mail_after_admission")
    most = boards.settings(tx, asker.board_id).tries_per_contact
    limits = {own: most, _of_address(tx, address): most * _TIMES_FOR_AN_ADDRESS}
    if kept_out := tries.blocked(tx, asker.board_id, asker.id, limits):
        return kept_out
    in_all = f"mail:board:{asker.board_id}"
    if attempts.count(tx, in_all) >= PINS_IN_AN_HOUR:
        return _refused_once(tx, asker, in_all, "too_many_pins")
    for scope in (*limits, in_all):
        attempts.add(tx, asker.board_id, scope)
    return None


def _full(tx: Transaction, guardians: Sequence[Guardian], address: str) -> Refusal | None:
    """Why an address cannot be one more of theirs; one that they have is not one more."""
    there = people.find_contact_point(tx, people.MAIL, MAIL_ACCOUNT, address)
    known = {each.id for each in people.guardians_of(tx, there.id)} if there else set()
    found = (contacts.full(tx, each, people.MAIL) for each in guardians if each.id not in known)
    return next(filter(None, found), None)


def _of_address(tx: Transaction, address: str) -> str:
    index = people.address_index(tx, people.MAIL, MAIL_ACCOUNT, address)
    return f"mail:address:{index.hex()[:32]}"


def _refused_once(tx: Transaction, asker: ContactPoint, scope: str, code: str) -> Refusal:
    """Recorded once an hour, and logged: either somebody abuses us, or the limit is too low."""
    if tries.is_news(tx, asker.board_id, f"{code}:{scope}"):
        log.warning(code, board=asker.board_id)
        _record(tx, asker, "ask_mail", None, {"refused": code})
    return refuse(code)


def prove_mail(tx: Transaction, contact_id: int, pin_text: str) -> MailProved | Refusal:
    """Make a mail address the guardian's contact point if the number is right.

    It comes before web chat, which tells nobody that something is there, and after a chat whose
    messages pop up by themselves.
    """
    asker = people.lock_contact(tx, contact_id)
    proof = proofs.open_proof(tx, contact_id)
    if proof is None:
        return refuse("no_open_proof")
    if proof.tries >= PIN_TRIES:
        return refuse("too_many_tries")
    address = proofs.try_pin(tx, proof, fold_pin(pin_text))
    if address is None:
        _record(tx, asker, "prove_mail", None, {"refused": "wrong_pin"})
        return refuse("wrong_pin")
    # Locked, because somebody may prove two addresses at once, in two chats.
    guardians = [ways.locked(tx, each.id) for each in people.guardians_of(tx, contact_id)]
    if full := _full(tx, guardians, address):
        _record(tx, asker, "prove_mail", None, {"refused": full.code})
        return full
    mailbox = people.contact_point(tx, asker.board_id, people.MAIL, MAIL_ACCOUNT, address)
    link = people.link_second_contact if asker.channel in CHATS else people.link_contact
    for guardian in guardians:
        link(tx, guardian, mailbox.id)
        contacts.tell_others(tx, guardian, mailbox, contact_id)
    _opt_in(tx, contact_id, mailbox.id)
    suppressions.lift(tx, [mailbox.id])
    arrivals.begin(tx, mailbox)
    _record(tx, asker, "prove_mail", mailbox.id)
    return MailProved(mailbox.id)


def _opt_in(tx: Transaction, contact_id: int, mailbox_id: int) -> None:
    """Let a proved address hear all that its asker is registered for, left before or not."""
    here = {school_id for school_id, _ in people.groups_joined(tx, contact_id)}
    for school_id in (opt_outs.EVERY_SCHOOL, *sorted(here)):
        opt_outs.opt_in(tx, mailbox_id, school_id)


def send_pin(tx: Transaction, mailbox: ContactPoint, pin: str) -> None:
    """Send a number there; a mail without any link."""
    replies.queue(tx, mailbox.id, _letter(pin))


def _letter(pin: str) -> Speech:
    minutes = int(PROOF_LASTS.total_seconds() // 60)
    return Speech(
        words=(say("proof.body", pin=pin, minutes=minutes),),
        subject=say("proof.subject"),
    )


def _record(
    tx: Transaction,
    asker: ContactPoint,
    verb: str,
    mailbox_id: int | None,
    details: dict[str, object] | None = None,
) -> None:
    subject = audit.contact(mailbox_id if mailbox_id is not None else asker.id)
    chain = audit.chain_of(asker.board_id, None)
    audit.record(tx, chain, audit.contact(asker.id), verb, subject, details)
