"""受け取り方 and 機種変更: ways ordered, turned off, added, given up and brought along."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update

from actions import boards, registration
from domain.roles import Role
from storage import forgetting, people, ways
from storage.tables import ContactCode, ContactPoint, Reply
from tests.dialogues.kit import Bot, Person, Town

CODE = re.compile(r"C[2-9][2-9A-Z]{2}-[2-9A-Z]{4}-[2-9A-Z]{2}")
PIN = re.compile(r"\b\d{6}\b")
MAIL = "hanako@example.jp"


@pytest.fixture
def mother(town: Town) -> Person:
    """Registered in LINE for class 3-2, number 12."""
    person = town.person("mother", "line")
    registers(town, person, "3年2組 12番")
    return person


def registers(town: Town, person: Person, answers: str) -> None:
    person.says(f"{town.school_code}\nはい\n{answers} いいえ サッカー部 完了")
    person.says("登録する")
    person.says("なし")
    Bot(person).answers("【第一小学校】")


def code_of(person: Person, *words: str) -> str:
    """A code that somebody gets under 受け取り方."""
    for each in words or ("受け取り方", "LINEなどを足す"):
        person.says(each)
    text = "\n".join(speech.text for speech in person.newest)
    found = CODE.search(text)
    assert found, text
    assert f"/join/#{found[0]}" in {b.url for s in person.newest for b in s.buttons}
    return found[0]


def links(town: Town, person: Person, channel: str = "webchat", name: str = "") -> Person:
    """Another conversation of the same person."""
    code = code_of(person)
    other = town.person(name or f"{person.name} on {channel}", channel)
    other.says(code.lower())
    Bot(other).answers("この画面にも届くようになります", "1 はい")
    other.says("はい")
    Bot(other).answers("つながりました", "【第一小学校】")
    return other


def adds_mail(town: Town, person: Person, address: str = MAIL) -> Person:
    for each in ("受け取り方", "メールを足す", address):
        person.says(each)
    mailbox = mailbox_of(town, address)
    person.says(newest_pin(mailbox))
    Bot(person).answers("メールを足しました", f"（{address[:2]}…@")
    return mailbox


def mailbox_of(town: Town, address: str = MAIL) -> Person:
    return town.person(address, "email")


def newest_pin(mailbox: Person) -> str:
    found = PIN.findall(mailbox.listens())
    assert found
    return str(found[-1])


def ways_of(town: Town, person: Person) -> list[tuple[int, bool]]:
    with town.database.reading() as tx:
        guardian = people.guardians_of(tx, person.contact_id)[0]
        return [(way.point.id, way.off) for way in ways.of_guardian(tx, guardian.id)]


def test_a_code_links_another_chat_and_the_first_one_hears_of_it(
    town: Town, mother: Person
) -> None:
    other = links(town, mother)
    assert "ウェブチャット（2026年11月24日から）にも届きます" in mother.listens()
    assert ways_of(town, mother) == [(mother.contact_id, False), (other.contact_id, False)]
    other.says("登録内容")
    Bot(other).answers("・3年2組 12番", "・サッカー部", "1. LINE", "2. ウェブチャット", "←この画面")


def test_a_code_holds_for_minutes_and_once(town: Town, mother: Person) -> None:
    used, late = code_of(mother), town.person("late")
    for words in (used, "はい"):
        town.person("first").says(words)
    late.says(used)
    Bot(late).answers("このコードは使えません")
    fresh = code_of(mother)
    town.clock.forward(minutes=31)
    late.says(fresh)
    Bot(late).answers("このコードは使えません")
    assert late.contact_id not in [each for each, _ in ways_of(town, mother)]


def test_a_newer_code_ends_the_one_before_and_wrong_ones_are_limited(
    town: Town, mother: Person
) -> None:
    first, second = code_of(mother), code_of(mother)
    other = town.person("other")
    other.says(first)
    Bot(other).answers("このコードは使えません")
    for _ in range(4):
        other.says("C2AA-AAAA-AA")
    other.says(second)
    Bot(other).answers("間違いが続いたため")
    for _ in range(4):
        mother.says("受け取り方")
        mother.says("LINEなどを足す")
    Bot(mother).answers("間違いが続いたため")


def test_a_code_is_not_for_the_chat_it_came_from(town: Town, mother: Person) -> None:
    code = code_of(mother)
    mother.says(code)
    Bot(mother).answers("つなぎたいほうの画面")
    with town.database.reading() as tx:
        assert tx.session.scalar(select(ContactCode.used_at)) is None


def test_two_registrations_never_become_one(town: Town, mother: Person) -> None:
    father = town.person("father")
    registers(town, father, "4-1 なし")
    father.says(code_of(mother))
    Bot(father).answers("別の登録があります")
    assert ways_of(town, father) == [(father.contact_id, False)]
    father.says("退会")
    father.says("はい")
    father.says(code_of(mother))
    father.says("はい")
    Bot(father).answers("つながりました", "3年2組")


def test_a_code_during_another_dialogue_comes_between(town: Town, mother: Person) -> None:
    code = code_of(mother)
    other = town.person("other")
    other.says(town.school_code)
    other.says(code)
    Bot(other).answers("ご自分で出したコードですか")
    other.says("はい")
    Bot(other).answers("つながりました", "さきほどの続きです", "よろしいですか")


def test_order_off_on_and_every_way(town: Town, mother: Person) -> None:
    mailbox = adds_mail(town, mother)
    mother.says("受け取り方")
    Bot(mother).answers(
        "1. LINE", "←この画面", "2. メール（ha…@example.jp）", "いちばん上に届きます"
    )
    mother.says("いちばん上を変える")
    Bot(mother).answers("メール（ha…@example.jp）をいちばん上にしました")
    assert ways_of(town, mother) == [(mailbox.contact_id, False), (mother.contact_id, False)]
    for words in ("受け取り方", "毎回すべてで受け取る"):
        mother.says(words)
    Bot(mother).answers("毎回すべてにお届けします")
    with town.database.reading() as tx:
        assert people.guardians_of(tx, mother.contact_id)[0].every_way
    for words in ("受け取り方", "緊急のときだけにする"):
        mother.says(words)
    Bot(mother).answers("緊急の連絡は、これまでどおり届きます")
    mother.says("1")
    Bot(mother).answers("緊急のときだけお届けします")
    assert ways_of(town, mother)[0] == (mailbox.contact_id, True)
    mother.says("受け取り方")
    Bot(mother).answers("（緊急のときだけ）")
    mother.says("ふだんも受け取る")
    assert ways_of(town, mother)[0] == (mailbox.contact_id, False)
    for words in ("受け取り方", "いちばん上だけで受け取る"):
        mother.says(words)
    with town.database.reading() as tx:
        assert not people.guardians_of(tx, mother.contact_id)[0].every_way


def test_dropping_a_way_but_not_the_last(town: Town, mother: Person) -> None:
    mother.says("受け取り方")
    Bot(mother).does_not_say("外す")
    mother.says("このままでよい")
    mailbox = adds_mail(town, mother)
    mailbox.listens()
    for words in ("受け取り方", "届け先を外す", "2", "はい"):
        mother.says(words)
    Bot(mother).answers("メール（ha…@example.jp）を外しました")
    assert "学校の連絡はここには届きません" in mailbox.listens()
    assert ways_of(town, mother) == [(mother.contact_id, False)]
    assert mailbox.state() == "left"


def test_a_new_phone_by_a_code_retires_the_old_one(town: Town, mother: Person) -> None:
    code = code_of(mother, "機種変更", "これまでの電話")
    new = town.person("new phone", "line")
    for words in ("機種変更", "引き継ぎのコード", code):
        new.says(words)
    Bot(new).answers("コードを出した画面には届かなくなります")
    new.says("はい、お願いします")
    Bot(new).answers("つながりました", "1. LINE", "←この画面")
    assert "学校の連絡はここには届きません" in mother.listens()
    assert ways_of(town, new) == [(new.contact_id, False)]
    mother.says("登録内容")
    Bot(mother).answers("まだ登録がありません")


def test_a_new_phone_by_mail(town: Town, mother: Person) -> None:
    mailbox = adds_mail(town, mother)
    new = town.person("new phone", "line")
    for words in ("機種変更", "登録したメール", MAIL):
        new.says(words)
    Bot(new).answers("登録されていれば、6けたの番号")
    pin = newest_pin(mailbox)
    new.says("000000" if pin != "000000" else "111111")
    Bot(new).answers("番号が違います", "登録されていれば")
    new.says(pin)
    Bot(new).answers("この画面に引き継ぎました", "LINE（2026年11月24日から）は、もう使いませんか")
    assert "これからLINE" in mother.listens()
    assert "これからLINE" in mailbox.listens()
    new.says("はい")
    Bot(new).answers("つながりました", "【第一小学校】")
    assert "届きません" in mother.listens()
    assert {each for each, _ in ways_of(town, new)} == {new.contact_id, mailbox.contact_id}


def test_an_address_that_nobody_registered_is_answered_alike(town: Town, mother: Person) -> None:
    adds_mail(town, mother)
    heard = []
    for address in (MAIL, "nobody@example.jp"):
        asker = town.person(f"asker of {address}")
        for words in ("機種変更", "登録したメール", address, "123456"):
            heard.append(asker.says(words).replace(address, ""))
    assert heard[:4] == heard[4:]
    with town.database.reading() as tx:
        known = people.find_contact_point(tx, "email", "email", "nobody@example.jp")
    assert known is None


def test_a_teacher_who_is_a_guardian_has_both_in_one_chat(town: Town) -> None:
    teacher = town.staff("先生", Role.OPERATOR)
    registers(town, teacher, "3-2 1番")
    teacher.says("メニュー")
    Bot(teacher).answers("作成", "保護者として")
    teacher.says("保護者として…")
    Bot(teacher).answers("受け取り方", "機種変更", "退会")
    teacher.says("English")
    Bot(teacher).answers("I will speak English now")
    with town.database.reading() as tx:
        assert people.guardians_of(tx, teacher.contact_id)[0].language == "en"
    other = town.person("her telephone", "line")
    teacher.says("日本語")
    other.says(code_of(teacher))
    other.says("はい")
    other.says("作成")
    Bot(other).answers("担当者だけ")
    teacher.says("退会")
    teacher.says("はい")
    Bot(teacher).answers("登録は消えました")
    assert teacher.state() == "active"
    assert other.state() == "left"
    teacher.says("メニュー")
    Bot(teacher).answers("作成")


def test_leaving_altogether_erases_what_nobody_else_uses(town: Town, mother: Person) -> None:
    mailbox = adds_mail(town, mother)
    web = links(town, mother)
    mother.says("退会")
    Bot(mother).answers("登録と届け先がすべて消えます")
    mother.says("はい")
    Bot(mother).answers("退会しました", "記録だけ")
    assert "退会しました" in mailbox.listens()
    assert "退会しました" in web.listens()
    mother.says("ありがとう")
    Bot(mother).answers("ありがとうございます")
    assert sweeps(town) == 0
    town.clock.forward(hours=25)
    assert sweeps(town) == 3
    with town.database.reading() as tx:
        rows = tx.session.scalars(select(ContactPoint).where(ContactPoint.state == "erased")).all()
        assert {row.id for row in rows} == {mother.contact_id, mailbox.contact_id, web.contact_id}
        assert {people.open_address(tx, row) for row in rows} == {""}
        assert people.find_contact_point(tx, "line", "line", "mother") is None
        assert not tx.session.scalars(select(Reply.id)).all()
    again = town.person("mother", "line")
    registers(town, again, "3-2 12番")
    assert again.contact_id != mother.contact_id


def test_who_registers_again_before_that_is_not_erased(town: Town, mother: Person) -> None:
    mother.says("退会")
    mother.says("はい")
    registers(town, mother, "3-1 なし")
    town.clock.forward(days=2)
    assert sweeps(town) == 0
    assert mother.state() == "active"
    mother.says("退会")
    mother.says("はい")
    with town.database.writing() as tx:
        registration.register(tx, mother.contact_id, town.school_id, 2, None)
        point = ContactPoint.id == mother.contact_id
        tx.session.execute(update(ContactPoint).where(point).values(state="left"))
    town.clock.forward(days=2)
    assert sweeps(town) == 0
    assert mother.state() == "active"


def sweeps(town: Town) -> int:
    with town.database.writing() as tx:
        return forgetting.erase_left(tx)


def test_a_channel_that_is_off_hears_nothing(town: Town, mother: Person) -> None:
    with town.database.writing() as tx:
        boards.change_settings(tx, town.board_id, telegram=True)
    other = links(town, mother, "telegram")
    with town.database.writing() as tx:
        boards.change_settings(tx, town.board_id, telegram=False)
    mother.says("退会")
    mother.says("はい")
    assert other.listens() == ""
