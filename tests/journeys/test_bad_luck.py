"""Whatever happens to a worker, its relay, its disk or its database: nothing is lost, and what
may have arrived twice is known (issue D, point 7).

The relay of these journeys takes a few milliseconds for a message, so that bad luck has time to
happen.  `hasty` workers have the same rules, with time made shorter (tests.journeys.bad_luck).
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database
from tests.journeys.bad_luck import (
    ANSWER,
    LEASE,
    Proxy,
    beside,
    fill_disk,
    hasty_nursery,
    is_sent,
    wait_for,
    wait_for_messages,
)
from tests.journeys.killing import (
    CONNECTIONS,
    Audit,
    Site,
    audit,
    fan_out,
    opened,
    wait_until_sent,
)
from tests.journeys.nursery import Nursery
from tests.smtp_standin import smtp_standin

SEED = int(os.environ.get("RENRAKUMO_KILL_SEED", "20261123"))
SLOWLY = 0.005


@pytest.fixture(scope="module")
def hasty() -> Iterator[Nursery]:
    with hasty_nursery() as opened:
        yield opened


@pytest.fixture
def sqlite(tmp_path: Path, hasty: Nursery) -> Iterator[tuple[Site, Database]]:
    with opened(tmp_path, f"sqlite:///{tmp_path}/renrakumo.db", hasty) as both:
        yield both


def finished(site: Site, database: Database, broadcast_id: int) -> Audit:
    """The audit, once everything is sent and the worker was told to stop."""
    wait_until_sent(database, site, broadcast_id, patience=40)
    assert site.end(signal.SIGTERM) == 0, site.log()[-3000:]
    found = audit(site, database, broadcast_id)
    print(found)
    assert (found.lost, found.strangers, found.unnoticed) == (0, 0, 0)
    assert found.states == {"accepted"}
    assert found.doubled <= found.doubtful
    return found


@pytest.mark.timeout(120)
def test_a_bad_relay_and_kills_at_any_moment(sqlite: tuple[Site, Database]) -> None:
    """Resets after the dot, 421 in mid-session, connections refused - and SIGKILL."""
    site, database = sqlite
    moments = random.Random(SEED)
    broadcast_id = fan_out(database, 1_200)
    site.standin.fault(phase="dot", drop="reset after", share=0.005)
    site.standin.fault(phase="dot", drop="reset before", share=0.005)
    site.standin.fault(phase="rcpt", reply="421 4.3.2 Closing down", share=0.01)
    site.standin.fault(phase="connect", reply="421 4.3.2 Too many", share=0.2)
    site.standin.fault(phase="dot", delay=SLOWLY)
    kills = 4
    for number in range(1, kills + 1):
        before = site.standin.stats()["messages"]
        site.start("--only", "sending")
        wait_for_messages(site, before + moments.randrange(10, 150))
        site.end(signal.SIGKILL)
        assert site.open_intents() <= CONNECTIONS * number
    assert site.standin.stats()["messages"] < 1_200
    site.standin.end_faults()
    site.start("--only", "sending")
    found = finished(site, database, broadcast_id)
    assert found.doubled > 0, "no luck was bad enough"


@pytest.mark.timeout(60)
def test_answers_that_come_late_and_a_worker_told_to_stop(sqlite: tuple[Site, Database]) -> None:
    """A 250 just within the time-out (nine minutes of ten) counts; and SIGTERM waits for it."""
    site, database = sqlite
    broadcast_id = fan_out(database, 300)
    site.standin.fault(phase="dot", delay=0.9 * ANSWER, skip=50, times=CONNECTIONS)
    site.start("--only", "sending")
    wait_for_messages(site, 50 + CONNECTIONS)
    assert site.end(signal.SIGTERM) == 0, site.log()[-3000:]
    assert site.open_intents() == 0
    assert site.standin.stats()["messages"] == 50 + CONNECTIONS
    site.start("--only", "sending")
    found = finished(site, database, broadcast_id)
    assert (found.doubled, found.doubtful) == (0, 0)


@pytest.mark.timeout(60)
def test_a_full_disk(sqlite: tuple[Site, Database]) -> None:
    """Nothing leaves that cannot be written down; when there is room again, it goes on."""
    site, database = sqlite
    broadcast_id = fan_out(database, 600)
    site.standin.fault(phase="dot", delay=SLOWLY)
    site.start("--only", "sending")
    wait_for_messages(site, 100)
    fill_disk(site)
    wait_for(lambda: not site.is_running(), site)
    stopped_at = site.standin.stats()["messages"]
    assert stopped_at < 600
    site.start("--only", "sending")
    found = finished(site, database, broadcast_id)
    assert found.doubled <= CONNECTIONS


@pytest.mark.timeout(60)
def test_a_full_disk_with_the_database_elsewhere(
    tmp_path: Path, postgresql_url: str, hasty: Nursery
) -> None:
    """What is on its way is heard of yet, and the database remembers it: nothing comes twice."""
    with opened(tmp_path, postgresql_url, hasty) as (site, database):
        broadcast_id = fan_out(database, 300)
        (tmp_path / "worker.log").symlink_to(os.devnull)
        site.standin.fault(phase="dot", delay=0.03)
        site.start("--only", "sending")
        wait_for_messages(site, 50)
        # Some answers are still to come when the others could not be written down.
        site.standin.end_faults()
        site.standin.fault(phase="dot", delay=0.5, times=CONNECTIONS // 2)
        site.standin.fault(phase="dot", delay=0.03)
        time.sleep(0.1)
        fill_disk(site)
        wait_for(lambda: not site.is_running(), site)
        assert 50 <= site.standin.stats()["messages"] < 300
        site.standin.end_faults()
        site.start("--only", "sending")
        found = finished(site, database, broadcast_id)
    assert found.doubled == 0


@pytest.mark.timeout(60)
def test_a_database_that_is_locked_by_somebody_else(sqlite: tuple[Site, Database]) -> None:
    """First for less than a lease, then for longer: nothing leaves on a lease that ran out."""
    site, database = sqlite
    broadcast_id = fan_out(database, 700)
    site.standin.fault(phase="dot", delay=0.06)
    site.start("--only", "sending")
    for patience in (0.4 * LEASE, 1.6 * LEASE):
        wait_for_messages(site, site.standin.stats()["messages"] + 50)
        with sqlite3.connect(site.folder / "renrakumo.db", isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(patience)
            locked = site.standin.stats()["messages"]
            time.sleep(0.2)
            grown = site.standin.stats()["messages"] - locked
            other.execute("ROLLBACK")
        other.close()
    assert locked < 700
    assert grown == 0, "it went on after its lease"
    site.standin.end_faults()
    found = finished(site, database, broadcast_id)
    assert (found.doubled, found.doubtful) == (0, 0)


@pytest.mark.timeout(60)
def test_a_database_that_is_gone_for_a_while(
    tmp_path: Path, postgresql_url: str, hasty: Nursery
) -> None:
    """For half a lease, which nobody notices; then for longer than one."""
    proxy = Proxy(postgresql_url)
    with opened(tmp_path, postgresql_url, hasty) as (site, database):
        site.environment["RENRAKUMO_DATABASE_URL"] = proxy.through
        broadcast_id = fan_out(database, 600)
        site.standin.fault(phase="dot", delay=0.02)
        site.start("--only", "sending")
        wait_for_messages(site, 50)
        proxy.cut(LEASE / 2)
        wait_for_messages(site, 250)
        assert "thread_failed" not in site.log()
        proxy.cut(1.5 * LEASE)
        # The supervisor would start it anew.
        wait_for(lambda: not site.is_running(), site)
        site.start("--only", "sending")
        found = finished(site, database, broadcast_id)
    proxy.close()
    assert found.doubled <= CONNECTIONS


@pytest.mark.timeout(60)
def test_two_workers_on_one_lease(tmp_path: Path, postgresql_url: str, hasty: Nursery) -> None:
    """One sleeps beyond its lease, another takes over: from the first nothing leaves any more."""
    with (
        smtp_standin() as other_relay,
        opened(tmp_path, postgresql_url, hasty) as (site, database),
    ):
        other = beside(site, tmp_path / "two", other_relay.url)
        broadcast_id = fan_out(database, 300)
        site.standin.fault(phase="dot", delay=SLOWLY)
        site.start("--only", "sending")
        wait_for_messages(site, 100)
        assert site.process is not None
        os.kill(site.process.pid, signal.SIGSTOP)
        asleep_at = site.standin.stats()["messages"]
        other.start("--only", "sending")
        wait_for(lambda: is_sent(database, broadcast_id), other)
        os.kill(site.process.pid, signal.SIGCONT)
        time.sleep(0.5)
        assert site.end(signal.SIGTERM) == 0, site.log()[-3000:]
        assert other.end(signal.SIGTERM) == 0, other.log()[-3000:]
        # What lay in the sockets already.
        assert site.standin.stats()["messages"] <= asleep_at + CONNECTIONS
        first = audit(site, database, broadcast_id)
        other.standin = other_relay
        second = audit(other, database, broadcast_id)
        doubled = first.recipients - first.lost + second.recipients - second.lost - 300
        print(first, second, doubled)
        assert first.states == {"accepted"}
        assert 0 <= doubled <= first.doubtful
