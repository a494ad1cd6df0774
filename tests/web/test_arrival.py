"""The page behind the link of a test mail, what a message's page proves, and the guides."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update

from commands.house import House
from commands.pages import services_of
from domain.guides import GUIDES
from settings import SettingsApart
from storage import people
from storage.tables import ContactPoint, Delivery
from tests.web.town import Town

BROWSER = {"Sec-Fetch-Dest": "document"}


@pytest.fixture
def mailbox(town: Town) -> int:
    with town.database.writing() as tx:
        return people.contact_point(tx, town.board_id, "email", "email", "a@docomo.ne.jp").id


def arrived(town: Town, mailbox: int) -> datetime | None:
    with town.database.reading() as tx:
        query = select(ContactPoint.arrived_at).where(ContactPoint.id == mailbox)
        return tx.session.scalar(query)


def link(town: Town, mailbox: int) -> str:
    return town.path("arrived", "arrival", mailbox, int(town.clock().timestamp()))


def test_a_scanner_that_follows_the_link_changes_nothing(town: Town, mailbox: int) -> None:
    path, client = link(town, mailbox), town.client(None)
    page = client.get(path, headers=BROWSER)
    client.head(path)
    assert page.status_code == 200
    assert page.text.count("<button") == 1
    assert "届きました" in page.text
    assert "docomo" not in page.text
    assert arrived(town, mailbox) is None


def test_the_button_says_that_it_arrived(town: Town, mailbox: int) -> None:
    path, client = link(town, mailbox), town.client(None)
    sent = town.clock().replace(microsecond=0)
    town.clock.forward(hours=5)
    for _ in range(2):
        answer = client.post(path)
        assert answer.status_code == 200
        assert "登録が完了しました" in answer.text
    assert arrived(town, mailbox) == sent


def test_wrong_links_find_nothing(town: Town, mailbox: int) -> None:
    client = town.client(None)
    wrong = (
        "/arrived/wrong",
        town.path("arrived", "leave", mailbox, 1),
        town.path("arrived", "arrival", mailbox),
        town.path("arrived", "arrival", 999, 1),
        # Nobody's web chat is proved by mail.
        town.path("arrived", "arrival", town.contact_id, 1),
    )
    for path in wrong:
        assert client.get(path).status_code == 404
        assert client.post(path).status_code == 404


def test_opening_a_messages_page_proves_that_its_mail_arrived(town: Town, mailbox: int) -> None:
    number = town.send()
    page = town.path("m", "page", number)
    town.client(None).get(page, headers=BROWSER)
    with town.database.writing() as tx:
        assert tx.session.get_one(ContactPoint, town.contact_id).arrived_at is None
        to_mailbox = update(Delivery).where(Delivery.id == number)
        tx.session.execute(to_mailbox.values(contact_point_id=mailbox))
    town.client(None).get(page)
    assert arrived(town, mailbox) is None
    town.client(None).get(page, headers=BROWSER)
    sent = arrived(town, mailbox)
    assert sent == town.clock()
    # Which of the next ones they open is nobody's concern.
    town.clock.forward(days=5)
    later = town.send()
    with town.database.writing() as tx:
        to_mailbox = update(Delivery).where(Delivery.id == later)
        tx.session.execute(to_mailbox.values(contact_point_id=mailbox))
    town.client(None).get(town.path("m", "page", later), headers=BROWSER)
    assert arrived(town, mailbox) == sent


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_names_the_sender_and_what_to_do(town: Town, name: str) -> None:
    client = town.client(None, mail_from="renraku@mail.midori.example.jp")
    page = client.get(f"/guide/{name}").text
    assert '<code id="domain" class="large">mail.midori.example.jp</code>' in page
    assert '<code id="address">renraku@mail.midori.example.jp</code>' in page
    guide = GUIDES[name]
    assert page.count("<li>") == guide.blocks + guide.steps
    assert "メールの形式" in page
    english = client.get(f"/guide/{name}?lang=en").text
    assert "Domain to allow" in english
    assert english.count("<li>") == guide.blocks + guide.steps


def test_all_guides_are_listed_and_no_other_is_there(town: Town) -> None:
    client = town.client(None)
    page = client.get("/guide/").text
    for name in GUIDES:
        assert f'href="/guide/{name}"' in page
    assert client.get("/guide/nobody").status_code == 404
    # Without mail there is nothing to allow.
    assert "受け取りを許可するドメイン" not in client.get("/guide/docomo").text


def test_the_pages_know_the_address_of_the_settings(tmp_path: Path) -> None:
    sender = "みどり市の連絡網 <renraku@mail.midori.example.jp>"
    house = House(SettingsApart(var_dir=tmp_path, mail_from=sender))
    house.prepare()
    assert services_of(house).mail_from == "renraku@mail.midori.example.jp"
    house.close()
