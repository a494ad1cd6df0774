"""Carriers that have too much of us, each in its own way, and what becomes of our pace there.

What was put off comes again after minutes; the trial does not wait for those but makes it due.
What a stopped lane holds back is not touched: that comes again by itself once it is resumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from commands.bench.carriers_scene import DOMAINS, Scene, Watcher, watching
from commands.bench.carriers_sending import Cast, by_lane, everybody_has_it, sent, wait_until
from delivery.troubles import Watch
from domain.troubles import Kind
from storage import lane_accounts, lane_states, troubles
from storage.lane_accounts import LaneAccount

_BLOCKING = "softbank"
# A stop is to come after so few refusals, and to hold up no other lane.
_FEW_DOZENS = 36
_CROWDED, _CONNECTIONS = "gmail", 3
_WORDS = {
    "docomo": "450",
    "au": "reset after the dot",
    "yahoo": "421, too fast",
    "gmail": "421, too many connections",
}
_ANGRY = tuple(_WORDS)
_QUIET = frozenset({"ymobile", "rakumail", "icloud", "outlook", "other"})
_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "docomo": {
        "match": "@docomo",
        "phase": "rcpt",
        "reply": "450 4.7.1 Too much mail from your host, try again later",
        "times": 1,
        "skip": 20,
    },
    "au": {
        "match": "@(ezweb|au)[.]",
        "phase": "dot",
        "drop": "reset after",
        "times": 1,
        "skip": 20,
    },
}
# Until a complaint is heard, what is on its way may meet the limit, too (seconds).
_HEARD = 1.0


@dataclass(frozen=True, slots=True)
class Angry:
    """One carrier that complained: how often, and our pace before the first and after the last.

    `late` are those complaints that came when the first was long heard.  Where it complained of
    connections, it bears `limit`, and saw `peak` of them at once from then on.
    """

    lane: str
    anger: str
    complaints: int
    late: int
    rate_before: float
    rate_after: float
    peak: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The carrier that called everybody unknown: how many heard that, and what followed."""

    lane: str
    unknown: int
    marked: int
    suspended: int
    troubles: int
    held_back: int
    accepted: int = 0
    recipients: int = 0


@dataclass(frozen=True, slots=True)
class Anger:
    lanes: list[Angry]
    stop: Stop

    @property
    def faults(self) -> list[str]:
        return [*self._of_lanes(), *self._of_stop()]

    def _of_lanes(self) -> Iterator[str]:
        for each in self.lanes:
            if not each.complaints:
                yield f"{each.lane} had nothing to complain of"
            if each.rate_after >= each.rate_before:
                yield f"{each.lane} complained and got {each.rate_after:.1f} a second"
            if each.late:
                yield f"{each.lane} had to complain {each.late} times more"
            if each.limit and each.peak and each.peak > each.limit:
                yield f"{each.lane} bears {each.limit} connections and got {each.peak}"

    def _of_stop(self) -> Iterator[str]:
        stop = self.stop
        if not 0 < stop.unknown <= _FEW_DOZENS:
            yield f"{stop.lane} said unknown to {stop.unknown}"
        if stop.marked or stop.suspended:
            yield f"{stop.marked} marked and {stop.suspended} suspended"
        if stop.troubles != 1:
            yield f"{stop.troubles} troubles for the centre"
        if stop.accepted < stop.recipients:
            yield f"{stop.recipients - stop.accepted} did not get it after the lane was resumed"


def anger(cast: Cast, school_id: int, per_second: float) -> tuple[Anger, int]:
    """Let them be angry; returns with the ID of the broadcast, once it is over."""
    scene = cast.scene
    before = _rates(scene)
    _order(scene, per_second)
    with watching(scene) as watcher:
        broadcast_id = _sent_and_blocked(cast, school_id)
        stop = _stopped(scene, broadcast_id)
        scene.rules(**{_BLOCKING: {"blocking": False}})
        scene.command("lanes", "resume", _BLOCKING)
        wait_until("what is put off", lambda: _only_later(scene, broadcast_id))
        with scene.house.database.writing() as tx:
            lane_accounts.bring_forward(tx, _ANGRY)
        wait_until("the end", lambda: not any(each.open for each in _all(scene, broadcast_id)))
    wait_until("paces in the ledger", lambda: all(_slower(before, _rates(scene))))
    after, lane = _rates(scene), by_lane(scene, broadcast_id)[_BLOCKING]
    stop = replace(stop, accepted=lane.accepted, recipients=lane.recipients)
    left = scene.carriers.get("/faults")
    return Anger([_angry(watcher, left, one, before, after) for one in _ANGRY], stop), broadcast_id


