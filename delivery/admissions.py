"""What happens by itself to registrations that wait for a school's yes.

Whatever several workers do here at once, each request ends once: it is decided by a
compare-and-swap, and registered by whoever holds its contact point first.
"""

from __future__ import annotations

from actions import admission_cards
from actions import admissions as actions
from storage import admissions
from storage.database import Database


def tick_admissions(database: Database) -> int:
    """Register whom staff let in, tell staff who waits, and end what nobody answered."""
    with database.reading() as tx:
        decided = admissions.any_admitting(tx)
        schools = admission_cards.schools_to_tell(tx)
        lapsed = admissions.any_lapsed(tx, tx.now - actions.WAITS)
    done = _carry_out(database) if decided else 0
    for school_id in schools:
        with database.writing() as tx:
            admission_cards.tell_staff_when_due(tx, school_id)
    if lapsed:
        with database.writing() as tx:
            done += actions.lapse(tx)
    return done


def _carry_out(database: Database) -> int:
    with database.writing() as tx:
        return actions.carry_out(tx)
