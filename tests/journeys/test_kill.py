"""A worker killed again and again in the middle of a fan-out loses nothing.

What may have been sent twice is at most one message per open connection and kill, and the
report knows every one of them.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from actions import reports
from storage.database import Database
from tests.journeys.killing import CONNECTIONS, Site, audit, fan_out, opened, wait_until_sent
from tests.journeys.nursery import Nursery

# Seconds that the relay takes for a message, so that no fan-out is over before the last kill: at
# most a thousand go a second, however fast we are.
PACE = 0.008
SEED = int(os.environ.get("RENRAKUMO_KILL_SEED", "20261122"))


def kill_again_and_again(site: Site, database: Database, recipients: int, kills: int) -> None:
    """The journey; prints the table that shows it (pytest -s)."""
    moments = random.Random(SEED)
    broadcast_id = fan_out(database, recipients)
    site.standin.fault(phase="dot", delay=PACE)
    print(f"\nseed {SEED}\nkill  moment   accepted  intents open")
    begun = time.monotonic()
    for number in range(1, kills + 1):
        site.start()
        _wait_for_more(site, moments)
        site.end(signal.SIGKILL)
        accepted, intents = site.standin.stats()["messages"], site.open_intents()
        print(f"{number:4}  {time.monotonic() - begun:5.1f} s  {accepted:8}  {intents:12}")
        assert accepted < recipients, "the fan-out was over before the last kill"
        assert intents <= CONNECTIONS * number
    site.standin.end_faults()
    site.start()
    wait_until_sent(database, site, broadcast_id, patience=90)
    assert site.end(signal.SIGTERM) == 0, site.log()[-3000:]
    found = audit(site, database, broadcast_id)
    peak = site.standin.stats()["peak_connections"]
    print(f"after {time.monotonic() - begun:.1f} s: {found}, at most {peak} connections")
    assert (found.recipients, found.lost, found.strangers) == (recipients, 0, 0)
    assert found.states == {"accepted"}
    assert found.doubled <= kills * CONNECTIONS
    assert found.unnoticed == 0
    assert found.doubtful <= kills * CONNECTIONS
    with database.reading() as tx:
        assert reports.report(tx, broadcast_id).doubtful == found.doubtful


def _wait_for_more(site: Site, moments: random.Random) -> None:
    """Most kills fall into the sending, each fifth anywhere from the start of the process."""
    if moments.random() < 0.2:
        time.sleep(moments.uniform(0, 0.4))
    else:
        _wait_until_sending(site)
        time.sleep(moments.uniform(0, 0.15))


def _wait_until_sending(site: Site) -> None:
    before = site.standin.stats()["messages"]
    until = time.monotonic() + 30
    while site.standin.stats()["messages"] == before:
        assert site.is_running(), site.log()[-3000:]
        assert time.monotonic() < until, site.log()[-3000:]
        time.sleep(0.01)


@pytest.mark.timeout(180)
def test_a_worker_killed_ten_times_loses_nothing(tmp_path: Path, nursery: Nursery) -> None:
    with opened(tmp_path, f"sqlite:///{tmp_path}/renrakumo.db", nursery) as (site, database):
        kill_again_and_again(site, database, recipients=2_000, kills=10)


@pytest.mark.timeout(180)
def test_the_same_on_postgresql(tmp_path: Path, postgresql_url: str, nursery: Nursery) -> None:
    with opened(tmp_path, postgresql_url, nursery) as (site, database):
        kill_again_and_again(site, database, recipients=800, kills=3)


@pytest.mark.timeout(120)
def test_a_worker_told_to_stop_doubles_nothing(tmp_path: Path, nursery: Nursery) -> None:
    with opened(tmp_path, f"sqlite:///{tmp_path}/renrakumo.db", nursery) as (site, database):
        broadcast_id = fan_out(database, 600)
        site.standin.fault(phase="dot", delay=PACE)
        for _ in range(2):
            site.start()
            _wait_until_sending(site)
            time.sleep(0.1)
            assert site.end(signal.SIGTERM) == 0, site.log()[-3000:]
            assert not site.open_intents()
        assert site.standin.stats()["messages"] < 600
        site.start()
        wait_until_sent(database, site, broadcast_id, patience=60)
        assert site.end(signal.SIGTERM) == 0
        found = audit(site, database, broadcast_id)
    assert (found.lost, found.doubled, found.doubtful) == (0, 0, 0)
