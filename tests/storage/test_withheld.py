"""Whom a destination called unknown before it stopped waits, and leaves when it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from delivery.freeze import freeze
from domain.addresses import MailAddress, normalise_mail
from domain.breaker import LANE_STOPPED
from domain.outcomes import Accepted, Outcome, Refused
from domain.suppression import UNKNOWN_USER
from storage import ledger, recording, withheld
from storage.database import Database
from storage.ledger import Again, Want
from storage.recording import Told
from storage.tables import Broadcast
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import line

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AGAIN = Again(city.EVERYTHING)


def mail(text: str) -> MailAddress:
    address = normalise_mail(text)
    assert address is not None
    return address


def sent(database: Database) -> int:
    """To two at docomo, one of whom has LINE too, one at gmail and one at a domain of its own."""
    with database.writing() as tx:
        made = city.found(tx)
        city.settle_guardians(
            tx,
            made,
            (mail("one@docomo.ne.jp"),),
            (mail("two@docomo.ne.jp"), line(2)),
            (mail("three@gmail.com"),),
            (mail("four@example.jp"),),
        )
        broadcast_id = city.approved(tx, made)
    with database.writing() as tx:
        freeze(tx, broadcast_id, city.EVERYTHING)
    return broadcast_id


def answered(database: Database, outcome: Outcome, lanes: Sequence[str]) -> None:
    """All that is due in these lanes gets one answer."""
    with database.writing() as tx:
        for held in ledger.lease(tx, "a", [Want("email", 9, lane) for lane in lanes], MINUTE):
            told = [(each.delivery_id, outcome) for each in ledger.members(tx, held.chunk_id)]
            assert not recording.record_all(tx, [Told(held, told)], AGAIN)
            assert ledger.release(tx, held)


def states(database: Database, broadcast_id: int) -> list[tuple[str, str]]:
    return [(row.state, row.reason) for row in city.deliveries(database, broadcast_id)]


def test_whom_it_refused_waits_unless_there_is_another_way(
    database: Database, clock: Clock
) -> None:
    broadcast_id = sent(database)
    before = clock.now
    answered(database, Refused(UNKNOWN_USER), ["docomo", "gmail", "other"])
    with database.writing() as tx:
        assert withheld.put_back(tx, "docomo", clock.now + MINUTE) == 0
        # What a domain of its own belongs to only the DNS knows.
        assert withheld.put_back(tx, "docomo", before - HOUR) == 2
        assert withheld.put_back(tx, "docomo", before - HOUR) == 0
    waits, refused = ("waiting", LANE_STOPPED), ("refused", UNKNOWN_USER)
    found = sorted(states(database, broadcast_id))
    assert found == [refused, refused, ("waiting", ""), waits, waits]
    clock.now += 9 * MINUTE
    with database.writing() as tx:
        assert not ledger.lease(tx, "a", [Want("email", 9)], MINUTE)
        assert withheld.let_go(tx, "docomo") == 2
        assert not withheld.let_go(tx, "docomo")
    clock.now += timedelta(seconds=4)
    answered(database, Accepted(), ["docomo", "other"])
    found = sorted(states(database, broadcast_id))
    assert found == [("accepted", ""), ("accepted", ""), refused, refused, ("waiting", "")]


def test_what_is_over_stays_so(database: Database, clock: Clock) -> None:
    broadcast_id = sent(database)
    answered(database, Refused(UNKNOWN_USER), ["docomo"])
    with database.writing() as tx:
        row = tx.session.get_one(Broadcast, broadcast_id)
        row.state = "sent"
    with database.writing() as tx:
        assert withheld.put_back(tx, "docomo", clock.now - HOUR) == 0
