"""The carriers' trial: paced mail to stand-in carriers, one of them slow, some of them angry.

Three trials on one installation with a real worker.  `forecast`: what the approver is told against
what the fan-out then takes.  `crowd`: while one carrier is slow, another school's broadcast and an
emergency begin in the middle of a large one.  `anger`: carriers refuse too many connections and
messages, put off, reset after the final dot, and one suddenly calls everybody unknown.
Afterwards the ledger is held against what the stand-ins took.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from commands.bench.carriers_anger import Anger, anger
from commands.bench.carriers_scene import DOMAINS, Scene, learned, open_schools, scene, working
from commands.bench.carriers_sending import (
    Audit,
    Cast,
    approved,
    audit,
    by_lane,
    cast_of,
    due,
    everybody_has_it,
    sent,
    sent_first,
    submitted,
    told,
    took,
    wait_until,
)

# How far off a forecast may be: this part of it, and what beginning and recording may take.
_WITHIN, _OVERHEAD = 0.10, 0.5
# How soon what only a few are to get must have left, beyond its own pace, in seconds.
_SOON = 1.5
_SLOW = "softbank"
_SLOW_ANSWER = 0.3
# In each lane the other school's broadcast, and the emergency, go to so many.
_FEW = 3
# So many in each lane are concerned by the carriers' anger.
_ANGERED = 50
_REAL = 1500


def _is_honest(forecast: float, needed: float) -> bool:
    return abs(needed - forecast) <= forecast * _WITHIN + _OVERHEAD


@dataclass(frozen=True, slots=True)
class Foretold:
    """One lane: what was forecast and what it took, in seconds; `off` in percent."""

    lane: str
    recipients: int
    forecast: float
    took: float
    guess: bool

    @property
    def off(self) -> float:
        return round((self.took / self.forecast - 1) * 100, 1)

    @property
    def is_honest(self) -> bool:
        return self.guess or _is_honest(self.forecast, self.took)


@dataclass(frozen=True, slots=True)
class Crowd:
    """One lane while another is slow: when each broadcast's last message was accepted, in seconds
    since the large one was due; the others began in the middle of it, at `began`.
    """

    lane: str
    began: float
    emergency: float
    other_school: float
    large: float


@dataclass(slots=True)
class Result:
    """What was found; clean if there are no `faults`."""

    slowest: tuple[str, float, float]
    foretold: list[Foretold]
    crowd: list[Crowd] = field(default_factory=list)
    anger: Anger | None = None
    audits: dict[str, Audit] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        return [*self._of_forecast(), *self._of_crowd(), *self._of_anger(), *self._of_audits()]

    @property
    def is_clean(self) -> bool:
        return not self.faults

    def _of_forecast(self) -> Iterator[str]:
        lane, forecast, needed = self.slowest
        if not _is_honest(forecast, needed):
            yield f"{lane} was told to take {forecast:.1f} s, and mail took {needed:.1f} s"
        yield from (
            f"{each.lane} was to take {each.forecast:.1f} s and took {each.took:.1f} s"
            for each in self.foretold
            if not each.is_honest
        )

    def _of_crowd(self) -> Iterator[str]:
        large = {each.lane: each.forecast for each in self.foretold}
        for each in self.crowd:
            # The ledger's times are those of its commits, ten a second: two may share one.
            if not each.emergency <= each.other_school < each.large:
                yield f"in {each.lane} the emergency, the other school, the large one: {each}"
            if each.lane == _SLOW:
                continue
            if each.emergency - each.began > _SOON:
                yield f"in {each.lane} the emergency took {each.emergency - each.began:.1f} s"
            if each.large > large[each.lane] * (1 + _WITHIN) + _SOON:
                yield f"{each.lane} waited for {_SLOW}: {each.large:.1f} s"
        slow = [each.large for each in self.crowd if each.lane == _SLOW]
        if slow and slow[0] <= max(each.large for each in self.crowd if each.lane != _SLOW):
            yield f"{_SLOW} was not slow"

    def _of_anger(self) -> Sequence[str]:
        return self.anger.faults if self.anger else []

    def _of_audits(self) -> Iterator[str]:
        for name, found in self.audits.items():
            if found.lost or found.accepted < found.recipients:
                yield f"{name}: {found.lost} lost, {found.recipients - found.accepted} not accepted"
            if found.doubled > found.doubtful:
                yield f"{name}: {found.doubled} doubled, {found.doubtful} doubtful"
            if found.old_arrived < found.old:
                yield f"{name}: {found.old_arrived} of {found.old} old addresses"

    @property
    def tables(self) -> Iterator[tuple[Sequence[str], Sequence[Sequence[object]]]]:
        """Heads and rows, for people."""
        yield (
            ("lane", "recipients", "forecast s", "took s", "off %", "guess"),
            [_row(each) for each in self.foretold],
        )
        if self.crowd:
            yield _table(self.crowd)
        if self.anger:
            yield _table(self.anger.lanes)
            yield _table([self.anger.stop])
        names = ("broadcast", *Audit.__slots__)
        yield names, [(name, *asdict(found).values()) for name, found in self.audits.items()]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"faults": self.faults}


def measure_real_pace(recipients: int = _REAL) -> Result:
    """Only the forecast, at the paces that the file of lanes begins with."""
    few = {lane: min(recipients, 500) for lane in DOMAINS} | {"docomo": recipients}
    with scene() as opened:
        (school,) = open_schools(opened, [few])
        # Large providers look into a mail before they answer.
        slower: dict[str, Any] = {"delay": 0.1}
        opened.rules(gmail=slower, icloud=slower, outlook=slower)
        with working(opened):
            result, broadcast_id = _forecast(cast_of(opened), school)
        result.audits["forecast"] = audit(opened, broadcast_id)
    return result


def measure_carriers(per_second: float = 40, seconds: float = 3) -> Result:
    """All three trials, with lanes that bear so much, and broadcasts of about so long."""
    large, few = (dict.fromkeys(DOMAINS, each) for each in (int(per_second * seconds), _FEW))
    with scene() as opened:
        schools = open_schools(opened, [large, few, few, dict.fromkeys(DOMAINS, _ANGERED)])
        learned(opened, per_second)
        with working(opened):
            cast = cast_of(opened)
            result, first = _forecast(cast, schools[0])
            result.crowd, crowd = _crowd(cast, schools)
            result.anger, angry = anger(cast, schools[3], per_second)
        names = ["forecast", "large", "other school", "emergency", "anger"]
        result.audits = {
            name: audit(opened, one)
            for name, one in zip(names, [first, *crowd, angry], strict=True)
        }
    return result


def _forecast(cast: Cast, school_id: int) -> tuple[Result, int]:
    """Everything goes well, and the forecast is to be right in every lane."""
    ref = submitted(cast, school_id, "予想の試験")
    before = told(cast, ref)
    broadcast_id = approved(cast, ref)
    patience = 2 * before.mail.seconds + 60
    wait_until("forecast", lambda: everybody_has_it(cast.scene, broadcast_id), patience)
    needed = took(cast.scene, broadcast_id)
    people = by_lane(cast.scene, broadcast_id)
    rows = [
        Foretold(
            lane, people[lane].recipients, before.lanes[lane], needed[lane], lane in before.guesses
        )
        for lane in DOMAINS
    ]
    slowest = (before.mail.slowest, before.mail.seconds, max(needed.values()))
    return Result(slowest, rows), broadcast_id


def _crowd(cast: Cast, schools: Sequence[int]) -> tuple[list[Crowd], tuple[int, int, int]]:
    """One carrier is slow; in the middle come another school's broadcast, and an emergency."""
    scene = cast.scene
    scene.rules(**{_SLOW: {"delay": _SLOW_ANSWER}})
    large = sent(cast, schools[0], "大きな配信の試験")
    wait_until("a quarter of it", lambda: _share(scene, large) > 0.25)
    other = sent(cast, schools[1], "別の学校の試験")
    emergency = sent_first(cast, schools[2], "緊急の試験")
    wait_until("the others", lambda: everybody_has_it(scene, other))
    slow = frozenset([_SLOW])
    wait_until("all but the slow one", lambda: everybody_has_it(scene, large, but=slow))
    scene.rules(**{_SLOW: {"delay": 0.0}})
    wait_until("the slow one", lambda: everybody_has_it(scene, large))
    return _crowded(scene, (large, other, emergency)), (large, other, emergency)


def _share(scene: Scene, broadcast_id: int) -> float:
    """Which part of a broadcast was accepted."""
    found = by_lane(scene, broadcast_id).values()
    return sum(each.accepted for each in found) / max(1, sum(each.recipients for each in found))


def _crowded(scene: Scene, broadcasts: tuple[int, int, int]) -> list[Crowd]:
    large, other, emergency = broadcasts
    since = due(scene, large)
    began = round((due(scene, emergency) - since).total_seconds(), 2)
    ends = [took(scene, one, since) for one in (emergency, other, large)]
    return [Crowd(lane, began, *(round(each[lane], 2) for each in ends)) for lane in DOMAINS]


def _row(each: Foretold) -> tuple[object, ...]:
    forecast, needed = round(each.forecast, 1), round(each.took, 1)
    return each.lane, each.recipients, forecast, needed, each.off, each.guess


def _table(rows: Sequence[Any]) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    return tuple(rows[0].__slots__), [tuple(asdict(row).values()) for row in rows]
