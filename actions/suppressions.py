"""Addresses that carriers refuse: shown to the school with what to do, and written to again."""

from __future__ import annotations

from datetime import timedelta

from actions import audit
from actions.telling import tell
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write, writers
from domain.speech import Speech
from domain.suppression import TAKEN_BACK
from domain.wording import say
from storage import staff, suppressions
from storage.database import Transaction
from storage.suppressions import Unreached

# A school hears of new suspensions once a day, at about the hour at which it did.
_DAILY = timedelta(hours=20)


def of_school(tx: Transaction, actor: Actor, school_id: int) -> list[Unreached]:
    """Whose mail was refused at a school lately, and why; nothing for whoever may not write there.

    Addresses are told by their domain only: the office finds the family by class and number.
    """
    return suppressions.at_school(tx, school_id) if may_write(actor, school_id) else []


def lift(tx: Transaction, actor: Actor, school_id: int, contact_id: int) -> Refusal | None:
    """Write to an address again, because the family said that it is good."""
    here = {each.contact_id for each in of_school(tx, actor, school_id)}
    if contact_id not in here or not suppressions.lift(tx, [contact_id]):
        return refuse("unreached_gone")
    chain = audit.chain_of(actor.board_id, school_id)
    who, subject = audit.staff(actor.staff_id), audit.contact(contact_id)
    audit.record(tx, chain, who, "lift_suspension", subject)
    return None


def boards_to_tell(tx: Transaction) -> list[int]:
    """Boards with schools that are to hear of suspensions now.

    Not at once: a destination that turns out to have refused everybody takes them back.
    """
    return list(suppressions.to_tell(tx, tx.now - TAKEN_BACK, tx.now - _DAILY))


def tell_schools(tx: Transaction, board_id: int) -> int:
    """Tell each school of a board how many addresses were suspended; returns how many schools."""
    counts = suppressions.take_untold(tx, board_id, tx.now - TAKEN_BACK)
    for school_id, count in counts.items():
        words = say("unreached.told", count=count, word=say("menu.item.unreached_mail"))
        told = Speech(words=(words,), subject=say("unreached.told.subject", count=count))
        tell(tx, staff.holders(tx, board_id, writers(school_id), school_id), told)
        chain = audit.chain_of(board_id, school_id)
        details = {"count": count}
        audit.record(tx, chain, audit.SYSTEM, "tell_suspended", f"school:{school_id}", details)
    return len(counts)
