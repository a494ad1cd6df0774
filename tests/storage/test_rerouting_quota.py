"""Whom a quota does not suffice for, or whose account stays shut, gets it by another way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.outcomes import TryLater, Unknown
from storage.database import Database
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import address, chunks, line
from tests.storage.test_rerouting import QUOTA, lease, rows, say, shared, ways

SHUT = TryLater("no_access")


def test_over_quota_they_get_mail(database: Database) -> None:
    broadcast_id = city.sending(database, (line(1), address(1)), (line(2), address(2)))
    say(database, "line", QUOTA)
    assert rows(database, broadcast_id) == [
        ("line", "refused", "quota"),
        ("line", "refused", "quota"),
        ("email", "waiting", ""),
        ("email", "waiting", ""),
    ]
    assert chunks(database, broadcast_id)[0].state == "done"


def test_who_has_no_other_way_waits_in_the_same_chunk(database: Database, clock: Clock) -> None:
    broadcast_id = city.sending(database, (line(1), address(1)), (line(2),))
    say(database, "line", QUOTA)
    assert ways(database, broadcast_id) == ["email", "line"]
    assert rows(database, broadcast_id)[:2] == [
        ("line", "refused", "quota"),
        ("line", "waiting", "quota"),
    ]
    assert lease(database, "line") == []
    clock.forward(minutes=31)
    (again,) = lease(database, "line")
    assert again.chunk_id == chunks(database, broadcast_id)[0].id


def test_another_account_over_the_same_quota_is_no_way(database: Database) -> None:
    broadcast_id = city.sending(database, (line(1), line(2)), (line(3), line(4), address(3)))
    say(database, "line", QUOTA)
    assert ways(database, broadcast_id) == ["line", "email"]


def test_a_shared_account_waits_for_who_has_no_other_way(database: Database) -> None:
    broadcast_id = shared(database, "ja", "ja", mail=[address(1), None])
    say(database, "line", QUOTA)
    assert ways(database, broadcast_id) == ["email", "line"]
    assert rows(database, broadcast_id) == [("line", "waiting", "quota"), ("email", "waiting", "")]


@pytest.mark.parametrize("rule", ["refuse", "send"])
def test_by_another_rule_they_wait(database: Database, rule: str) -> None:
    broadcast_id = city.sending(database, (line(1), address(1)), over_quota=rule)
    say(database, "line", QUOTA)
    assert rows(database, broadcast_id) == [("line", "waiting", "quota")]


def test_other_delays_move_nobody(database: Database) -> None:
    broadcast_id = city.sending(database, (line(1), address(1)))
    say(database, "line", TryLater("rate", timedelta(seconds=1)))
    assert ways(database, broadcast_id) == ["line"]


# To keyed channels, and many.


def test_an_account_that_stays_shut_is_no_way(database: Database, clock: Clock) -> None:
    broadcast_id = city.sending(database, (line(1), address(1)), (line(2),))
    for _ in range(3):
        say(database, "line", SHUT)
        clock.forward(minutes=30)
    assert ways(database, broadcast_id) == ["line", "line"]
    say(database, "line", SHUT)
    assert rows(database, broadcast_id) == [
        ("line", "refused", "no_access"),
        ("line", "waiting", "no_access"),
        ("email", "waiting", ""),
    ]


def test_who_may_have_got_it_is_not_moved_over_quota(database: Database, clock: Clock) -> None:
    """The quota may be looked at before the key: then an accepted request is told 429."""
    broadcast_id = city.sending(database, (line(1), address(1)))
    say(database, "line", Unknown("no_answer"))
    clock.forward(minutes=1)
    say(database, "line", QUOTA)
    assert rows(database, broadcast_id) == [("line", "unknown", "quota")]
