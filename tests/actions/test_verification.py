"""Is it real? Only what began to be sent is, and nobody finds a code by guessing."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from actions import verification, withdrawals
from actions.verification import Genuine, NotOurs
from domain.refusals import Refusal
from domain.verification import fold_verify_code, make_verify_code
from storage import broadcasts as stored
from storage import schools
from storage.database import Database
from tests.actions import city as made
from tests.actions.city import Cast, City, code, draft
from tests.actions.test_withdrawing import sending
from tests.databases import Clock


@pytest.fixture
def place(sqlite_database: Database) -> tuple[City, Cast]:
    return made.build_with_cast(sqlite_database)


def test_what_was_sent_is_named_and_what_was_withdrawn_is_not_shown(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    ref = sending(sqlite_database, city, cast, clock)
    with sqlite_database.writing() as tx:
        row = stored.broadcast(tx, ref.broadcast_id)
        assert row.verify_code
        found = verification.find(tx, city.board, f"確認番号 {row.verify_code.lower()}")
        expected = Genuine(row.verify_code, "第一小学校", row.subject, clock(), "Asia/Tokyo")
        assert found == expected
        assert row.subject in made.in_japanese(expected.words)
        withdrawals.withdraw(tx, cast.teacher, ref, "")
        found = verification.find(tx, city.board, row.verify_code)
        assert found == replace(expected, subject="")
        assert "取り消されました" in made.in_japanese(found.words)


def test_what_was_not_sent_is_unknown(sqlite_database: Database, place: tuple[City, Cast]) -> None:
    city, cast = place
    ref = draft(sqlite_database, city, cast.teacher)
    with sqlite_database.reading() as tx:
        row = stored.broadcast(tx, ref.broadcast_id)
        assert row.verify_code
        assert verification.find(tx, city.board, row.verify_code) is None
        assert verification.find(tx, city.board + 1, row.verify_code) is None


def test_whoever_asks_in_vain_is_told_whom_to_call_and_cannot_go_on_guessing(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, _ = place
    with sqlite_database.writing() as tx:
        schools.school(tx, city.school).phone = "048-000-0000"
        guardian = made.contact(tx, city, "guardian1")
        found = verification.asked_in_chat(tx, guardian, "K7Q3-M9XP")
        assert found == NotOurs((("第一小学校", "048-000-0000"),))
        for _ in range(30):
            last = verification.asked_in_chat(tx, guardian, "K7Q3-M9XP")
        assert isinstance(last, Refusal)
        assert code(last) == "too_many_tries"
        other = made.contact(tx, city, "guardian2")
        assert isinstance(verification.asked_in_chat(tx, other, "K7Q3-M9XP"), NotOurs)
    clock.forward(hours=2)
    with sqlite_database.writing() as tx:
        assert isinstance(verification.asked_in_chat(tx, guardian, "K7Q3-M9XP"), NotOurs)


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("K7Q3-M9XP", "K7Q3-M9XP"),
        ("確認番号 ｋ７ｑ３ー ｍ９ｘｐ です", "K7Q3-M9XP"),
        ("k7q3m9xp", "K7Q3-M9XP"),
        ("absences", None),
        ("20261124", None),
        ("22334455", None),
        ("K7Q3-M9XP-4TWR", None),
        ("https://example.jp/verify/K7Q3-M9XP", None),
        ("", None),
    ],
)
def test_reading_a_code(typed: str, folded: str | None) -> None:
    assert fold_verify_code(typed) == folded
    assert verification.looks_like_code(typed) == (folded is not None)


def test_every_code_made_is_read_again() -> None:
    chance = random.Random(7)
    made_ones = {make_verify_code(chance.choice) for _ in range(500)}
    assert len(made_ones) == 500
    assert all(fold_verify_code(each) == each for each in made_ones)
