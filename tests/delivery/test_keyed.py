"""A provider that knows chunks by their keys: nobody is lost there and nobody gets it twice."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from delivery.journal import Journal, host_id
from delivery.recorder import Recorder
from delivery.recovery import Recovery
from delivery.render import Addresses, Renderer
from domain.deliveries import ChunkRule
from domain.outcomes import Accepted, Outcome, Refused, Split, TryLater, Unknown
from storage import journals, ledger, recording
from storage.database import Database
from storage.ledger import Again, Lease, Want
from storage.recording import Told
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import KeyedChannel, deliveries
from tests.delivery.test_worker import sent, until, working

AGAIN = Again(city.EVERYTHING)
LASTING = timedelta(seconds=30)


def to_line(database: Database, count: int, size: int = 500) -> int:
    rules = {**city.EVERYTHING, "line": ChunkRule(size, slots=2, keyed=True)}
    people = ((city.line(number),) for number in range(count))
    return city.sending(database, *people, rules=rules)


def halves(members: Sequence[int]) -> dict[int, Outcome]:
    return {one: Split(int(place >= len(members) / 2)) for place, one in enumerate(members)}


def test_everyone_is_asked_in_one_request(database: Database, tmp_path: Path) -> None:
    broadcast_id = to_line(database, 40, size=20)
    channel = KeyedChannel()
    with working(database, tmp_path, channel):
        until(sent(database, broadcast_id))
    assert [len(members) for _, members in channel.asked] == [20, 20]
    rows = deliveries(database, broadcast_id)
    assert {row.id: row.reference for row in rows} == {
        member: str(key) for key, members in channel.asked for member in members
    }
    assert {(row.state, row.attempts, row.doubtful) for row in rows} == {("accepted", 1, 0)}


def test_a_chunk_is_parted_until_the_bad_one_stands_alone(
    database: Database, tmp_path: Path
) -> None:
    broadcast_id = to_line(database, 33)
    bad = deliveries(database, broadcast_id)[21].id
    taken: Counter[int] = Counter()

    def verdict(key: UUID, members: Sequence[int]) -> Mapping[int, Outcome]:
        if bad not in members:
            taken.update(members)
            return dict.fromkeys(members, Accepted(str(key)))
        return halves(members) if len(members) > 1 else {bad: Refused("bad_request")}

    channel = KeyedChannel(verdict=verdict)
    with working(database, tmp_path, channel):
        until(sent(database, broadcast_id))
    rows = {row.id: row for row in deliveries(database, broadcast_id)}
    assert (rows.pop(bad).state, bad in taken) == ("refused", False)
    assert taken == dict.fromkeys(rows, 1)
    assert {(row.state, row.doubtful) for row in rows.values()} == {("accepted", 0)}
    requests = len(channel.asked)
    assert len({key for key, _ in channel.asked}) == requests <= 13


def test_without_an_answer_the_same_is_asked_under_the_same_key(
    sqlite_database: Database, tmp_path: Path, clock: Clock
) -> None:
    broadcast_id = to_line(sqlite_database, 30)
    left: list[Outcome] = [
        Unknown("no_answer"),
        TryLater("rate", timedelta(seconds=2)),
        Unknown("server_error"),
    ]

    def verdict(key: UUID, members: Sequence[int]) -> Mapping[int, Outcome]:
        return dict.fromkeys(members, left.pop() if left else Accepted(str(key)))

    channel = KeyedChannel(verdict=verdict)
    with working(sqlite_database, tmp_path, channel):
        for tries in range(1, 4):
            until(lambda tries=tries: len(channel.asked) == tries)  # type: ignore[misc]
            until(lambda: city.chunks(sqlite_database, broadcast_id)[0].not_before > clock.now)
            clock.forward(minutes=1)
        until(sent(sqlite_database, broadcast_id))
    assert len(channel.asked) == 4
    assert len(set(channel.asked)) == 1
    assert {row.doubtful for row in deliveries(sqlite_database, broadcast_id)} == {0}


# What one request brought comes into the ledger whole.


def test_outcomes_of_one_request_are_recorded_together(sqlite_database: Database) -> None:
    broadcast_id = to_line(sqlite_database, 6)
    now = [0.0]
    recorder = Recorder(sqlite_database, "w", city.EVERYTHING, lambda: 0.0, clock=lambda: now[0])
    recorder._demand.idle["line"] = 1
    recorder.commit()
    held = recorder._demand.granted["line"].popleft()
    ids = [row.id for row in deliveries(sqlite_database, broadcast_id)]
    for number, (member, outcome) in enumerate(halves(ids).items()):
        recorder.tell_all(held, [(member, outcome)])
        recorder.commit()
        assert held.key in recorder.held_keys()
        assert len(city.chunks(sqlite_database, broadcast_id)) == 1, number
    recorder.give_back(held)
    recorder.commit()
    assert [c.size for c in city.chunks(sqlite_database, broadcast_id)] == [6, 3, 3]


def test_a_worker_that_breaks_records_what_it_was_told(sqlite_database: Database) -> None:
    """As when the disk of the journal is full: then only the ledger can know."""
    broadcast_id = to_line(sqlite_database, 2)
    recorder = Recorder(sqlite_database, "w", city.EVERYTHING, lambda: 0.0, clock=lambda: 0.0)
    recorder._demand.idle["line"] = 1
    recorder.commit()
    held = recorder._demand.granted["line"].popleft()
    first, _ = deliveries(sqlite_database, broadcast_id)
    recorder.tell_all(held, [(first.id, Accepted("yes"))])
    recorder.stop()
    recorder.finish()
    recorder.run()
    assert [r.state for r in deliveries(sqlite_database, broadcast_id)] == ["accepted", "waiting"]


# Killed.


def asked(database: Database, held: Lease) -> tuple[UUID, tuple[int, ...]]:
    """What a worker would ask of a leased chunk: its key and members."""
    chunk = Renderer(database, Addresses("https://a.jp")).render(held).chunk
    return chunk.key, tuple(recipient.delivery_id for recipient in chunk.recipients)


class Dying:
    """A worker that asked for a chunk and is killed before everything is written down."""

    def __init__(self, database: Database, directory: Path, name: str) -> None:
        self.journal = Journal(directory, name)
        with database.writing() as tx:
            journals.opened(tx, name, host_id(directory), str(self.journal.path))
            (self.held,) = ledger.lease(tx, name, [Want("line", 1)], LASTING)
        self.key, self.members = asked(database, self.held)

    def die(self, outcomes: Mapping[int, Outcome]) -> None:
        key = (self.held.chunk_id, self.held.epoch)
        for member in self.members:
            self.journal.intents(*key, [member])
        for member, outcome in outcomes.items():
            self.journal.outcomes(*key, [(member, outcome)])
        os.close(self.journal._fd)


def recover(database: Database, directory: Path) -> int:
    return Recovery(database, directory, host_id(directory), lambda: AGAIN).run()


def test_killed_before_the_answer_the_same_is_asked_under_the_same_key(
    database: Database, tmp_path: Path
) -> None:
    broadcast_id = to_line(database, 7)
    keys = set()
    for number in range(3):
        dying = Dying(database, tmp_path, f"dying-{number}")
        keys.add((dying.key, dying.members))
        dying.die({})
        assert recover(database, tmp_path) == 0
    channel = KeyedChannel()
    with working(database, tmp_path / "other", channel):
        until(sent(database, broadcast_id))
    assert keys == set(channel.asked)
    assert len(channel.asked) == 1
    assert {r.doubtful for r in deliveries(database, broadcast_id)} == {0}


def test_killed_while_writing_down_that_they_are_parted(database: Database, tmp_path: Path) -> None:
    """Those written down are parted, the others asked again under the key that was refused."""
    to_line(database, 8)
    dying = Dying(database, tmp_path, "dying")
    outcomes = halves(dying.members)
    dying.die({member: outcomes[member] for member in dying.members[:6]})
    assert recover(database, tmp_path) == 0
    with database.writing() as tx:
        leases = ledger.lease(tx, "next", [Want("line", 9)], LASTING)
    found = dict(asked(database, held) for held in leases)
    assert found.pop(dying.key) == dying.members[6:]
    assert sorted(found.values()) == [dying.members[:4], dying.members[4:6]]


@dataclass
class Provider:
    """Takes a chunk once under its key, but for those with a bad address; loses some answers."""

    bad: int
    chance: random.Random
    taken: dict[UUID, tuple[int, ...]] = field(default_factory=dict)
    received: Counter[int] = field(default_factory=Counter)

    def ask(self, key: UUID, members: tuple[int, ...]) -> dict[int, Outcome]:
        fate = self.chance.random()
        if fate < 0.15:
            return dict.fromkeys(members, TryLater("rate", timedelta(seconds=3)))
        if fate < 0.3:
            return dict.fromkeys(members, Unknown("no_answer"))
        if key in self.taken:
            assert set(members) <= set(self.taken[key])
            return dict.fromkeys(members, Accepted("before"))
        if self.bad in members:
            return halves(members) if len(members) > 1 else {self.bad: Refused("bad_request")}
        self.taken[key] = members
        self.received.update(members)
        lost = fate < 0.5
        return dict.fromkeys(members, Unknown("no_answer") if lost else Accepted("now"))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_each_gets_it_once(
    database: Database, tmp_path: Path, clock: Clock, seed: int
) -> None:
    """Answers lost, workers killed with half of the answers written down, rates, parts."""
    broadcast_id = to_line(database, 23, size=10)
    ids = [row.id for row in deliveries(database, broadcast_id)]
    provider = Provider(ids[13], random.Random(seed))
    for step in range(200):
        clock.forward(seconds=30)
        if all(chunk.state == "done" for chunk in city.chunks(database, broadcast_id)):
            break
        _step(database, tmp_path, provider, step)
    rows = {row.id: row for row in deliveries(database, broadcast_id)}
    assert provider.received == dict.fromkeys(set(ids) - {provider.bad}, 1)
    assert rows.pop(provider.bad).state == "refused"
    assert {(row.state, row.doubtful) for row in rows.values()} == {("accepted", 0)}


def _step(database: Database, directory: Path, provider: Provider, step: int) -> None:
    """Lease one chunk if one is due, ask, and write down the answer or die of it."""
    with database.reading() as tx:
        if not ledger.anything_due(tx, [Want("line", 1)]):
            return
    dying = Dying(database, directory, f"worker-{step}")
    outcomes = provider.ask(dying.key, dying.members)
    written = provider.chance.choice([0, len(outcomes) // 2, len(outcomes), None])
    if written is None:
        dying.die({})
        with database.writing() as tx:
            recording.record_all(tx, [Told(dying.held, list(outcomes.items()))], AGAIN)
    else:
        dying.die(dict(list(outcomes.items())[:written]))
    assert recover(database, directory) == 0