def _order(scene: Scene, per_second: float) -> None:
    """What they are to bear: yahoo less than our pace, gmail fewer than our connections."""
    scene.rules(yahoo={"per_second": per_second * 0.6}, **{_CROWDED: {"connections": _CONNECTIONS}})
    for fault in _FAULTS.values():
        scene.carriers.post("/faults", **fault)


def _sent_and_blocked(cast: Cast, school_id: int) -> int:
    scene = cast.scene
    enough = scene.figures()[_BLOCKING]["accepted"] + 15
    broadcast_id = sent(cast, school_id, "怒った事業者の試験")
    wait_until("15 accepted", lambda: scene.figures()[_BLOCKING]["accepted"] >= enough)
    scene.rules(**{_BLOCKING: {"blocking": True}})
    return broadcast_id


def _stopped(scene: Scene, broadcast_id: int) -> Stop:
    """What is seen while the lane is stopped; the workers look for trouble each half minute."""
    database = scene.house.database

    def is_stopped() -> bool:
        with database.reading() as tx:
            return [row.site for row in lane_states.stopped(tx)] == [_BLOCKING]

    wait_until("the stop", is_stopped, 30)
    others = frozenset(DOMAINS) - _QUIET
    wait_until("the quiet lanes", lambda: everybody_has_it(scene, broadcast_id, but=others), 30)
    Watch(database, []).look()
    with database.reading() as tx:
        marked, suspended = lane_accounts.marked(tx)
        opened = [
            one
            for one in troubles.open_ones(tx, scene.house.board_id)
            if (one.sign.kind, one.sign.subject) == (Kind.LANE_STOPPED, _BLOCKING)
        ]
    return Stop(
        lane=_BLOCKING,
        unknown=scene.figures()[_BLOCKING]["refused"].get("unknown", 0),
        marked=marked,
        suspended=suspended,
        troubles=len(opened),
        held_back=by_lane(scene, broadcast_id)[_BLOCKING].open,
    )


def _only_later(scene: Scene, broadcast_id: int) -> bool:
    """Whether all that is open in the angry lanes waits for another try."""
    with scene.house.database.reading() as tx:
        later = lane_accounts.put_off(tx, broadcast_id)
    found = by_lane(scene, broadcast_id)
    return all(found[lane].open == later.get(lane, 0) for lane in _ANGRY)


def _all(scene: Scene, broadcast_id: int) -> Iterable[LaneAccount]:
    return by_lane(scene, broadcast_id).values()


def _rates(scene: Scene) -> dict[str, float]:
    with scene.house.database.reading() as tx:
        return {row.site: row.rate or 0.0 for row in lane_states.everything(tx)}


def _slower(before: Mapping[str, float], after: Mapping[str, float]) -> Iterator[bool]:
    return (after[lane] < before[lane] for lane in _ANGRY)


def _angry(
    watcher: Watcher,
    left: Sequence[Mapping[str, Any]],
    lane: str,
    before: Mapping[str, float],
    after: Mapping[str, float],
) -> Angry:
    seen = watcher.of(lane)
    counts = [(at, _complaints(lane, figures)) for at, figures in seen]
    known = counts[0][1]
    first = next((at for at, number in counts if number > known), inf)
    heard = next((number for at, number in counts if at > first + _HEARD), known)
    ordered = _FAULTS.get(lane)
    crowded = lane == _CROWDED and first < inf
    done = ordered["times"] - _left(left, ordered) if ordered else counts[-1][1] - known
    return Angry(
        lane=lane,
        anger=_WORDS[lane],
        complaints=done,
        late=counts[-1][1] - heard if first < inf else 0,
        rate_before=before[lane],
        rate_after=after[lane],
        peak=max(one["connections"] for at, one in seen if at > first + _HEARD)
        if crowded
        else None,
        limit=_CONNECTIONS if crowded else None,
    )


def _complaints(lane: str, figures: Mapping[str, Any]) -> int:
    refused: Mapping[str, int] = figures["refused"]
    return refused.get("too_fast", 0) + refused.get("crowded", 0) if lane in _WORDS else 0


def _left(left: Sequence[Mapping[str, Any]], ordered: Mapping[str, Any]) -> int:
    return sum(each["times"] for each in left if each["match"] == ordered["match"])
