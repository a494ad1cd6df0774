"""Leaving: a school, or altogether, after which only numbers remain."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from actions import contacts, registration
from domain.wording import say
from storage import admissions, contact_codes, forgetting, people, ways
from storage.database import Transaction
from storage.tables import Guardian


@dataclass(frozen=True, slots=True)
class HasLeft:
    """`altogether` where nothing is left of a registration, and `only_here` at a shared mailbox."""

    altogether: bool = False
    only_here: bool = False


def leave(tx: Transaction, contact_id: int, school_ids: Collection[int]) -> HasLeft:
    """Leave schools as whoever speaks here.

    At a mailbox that two share nobody ends what is the other's: there it means this mailbox.
    """
    people.lock_contact(tx, contact_id)
    there = people.guardians_of(tx, contact_id)
    if len(there) > 1:
        for school_id in school_ids:
            registration.opt_out(tx, contact_id, school_id)
        return HasLeft(only_here=True)
    here = {each.school_id for each in registration.joined(tx, contact_id)}
    stays = (here | admissions.schools_asked(tx, contact_id)) - set(school_ids)
    for school_id in school_ids:
        registration.leave_school(tx, contact_id, school_id)
    if not stays:
        for guardian in there:
            _forget(tx, ways.locked(tx, guardian.id), contact_id)
    return HasLeft(altogether=not stays)


def _forget(tx: Transaction, guardian: Guardian, contact_id: int) -> None:
    """Take a guardian's contact points away; those that nobody else uses are erased."""
    ways.unjoin_all(tx, guardian.id)
    contact_codes.close(tx, guardian.id)
    for way in ways.of_guardian(tx, guardian.id):
        if way.point.id != contact_id:
            contacts.tell(tx, [way.point], say("leave.told"), say("leave.told.subject"))
        ways.unlink(tx, guardian.id, way.point.id)
        if not ways.is_in_use(tx, way.point.id):
            forgetting.note_left(tx, way.point.id)
    contacts.record(tx, guardian, contact_id, "leave_altogether", f"guardian:{guardian.id}")
