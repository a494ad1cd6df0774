"""Ways, one-time codes and forgetting, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select

from actions import contacts, handing_over
from domain.contact_codes import fold_contact_code, make_contact_code
from domain.refusals import Refusal
from storage import contact_codes, forgetting, people, ways
from storage.database import Database
from storage.tables import ContactPoint, Guardian
from tests.actions import city
from tests.databases import Clock


def _two_ways(database: Database) -> tuple[int, int, int]:
    """A guardian with two contact points."""
    where = city.build(database)
    with database.writing() as tx:
        first = city.contact(tx, where, "guardian1")
        second = people.contact_point(tx, where.board, "line", "line", "second").id
        guardian = people.guardians_of(tx, first)[0]
        people.link_second_contact(tx, guardian, second)
        return guardian.id, first, second


def test_two_telephones_never_give_up_each_other(database: Database) -> None:
    guardian_id, first, second = _two_ways(database)

    def drop(here: int, way: int) -> Refusal | None:
        with database.writing() as tx:
            return contacts.drop(tx, here, way)

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(drop, first, second), pool.submit(drop, second, first)]
    answers = [each.result() for each in done]
    with database.reading() as tx:
        assert len(ways.of_guardian(tx, guardian_id)) == 1
    assert sum(answer is None for answer in answers) == 1


def test_one_code_used_in_two_chats_at_once_links_one(database: Database) -> None:
    guardian_id, first, _ = _two_ways(database)
    with database.writing() as tx:
        issued = handing_over.issue_code(tx, first, retires=False)
        assert isinstance(issued, handing_over.IssuedCode)
        board = people.contact(tx, first).board_id
        chats = [people.contact_point(tx, board, "line", "line", name).id for name in "ab"]

    def use(contact_id: int) -> bool:
        with database.writing() as tx:
            return not isinstance(handing_over.use_code(tx, contact_id, issued.code), Refusal)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(use, chats))
    assert sorted(done) == [False, True]
    with database.reading() as tx:
        assert len(ways.of_guardian(tx, guardian_id)) == 3


def test_codes_end_with_time_with_use_and_with_the_next_one(
    database: Database, clock: Clock
) -> None:
    guardian_id, first, _ = _two_ways(database)
    with database.writing() as tx:
        guardian = tx.session.get_one(Guardian, guardian_id)
        until = tx.now + timedelta(minutes=30)
        contact_codes.add(tx, guardian, "C222-2222-22", until, None)
        contact_codes.add(tx, guardian, "C333-3333-33", until, first)
        assert contact_codes.open_code(tx, guardian.board_id, "C222-2222-22") is None
        row = contact_codes.open_code(tx, guardian.board_id, "C333-3333-33")
        assert row is not None
        assert row.retires_id == first
        assert contact_codes.open_code(tx, guardian.board_id + 1, "C333-3333-33") is None
    clock.forward(minutes=31)
    with database.writing() as tx:
        assert contact_codes.open_code(tx, guardian.board_id, "C333-3333-33") is None


def test_what_was_left_is_erased_a_day_later(database: Database, clock: Clock) -> None:
    _, first, second = _two_ways(database)
    with database.writing() as tx:
        for contact_id in (first, second):
            forgetting.note_left(tx, contact_id)
        ways.unlink(tx, people.guardians_of(tx, second)[0].id, second)
        assert forgetting.erase_left(tx) == 0
        assert people.contact(tx, first).state == "active"
    clock.forward(days=1)
    with database.writing() as tx:
        assert forgetting.erase_left(tx) == 1
    with database.reading() as tx:
        point = tx.session.scalars(select(ContactPoint).where(ContactPoint.id == second)).one()
        assert (point.state, people.open_address(tx, point)) == ("erased", "")
        assert people.find_contact_point(tx, "line", "line", "second") is None


def test_the_shape_of_a_code() -> None:
    code = make_contact_code(lambda alphabet: alphabet[-1])
    assert code == "C9ZZ-ZZZZ-ZZ"
    for typed in ("c9zz-zzzz-zz", "Ｃ９ＺＺＺＺＺＺＺＺ", "コードは C9ZZ ZZZZ ZZ です"):
        assert fold_contact_code(typed) == code
    for other in ("CARPENTERS", "K7Q3-M9XP-TW", "C9ZZ-ZZZZ-ZZZZ", "C9ZZ-ZZZZ", "C9ZZ-ZZZZ-Z0", ""):
        assert fold_contact_code(other) is None
