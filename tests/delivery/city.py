"""A small made-up city for the tests of the delivery engine, written in bulk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock

from sqlalchemy import select

from channels.base import Incoming, Limits, Message, RawRequest, SendChunk, SendLog
from delivery.freeze import freeze
from domain.addresses import MailAddress
from domain.audience import Part, parts_to_json
from domain.outcomes import Accepted, Outcome
from storage import bulk, schools, staff
from storage.database import Database, Transaction
from storage.freezing import Frozen
from storage.tables import Board, Broadcast, Chunk, Delivery

MAIL = {"email": 100}
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
        assert isinstance(freeze(tx, broadcast_id, {"email": size}), Frozen)
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


LIMITS = Limits(text_units=100_000, buttons=0, pictures=10, recipients=100)
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
    lock: Lock = field(default_factory=Lock)

    def verify(self, request: RawRequest) -> bool:
        return False

    def parse(self, request: RawRequest) -> Sequence[Incoming]:
        return []

    def reply(self, account: str, address: str, messages: Sequence[Message]) -> Outcome:
        with self.lock:
            self.replied += [(address, message) for message in messages]
        return self.answer(0)

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
