"""Broadcasts of the carriers' trial: written and approved by people, and followed lane by lane."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf

from actions import broadcasts, drafts, emergencies, forecasts, quotas
from commands.bench.carriers_scene import Scene
from commands.demo.fanout import agreed, person
from domain import deliveries, lanes
from domain import forecasts as rules
from domain.audience import Part
from domain.broadcasts import Purpose
from domain.cards import CardRef
from domain.content import Content
from domain.deliveries import State
from domain.forecasts import Forecast
from domain.roles import Actor, Role
from storage import accounts, lane_accounts
from storage import broadcasts as stored
from storage import forecasts as figures
from storage.lane_accounts import LaneAccount
from storage.people import MAIL

_BODY = "本日は大雨のため、児童の引き取りをお願いします。\n" * 4
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Cast:
    """Who writes, and who approves."""

    scene: Scene
    centre: Actor
    board: Actor


@dataclass(frozen=True, slots=True)
class Told:
    """What was told before the approval: of the channel, and of each lane in seconds."""

    mail: Forecast
    lanes: Mapping[str, float]
    guesses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Audit:
    """The ledger against what the stand-ins took, of one broadcast.

    `lost` were accepted by the ledger's word and never arrived, `doubled` are copies too many and
    `doubtful` those that the ledger expects to be possible.  Of `old` addresses so many arrived.
    """

    recipients: int
    accepted: int
    lost: int
    doubled: int
    doubtful: int
    old: int
    old_arrived: int


def cast_of(scene: Scene) -> Cast:
    """People of the city with phones that are never looked at."""
    house = scene.house
    with house.database.writing() as tx:
        centre = person(tx, house.board_id, Role.CENTRE)
        return Cast(scene, centre, person(tx, house.board_id, Role.BOARD))


def submitted(cast: Cast, school_id: int, subject: str) -> CardRef:
    """A broadcast to a school, as it lies before the one who approves."""
    content = Content(Purpose.SYSTEM, subject, _BODY, (Part("school", school_id),))
    with cast.scene.house.database.writing() as tx:
        ref = agreed(drafts.save_draft(tx, cast.centre, None, content)).ref
        agreed(broadcasts.submit(tx, cast.centre, ref))
    return ref


def approved(cast: Cast, ref: CardRef) -> int:
    """Let it go; returns its ID."""
    with cast.scene.house.database.writing() as tx:
        agreed(broadcasts.approve(tx, cast.board, ref))
    return ref.broadcast_id


def sent(cast: Cast, school_id: int, subject: str) -> int:
    """A broadcast on its way; returns its ID."""
    return approved(cast, submitted(cast, school_id, subject))


def sent_first(cast: Cast, school_id: int, subject: str) -> int:
    """An emergency on its way; returns its ID."""
    content = Content(Purpose.EARTHQUAKE, subject, _BODY, (Part("school", school_id),))
    with cast.scene.house.database.writing() as tx:
        ref = agreed(drafts.save_draft(tx, cast.centre, None, content)).ref
        return agreed(emergencies.send_first(tx, cast.centre, ref, "試験")).ref.broadcast_id


def told(cast: Cast, ref: CardRef) -> Told:
    """The forecast for what lies before the one who approves."""
    with cast.scene.house.database.reading() as tx:
        row = stored.broadcast(tx, ref.broadcast_id)
        needed = quotas.uses(tx, row)
        mail = next(each for each in forecasts.expected(tx, row, needed) if each.channel == MAIL)
        reach = quotas.reach(tx, row)
        people = figures.recipients(tx, row, reach, needed)
        ahead = figures.waiting(tx, ordinary=reach.ordinary)
        loads = rules.loads(people, ahead, figures.lanes(tx))
    by_lane = {load.place.lane: rules.seconds(load) for load in loads}
    guesses = {load.place.lane for load in loads if _is_guess(load)}
    return Told(mail, by_lane, frozenset(guesses))


def _is_guess(load: rules.Load) -> bool:
    """Whether neither a rate nor a measure says how fast the lane is."""
    known = load.known or (rules.Known(lanes.rule_of(load.place.lane).per_second, 1),)
    return all(each.rate is None and each.measured is None for each in known)


def by_lane(scene: Scene, broadcast_id: int) -> dict[str, LaneAccount]:
    with scene.house.database.reading() as tx:
        return lane_accounts.by_lane(tx, broadcast_id)


def wait_until(what: str, condition: Callable[[], bool], patience: float = _PATIENCE) -> None:
    """Raises TimeoutError naming what did not come to pass in so many seconds."""
    until = time.monotonic() + patience
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not in {patience:.0f} s")
        time.sleep(0.1)


def everybody_has_it(scene: Scene, broadcast_id: int, but: frozenset[str] = frozenset()) -> bool:
    """Whether all of a broadcast that is under way was accepted, in all lanes but these."""
    found = by_lane(scene, broadcast_id)
    return bool(found) and all(
        each.accepted == each.recipients for lane, each in found.items() if lane not in but
    )


def due(scene: Scene, broadcast_id: int) -> datetime:
    with scene.house.database.reading() as tx:
        at = stored.broadcast(tx, broadcast_id).due_at
    assert at is not None
    return at


def took(scene: Scene, broadcast_id: int, since: datetime | None = None) -> dict[str, float]:
    """Seconds to the last acceptance in each lane, since it was due or another moment."""
    begun = since or due(scene, broadcast_id)
    return {
        lane: (each.last - begun).total_seconds() if each.last else inf
        for lane, each in by_lane(scene, broadcast_id).items()
    }


def audit(scene: Scene, broadcast_id: int) -> Audit:
    """Hold the ledger against what the stand-ins took."""
    with scene.house.database.reading() as tx:
        lines = accounts.lines(tx, broadcast_id, MAIL)
    taken: Counter[tuple[str, str]] = Counter()
    for (recipient, message_id), copies in scene.mailbox.received().items():
        taken[recipient, message_id.partition("@")[0]] += copies
    names = deliveries.MessageIds(scene.house.settings.secret(), broadcast_id, "")
    arrived = [
        (line, taken[line.address, names.of(line.delivery_id).removesuffix("@")]) for line in lines
    ]
    old = [copies for line, copies in arrived if ".@" in line.address]
    states = Counter(line.state for line in lines)
    return Audit(
        recipients=len(lines),
        accepted=states[State.ACCEPTED],
        lost=sum(line.state == State.ACCEPTED and not copies for line, copies in arrived),
        doubled=sum(max(0, copies - 1) for _, copies in arrived),
        doubtful=sum(line.doubtful for line in lines),
        old=len(old),
        old_arrived=sum(copies > 0 for copies in old),
    )
