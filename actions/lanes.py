"""Destinations of mail that are stopped: what follows at once, and letting them go on."""

from __future__ import annotations

from actions import audit
from domain.lanes import RELAY, RULES
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write
from domain.suppression import TAKEN_BACK
from domain.troubles import Kind
from domain.wording import Plain, Words, say
from storage import lane_states, suppressions, troubles, withheld
from storage.database import Transaction
from storage.tables import Lane

_SUBJECT = 64


def stopped(tx: Transaction, lane: Lane) -> None:
    """Note that a destination stopped, and take back what it said of its recipients lately.

    Whom it refused in what is under way waits with the others.  The watch tells the centre
    (storage.troubles).
    """
    taken_back = suppressions.take_back(tx, lane.site)
    put_back = withheld.put_back(tx, lane.site, tx.now - TAKEN_BACK)
    details = {
        "percent": round(lane.share * 100),
        "taken_back": taken_back,
        "put_back": put_back,
    }
    _record(tx, "stop_lane", lane.site, audit.SYSTEM, details)


def resume(tx: Transaction, site: str, by: str = audit.SYSTEM) -> int:
    """Let a destination go on; returns how many of our addresses were stopped there.

    What waited for it leaves within seconds.
    """
    moments = [row.stopped_at for row in lane_states.stopped(tx) if row.site == site]
    rows = lane_states.resume(tx, site)
    if rows:
        # What was answered before it stopped may have been written down after it did.
        withheld.put_back(tx, site, min(filter(None, moments)) - TAKEN_BACK)
        withheld.let_go(tx, site)
        _record(tx, "resume_lane", site, by, {"lanes": len(rows)})
    return len(rows)


def resume_told(tx: Transaction, actor: Actor, trouble_id: int) -> str | Refusal:
    """Let the destination go on that a trouble told of; returns its name."""
    told = troubles.find(tx, trouble_id)
    if told is None or (told.board_id, told.kind) != (actor.board_id, Kind.LANE_STOPPED):
        return refuse("lane_not_stopped")
    if not may_write(actor, None):
        return refuse("not_allowed")
    meant = lane_states.told_as(tx, told.subject)
    if not sum(resume(tx, site, audit.staff(actor.staff_id)) for site in meant):
        return refuse("lane_not_stopped")
    return told.subject


def lane_name(site: str) -> Words:
    """A destination as people call it: the carrier, or the name of its mail exchangers."""
    return say(f"lane.{site}") if site in RULES or site == RELAY else Plain(site)


def _record(tx: Transaction, verb: str, site: str, by: str, details: dict[str, int]) -> None:
    """A destination is the installation's, so it stands in each board's chain."""
    subject = f"lane:{site}"[:_SUBJECT]
    for board_id in troubles.boards(tx):
        audit.record(tx, audit.chain_of(board_id, None), by, verb, subject, details)
