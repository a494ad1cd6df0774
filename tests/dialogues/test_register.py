"""Registering, as families do it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from actions import registration, schools
from domain.folding import fold
from storage.tables import Child, Guardian, GuardianContact, Reply
from tests.dialogues.kit import Bot, Person, Town


def registers(guardian: Person, *answers: str) -> None:
    """The shortest way through, or the answers given."""
    for words in answers or ("はい", "3-2", "なし", "いいえ", "完了", "登録する", "なし"):
        guardian.says(words)


def test_a_guardian_registers(guardian: Person, bot: Bot, town: Town) -> None:
    guardian.says("登録")
    bot.answers("学校IDを送ってください")
    guardian.says(town.school_code)
    bot.answers("第一小学校でよろしいですか", "1 はい", "2 いいえ")
    guardian.says("はい。")
    bot.answers("お子さんの組", "1 3年1組", "2 3年2組")
    guardian.says("②")
    bot.answers("出席番号は何番ですか", "なし")
    guardian.says("１２番です")
    bot.answers("ほかにも、この学校にお子さんがいますか")
    guardian.says("いいえ")
    bot.answers("部活動", "1 サッカー部", "3 完了")
    guardian.says("1,2")
    bot.answers("第一小学校", "・3年2組 12番", "・サッカー部", "・合唱部", "1 登録する")
    guardian.taps("登録する")
    bot.answers("登録しました。", "メールアドレスを送って")
    guardian.says("なし")
    bot.answers("【第一小学校】", "・3年2組", "・サッカー部")
    assert guardian.dialogue() is None


@pytest.mark.parametrize("typed", ["3年2組", "3-2", "３の２", "３−２", "3年2組です。", "②"])
def test_a_class_is_read_as_people_type_it(
    guardian: Person, bot: Bot, town: Town, typed: str
) -> None:
    registers(guardian, town.school_code, "はい", typed, "なし", "いいえ", "完了")
    bot.answers("・3年2組")


def test_a_school_id_in_any_width_starts_the_registration(
    guardian: Person, bot: Bot, town: Town
) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if c != "-" else "ー" for c in town.school_code)
    assert fold(wide) != wide
    guardian.says(f"うちのIDは{wide}です")
    bot.answers("第一小学校でよろしいですか")


@pytest.mark.parametrize("link", ["/start {}", "/start  {}", "/join {}"])
def test_a_link_passes_the_school_id(guardian: Person, bot: Bot, town: Town, link: str) -> None:
    guardian.says(link.format(town.school_code.replace("-", "")))
    bot.answers("第一小学校でよろしいですか")


def test_a_link_opened_in_the_middle_begins_anew(guardian: Person, bot: Bot, town: Town) -> None:
    registers(guardian, town.school_code, "はい", "3-1")
    guardian.says(f"/start {town.school_code}")
    bot.answers("第一小学校でよろしいですか")


def test_a_wrong_id_gets_a_clear_answer_and_the_question_again(
    guardian: Person, bot: Bot, town: Town
) -> None:
    guardian.says("登録")
    guardian.says("2222-3333-4444")
    bot.answers("使えません", "学校IDを送ってください")
    guardian.says("わかりません")
    bot.answers("見つかりませんでした", "学校IDを送ってください")
    guardian.says(town.school_code)
    bot.answers("第一小学校でよろしいですか")


def test_too_many_wrong_ids_end_it(guardian: Person, bot: Bot, town: Town) -> None:
    guardian.says("登録")
    for _ in range(7):
        if guardian.dialogue():
            guardian.says("2222-3333-4444")
    bot.answers("1時間ほど")
    assert guardian.dialogue() is None
    guardian.says(town.school_code)
    bot.does_not_say("第一小学校")


def test_it_is_the_wrong_school(guardian: Person, bot: Bot, town: Town) -> None:
    registers(guardian, town.school_code, "いいえ")
    bot.answers("学校IDを送ってください")


def test_two_children_are_registered(guardian: Person, bot: Bot, town: Town) -> None:
    registers(guardian, town.school_code, "はい", "3-2", "5", "はい", "4-1", "なし", "いいえ")
    registers(guardian, "なし", "登録する", "なし")
    bot.answers("・3年2組", "・4年1組")


def test_the_summary_can_be_corrected(guardian: Person, bot: Bot, town: Town) -> None:
    registers(guardian, town.school_code, "はい", "3-2", "5", "いいえ", "完了", "直す")
    bot.answers("お子さんの組")
    registers(guardian, "3-1", "6", "いいえ", "完了")
    bot.answers("・3年1組 6番")
    bot.does_not_say("3年2組")


@pytest.mark.parametrize("last", ["キャンセル", "やめる", "3", "戻る", "cancel", "/cancel"])
def test_nothing_is_written_before_the_summary_is_confirmed(
    guardian: Person, town: Town, last: str
) -> None:
    registers(guardian, town.school_code, "はい", "3-2", "5", "いいえ", "1", "完了", last)
    with town.database.reading() as tx:
        assert registration.joined(tx, guardian.contact_id) == []
        assert tx.session.scalar(select(func.count()).select_from(Child)) == 0


def test_registering_twice_is_the_same_person(guardian: Person, bot: Bot, town: Town) -> None:
    for _ in range(2):
        registers(guardian, town.school_code, "はい", "3-2", "5", "いいえ", "完了", "登録する")
        guardian.says("なし")
    with town.database.reading() as tx:
        assert tx.session.scalar(select(func.count()).select_from(Guardian)) == 1
    registers(guardian, town.school_code, "はい", "3-2", "5", "いいえ", "完了", "登録する")
    bot.answers("すでに登録されています")


def test_mail_is_added_by_the_number_that_was_mailed(
    guardian: Person, bot: Bot, town: Town
) -> None:
    registers(guardian, town.school_code, "はい", "3-2", "5", "いいえ", "完了", "登録する")
    guardian.says("わかりません")
    bot.answers("メールアドレスがわかりませんでした")
    guardian.says("ｈａｎａｋｏ＠docomo.ne.jp")
    bot.answers("hanako@docomo.ne.jp に6けたの番号")
    pin = mailed_pin(town, "hanako@docomo.ne.jp")
    guardian.says("000000" if pin != "000000" else "111111")
    bot.answers("番号が違います", "6けたの番号を送りました")
    guardian.says("どれですか")
    bot.answers("数字だけで")
    guardian.says(f"{pin[:3]} {pin[3:]}")
    bot.answers("確認ができました", "【第一小学校】")
    with town.database.reading() as tx:
        assert tx.session.scalar(select(func.count()).select_from(GuardianContact)) == 2


def test_the_address_can_be_corrected(guardian: Person, bot: Bot, town: Town) -> None:
    registers(guardian, town.school_code, "はい", "3-2", "5", "いいえ", "完了", "登録する")
    guardian.says("wrong@docomo.ne.jp")
    guardian.says("アドレスを直す")
    bot.answers("メールアドレスを送ってください")
    guardian.says("right@docomo.ne.jp")
    guardian.says("戻る")
    bot.answers("メールアドレスを送ってください")
    guardian.says("戻る")
    bot.answers("これより前には戻れません", "メールアドレスを送ってください")
    guardian.says("キャンセル")
    bot.answers("お子さんの登録は済んでいます")


def mailed_pin(town: Town, address: str) -> str:
    mailbox = Person(town, address, "email")
    found = re.search(r"\d{6}", mailbox.listens())
    assert found
    return found[0]


def test_from_a_mailbox_no_mail_address_is_asked_for(town: Town) -> None:
    guardian = town.person("taro@example.jp", "email")
    registers(guardian, town.school_code, "はい", "3-2", "5", "いいえ", "完了", "登録する")
    Bot(guardian).answers("登録しました", "【第一小学校】")
    assert guardian.dialogue() is None


def test_a_large_school_asks_for_the_grade_first(guardian: Person, bot: Bot, town: Town) -> None:
    with town.database.writing() as tx:
        names = [f"{grade}年{number}組" for grade in range(1, 7) for number in range(1, 4)]
        large = town.opens_school(tx, "第二小学校", [*names, "ひまわり学級"], [])
        code = schools.new_school_id(tx, large).id
    registers(guardian, code, "はい")
    bot.answers("何年生ですか", "1 1年", "7 ひまわり学級")
    guardian.says("4年")
    bot.answers("1 4年1組", "3 4年3組")
    guardian.says("戻る")
    guardian.says("５の２")
    bot.answers("出席番号")
    guardian.says("戻る")
    guardian.says("ひまわり学級")
    bot.answers("出席番号")
    registers(guardian, "なし", "はい", "6-3", "60", "いいえ")
    bot.answers("・ひまわり学級", "・6年3組 60番")


def test_a_school_without_classes_is_not_ready(guardian: Person, bot: Bot, town: Town) -> None:
    with town.database.writing() as tx:
        code = schools.new_school_id(tx, town.opens_school(tx, "準備中", [], [])).id
    registers(guardian, code, "はい")
    bot.answers("まだ登録の準備中です")


def test_replies_answer_the_message_they_answer(guardian: Person, town: Town) -> None:
    guardian.says("登録")
    with town.database.reading() as tx:
        assert tx.session.scalars(select(Reply.inbox_id)).all() == [1]
