"""A small made-up city for the tests of the delivery engine, written in bulk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy import event, select

from channels.base import Answer as Reply
from channels.base import Incoming, Limits, Message, RawRequest, SendChunk, SendLog
from delivery.freeze import freeze
from domain.addresses import ChatAddress, MailAddress
from domain.audience import Part, parts_to_json
from domain.deliveries import ChunkRule
from domain.outcomes import Accepted, Outcome
from storage import bulk, schools, staff
from storage.database import Database, Transaction
from storage.freezing import Frozen
from storage.tables import Board, Broadcast, Chunk, Delivery

MAIL = {"email": ChunkRule(size=100, slots=8, keyed=False)}
EVERYTHING = MAIL | {
    "line": ChunkRule(size=500, slots=2, keyed=True),
    "telegram": ChunkRule(size=100, slots=1, keyed=False),
    "webchat": ChunkRule(size=500, slots=1, keyed=False),
}
DOMAINS = ("docomo.ne.jp", "gmail.com", "example.jp", "au.com")


@dataclass(frozen=True)
class City:
    board_id: int
    school_id: int
    class_id: int


def found(tx: Transaction, families: int = 0) -> City:
    """A board with one school, one class and so many families of one guardian."""
    board = Board(code="city", name="市教育委員会", settings={}, created_at=tx.now)
    tx.session.add(board)
    tx.flush()
    school = schools.add_school(tx, board.id, "s01", "第一小学校", "primary", "K7Q3")
    group = schools.add_group(tx, schools.root_of(tx, school.id), "1年1組", "class")
    city = City(board.id, school.id, group.id)
    settle_families(tx, city, families)
    return city


def settle_families(tx: Transaction, city: City, count: int, first: int = 1) -> None:
    numbers = range(first, first + count)
    bulk.add_families(
        tx,
        city.board_id,
        [bulk.NewFamily(city.class_id, number, ((address(number),),)) for number in numbers],
    )


Way = MailAddress | ChatAddress


def settle_guardians(tx: Transaction, city: City, *guardians: tuple[Way, ...]) -> None:
    """Families of one guardian each, who is reached by these addresses, the first one first."""
    families = [
        bulk.NewFamily(city.class_id, number, (ways,)) for number, ways in enumerate(guardians, 1)
    ]
    bulk.add_families(tx, city.board_id, families)


def line(number: int) -> ChatAddress:
    return ChatAddress("line", "line", f"U{number:032x}")


def telegram(number: int) -> ChatAddress:
    return ChatAddress("telegram", "telegram", str(number))


def address(number: int) -> MailAddress:
    domain = DOMAINS[number % len(DOMAINS)]
    text = f"guardian{number}@{domain}"
    return MailAddress(text, text, f"guardian{number}", domain)


def approved(
    tx: Transaction,
    city: City,
    families: int | None = None,
    parts: Sequence[Part] | None = None,
    due_in: timedelta = timedelta(0),
    valid_for: timedelta | None = None,
    emergency: bool = False,
) -> int:
    """An approved broadcast to the whole school; the number of its row."""
    author = staff.add_staff(tx, city.board_id, "田中")
    row = Broadcast(
        board_id=city.board_id,
        school_id=city.school_id,
        state="approved",
        purpose="event",
        subject="運動会は延期です",
        body="雨のため、運動会は日曜日に延期します。",
        audience=parts_to_json(parts or [Part("school", city.school_id)]),
        options={"emergency": True} if emergency else {},
        content_hash="0" * 64,
        author_ids=[author.id],
        submitted_by=author.id,
        due_at=tx.now + due_in,
        valid_until=tx.now + valid_for if valid_for else None,
        approved_families=families,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.session.add(row)
    tx.flush()
    return row.id


def frozen(database: Database, families: int, size: int = 100) -> int:
    """A broadcast that is being sent to so many families; the number of its row."""
    with database.writing() as tx:
        broadcast_id = approved(tx, found(tx, families))
    with database.writing() as tx:
        rules = {"email": ChunkRule(size, slots=8, keyed=False)}
        assert isinstance(freeze(tx, broadcast_id, rules), Frozen)
    return broadcast_id


def sending(
    database: Database,
    *guardians: tuple[Way, ...],
    rules: Mapping[str, ChunkRule] = EVERYTHING,
    **settings: Any,
) -> int:
    """A broadcast on its way to these guardians of a board that chose these settings."""
    with database.writing() as tx:
        city = found(tx)
        tx.session.get_one(Board, city.board_id).settings = settings
        settle_guardians(tx, city, *guardians)
        broadcast_id = approved(tx, city)
    with database.writing() as tx:
        assert isinstance(freeze(tx, broadcast_id, rules), Frozen)
    return broadcast_id


def deliveries(database: Database, broadcast_id: int) -> list[Delivery]:
    with database.reading() as tx:
        query = select(Delivery).where(Delivery.broadcast_id == broadcast_id)
        return list(tx.session.scalars(query.order_by(Delivery.id)))


def chunks(database: Database, broadcast_id: int) -> list[Chunk]:
    with database.reading() as tx:
        query = select(Chunk).where(Chunk.broadcast_id == broadcast_id)
        return list(tx.session.scalars(query.order_by(Chunk.id)))


def states(database: Database, broadcast_id: int) -> set[str]:
    return {delivery.state for delivery in deliveries(database, broadcast_id)}


def broadcast(database: Database, broadcast_id: int) -> Broadcast:
    with database.reading() as tx:
        return tx.session.get_one(Broadcast, broadcast_id)


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    """Every statement that goes to the database meanwhile; many rows at once are one."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


