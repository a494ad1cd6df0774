"""Asking for quotas, and freezing what one does not suffice for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event

import pytest
from sqlalchemy import select

from channels.base import Channel, Quota
from delivery.freeze import freeze
from delivery.quotas import Quotas, ask_all
from domain.audience import CITY
from domain.deliveries import ChunkRule
from storage import boards, people, quotas
from storage.database import Database, Transaction
from storage.freezing import OVER_LANE, Frozen
from storage.tables import AuditEntry, ContactPoint, Delivery
from tests.delivery import city
from tests.delivery.city import MAIL, City, FakeChannel

RULES = {**MAIL, "line": ChunkRule(size=500, slots=4, keyed=True)}


@dataclass
class FakeLine(FakeChannel):
    """A provider that counts: each account answers as told, or breaks."""

    name: str = "line"
    said: dict[str, Quota | None] = field(default_factory=dict)

    @property
    def accounts(self) -> Sequence[str]:
        return list(self.said)

    def quota(self, account: str) -> Quota | None:
        if account == "broken":
            raise RuntimeError(account)
        return self.said[account]


def test_every_account_is_asked_and_what_is_known_stays(database: Database) -> None:
    line = FakeLine(said={"line": Quota(200, 150), "broken": None, "silent": None})
    channels: dict[str, Channel] = {"line": line, "email": FakeChannel()}
    with database.writing() as tx:
        quotas.note(tx, "line", "silent", 500, 1)
        quotas.note(tx, "line", "gone", 500, 1)
    ask_all(database, channels)
    with database.reading() as tx:
        assert quotas.left(tx, "line") == {"line": 50, "silent": 499}
        assert quotas.left(tx, "email") == {"email": None}


def test_the_thread_asks_at_once_and_ends_when_told(database: Database) -> None:
    stop = Event()
    stop.set()
    Quotas(database, {"line": FakeLine(said={"line": Quota(None, 3)})}).run(stop)
    with database.reading() as tx:
        assert quotas.left(tx, "line") == {"line": None}


def test_an_open_transaction_waits_for_no_provider(sqlite_database: Database) -> None:
    """Where one stays open while a provider is asked, nobody else could write."""

    class Writing(FakeLine):
        def quota(self, account: str) -> Quota | None:
            with sqlite_database.writing() as tx:
                quotas.note(tx, "line", "line", 9, 0)
            return super().quota(account)

    ask_all(sqlite_database, {"line": Writing(said={"line": Quota(5, 1)})})
    with sqlite_database.reading() as tx:
        assert quotas.left(tx, "line") == {"line": 4}


# Freezing.


@dataclass
class Scene:
    """A city whose guardians are at LINE, some of them with mail as well."""

    where: City
    broadcast_id: int = 0

    def joins(self, tx: Transaction, name: str, *, account: str = "line", mail: bool) -> None:
        row = people.add_guardian(tx, self.where.board_id, "ja")
        people.join(tx, row, self.where.class_id)
        board = self.where.board_id
        if mail:
            box = people.contact_point(tx, board, "email", "email", f"{name}@example.jp")
            people.link_contact(tx, row, box.id)
        people.link_contact(tx, row, people.contact_point(tx, board, "line", account, name).id)


def scene(tx: Transaction, with_mail: int, without: int) -> Scene:
    made = Scene(city.found(tx))
    for number in range(with_mail):
        made.joins(tx, f"mail{number}", mail=True)
    for number in range(without):
        made.joins(tx, f"only{number}", mail=False)
    return made


def frozen(tx: Transaction, where: City) -> int:
    broadcast_id = city.approved(tx, where, parts=[CITY])
    assert isinstance(freeze(tx, broadcast_id, RULES), Frozen)
    return broadcast_id


def by_channel(database: Database, broadcast_id: int) -> Counter[tuple[str, str]]:
    with database.reading() as tx:
        query = (
            select(ContactPoint.channel, ContactPoint.account)
            .join(Delivery, Delivery.contact_point_id == ContactPoint.id)
            .where(Delivery.broadcast_id == broadcast_id)
        )
        return Counter(tx.session.execute(query).tuples().all())


LINE, POST = ("line", "line"), ("email", "email")


@pytest.mark.parametrize(
    ("limit", "line", "mail"),
    [(None, 7, 0), (7, 7, 0), (6, 6, 1), (4, 4, 3), (3, 4, 3), (0, 4, 3)],
)
def test_who_has_another_way_moves_until_it_fits(
    database: Database, limit: int | None, line: int, mail: int
) -> None:
    with database.writing() as tx:
        where = scene(tx, with_mail=3, without=4).where
        quotas.note(tx, "line", "line", limit, 0)
        broadcast_id = frozen(tx, where)
    assert by_channel(database, broadcast_id) == +Counter({LINE: line, POST: mail})
    with database.reading() as tx:
        started = select(AuditEntry.details).where(AuditEntry.verb == "start")
        assert tx.session.scalars(started).one().get("moved_by_quota", 0) == mail


def test_those_beyond_the_quota_get_a_chunk_of_their_own_after_all_others(
    database: Database,
) -> None:
    """LINE refuses a request as a whole: who fits must not be in one with who does not."""
    with database.writing() as tx:
        where = scene(tx, with_mail=2, without=5).where
        quotas.note(tx, "line", "line", 10, 7)
        broadcast_id = frozen(tx, where)
    found = [(chunk.lane, chunk.size) for chunk in city.chunks(database, broadcast_id)]
    assert sorted(found[:-1]) == [("line", 3), ("other", 2)]
    assert found[-1] == (OVER_LANE, 2)


@pytest.mark.parametrize(
    ("rule", "line", "mail"), [("mail", 1, 2), ("refuse", 1, 2), ("send", 3, 0)]
)
def test_the_board_chooses_and_nothing_approved_is_refused(
    database: Database, rule: str, line: int, mail: int
) -> None:
    with database.writing() as tx:
        where = scene(tx, with_mail=3, without=0).where
        boards.set_settings(tx, where.board_id, {"over_quota": rule})
        quotas.note(tx, "line", "line", 1, 0)
        broadcast_id = frozen(tx, where)
    assert by_channel(database, broadcast_id) == +Counter({LINE: line, POST: mail})
    assert {chunk.lane for chunk in city.chunks(database, broadcast_id)} <= {"line", "other"}


def test_each_account_has_its_own_quota(database: Database) -> None:
    with database.writing() as tx:
        made = scene(tx, with_mail=3, without=1)
        for number in range(4):
            made.joins(tx, f"second{number}", account="second", mail=number < 3)
        quotas.note(tx, "line", "line", 2, 0)
        quotas.note(tx, "line", "second", 3, 0)
        broadcast_id = frozen(tx, made.where)
    assert by_channel(database, broadcast_id) == {LINE: 2, ("line", "second"): 3, POST: 3}


def test_nobody_moves_to_an_account_that_has_a_limit_itself(database: Database) -> None:
    with database.writing() as tx:
        made = Scene(city.found(tx))
        made.joins(tx, "one", mail=False)
        board = made.where.board_id
        point = people.contact_point(tx, board, "line", "line", "one")
        (person,) = people.guardians_of(tx, point.id)
        people.link_contact(tx, person, people.contact_point(tx, board, "line", "b", "x").id)
        quotas.note(tx, "line", "line", 5, 0)
        quotas.note(tx, "line", "b", 0, 0)
        broadcast_id = frozen(tx, made.where)
    assert by_channel(database, broadcast_id) == {("line", "b"): 1}


def test_two_guardians_at_one_address_move_only_together(database: Database) -> None:
    with database.writing() as tx:
        made = scene(tx, with_mail=1, without=0)
        board = made.where.board_id
        shared = people.contact_point(tx, board, "line", "line", "mail0")
        other = people.add_guardian(tx, board, "ja")
        people.join(tx, other, made.where.class_id)
        people.link_contact(tx, other, shared.id)
        quotas.note(tx, "line", "line", 0, 0)
        alone = frozen(tx, made.where)
        box = people.contact_point(tx, board, "email", "email", "other@example.jp")
        people.link_contact(tx, other, box.id)
        people.link_contact(tx, other, shared.id)
        together = frozen(tx, made.where)
    assert by_channel(database, alone) == {LINE: 1}
    assert by_channel(database, together) == {POST: 2}
