"""What everyday humans do: thumbs, haste, stickers, yesterday's buttons, second thoughts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import select

from actions import schools
from bot.dialogues import FLOWS
from bot.phrases import yes_or_no
from bot.steps import Given, Script, Step
from domain.roles import Role
from domain.wording import say
from storage.tables import Dialogue, Inbox
from tests.dialogues.kit import Bot, Person, Town, photo

ANSWERS = ("はい", "3-2", "5", "はい", "4年1組", "なし", "いいえ", "1", "完了")
REGISTERING = (*ANSWERS, "登録する", "なし")
COMPOSING = ("作成", "4", "2", "完了", "件名", "本文", "完了", "明日7:00")


def script(town: Town, part: str) -> tuple[Person, tuple[str, ...]]:
    if part == "register":
        return town.person("guardian"), (town.school_code, *REGISTERING)
    return town.staff("先生", Role.OPERATOR), COMPOSING


@pytest.mark.parametrize("part", ["register", "compose"])
def test_cancel_works_at_every_question(town: Town, part: str) -> None:
    person, answers = script(town, part)
    words = itertools.cycle(
        ["キャンセル", "ｷｬﾝｾﾙ", "キャンセルです。", "/cancel", "Cancel", "取消"]
    )
    for count in range(1, len(answers)):
        for answer in answers[:count]:
            person.says(answer)
        assert person.dialogue() == part
        person.says(next(words))
        Bot(person).answers("やめました")
        assert person.dialogue() is None
    assert town.parked() == 0


@pytest.mark.parametrize("part", ["register", "compose"])
def test_back_asks_the_question_before_at_every_question(town: Town, part: str) -> None:
    person, answers = script(town, part)
    asked: list[str] = []
    for answer in answers[:9]:
        person.says(answer)
        question = person.newest[-1].text
        if asked:
            person.says("戻る")
            assert asked[-1].endswith(person.newest[-1].text)
            person.says(answer)
            assert person.newest[-1].text == question
        asked.append(question)
    assert town.parked() == 0


def test_back_all_the_way(guardian: Person, bot: Bot, town: Town) -> None:
    for answer in (town.school_code, *REGISTERING[:9]):
        guardian.says(answer)
    for _ in range(12):
        guardian.says("もどる")
    bot.answers("これが最初の質問です", "学校IDを送ってください")


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("キャンセル", "途中のやりとりはありません"),
        ("戻る", "前に戻れる質問はありません"),
        ("メニュー", "何をしますか"),
        ("ヘルプ", "いつでも使えます"),
        ("こんにちは", "すみません"),
        ("やめる", "すみません"),
        ("12", "すみません"),
        ("言語", "Please choose"),
        ("登録内容", "まだ登録がありません"),
        ("退会", "登録している学校はありません"),
        ("下書き", "担当者だけ"),
        ("承認待ち", "担当者だけ"),
        ("招待コード", "招待コードを送ってください"),
        ("SABC-DEFG-HJKM-NPQR", "この招待コードは使えません"),
    ],
)
def test_words_outside_any_dialogue(guardian: Person, bot: Bot, word: str, answer: str) -> None:
    guardian.says(word)
    bot.answers(answer)


def test_the_menu_shows_only_what_one_may_do(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says("メニュー")
    bot.answers("1 登録", "2 機種変更", "3 言語")
    bot.does_not_say("作成", "退会", "承認待ち")
    guardian.says("1")
    bot.answers("学校ID")
    teacher, principal = town.staff("先生", Role.OPERATOR), town.staff("校長", Role.MANAGER)
    teacher.says("menu")
    Bot(teacher).answers("作成", "下書き")
    Bot(teacher).does_not_say("承認待ち")
    principal.says("menu")
    Bot(principal).answers("作成", "承認待ち")


def test_the_menu_holds_nobody(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says("メニュー")
    guardian.says(town.school_code)
    bot.answers("第一小学校でよろしいですか")
    guardian.says("メニュー")
    bot.answers("途中です", "第一小学校でよろしいですか")


def test_stickers_and_pictures_get_one_kind_line(guardian: Person, bot: Bot, town: Town) -> None:
    guardian.sends_sticker()
    bot.answers("スタンプ", "何をしますか")
    guardian.says(town.school_code)
    guardian.sends_sticker()
    bot.answers("スタンプ", "第一小学校でよろしいですか")
    guardian.sends_picture(photo())
    bot.answers("画像は受け取れません", "第一小学校でよろしいですか")
    guardian.says("👍")
    bot.answers("わかりませんでした", "第一小学校でよろしいですか")
    guardian.says("\u200b")
    bot.answers("第一小学校でよろしいですか")


def test_the_earlier_buttons_of_the_same_question_go_on_working(
    guardian: Person, bot: Bot, town: Town
) -> None:
    guardian.says(town.school_code)
    earlier = guardian.buttons["はい"]
    guardian.sends_sticker()
    guardian.presses(earlier)
    bot.answers("お子さんの組")


def test_yesterdays_button(guardian: Person, bot: Bot, town: Town) -> None:
    guardian.says(town.school_code)
    yesterday = guardian.buttons["はい"]
    guardian.presses(yesterday)
    guardian.presses(yesterday)
    bot.answers("期限が切れました", "お子さんの組")
    town.clock.forward(days=3)
    guardian.presses(guardian.buttons["3年1組"])
    bot.answers("時間がたった", "期限が切れました")
    guardian.says(town.school_code)
    guardian.presses(yesterday)
    bot.answers("期限が切れました", "第一小学校でよろしいですか")


@pytest.mark.parametrize("token", ["", "x", "AQYAIdUz0I4EZ51XfnWgNBqNeg", "é" * 30, "A" * 200])
def test_forged_buttons(guardian: Person, bot: Bot, town: Town, token: str) -> None:
    guardian.says(town.school_code)
    guardian.presses(token)
    bot.answers("期限が切れました", "第一小学校でよろしいですか")


def test_a_button_of_somebody_else(guardian: Person, town: Town) -> None:
    other = town.person("other")
    guardian.says(town.school_code)
    other.says(town.school_code)
    other.presses(guardian.buttons["はい"])
    Bot(other).answers("期限が切れました")


def test_two_messages_at_once(guardian: Person, bot: Bot, town: Town) -> None:
    guardian.writes("text", text=town.school_code)
    guardian.writes("text", text="はい")
    guardian.writes("text", text="3-2")
    town.takes_turns()
    guardian.listens()
    bot.answers("出席番号")


def test_an_event_delivered_twice_changes_nothing(guardian: Person, bot: Bot, town: Town) -> None:
    guardian.says(town.school_code)
    event = guardian.writes("text", text="はい")
    guardian.sends_event(event, "text", text="はい")
    town.takes_turns()
    guardian.sends_event(event, "text", text="はい")
    town.takes_turns()
    guardian.listens()
    bot.answers("お子さんの組")
    bot.does_not_say("わかりませんでした")


def test_coming_back_too_late(guardian: Person, bot: Bot, town: Town) -> None:
    guardian.says(town.school_code)
    town.clock.forward(days=2)
    guardian.says("はい")
    bot.answers("時間がたったため", "すみません")
    town.clock.forward(days=2)
    guardian.says("1")
    bot.does_not_say("時間がたった")


def test_a_draft_that_waited_too_long_is_still_there(town: Town) -> None:
    teacher = town.staff("先生", Role.OPERATOR)
    for words in COMPOSING:
        teacher.says(words)
    town.clock.forward(days=8)
    teacher.says("下書き")
    Bot(teacher).answers("時間がたったため", "下書きは残っています", "1 件名")


def test_english(guardian: Person, bot: Bot, town: Town) -> None:
    guardian.says("English")
    bot.answers("I will speak English now")
    guardian.says(town.school_code)
    bot.answers("第一小学校, is that right?", "1 Yes")
    guardian.says("yes")
    guardian.says("日本語")
    bot.answers("日本語でご案内します", "さきほどの続きです", "お子さんの組")
    guardian.says("言語")
    bot.answers("2 English")
    guardian.says("言語")
    guardian.says("キャンセル")
    bot.answers("やめました", "お子さんの組")
    guardian.says("language")
    guardian.says("2")
    bot.answers("I will speak English now", "Which class")


def test_content_is_not_taken_for_a_command(town: Town) -> None:
    teacher = town.staff("先生", Role.OPERATOR)
    for words in (*COMPOSING[:4], "English", "登録", "なし", "いますぐ"):
        teacher.says(words)
    Bot(teacher).answers("件名：English\n\n登録")


def test_nothing_said_is_kept(guardian: Person, town: Town) -> None:
    for words in ("花子です、090-1234-5678", town.school_code, "はい", "3-2", "キャンセル"):
        guardian.says(words)
    with town.database.reading() as tx:
        assert set(tx.session.scalars(select(Inbox.payload_cipher))) == {None}
        logs = tx.session.scalars(select(Dialogue.log_cipher)).all()
        opened = [tx.vault.open_json(log, "dialogues.log") for log in logs]
    assert all(each == {"given": {}, "memory": {}, "log": []} for each in opened)


def test_leaving(guardian: Person, bot: Bot, town: Town) -> None:
    for words in (town.school_code, *REGISTERING):
        guardian.says(words)
    guardian.says("登録内容")
    bot.answers("【第一小学校】", "・3年2組", "・4年1組", "・サッカー部")
    guardian.says("退会")
    bot.answers("退会しますか", "・第一小学校")
    guardian.says("いいえ")
    bot.answers("退会しませんでした")
    guardian.says("退会")
    guardian.says("はい")
    bot.answers("退会しました")
    guardian.says("登録内容")
    bot.answers("まだ登録がありません")


def test_leaving_one_school_of_two_or_all(guardian: Person, bot: Bot, town: Town) -> None:
    with town.database.writing() as tx:
        second = town.opens_school(tx, "第二小学校", ["1年1組"], [])
        code = schools.new_school_id(tx, second).id
    for school_code in (town.school_code, code):
        for words in (school_code, "はい", "1", "なし", "いいえ", "完了", "登録する", "なし"):
            if guardian.dialogue() or words == school_code:
                guardian.says(words)
    guardian.says("退会")
    bot.answers("1 第一小学校", "2 第二小学校", "3 すべての学校")
    guardian.says("第二小学校")
    guardian.says("はい")
    guardian.says("退会")
    bot.answers("・第一小学校")


def test_a_flow_upgraded_in_mid_conversation_asks_again(
    guardian: Person, bot: Bot, town: Town
) -> None:
    guardian.says(town.school_code)
    guardian.says("はい")
    button = guardian.buttons["3年1組"]
    with upgraded(town):
        guardian.presses(button)
        bot.answers("期限が切れました", "やめますか")
    guardian.says("3-1")
    bot.answers("質問が変わりました", "お子さんの組")
    with upgraded(town):
        guardian.says("はい")
        bot.answers("質問が変わりました", "やめますか")
        guardian.says("いいえ")
        bot.answers("お子さんの組")
        guardian.says("3-1")
        bot.answers("出席番号")
    assert town.parked() == 0


@contextmanager
def upgraded(town: Town) -> Iterator[None]:
    """A new version of registering, which asks something else first."""

    def play(given: Given) -> Script:
        script = FLOWS["register"].play(given)
        step: Step = script.send(None)
        while True:
            if getattr(step, "key", "") == "class.0":
                yield yes_or_no("consent", say("leave.sure", schools="x\nやめますか"))
            answer = yield step
            step = script.send(answer)

    town.flows = {**FLOWS, "register": replace(FLOWS["register"], version=2, play=play)}
    yield
    town.flows = FLOWS


def test_a_flow_that_is_gone(guardian: Person, bot: Bot, town: Town) -> None:
    guardian.says(town.school_code)
    town.flows = {name: flow for name, flow in FLOWS.items() if name != "register"}
    guardian.says("はい")
    bot.answers("このやりとりは終わりました")
    assert guardian.dialogue() is None
