"""Joining: the ways that the city has, on telephones and for who sits at a PC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from actions import boards
from tests.delivery.city import FakeChannel
from tests.web.town import Town

CODE = "K7Q3-M9XP-4TWR"
CONTACT = "C7Q3-M9XP-4T"
EVIL = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}


@dataclass
class App(FakeChannel):
    """A chat app with an address that opens it."""

    begins: str | None = "https://app.example/"

    def link(self, account: str, text: str) -> str | None:
        return f"{self.begins}{account}?{text}" if self.begins else None


def apps(**begins: str | None) -> dict[str, Any]:
    """What the web server is given of these apps."""
    channels = {name: App(name=name, begins=address) for name, address in begins.items()}

    def link(name: str, text: str) -> str | None:
        return channels[name].link(name, text) if name in channels else None

    return {"channels": channels, "link": link}


LINE = "https://line.me/R/"
TELEGRAM = "https://t.me/"


def test_each_app_has_a_button_and_a_code_to_scan(town: Town) -> None:
    with town.database.writing() as tx:
        boards.change_settings(tx, town.board_id, telegram=True)
    client = town.client(None, **apps(telegram=TELEGRAM, line=LINE))
    answer = client.get("/join/k7q3m9xp4twr")
    assert answer.status_code == 200
    page = answer.text
    links = [
        f'href="{LINE}line?{CODE}"',
        f'href="{TELEGRAM}telegram?{CODE}"',
        f'href="/chat/#join={CODE}"',
    ]
    assert all(link in page for link in links)
    assert [page.index(link) for link in links] == sorted(page.index(link) for link in links)
    assert page.count("<svg") == 3
    assert page.index("LINEではじめる") < page.index("Begin with LINE")
    assert " style=" not in page


@pytest.mark.parametrize("code", [CODE, "SK7Q-3M9X-P4TW-R2AB"])
def test_codes_of_families_and_of_staff(town: Town, code: str) -> None:
    page = town.client(None, **apps(line=LINE)).get(f"/join/{code}").text
    assert f"{LINE}line?{code}" in page


def test_telegram_only_where_the_board_said_so(town: Town) -> None:
    both = apps(telegram=TELEGRAM, line=LINE)
    assert TELEGRAM not in town.client(None, channels=both).get(f"/join/{CODE}").text


def test_an_app_without_address_is_left_out(town: Town) -> None:
    answer = town.client(None, **apps(line=None)).get(f"/join/{CODE}")
    assert answer.location == f"/chat/#join={CODE}"


def test_what_is_no_code_is_handed_to_nobody(town: Town) -> None:
    client = town.client(None, **apps(line=LINE))
    assert client.get("/join/%E6%89%BF%E8%AA%8D").location == "/chat/"


def test_the_code_that_brings_a_registration_is_in_no_address(town: Town) -> None:
    client = town.client(None, **apps(line=LINE))
    assert client.get(f"/join/{CONTACT}").location == "/chat/"
    form = client.get("/join/")
    assert 'method="post"' in form.text
    assert "join.js" in form.text
    page = client.post("/join/", data={"code": CONTACT.lower()})
    assert page.status_code == 200
    assert f"{LINE}line?{CONTACT}" in page.text
    assert f'href="/chat/#join={CONTACT}"' in page.text
    assert client.post("/join/", data={"code": "承認"}).location == "/chat/"
    assert client.post("/join/", data={"code": CONTACT}, headers=EVIL).status_code == 403
