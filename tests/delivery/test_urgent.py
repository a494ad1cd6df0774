"""An emergency is ahead of all other traffic: frozen first, and leased first in every lane."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, insert, select

from delivery.freeze import freeze
from delivery.schedule import tick_due
from domain.deliveries import ORDINARY, URGENT
from storage import freezing, ledger
from storage.database import Database, Transaction
from storage.freezing import Frozen
from storage.ledger import Want
from storage.tables import Board, Chunk
from tests.delivery import city
from tests.delivery.city import EVERYTHING

CHANNELS = ("email", "line", "telegram")
WAITING = 1_000
A_MINUTE = timedelta(minutes=1)


def test_whatever_waits_an_emergency_is_leased_first_in_every_lane(database: Database) -> None:
    """Another broadcast has thousands of ready chunks in the same lanes, put down before it."""
    with database.writing() as tx:
        town = city.found(tx)
        tx.session.get_one(Board, town.board_id).settings = {"telegram": True}
        of_each = (city.line, city.telegram, city.address)
        city.settle_guardians(tx, town, *((way(n),) for n in range(1, 9) for way in of_each))
        ordinary, urgent = city.approved(tx, town), city.approved(tx, town, emergency=True)
    with database.writing() as tx:
        assert isinstance(freeze(tx, ordinary, EVERYTHING), Frozen)
        tx.session.execute(insert(Chunk), _thousands(tx, ordinary))
    with database.writing() as tx:
        assert isinstance(freeze(tx, urgent, EVERYTHING), Frozen)
    wanted = {chunk.channel: 0 for chunk in city.chunks(database, urgent)}
    for chunk in city.chunks(database, urgent):
        assert chunk.priority == URGENT < ORDINARY
        wanted[chunk.channel] += 1
    assert set(wanted) == set(CHANNELS)
    wants = [Want(channel, count) for channel, count in wanted.items()]
    with database.writing() as tx:
        first = ledger.lease(tx, "a", wants, A_MINUTE)
        then = ledger.lease(tx, "b", [Want(name, 1) for name in CHANNELS], A_MINUTE)
    assert {held.broadcast_id for held in first} == {urgent}
    assert len(first) == len(city.chunks(database, urgent))
    assert {held.lane for held in first} >= {held.lane for held in then}
    assert [held.broadcast_id for held in then] == [ordinary] * len(CHANNELS)


def _thousands(tx: Transaction, broadcast_id: int) -> list[dict[str, object]]:
    query = select(Chunk).where(Chunk.broadcast_id == broadcast_id)
    lanes = [(row.channel, row.account, row.lane) for row in tx.session.scalars(query)]
    return [
        {
            "board_id": 1,
            "broadcast_id": broadcast_id,
            "channel": channel,
            "account": account,
            "lane": lane,
            "variant": "ja",
            "state": "ready",
            "size": 100,
            "not_before": tx.now - timedelta(hours=1),
            "deadline": tx.now + timedelta(hours=1),
        }
        for channel, account, lane in lanes
        for _ in range(WAITING)
    ]


def test_a_due_emergency_is_frozen_before_what_has_long_been_due(database: Database) -> None:
    with database.writing() as tx:
        town = city.found(tx, families=3)
        early = [city.approved(tx, town, due_in=timedelta(minutes=-9)) for _ in range(2)]
        urgent = city.approved(tx, town, emergency=True)
    with database.reading() as tx:
        assert freezing.due(tx) == [urgent, *early]
    assert tick_due(database, EVERYTHING) == 3
    with database.reading() as tx:
        firsts = select(Chunk.broadcast_id, func.min(Chunk.id)).group_by(Chunk.broadcast_id)
        made = dict(tx.session.execute(firsts).tuples().all())
    assert sorted(made, key=made.__getitem__) == [urgent, *early]