LIMITS = Limits(text_units=100_000, buttons=0, pictures=10, recipients=100, slots=2)
Answer = Callable[[int], Outcome]


def accepting(delivery_id: int) -> Outcome:
    return Accepted(f"250 ok {delivery_id}")


@dataclass
class FakeChannel:
    """A provider in the same process: it answers as told and remembers what it was sent."""

    name: str = "email"
    limits: Limits = LIMITS
    answer: Answer = accepting
    before_each: Callable[[int], None] = lambda _: None
    sent: list[tuple[int, str]] = field(default_factory=list)
    replied: list[tuple[str, Message]] = field(default_factory=list)
    answers: list[Reply] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @property
    def accounts(self) -> Sequence[str]:
        return [self.name]

    def verify(self, request: RawRequest) -> bool:
        return False

    def parse(self, request: RawRequest) -> Sequence[Incoming]:
        return []

    def acknowledge(self, request: RawRequest) -> bytes:
        return b"{}"

    def reply(self, answer: Reply) -> Outcome:
        with self.lock:
            self.answers.append(answer)
            self.replied += [(answer.address, message) for message in answer.messages]
        return self.answer(0)

    def fetch(self, account: str, media: str) -> bytes | Outcome:
        return b""

    def link(self, account: str, text: str) -> str | None:
        return None

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        for recipient in chunk.recipients:
            if log.stopping():
                return
            self.before_each(recipient.delivery_id)
            log.intent(recipient.delivery_id)
            with self.lock:
                self.sent.append((recipient.delivery_id, recipient.message_id))
            log.outcome(recipient.delivery_id, self.answer(recipient.delivery_id))

    def close(self) -> None:
        pass


KEYED = Limits(text_units=5000, buttons=13, pictures=4, recipients=500, slots=2, keyed=True)
# What a keyed provider says of a request, given its key and recipients: one outcome each.
Verdict = Callable[[UUID, Sequence[int]], Mapping[int, Outcome]]


def taking_all(key: UUID, members: Sequence[int]) -> Mapping[int, Outcome]:
    return dict.fromkeys(members, Accepted(str(key)))


@dataclass
class KeyedChannel(FakeChannel):
    """A provider that takes a whole chunk in one request and knows it by its key."""

    name: str = "line"
    limits: Limits = KEYED
    verdict: Verdict = taking_all
    asked: list[tuple[UUID, tuple[int, ...]]] = field(default_factory=list)

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        members = tuple(recipient.delivery_id for recipient in chunk.recipients)
        for member in members:
            log.intent(member)
        with self.lock:
            self.asked.append((chunk.key, members))
        for member, outcome in self.verdict(chunk.key, members).items():
            log.outcome(member, outcome)
