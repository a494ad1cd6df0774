"""Silence: one reminder, by day, and then the answers are deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from bot import silence
from bot.dialogues import FLOWS
from bot.turns import TurnLoop
from domain.roles import Role
from storage import dialogues, people
from storage.database import Database
from tests.databases import Clock
from tests.dialogues.kit import Bot, Person, Town

REMINDED = "途中のやりとりが残っています"


def sweeps(town: Town) -> int:
    return silence.remind_all(town.database, FLOWS)


def test_one_reminder_with_the_question_and_its_buttons(
    town: Town, guardian: Person, bot: Bot
) -> None:
    guardian.says(town.school_code)
    guardian.says("はい")
    town.clock.forward(hours=23)
    assert sweeps(town) == 0
    town.clock.forward(hours=2)
    assert sweeps(town) == 1
    guardian.listens()
    bot.answers(REMINDED, "11月26日", "お子さんの組", "1 3年1組")
    guardian.taps("3年2組")
    bot.answers("出席番号")
    town.clock.forward(hours=26)
    assert sweeps(town) == 0
    assert guardian.listens() == ""


def test_then_the_answers_are_deleted(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says(town.school_code)
    town.clock.forward(hours=49)
    assert sweeps(town) == 0
    with town.database.writing() as tx:
        assert dialogues.erase_expired(tx) == 1
    guardian.says("ありがとう")
    bot.answers("ありがとうございます")


def test_nobody_is_reminded_at_night(town: Town, guardian: Person) -> None:
    town.clock.now = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)  # 20:30 in Tokyo
    guardian.says(town.school_code)
    for at in (
        datetime(2026, 11, 25, 12, 0, tzinfo=UTC),  # 21:00
        datetime(2026, 11, 25, 21, 59, tzinfo=UTC),  # 6:59
    ):
        town.clock.now = at
        assert sweeps(town) == 0
    town.clock.now = datetime(2026, 11, 25, 22, 0, tzinfo=UTC)  # 7:00
    assert sweeps(town) == 1


def test_a_menu_holds_nobody_and_a_week_is_reminded_in_its_middle(town: Town) -> None:
    town.person("idle").says("メニュー")
    teacher = town.staff("先生", Role.OPERATOR)
    teacher.says("作成")
    town.clock.forward(days=3)
    assert sweeps(town) == 0
    town.clock.forward(days=1)
    assert sweeps(town) == 1
    teacher.listens()
    Bot(teacher).answers(REMINDED, "何の連絡ですか")


def test_who_has_blocked_us_is_left_alone(town: Town, guardian: Person) -> None:
    guardian.says(town.school_code)
    guardian.blocks()
    town.clock.forward(hours=25)
    assert sweeps(town) == 0
    assert guardian.listens() == ""


def test_the_loop_reminds_and_erases(town: Town, guardian: Person, bot: Bot) -> None:
    loop = TurnLoop(town.database)
    guardian.says(town.school_code)
    town.clock.forward(hours=25)
    loop._sweep()
    guardian.listens()
    bot.answers(REMINDED)


@pytest.mark.parametrize("kind", ["sqlite_database", "postgresql_database"])
def test_two_workers_remind_once(request: pytest.FixtureRequest, clock: Clock, kind: str) -> None:
    database: Database = request.getfixturevalue(kind)
    town = Town(database, clock).opens()
    guardian = town.person("guardian")
    guardian.says(town.school_code)
    clock.forward(hours=25)
    with database.reading() as tx:
        (silent,) = dialogues.silent(tx, ["register"], silence._EARLIEST)
        assert silent.contact_point_id == guardian.contact_id

    def remind() -> bool:
        with database.writing() as tx:
            return silence.remind(tx, FLOWS, silent)

    with ThreadPoolExecutor(2) as pool:
        done = [each.result() for each in [pool.submit(remind), pool.submit(remind)]]
    assert sorted(done) == [False, True]
    assert guardian.listens().count(REMINDED) == 1
    with database.writing() as tx:
        assert people.contact(tx, guardian.contact_id).state == "active"
