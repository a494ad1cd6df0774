"""The schedule trial: many broadcasts due at odd moments, two workers, and a restart.

How late each began (its audience was frozen) and how late its first message was accepted, by the
database's own times; none may begin twice.  Those that come due while no worker lives must begin
as soon as one does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from commands.demo.city import MAIL_ONLY
from commands.demo.fanout import city_of, schedule_for_schools
from commands.demo.theatre import Theatre, running, wait_for_worker
from commands.supervisor import SENDING
from storage import accounts

GUARDIANS = 900
PATIENCE = 120.0
_LEAD = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Lateness:
    """In milliseconds; `begun` from due to the frozen audience, `accepted` to the first outcome.

    `after_restart` is from the moment that both workers say they work to the last of those begun
    that came due while none lived (0 if that was before); `twice` counts starts in the
    audit chain beyond one per broadcast.
    """

    broadcasts: int
    twice: int
    begun_p50: float
    begun_p99: float
    begun_max: float
    accepted_p50: float
    accepted_p99: float
    accepted_max: float
    while_down: int
    after_restart: float

    @property
    def is_clean(self) -> bool:
        """None twice, and all within a second; a restart works off what it finds one by one."""
        return self.twice == 0 and self.begun_max < 1000

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure_schedule(scene: Theatre, broadcasts: int, seconds: float) -> Lateness:
    """Let so many broadcasts come due within so many seconds; a tenth more with nobody there."""
    house = scene.house
    city_of(house, GUARDIANS, MAIL_ONLY)
    random = Random(20121025)  # noqa: S311 (moments, not secrets)
    with _two_workers(scene, "first"):
        begin = datetime.now(UTC) + _LEAD + timedelta(seconds=broadcasts / 20)
        moments = [begin + timedelta(seconds=random.uniform(0, seconds)) for _ in range(broadcasts)]
        numbers = schedule_for_schools(house, moments)
        begun = _wait_until_begun(scene, numbers)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    missed = schedule_for_schools(house, [soon] * max(1, broadcasts // 10))
    time.sleep(2)
    with _two_workers(scene, "second"):
        there = datetime.now(UTC)
        late = _wait_until_begun(scene, missed)
        last = max(each.begun_at for each in late)
    return _lateness(begun, len(late), max(0.0, _milliseconds(there, last)))


@contextmanager
def _two_workers(scene: Theatre, name: str) -> Iterator[None]:
    """Two that send, each able to start whatever is due."""
    logs = [scene.house.settings.var_dir / f"{name}-{number}.log" for number in range(2)]
    with (
        running([SENDING], scene.environment, logs[0]),
        running([SENDING], scene.environment, logs[1]),
    ):
        for log in logs:
            wait_for_worker(log)
        yield


def _wait_until_begun(scene: Theatre, numbers: Sequence[int]) -> list[accounts.Begun]:
    until = time.monotonic() + PATIENCE + 60
    while time.monotonic() < until:
        with scene.house.database.reading() as tx:
            begun = accounts.begun(tx, numbers)
        if len(begun) == len(numbers) and all(each.first_at for each in begun):
            return begun
        time.sleep(0.2)
    raise TimeoutError("not all of them began")


def _lateness(begun: Sequence[accounts.Begun], while_down: int, after_restart: float) -> Lateness:
    started = sorted(_milliseconds(each.due_at, each.begun_at) for each in begun)
    accepted = sorted(_milliseconds(each.due_at, each.first_at or each.begun_at) for each in begun)
    return Lateness(
        broadcasts=len(begun),
        twice=sum(each.starts - 1 for each in begun),
        begun_p50=_at(started, 0.5),
        begun_p99=_at(started, 0.99),
        begun_max=started[-1],
        accepted_p50=_at(accepted, 0.5),
        accepted_p99=_at(accepted, 0.99),
        accepted_max=accepted[-1],
        while_down=while_down,
        after_restart=after_restart,
    )


def _at(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def _milliseconds(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() * 1000, 1)
