"""The fan-out trial: LINE and Telegram with everything that goes wrong, and a worker killed.

One in a hundred has blocked us without our knowing, requests meet 429, answers get lost after
the provider took the message, and the worker is killed with -9 in the middle.  Afterwards the
ledger is held against what the stand-ins saw.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from commands.demo.fanout import approve_city_wide, city_of, wait_until_sent
from commands.demo.outside import Outside
from commands.demo.theatre import Theatre, running, wait_for_worker
from commands.supervisor import SENDING
from delivery.progress import progress
from domain.deliveries import State
from storage import accounts

SUBJECT = "配信システムの試験"
BODY = "本日は大雨のため、児童の引き取りをお願いします。\n" * 4
BLOCKED_EVERY = 100
FAULTS = {
    "line": (
        {"path": "multicast", "status": 429, "share": 0.2},
        {"path": "multicast", "drop": "after", "share": 0.2},
        {"path": "multicast", "status": 500, "share": 0.1},
    ),
    "telegram": (
        {"method": "sendMessage", "status": 429, "parameters": {"retry_after": 2}, "share": 0.005},
        {"method": "sendMessage", "drop": "after", "share": 0.01},
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One channel: the ledger's outcomes against what its stand-in saw.

    `dropped` took the provider's 200 although they had blocked us (LINE says nothing of it).
    `lost` were accepted or given up as unknown and never arrived; `doubled` are copies too many,
    `doubtful` those that the ledger itself expects to be possible.
    """

    recipients: int
    accepted: int
    refused: int
    unknown: int
    arrived: int
    dropped: int
    lost: int
    doubled: int
    doubtful: int


@dataclass(frozen=True, slots=True)
class FanOut:
    seconds: float
    killed_after: int
    channels: dict[str, Line]

    columns = tuple(Line.__slots__)

    @property
    def rows(self) -> list[tuple[object, ...]]:
        return [(name, *asdict(line).values()) for name, line in self.channels.items()]

    @property
    def is_clean(self) -> bool:
        """Nobody lost, and no more doubles than the ledger owns up to."""
        lines = self.channels.values()
        return all(line.lost == 0 and line.doubled <= line.doubtful for line in lines)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure_fan_out(scene: Theatre, line: int, telegram: int) -> FanOut:
    """Send one broadcast to so many; returns when the last outcome is there."""
    house = scene.house
    city_of(house, line + telegram, (0, line, telegram))
    blocked = {each.name: _people_arrive(scene, each) for each in (scene.line, scene.telegram)}
    log = house.settings.var_dir / "bench.log"
    with running([SENDING], scene.environment, log):
        wait_for_worker(log)
        broadcast_id = approve_city_wide(house, BODY)
        killed_after = _kill_half_way(scene, broadcast_id, (line + telegram) // 3)
        seconds = wait_until_sent(house, broadcast_id)
    channels = {
        each.name: _compare(scene, broadcast_id, each, blocked[each.name])
        for each in (scene.line, scene.telegram)
    }
    return FanOut(round(seconds, 1), killed_after, channels)


def _people_arrive(scene: Theatre, outside: Outside) -> set[str]:
    """Let everybody be there, one in a hundred having blocked us; then order the faults."""
    with scene.house.database.reading() as tx:
        people = accounts.addresses(tx, outside.name)
    outside.add_people(people)
    blocked = set(people[::BLOCKED_EVERY])
    for person in blocked:
        outside.does(person, "block")
    for fault in FAULTS[outside.name]:
        outside.post("/faults", **fault)
    return blocked


def _kill_half_way(scene: Theatre, broadcast_id: int, after: int) -> int:
    """Kill the worker once so many outcomes are there; it is started again by its supervisor."""
    while (settled := _settled(scene, broadcast_id)) < after:
        time.sleep(0.05)
    for pid in _workers(scene.house.settings.var_dir):
        os.kill(pid, signal.SIGKILL)
    return settled


def _settled(scene: Theatre, broadcast_id: int) -> int:
    with scene.house.database.reading() as tx:
        return progress(tx, broadcast_id).counts[State.ACCEPTED]


def _workers(folder: Path) -> list[int]:
    """The processes whose journals lie in this folder: the worker's name ends in its ID."""
    return [int(path.stem.split("-")[-2]) for path in (folder / "journal").glob("*.journal")]


def _compare(scene: Theatre, broadcast_id: int, outside: Outside, blocked: set[str]) -> Line:
    with scene.house.database.reading() as tx:
        lines = accounts.lines(tx, broadcast_id, outside.name)
    received, dropped = outside.received(SUBJECT)
    states = Counter(line.state for line in lines)
    missing = [
        line
        for line in lines
        if line.state != State.REFUSED
        and not received[line.address]
        and line.address not in blocked
    ]
    return Line(
        recipients=len(lines),
        accepted=states[State.ACCEPTED],
        refused=states[State.REFUSED],
        unknown=states[State.UNKNOWN],
        arrived=len(received),
        dropped=dropped,
        lost=len(missing),
        doubled=sum(count - 1 for count in received.values() if count > 1),
        doubtful=sum(line.doubtful for line in lines),
    )
