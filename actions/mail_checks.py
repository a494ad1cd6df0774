"""The checks of the domain that mail is sent from: what was found, and who answers for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from actions import audit
from domain.broadcasts import State
from domain.mail_checks import ACCEPTED_FOR, Checked, Standing, Subject, tidy_reason
from domain.wording import Words, say
from storage import mail_checks
from storage.database import Transaction

# Once it is being sent, the card tells what became of it.
_BEFORE = frozenset({State.DRAFT, State.RETURNED, State.PENDING, State.APPROVED})


def note(tx: Transaction, subject: Subject, checked: Iterable[Checked]) -> None:
    """Keep what a worker found, whose settings are those in force from now on."""
    mail_checks.put_in_force(tx, subject)
    keep(tx, subject, checked)


def keep(tx: Transaction, subject: Subject, checked: Iterable[Checked]) -> list[Standing]:
    """Keep what was found with any settings, and say how things stand with them now."""
    mail_checks.note(tx, subject, checked)
    tx.flush()
    return mail_checks.standings(tx, subject)


def accept(tx: Transaction, board_id: int, subject: Subject, name: str, reason: str) -> datetime:
    """Let mail leave for a time although a check does not pass; returns until when.

    Raises KeyError for a check that there is not, ValueError for a reason that is none or too long.
    """
    if name not in subject.bases:
        raise KeyError(name)
    reason = tidy_reason(reason)
    until = tx.now + ACCEPTED_FOR
    mail_checks.accept(tx, subject, name, until, reason)
    details = {
        "check": name,
        "until": until.isoformat(),
        "reason": audit.digest(tx, reason),
    }
    chain = audit.chain_of(board_id, None)
    audit.record(tx, chain, audit.SYSTEM, "accept_mail_check", f"board:{board_id}", details)
    return until


def held_words(tx: Transaction) -> Words | None:
    """A line for those who are about to send, while mail is held back."""
    held = any(not one.holds(tx.now) for one in mail_checks.current(tx))
    return say("mail_check.held") if held else None


def remarks(tx: Transaction, state: State) -> tuple[Words, ...]:
    """The same beneath a broadcast that is not on its way yet."""
    words = held_words(tx) if state in _BEFORE else None
    return (words,) if words is not None else ()
