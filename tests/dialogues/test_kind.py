"""Words outside a dialogue, the wrong place for a word, and what help and 取消 mean to whom."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from domain.roles import Role
from storage.tables import Inbox, School
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_contacts import registers

CALL = ("・第一小学校 048-963-9999",)
WORDS: list[tuple[str, tuple[str, ...]]] = [
    ("欠席します", ("欠席や遅刻の連絡を受け取れません", *CALL)),
    ("3年2組の花子です。熱があるのでお休みします。", ("伝わっていません", *CALL)),
    ("今日は10分遅れます", ("欠席や遅刻", *CALL)),
    ("ありがとうございました！", ("ありがとうございます",)),
    ("了解です", ("ご確認ありがとうございます",)),
    ("はい。", ("ご確認ありがとうございます",)),
    ("明日の持ち物は何ですか？", ("学校へお電話ください", *CALL)),
    ("ありがとうございます。何時からですか", ("学校へお電話ください", *CALL)),
    ("ふざけるな", ("学校へお電話ください", *CALL)),
    ("。。。", ("学校へお電話ください",)),
    ("I am sick today", ("欠席や遅刻", *CALL)),
]


@pytest.fixture
def called(town: Town) -> None:
    with town.database.writing() as tx:
        tx.session.execute(update(School).values(phone="048-963-9999"))


@pytest.mark.usefixtures("called")
def test_what_a_guardian_says_outside_a_dialogue(town: Town, guardian: Person, bot: Bot) -> None:
    registers(town, guardian, "3-2 なし")
    for words, answers in WORDS:
        guardian.says(words)
        bot.answers(*answers)
        bot.does_not_say("何をしますか", "下から", "1 登録")
        assert guardian.dialogue() is None
    with town.database.reading() as tx:
        assert set(tx.session.scalars(select(Inbox.payload_cipher))) == {None}


def test_all_schools_of_a_guardian_are_named_with_or_without_number(
    town: Town, guardian: Person, bot: Bot
) -> None:
    registers(town, guardian, "3-2 なし")
    guardian.says("欠席です")
    bot.answers("・第一小学校")


def test_who_is_not_registered_hears_how_to_and_staff_get_the_menu(
    town: Town, guardian: Person, bot: Bot, teacher: Person
) -> None:
    guardian.says("欠席します")
    bot.answers("欠席や遅刻", "学校IDをお持ちの方", "1 登録")
    guardian.says("ありがとう")
    bot.answers("ありがとうございます")
    bot.does_not_say("1 登録")
    teacher.says("こんにちは")
    Bot(teacher).answers("下からお選びください", "作成")


@pytest.mark.parametrize("words", ["作成", "緊急", "承認待ち", "/compose"])
def test_a_teacher_in_a_chat_that_is_not_linked_hears_how_to_link_it(
    guardian: Person, bot: Bot, words: str
) -> None:
    guardian.says(words)
    bot.answers("担当者だけ", "招待コードをここに送る")
    assert guardian.dialogue() is None


def test_a_code_in_the_wrong_place(town: Town, guardian: Person, bot: Bot) -> None:
    for words in (town.school_code, "はい"):
        guardian.says(words)
    guardian.says(town.school_code)
    bot.answers("学校IDのようです", "お子さんの組")
    guardian.says("SABC-DEFG-HJKM-NPQR")
    bot.answers("招待コードのようです", "お子さんの組")
    guardian.says("承認 1-1")
    bot.answers("お子さんの組")


def test_school_id_as_a_word_registers_a_guardian(guardian: Person, bot: Bot) -> None:
    guardian.says("学校ID")
    bot.answers("学校IDを送ってください")


def test_help_lists_what_one_may_do(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says("ヘルプ")
    bot.answers("・登録：", "・機種変更：", "いつでも使えます", "1 登録")
    bot.does_not_say("・作成", "・退会", "・受け取り方")
    registers(town, guardian, "3-2 なし")
    guardian.says("ヘルプ")
    bot.answers("・受け取り方：", "・退会：")
    principal = town.staff("校長", Role.MANAGER)
    principal.says("ヘルプ")
    Bot(principal).answers("・作成：", "・承認待ち：")
    assert all(len(speech.text) < 4_000 for speech in principal.newest)


def test_cancelling_nothing_is_for_staff_about_a_broadcast(
    town: Town, guardian: Person, bot: Bot, teacher: Person
) -> None:
    guardian.says("取消")
    bot.answers("途中のやりとりはありません")
    teacher.says("取り消し")
    Bot(teacher).does_not_say("途中のやりとりはありません")
    teacher.says("キャンセル")
    teacher.says("キャンセル")
    Bot(teacher).answers("途中のやりとりはありません")
    teacher.says("作成")
    teacher.says("取消")
    Bot(teacher).answers("やめました")
    assert town.parked() == 0
