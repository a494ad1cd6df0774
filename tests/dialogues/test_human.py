"""Two devices, two tabs, and whatever else: everybody is answered, and nothing gets lost."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions import boards
from domain.roles import Role
from storage import staff as stored_staff
from storage.database import Database
from tests.databases import SECRET, VAULT, Clock
from tests.dialogues.kit import Bot, Person, Town

ID = "the school's ID"
WORDS = (
    *(
        ID,
        f"{ID}\nはい\n3-2",
        f"{ID} はい",
        "はい",
        "はい。3年2組です",
        "3年2組 12番",
        "3-2 12番 サッカー部",
    ),
    *("いいえ", "いいえ、違います", "完了", "登録する", "登録するでお願いします", "なし", "あとで"),
    *(
        "ありがとう",
        "了解です",
        "欠席します",
        "明日は何時ですか？",
        "ばか",
        "👍",
        "。。。",
        "！",
        "１",
        "2,3",
    ),
    *(
        "登録",
        "登録内容",
        "受け取り方",
        "機種変更",
        "退会",
        "ヘルプ",
        "メニュー",
        "本物か確認",
        "取消",
    ),
    *("戻る", "キャンセル", "やめる", "English", "日本語", "作成", "緊急", "承認 1-1", "12"),
    *(
        "LINEなどを足す",
        "新しい電話に引き継ぐ",
        "登録したメール",
        "a@example.jp",
        "123456",
        "これまでの電話",
    ),
    *(
        "C2AA-AAAA-AA",
        "SABC-DEFG-HJKM-NPQR",
        "2222-3333-4444 はい",
        "K7Q3-M9XP",
        "承認をお願いします",
    ),
)
said = st.one_of(st.sampled_from(WORDS), st.text(min_size=1, max_size=20))
steps = st.lists(st.tuples(st.integers(0, 1), said, st.sampled_from([0, 0, 0, 30])), max_size=14)


@pytest.fixture(scope="module")
def town_file(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Town]:
    path = tmp_path_factory.mktemp("humans") / "town.db"
    shutil.copy(migrated_sqlite, path)
    database = Database(f"sqlite:///{path}", VAULT, SECRET, Clock())
    town = Town(database, Clock()).opens()
    with database.writing() as tx:
        boards.change_settings(tx, town.board_id, telegram=True)
    database.close()
    return path, town


@contextmanager
def copied(path: Path, made: Town) -> Iterator[Town]:
    with tempfile.TemporaryDirectory() as folder:
        copy, clock = Path(folder) / "town.db", Clock()
        shutil.copy(path, copy)
        database = Database(f"sqlite:///{copy}", VAULT, SECRET, clock)
        ids = {"board_id": made.board_id, "school_id": made.school_id}
        yield Town(database, clock, school_code=made.school_code, **ids)  # type: ignore[arg-type]
        database.close()


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_everybody_is_answered_whatever_they_say(
    town_file: tuple[Path, Town], played: list[tuple[int, str, int]]
) -> None:
    """Never an error, never silence; and the other's dialogue stays where it was."""
    with copied(*town_file) as town:
        people = [town.person("on LINE", "line"), town.person("on Telegram", "telegram")]
        for who, words, hours in played:
            town.clock.forward(hours=hours)
            other = people[1 - who]
            before = other.dialogue()
            words = words.replace(ID, town.school_code).encode("utf-8", "replace").decode()
            assert people[who].says(words), f"silence after {words!r}"
            assert other.dialogue() == before
        assert town.parked() == 0
        for person in people:
            while person.dialogue() not in (None, "menu", "status"):
                person.says("キャンセル")
            person.says(town.school_code)
            assert person.dialogue() == "register"


def test_phone_and_pc_of_one_teacher_are_not_mixed(town: Town) -> None:
    phone = town.staff("先生", Role.OPERATOR)
    pc = town.person("her PC")
    ids = phone.contact_id, pc.contact_id
    with town.database.writing() as tx:
        member = stored_staff.staff_at(tx, ids[0])
        assert member
        stored_staff.link_contact(tx, member, ids[1])
    for one, two in zip(
        ("作成", "4", "1", "電話の件名", "電話の本文", "なし", "いますぐ"),
        ("作成", "5", "1", "PCの件名", "PCの本文", "なし", "いますぐ"),
        strict=True,
    ):
        phone.says(one)
        pc.says(two)
    Bot(pc).answers("件名：PCの件名", "PCの本文")
    Bot(pc).does_not_say("電話の")
    phone.presses(pc.buttons["承認を依頼"])
    Bot(phone).answers("期限が切れました", "承認を依頼")
    pc.says("キャンセル")
    assert phone.dialogue() == "compose"


def test_two_tabs_of_one_chat(town: Town, guardian: Person, bot: Bot) -> None:
    """What was pressed in the tab left behind is told to be stale, and the question asked again."""
    guardian.says(town.school_code)
    old_tab = dict(guardian.buttons)
    guardian.presses(old_tab["はい"])
    guardian.presses(guardian.buttons["3年1組"])
    guardian.presses(old_tab["いいえ"])
    bot.answers("期限が切れました", "出席番号")
    guardian.writes("text", text="5番")
    guardian.writes("button", token=old_tab["はい"])
    town.takes_turns()
    guardian.listens()
    bot.answers("ほかにも", "期限が切れました")
    assert town.parked() == 0
