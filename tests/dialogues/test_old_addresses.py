"""Addresses that the carriers gave out against the rules: taken at every door, and one each."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from actions import registration
from channels.base import Incoming
from commands.family_file import read_families, take_families
from storage import people, ways
from storage.inbox import store
from storage.tables import ContactPoint, Inbox
from tests.dialogues.kit import Bot, Person, Town

PIN = re.compile(r"\b\d{6}\b")
OLD = ("a..b.@docomo.ne.jp", ".a@ezweb.ne.jp", "a.@docomo.ne.jp")


def spellings(address: str) -> list[str]:
    """How people and programs write one of them."""
    local, domain = address.split("@")
    wide = "".join(chr(ord(c) + 0xFEE0) for c in address)
    return [
        address,
        f'"{local}"@{domain}',
        wide,
        f"<{local}@{domain.upper()}>",
        f"mailto:{address}",
    ]


EVERY = [(address, typed) for address in OLD for typed in spellings(address)]


def mailboxes(town: Town) -> list[ContactPoint]:
    with town.database.reading() as tx:
        query = select(ContactPoint).where(ContactPoint.channel == "email")
        return list(tx.session.scalars(query))


def registers(town: Town, person: Person, mailbox: Person, typed: str) -> None:
    person.says(f"{town.school_code}\nはい\n3年2組 12番 いいえ サッカー部 完了")
    person.says("登録する")
    person.says(typed)
    Bot(person).answers("6けたの番号を送りました")
    person.says(PIN.findall(mailbox.listens())[-1])


@pytest.mark.parametrize(("address", "typed"), EVERY)
def test_typed_while_registering_and_later_it_is_one_mailbox(
    town: Town, guardian: Person, bot: Bot, address: str, typed: str
) -> None:
    registers(town, guardian, town.person(address, "email"), typed)
    bot.answers("メールの確認ができました", "確認のメールを送りました")
    local, domain = address.split("@")
    guardian.says("受け取り方")
    bot.answers(f"（{local[:2]}…@{domain}）")
    guardian.says("メールを足す")
    guardian.says(address)
    guardian.says(PIN.findall(town.person(address, "email").listens())[-1])
    bot.answers("メールを足しました")
    (mailbox,) = mailboxes(town)
    assert mailbox.domain == domain
    with town.database.reading() as tx:
        (mother,) = people.guardians_of(tx, mailbox.id)
        assert len(ways.of_guardian(tx, mother.id)) == 2
    new = town.person(f"new phone of {typed}", "line")
    for words in ("機種変更", "登録したメール", typed):
        new.says(words)
    new.says(PIN.findall(town.person(address, "email").listens())[-1])
    Bot(new).answers("つながりました", f"（{local[:2]}…@{domain}）")


@pytest.mark.parametrize(("address", "typed"), EVERY)
def test_in_a_file_of_families_it_is_the_mailbox_that_is_known(
    town: Town, address: str, typed: str
) -> None:
    with town.database.writing() as tx:
        known = people.contact_point(tx, town.board_id, "email", "email", address).id
        cell = typed.replace('"', '""')
        file = f'school,class,number,channel,address,groups\n第一小学校,3年2組,7,email,"{cell}",\n'
        families = read_families(file.encode(), {})
        take_families(tx, town.board_id, families, create=False)
        assert len(people.guardians_of(tx, known)) == 1
        assert registration.joined(tx, known)
    assert [each.id for each in mailboxes(town)] == [known]


@pytest.mark.parametrize("address", OLD)
def test_what_such_a_mailbox_sends_is_one_persons(town: Town, address: str) -> None:
    with town.database.writing() as tx:
        for number, sender in enumerate(spellings(address)):
            incoming = Incoming(
                "email", "email", f"event {number}", sender, "text", town.clock(), text="登録"
            )
            store(tx, town.board_id, incoming)
    with town.database.reading() as tx:
        assert len(set(tx.session.scalars(select(Inbox.sender_index)))) == 1
    town.takes_turns()
    assert len(mailboxes(town)) == 1
