"""A provider hands things over twice, late, and in another order than they were said in."""

from __future__ import annotations

from domain.roles import Role
from storage import people
from tests.dialogues.kit import Bot, Person, Town


def test_what_waits_is_taken_in_the_order_it_was_said(town: Town, guardian: Person) -> None:
    for minutes_ago, words in ((1, "3-2"), (2, "はい"), (3, town.school_code)):
        guardian.writes("text", minutes_ago, text=words)
    town.takes_turns()
    guardian.listens()
    Bot(guardian).answers("出席番号")
    Bot(guardian).does_not_say("遅れて")


def test_a_late_text_answers_no_question(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says(town.school_code)
    guardian.said("はい", minutes_ago=1)
    bot.answers("あとから届きました", "第一小学校でよろしいですか")
    guardian.says("はい")
    bot.answers("お子さんの組")
    bot.does_not_say("遅れて")


def test_at_the_same_moment_nothing_is_late(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says(town.school_code)
    guardian.said("はい", minutes_ago=0)
    bot.answers("お子さんの組")


def test_a_clock_that_is_ahead_keeps_nobody_out(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.said(town.school_code, minutes_ago=-600)
    guardian.says("はい")
    bot.answers("お子さんの組")


def test_a_late_text_without_a_question_is_heard(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says("メニュー")
    guardian.said(town.school_code, minutes_ago=1)
    bot.answers("第一小学校でよろしいですか")
    guardian.says("キャンセル")
    guardian.says("メニュー")
    guardian.said("1", minutes_ago=1)
    bot.answers("すみません", "下からお選び")


def test_words_that_always_work_work_late(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says(town.school_code)
    guardian.said("ヘルプ", minutes_ago=1)
    bot.answers("いつでも使える", "第一小学校でよろしいですか")
    guardian.said(f"/start {town.school_code}", minutes_ago=1)
    bot.answers("第一小学校でよろしいですか")
    guardian.said("キャンセル", minutes_ago=1)
    bot.answers("やめました")


def test_late_buttons_name_their_question(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says(town.school_code)
    guardian.writes("button", 1, token=guardian.buttons["はい"])
    town.takes_turns()
    guardian.listens()
    bot.answers("お子さんの組")


def test_late_cards_and_pictures_work(town: Town, principal: Person, teacher: Person) -> None:
    town.families()
    for words in ("作成", "4", "1", "件名", "本文"):
        teacher.says(words)
    teacher.writes("picture", 1, media="late")
    town.takes_turns()
    teacher.listens()
    Bot(teacher).answers("画像を受け取れませんでした", "画像があれば")
    for words in ("なし", "いますぐ", "承認を依頼"):
        teacher.says(words)
    principal.listens()
    principal.said("承認 1-1", minutes_ago=1)
    Bot(principal).answers("承認しました")


def test_the_newest_moment_stays(town: Town, guardian: Person) -> None:
    guardian.says("メニュー")
    guardian.said("ヘルプ", minutes_ago=9)
    with town.database.reading() as tx:
        assert people.contact(tx, guardian.contact_id).heard_at == town.clock()


def test_staff_too_are_asked_to_say_it_again(town: Town) -> None:
    teacher = town.staff("先生", Role.OPERATOR)
    for words in ("作成", "4", "1"):
        teacher.says(words)
    teacher.said("古い件名", minutes_ago=1)
    Bot(teacher).answers("あとから届きました", "件名")
    teacher.says("新しい件名")
    Bot(teacher).does_not_say("遅れて")


def test_what_is_dated_in_whole_seconds_is_not_late_within_one(
    town: Town, guardian: Person, bot: Bot
) -> None:
    """Telegram dates a text so, and a press not at all."""
    guardian.says("登録")
    town.clock.forward(milliseconds=400)
    guardian.sends_sticker()
    guardian.said(town.school_code, minutes_ago=0.4 / 60)
    bot.answers("でよろしいですか")
