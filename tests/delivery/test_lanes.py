"""What workers write of destinations, and how one that stops is stopped for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread

import pytest

from actions import lanes
from channels.base import Channel, GatheredLog, LaneState, SendChunk
from channels.email.lane import Lane as MailLane
from channels.email.routing import Site
from delivery.lanes import LaneRounds
from delivery.troubles import Watch
from domain.lanes import rule_of
from domain.outcomes import Refused
from domain.refusals import refuse
from domain.roles import Role
from storage import lane_states, troubles
from storage.audit import entries_of
from storage.database import Database
from storage.tables import Lane
from tests.actions import city as scene
from tests.actions.city import City, told
from tests.databases import Clock
from tests.delivery.city import FakeChannel, counting

DOCOMO = LaneState("email", "docomo", "", rate=8.0, connections=3, baseline=0.01)
GMAIL = LaneState("email", "gmail", "", rate=None, connections=5)
VALUES = {"rate": 8.0, "connections": 3, "measured": 7.9, "baseline": 0.01, "share": 0.4}


@dataclass
class LanedChannel(FakeChannel):
    """A channel that remembers what it was told of its lanes, and does it."""

    states: dict[str, LaneState] = field(default_factory=dict)
    told: list[LaneState] = field(default_factory=list)

    def start(
        self, chunk: SendChunk, log: GatheredLog, done: Callable[[BaseException | None], None]
    ) -> None:
        raise NotImplementedError

    def lanes(self) -> Sequence[LaneState]:
        return list(self.states.values())

    def set_lanes(self, known: Sequence[LaneState]) -> None:
        self.told += known
        for state in known:
            if state.site in self.states:
                self.states[state.site] = state

    def sees(self, *states: LaneState) -> None:
        self.states |= {state.site: state for state in states}


@dataclass
class Worker:
    channel: LanedChannel
    rounds: LaneRounds

    def looks(self) -> list[tuple[str, bool]]:
        """One look; what the channel was told by it."""
        before = len(self.channel.told)
        self.rounds.look()
        return [(state.site, state.stopped) for state in self.channel.told[before:]]


def worker(database: Database, *states: LaneState) -> Worker:
    channel = LanedChannel()
    channels: Mapping[str, Channel] = {"email": channel, "line": FakeChannel(name="line")}
    made = Worker(channel, LaneRounds(database, channels))
    made.rounds.load()
    channel.sees(*states)
    return made


def rows(database: Database) -> dict[str, Lane]:
    with database.reading() as tx:
        return {row.site: row for row in lane_states.everything(tx)}


def test_what_was_learned_is_known_to_the_next_worker(sqlite_database: Database) -> None:
    first = worker(sqlite_database, DOCOMO, GMAIL)
    assert first.channel.told == []
    assert first.looks() == []
    learned = replace(DOCOMO, rate=14.0, connections=4, measured=13.2)
    first.channel.sees(learned)
    first.looks()
    assert worker(sqlite_database).channel.told == [learned, GMAIL]


def test_only_what_has_changed_is_written(sqlite_database: Database) -> None:
    one = worker(sqlite_database, DOCOMO, GMAIL)
    one.looks()

    def writes(*states: LaneState) -> int:
        one.channel.sees(*states)
        with counting(sqlite_database) as said:
            one.looks()
        return len([each for each in said if not each.startswith(("SELECT", "BEGIN"))])

    assert writes() == writes(replace(DOCOMO, rate=8.5)) == 0
    assert writes(replace(GMAIL, share=0.01)) == 0
    assert writes(replace(DOCOMO, rate=9.0)) > 0
    assert writes(replace(DOCOMO, rate=9.0, measured=8.0)) > 0
    assert writes(replace(GMAIL, connections=6)) > 0


def test_a_stop_is_for_all_workers_until_somebody_resumes_it(database: Database) -> None:
    one, other = worker(database, DOCOMO), worker(database, DOCOMO)
    idle = worker(database)
    for each in (one, other, idle):
        each.looks()
    one.channel.sees(replace(DOCOMO, share=0.6, stopped=True))
    assert one.looks() == []
    assert other.looks() == idle.looks() == [("docomo", True)]
    for each in (one, other, idle):
        assert each.looks() == [], "nothing is news twice"
    assert rows(database)["docomo"].share == 0.6
    assert worker(database).channel.told[0].stopped, "a worker that comes later stops as well"
    with database.writing() as tx:
        lane_states.resume(tx, "docomo")
    for each in (one, other, idle):
        assert each.looks() == [("docomo", False)]
        assert each.looks() == []
    assert rows(database)["docomo"].stopped_at is None
    # It may stop again.
    one.channel.sees(replace(DOCOMO, share=0.7, stopped=True))
    one.looks()
    assert other.looks() == [("docomo", True)]


@dataclass
class RealChannel(FakeChannel):
    """A channel with one real lane, made as the engine makes it: of what it was told at first."""

    lane: MailLane | None = None
    known: LaneState | None = None

    def start(
        self, chunk: SendChunk, log: GatheredLog, done: Callable[[BaseException | None], None]
    ) -> None:
        raise NotImplementedError

    def lanes(self) -> Sequence[LaneState]:
        return [self.lane.state("email")] if self.lane else []

    def set_lanes(self, known: Sequence[LaneState]) -> None:
        (self.known,) = known
        if self.lane:
            self.lane.adopt(self.known)

    def hears(self, unknown: int, taken: int) -> bool:
        """Whether the lane is stopped after so many answers."""
        self.lane = self.lane or MailLane(Site("docomo", rule_of("docomo"), ()), 0.0, self.known)
        for _ in range(unknown):
            self.lane.answer(Refused("unknown_user"), "docomo.ne.jp")
        for _ in range(taken):
            self.lane.accept()
        self.lane.count(1.0)
        return self.lane.stopped


def test_what_a_person_let_go_on_is_usual_for_every_worker(sqlite_database: Database) -> None:
    """Also for those that had not stopped the lane themselves, or had done so before a restart."""
    first, other, again = RealChannel(), RealChannel(), RealChannel()
    rounds = [LaneRounds(sqlite_database, {"email": each}) for each in (first, other)]
    assert not other.hears(0, 100)
    assert first.hears(14, 186)
    rounds[0].look()
    rounds[1].look()
    assert other.hears(0, 0), "stopped by the first"
    rounds.append(LaneRounds(sqlite_database, {"email": again}))
    rounds[2].load()
    assert again.hears(0, 1)
    with sqlite_database.writing() as tx:
        lane_states.resume(tx, "docomo")
    for each in rounds:
        each.look()
    assert [each.hears(14, 186) for each in (first, other, again)] == [False] * 3
    for each in rounds:
        each.look()
    assert rows(sqlite_database)["docomo"].baseline == pytest.approx(0.07)
    assert other.hears(100, 0), "a block stops it again"


def test_what_is_in_use_is_kept_and_what_is_not_is_forgotten(
    sqlite_database: Database, clock: Clock
) -> None:
    """However steady it is; what is stopped waits for a person.  A look reads no others."""
    one = worker(sqlite_database, DOCOMO)
    with sqlite_database.writing() as tx:
        for site in ("mx.a.jp", "mx.b.jp"):
            lane_states.put(tx, lane_states.Key("email", "email", site, ""), VALUES)
        lane_states.stop(tx, lane_states.Key("email", "email", "mx.b.jp", ""), VALUES)
    one.looks()
    for _ in range(3):
        clock.forward(days=31)
        assert one.looks() == []
    assert set(rows(sqlite_database)) == {"docomo", "mx.b.jp"}
    assert rows(sqlite_database)["docomo"].changed_at == clock.now
    clock.forward(seconds=2)
    with counting(sqlite_database) as said:
        one.looks()
    (read,) = [each for each in said if "FROM lanes" in each]
    assert "stopped_at IS NOT NULL" in read


@pytest.fixture
def city(sqlite_database: Database) -> City:
    made = scene.build(sqlite_database, families=1)
    with sqlite_database.writing() as tx:
        scene.add_staff(tx, made, "centre", Role.CENTRE, None)
    return made


def test_the_centre_hears_of_it_once_and_it_is_on_record(
    sqlite_database: Database, city: City, tmp_path: Path
) -> None:
    stopped = replace(DOCOMO, share=0.625, stopped=True)
    one, other = worker(sqlite_database, stopped), worker(sqlite_database, stopped)
    watch = Watch(sqlite_database, [tmp_path], lambda _: 10**12)
    for each in (one, other):
        each.looks()
        watch.look()
    (said,) = told(sqlite_database, city.contacts["centre"])
    for part in ("ドコモ", "62%", "届きません", "renrakumo lanes resume"):
        assert part in said
    with sqlite_database.reading() as tx:
        entries = list(entries_of(tx, f"board:{city.board}"))
    stops = [(e.subject, e.details) for e in entries if e.verb == "stop_lane"]
    assert stops == [("lane:docomo", {"percent": 62, "taken_back": 0, "put_back": 0})]


def test_the_centre_lets_it_go_on_by_a_tap(
    sqlite_database: Database, city: City, tmp_path: Path
) -> None:
    one = worker(sqlite_database, replace(DOCOMO, share=0.5, stopped=True))
    one.looks()
    Watch(sqlite_database, [tmp_path], lambda _: 10**12).look()
    with sqlite_database.writing() as tx:
        (trouble,) = troubles.open_ones(tx)
        teacher = scene.add_staff(tx, city, "teacher", Role.OPERATOR, city.school)
        centre = scene.actor(tx, city, "centre")
        assert lanes.resume_told(tx, teacher, trouble.id) == refuse("not_allowed")
        assert lanes.resume_told(tx, centre, trouble.id + 1) == refuse("lane_not_stopped")
        assert lanes.resume_told(tx, centre, trouble.id) == "docomo"
        assert lanes.resume_told(tx, centre, trouble.id) == refuse("lane_not_stopped")
    assert one.looks() == [("docomo", False)]


def test_it_goes_round_until_it_is_stopped_and_then_once_more(sqlite_database: Database) -> None:
    one = worker(sqlite_database)
    stop = Event()
    thread = Thread(target=one.rounds.run, args=(stop,))
    thread.start()
    one.channel.sees(DOCOMO)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert rows(sqlite_database)["docomo"].rate == 8.0


def test_a_look_that_fails_ends_nothing(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = worker(sqlite_database, DOCOMO)
    with monkeypatch.context() as patched:
        patched.setattr(LanedChannel, "lanes", lambda _: 1 / 0)
        one.looks()
    one.looks()
    assert "docomo" in rows(sqlite_database)
