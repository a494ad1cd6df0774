"""Tampering with the records in the database is found and named, whatever comes after."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import delete, insert, select, update

from actions import audit, broadcasts
from domain.audit import Finding
from storage.database import Database
from storage.tables import AuditChain, AuditEntry, Group, School
from tests.actions import city as scene
from tests.actions.city import City


@pytest.fixture
def city(database: Database) -> City:
    return scene.build(database)


def faults(database: Database) -> list[Finding]:
    with database.reading() as tx:
        return audit.verify(tx)


def chain_of(city: City) -> str:
    return f"school:{city.school}"


def length(database: Database, city: City) -> int:
    with database.reading() as tx:
        return tx.session.get_one(AuditChain, chain_of(city)).length


def at(city: City, sequence: int) -> tuple[object, object]:
    return AuditEntry.chain == chain_of(city), AuditEntry.sequence == sequence


def go_on(database: Database, city: City) -> None:
    with database.writing() as tx:
        audit.record(tx, chain_of(city), audit.SYSTEM, "test", "test:1")


def test_a_city_at_work_has_whole_chains(database: Database, city: City) -> None:
    cast = scene.cast(database, city)
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        broadcasts.approve(tx, cast.principal, ref)
    assert faults(database) == []


@pytest.mark.parametrize("after", [False, True])
def test_a_changed_entry(database: Database, city: City, after: bool) -> None:
    with database.writing() as tx:
        tx.session.execute(update(AuditEntry).where(*at(city, 3)).values(actor="staff:99"))  # type: ignore[arg-type]
    if after:
        go_on(database, city)
    assert faults(database) == [Finding(chain_of(city), "changed", 3)]


def test_a_removed_entry(database: Database, city: City) -> None:
    with database.writing() as tx:
        tx.session.execute(delete(AuditEntry).where(*at(city, 3)))  # type: ignore[arg-type]
    go_on(database, city)
    assert faults(database) == [Finding(chain_of(city), "removed", 3)]


def test_two_entries_that_changed_places(database: Database, city: City) -> None:
    with database.writing() as tx:
        for old, new in ((3, 900), (5, 3), (900, 5)):
            move = update(AuditEntry).where(*at(city, old)).values(sequence=new)  # type: ignore[arg-type]
            tx.session.execute(move)
    go_on(database, city)
    assert faults(database) == [
        Finding(chain_of(city), "reordered", 3, 5),
        Finding(chain_of(city), "reordered", 5, 3),
    ]


def test_an_added_entry(database: Database, city: City) -> None:
    last = length(database, city)
    with database.writing() as tx:
        genuine = tx.session.get_one(AuditEntry, (chain_of(city), last))
        values = {c.key: getattr(genuine, c.key) for c in AuditEntry.__table__.columns}
        tx.session.execute(insert(AuditEntry).values({**values, "sequence": last + 1}))
    assert faults(database) == [Finding(chain_of(city), "added", last + 1)]
    go_on(database, city)
    assert [found.sequence for found in faults(database)] == [last + 1, last + 2]


def test_an_end_cut_off_is_not_covered_up_by_what_follows(database: Database, city: City) -> None:
    last = length(database, city)
    with database.writing() as tx:
        tx.session.execute(delete(AuditEntry).where(*at(city, last)))  # type: ignore[arg-type]
    assert faults(database) == [Finding(chain_of(city), "removed", last)]
    with database.writing() as tx:
        tx.session.execute(
            update(AuditChain).where(AuditChain.chain == chain_of(city)).values(length=last - 1)
        )
    assert faults(database) == [Finding(chain_of(city), "changed", 0)]
    go_on(database, city)
    go_on(database, city)
    assert faults(database) == [Finding(chain_of(city), "removed", last)]


def test_a_whole_chain_taken_away(database: Database, city: City) -> None:
    with database.writing() as tx:
        tx.session.execute(delete(AuditEntry).where(AuditEntry.chain == chain_of(city)))
        tx.session.execute(delete(AuditChain).where(AuditChain.chain == chain_of(city)))
    assert faults(database) == [Finding(chain_of(city), "removed", 0)]
    go_on(database, city)
    assert faults(database) == [Finding(chain_of(city), "removed", 1)]


def test_a_school_taken_away_with_its_whole_chain(database: Database, city: City) -> None:
    chain = f"school:{city.other_school}"
    with database.writing() as tx:
        tx.session.execute(delete(AuditEntry).where(AuditEntry.chain == chain))
        tx.session.execute(delete(AuditChain).where(AuditChain.chain == chain))
        tx.session.execute(delete(Group).where(Group.school_id == city.other_school))
        tx.session.execute(delete(School).where(School.id == city.other_school))
    assert faults(database) == [Finding(chain, "removed", 0)]
    with database.writing() as tx:
        openings = select(AuditEntry.sequence).where(
            AuditEntry.chain == f"board:{city.board}", AuditEntry.subject == chain
        )
        opened = tx.session.scalars(openings).one()
        entry = AuditEntry.chain == f"board:{city.board}", AuditEntry.sequence == opened
        tx.session.execute(delete(AuditEntry).where(*entry))
    assert faults(database) == [Finding(f"board:{city.board}", "removed", opened)]


def test_a_chain_of_no_school_is_an_added_one(database: Database, city: City) -> None:
    with database.writing() as tx:
        genuine = tx.session.get_one(AuditEntry, (chain_of(city), 1))
        values = {c.key: getattr(genuine, c.key) for c in AuditEntry.__table__.columns}
        tx.session.execute(insert(AuditEntry).values({**values, "chain": "school:999"}))
    assert Finding("school:999", "added", 1) in faults(database)


def test_entries_hold_no_personal_data(database: Database, city: City) -> None:
    cast = scene.cast(database, city)
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        broadcasts.send_back(tx, cast.principal, ref, "田中さんの名前は書かないでください。")
    with database.reading() as tx:
        rows = tx.session.execute(select(AuditEntry)).scalars()
        everything = json.dumps(
            [[r.chain, r.actor, r.verb, r.subject, r.details] for r in rows], ensure_ascii=False
        )
    for personal in ("田中", "遠足", "雨", "teacher", "principal", "guardian1", city.school_id):
        assert f'"{personal}' not in everything
    assert everything.isascii()
