"""What happens by itself to registrations that wait for a school's yes.

Whatever several workers do here at once, each request ends once: it is decided by a
compare-and-swap, and registered by whoever holds its contact point first. One that fails again
and again is parked (storage.admissions), and the watch tells the centre of it.
"""

from __future__ import annotations

from actions import admission_cards
from actions import admissions as actions
from delivery.each import each
from storage import admissions
from storage.database import Database

# In one tick, so that a whole school year's requests do not hold up what else is due.
_BATCH = 25


def tick_admissions(database: Database) -> int:
    """Register whom staff let in, tell staff who waits, and end what nobody answered."""
    with database.reading() as tx:
        decided = admissions.to_carry_out(tx, _BATCH)
        schools = admission_cards.schools_to_tell(tx)
        lapsed = admissions.lapsed(tx, tx.now - actions.WAITS, _BATCH)
    done = each(database, decided, actions.carry_out, admissions.note_failed)
    each(database, schools, admission_cards.tell_staff_when_due)
    return done + each(database, lapsed, actions.lapse, admissions.note_failed)
