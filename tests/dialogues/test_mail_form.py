"""Whether mail arrives, asked after registering, and メールの形式."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from sqlalchemy import select

from actions import arrivals
from bot import silence
from bot.dialogues import FLOWS
from domain import tokens
from storage.tables import AuditEntry, ContactPoint
from tests.databases import SECRET
from tests.dialogues.kit import Bot, Person, Town

MAIL = "hanako@softbank.ne.jp"
LINK = re.compile(r"/arrived/([\w-]+)")
PIN = re.compile(r"\b\d{6}\b")


@pytest.fixture
def mailbox(town: Town) -> Person:
    return town.person(MAIL, "email")


@pytest.fixture
def mother(town: Town, mailbox: Person) -> Person:
    """Registered in LINE with a mail address whose number she typed back just now."""
    person = town.person("mother", "line")
    registers(town, person, mailbox, MAIL)
    return person


def registers(town: Town, person: Person, mailbox: Person, address: str) -> None:
    person.says(f"{town.school_code}\nはい\n3年2組 12番 いいえ サッカー部 完了")
    person.says("登録する")
    person.says(address)
    person.says(PIN.findall(mailbox.listens())[-1])


def link(mailbox: Person) -> tuple[int, int]:
    """What the link in the newest mail names."""
    found = LINK.findall(mailbox.listens())
    assert found
    numbers = tokens.unseal(SECRET, "arrival", found[-1])
    assert numbers is not None
    return numbers[0], numbers[1]


def opens_link(town: Town, mailbox: Person) -> None:
    with town.database.writing() as tx:
        assert arrivals.open_link(tx, *link(mailbox))


def point(town: Town, mailbox: Person) -> ContactPoint:
    with town.database.reading() as tx:
        return tx.session.get_one(ContactPoint, mailbox.contact_id)


def arrived_at(town: Town, mailbox: Person) -> datetime | None:
    return point(town, mailbox).arrived_at


def test_registering_by_mail_is_complete_when_the_link_was_opened(
    town: Town, mother: Person, mailbox: Person
) -> None:
    bot = Bot(mother)
    bot.answers("メールの確認ができました", "【第一小学校】", "に確認のメールを送りました")
    bot.answers("開くと登録が完了します", "/guide/softbank", "1 開きました", "3 URLのないメール")
    assert arrived_at(town, mailbox) is None
    mother.says("開きました")
    bot.answers("まだ確認できていません", "リンクは開けましたか")
    opens_link(town, mailbox)
    assert arrived_at(town, mailbox) == town.clock().replace(microsecond=0)
    # Whoever went back to the conversation is not asked again.
    assert mother.dialogue() is None
    mother.says("ありがとう")
    bot.answers("ありがとうございます")


def test_a_web_chat_hears_that_the_link_was_opened(
    town: Town, guardian: Person, bot: Bot, mailbox: Person
) -> None:
    registers(town, guardian, mailbox, MAIL)
    opens_link(town, mailbox)
    assert "登録が完了しました" in guardian.listens()


def test_the_mail_is_sent_again_and_an_old_link_does_not_answer_for_it(
    town: Town, mother: Person, mailbox: Person
) -> None:
    old = link(mailbox)
    town.clock.forward(minutes=10)
    mother.taps("もう一度送る")
    Bot(mother).answers("確認のメールを送りました")
    with town.database.writing() as tx:
        arrivals.open_link(tx, *old)
    mother.says("メールの形式")
    Bot(mother).answers("まだ確認できていません")
    mother.says("このまま")
    opens_link(town, mailbox)
    mother.says("メールの形式")
    Bot(mother).answers("届くことを確認できています", "いまの形式：標準")


def test_a_mail_without_links_is_proved_by_the_number_in_it(
    town: Town, mother: Person, mailbox: Person
) -> None:
    bot = Bot(mother)
    mailbox.listens()
    mother.taps("URLのないメールにする")
    bot.answers("リンクのない確認のメールを送りました", "届いた番号を送って")
    letter = mailbox.listens()
    assert "http" not in letter
    assert "/arrived/" not in letter
    assert point(town, mailbox).mail_form == "plain"
    pin = PIN.findall(letter)[-1]
    mother.says("000000" if pin != "000000" else "111111")
    bot.answers("番号が違います", "届いた番号を送って")
    assert arrived_at(town, mailbox) is None
    mother.says(pin)
    bot.answers("メールが届くことを確認しました")
    assert arrived_at(town, mailbox) == town.clock()


@pytest.mark.parametrize(
    ("says", "form"),
    [("URLを入れない", "plain"), ("3", "jis"), ("古い機種用でURLを入れない", "jis-plain")],
)
def test_the_form_of_mail_is_the_familys_choice(
    town: Town, mother: Person, mailbox: Person, says: str, form: str
) -> None:
    opens_link(town, mailbox)
    mother.says("メールの形式")
    Bot(mother).answers("メール（ha…@softbank.ne.jp）", "いまの形式：標準", "文字化けする機種")
    mother.says(says)
    Bot(mother).answers("の形式でお送りします", "確認のメールを送りました")
    assert point(town, mailbox).mail_form == form
    # That links arrived in one form says nothing of another.
    assert arrived_at(town, mailbox) is None
    with town.database.reading() as tx:
        audited = tx.session.scalars(select(AuditEntry.verb)).all()
    assert "set_mail_form" in audited
    assert "mail_arrived" in audited
    mother.says("メールの形式")
    mother.says("標準")
    assert point(town, mailbox).mail_form == ""
    assert link(mailbox)[0] == mailbox.contact_id


def test_of_two_mailboxes_one_is_chosen(town: Town, mother: Person, mailbox: Person) -> None:
    second = town.person("second@example.jp", "email")
    for words in ("受け取り方", "メールを足す", "second@example.jp"):
        mother.says(words)
    mother.says(PIN.findall(second.listens())[-1])
    Bot(mother).answers("メールを足しました", "確認のメールを送りました", "/guide/other")
    mother.says("あとで")
    Bot(mother).answers("「メールの形式」と送ってください")
    for words in ("メールの形式", "2", "URLを入れない"):
        mother.says(words)
    assert point(town, second).mail_form == "plain"
    assert point(town, mailbox).mail_form == ""


def test_who_has_no_mail_is_told_how_to_add_it(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says("メールの形式")
    bot.answers("登録")
    guardian.says(f"{town.school_code}\nはい\n3年2組 なし いいえ 完了")
    guardian.says("登録する")
    guardian.says("なし")
    guardian.says("メニュー")
    bot.does_not_say("メールの形式")
    guardian.says("メールの形式")
    bot.answers("メールの登録がありません", "「メールを足す」")


def test_one_kind_reminder_after_three_days_and_none_for_whom_it_arrived(
    town: Town, mother: Person, mailbox: Person
) -> None:
    town.clock.forward(days=2, hours=23)
    assert silence.remind_all(town.database, FLOWS) == 0
    town.clock.forward(hours=2)
    assert silence.remind_all(town.database, FLOWS) == 1
    mother.listens()
    Bot(mother).answers("まだ済んでいません", "リンクは開けましたか", "2 もう一度送る")
    town.clock.forward(days=2)
    assert silence.remind_all(town.database, FLOWS) == 0


def test_who_opened_the_link_is_not_reminded(town: Town, mother: Person, mailbox: Person) -> None:
    opens_link(town, mailbox)
    town.clock.forward(days=4)
    assert silence.remind_all(town.database, FLOWS) == 0
    assert "済んでいません" not in mother.listens()


def test_test_mails_are_limited(town: Town, mother: Person) -> None:
    for _ in range(4):
        mother.says("もう一度送る")
        Bot(mother).answers("確認のメールを送りました")
    mother.says("もう一度送る")
    Bot(mother).does_not_say("確認のメールを送りました")
    Bot(mother).answers("リンクは開けましたか")


def test_the_question_holds_nobody(town: Town, mother: Person) -> None:
    mother.says("受け取り方")
    Bot(mother).answers("1. LINE")
    mother.says("このままでよい")
    mother.says("2")
    Bot(mother).does_not_say("確認のメール")
