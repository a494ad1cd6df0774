"""The demo's phones in the look of LINE, Telegram and a mailbox, over HTTP."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.town import ADDRESS, OWN_PAGE, SUBJECT, Town, jpeg
from web.services import MailSeen

NAME = "https://renraku.midori.example"
LINE = "/demo/phones/guardian/line/"
TELEGRAM = "/demo/phones/guardian/telegram/"
MAIL = "/demo/phones/guardian/email/"


@dataclass
class FakePhone:
    """A phone whose app keeps what it was told."""

    shown: list[dict[str, Any]] = field(default_factory=list)
    did: list[tuple[object, ...]] = field(default_factory=list)

    def entries(self) -> list[dict[str, Any]]:
        return self.shown

    def says(self, text: str) -> None:
        self.did.append(("says", text))

    def presses(self, token: str, label: str) -> None:
        self.did.append(("presses", token, label))

    def sends_picture(self, picture: bytes) -> None:
        self.did.append(("sends", picture))

    def file(self, name: str) -> tuple[bytes, str] | None:
        return (jpeg(8, 8), "image/jpeg") if name == "photo" else None


def entry(number: int, text: str = "こんにちは") -> dict[str, Any]:
    return {"id": f"x{number}.0", "kind": "reply", "text": text, "buttons": [], "pictures": []}


def mail(sequence: int) -> MailSeen:
    return MailSeen(sequence, "hana@mail.example", SUBJECT, "10:00", f"{NAME}/m/abc をどうぞ")


@pytest.fixture
def phone() -> FakePhone:
    return FakePhone()


@pytest.fixture
def client(town: Town, phone: FakePhone) -> FlaskClient:
    return town.client(
        None,
        demo=True,
        public_url=NAME,
        demo_phones={"guardian": ADDRESS, "teacher": "B" * 43, "principal": "C" * 43},
        demo_looks={"guardian": {"line": phone, "telegram": phone}, "principal": {"line": phone}},
        demo_mail={"guardian": lambda: [mail(2), mail(1)]},
        demo_shows={"guardian": "line", "principal": "telegram"},
        demo_mail_address="hana@mail.example",
        inbox=lambda after: [mail(after + 1)],
    )


def say(client: FlaskClient, base: str = LINE, **content: object) -> TestResponse:
    return client.post(f"{base}say", json={"id": str(uuid.uuid4()), **content}, headers=OWN_PAGE)


def test_every_phone_has_a_switch_for_the_apps_it_has(client: FlaskClient) -> None:
    page = client.get("/demo").text
    assert page.count('type="radio" name="look-guardian"') == 4
    assert page.count('type="radio" name="look-principal"') == 2
    assert 'name="look-teacher"' not in page
    assert f'<iframe src="{LINE}"' in page
    # What the story plays on is not there, so the first that is.
    assert '<iframe src="/demo/phones/principal/line/"' in page
    assert '<iframe src="/demo/phones/teacher/"' in page
    assert 'data-line="hana@mail.example"' in page


@pytest.mark.parametrize(("base", "look"), [(LINE, "line"), (TELEGRAM, "telegram")])
def test_web_chats_page_in_another_look(client: FlaskClient, base: str, look: str) -> None:
    answer = client.get(base)
    assert f'class="chat phone look {look}"' in answer.text
    assert f'data-base="{base}"' in answer.text
    assert answer.text.count('id="menu"') == 1
    assert "Set-Cookie" not in answer.headers


def test_what_the_app_shows_and_nothing_twice(client: FlaskClient, phone: FakePhone) -> None:
    phone.shown = [entry(number) for number in range(120)]
    first = client.get(f"{LINE}messages")
    assert len(first.get_json()["messages"]) == 100
    known = {"If-None-Match": first.headers["ETag"]}
    assert client.get(f"{LINE}messages", headers=known).status_code == 304
    phone.shown.append(entry(120))
    again = client.get(f"{LINE}messages", headers=known)
    assert again.get_json()["messages"][-1]["id"] == "x120.0"


def test_links_lead_to_where_the_visitor_is(client: FlaskClient, phone: FakePhone) -> None:
    phone.shown = [entry(1, f"本文：{NAME}/m/abc")]
    shown = client.get(f"{LINE}messages").get_json()["messages"]
    assert shown[0]["text"] == "本文：http://localhost/m/abc"
    mailed = client.get(f"{MAIL}messages").get_json()["messages"]
    assert [one["sequence"] for one in mailed] == [2, 1]
    assert mailed[0]["text"] == "http://localhost/m/abc をどうぞ"
    seen = client.get("/demo/inbox?after=1").get_json()["mails"]
    assert seen[0]["text"] == "http://localhost/m/abc をどうぞ"


def test_a_visitor_says_presses_and_sends(client: FlaskClient, phone: FakePhone) -> None:
    picture = jpeg(8, 8)
    assert say(client, text="登録").status_code == 202
    assert say(client, TELEGRAM, token="abc", label="はい").status_code == 202
    assert say(client, picture=base64.b64encode(picture).decode()).status_code == 202
    assert phone.did == [("says", "登録"), ("presses", "abc", "はい"), ("sends", picture)]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"text": ""},
        {"text": "一", "token": "二"},
        {"token": "abc"},
        {"token": "abc", "label": ""},
        {"token": "abc", "label": "長" * 301},
        {"picture": "…"},
    ],
)
def test_nonsense_is_refused(
    client: FlaskClient, phone: FakePhone, content: dict[str, str]
) -> None:
    assert say(client, **content).status_code == 400
    assert phone.did == []


def test_only_our_own_page_may_speak(client: FlaskClient, phone: FakePhone) -> None:
    body = {"id": str(uuid.uuid4()), "text": "登録"}
    assert client.post(f"{LINE}say", json=body).status_code == 403
    foreign = OWN_PAGE | {"Origin": "https://elsewhere.example"}
    assert client.post(f"{LINE}say", json=body, headers=foreign).status_code == 403
    assert phone.did == []


def test_pictures_that_only_the_stand_in_has(client: FlaskClient) -> None:
    answer = client.get(f"{TELEGRAM}files/photo")
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
    assert client.get(f"{TELEGRAM}files/other").status_code == 404


def test_the_mailbox_names_its_address(client: FlaskClient) -> None:
    assert "hana@mail.example" in client.get(MAIL).text


@pytest.mark.parametrize(
    "path",
    [
        "/demo/phones/teacher/line/",
        "/demo/phones/teacher/email/",
        "/demo/phones/nobody/line/messages",
        "/demo/phones/guardian/carrier-pigeon/",
    ],
)
def test_nobody_has_an_app_that_is_not_there(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_no_looks_unless_the_demo_was_started(town: Town) -> None:
    assert town.client().get(LINE).status_code == 404


def test_cookies_work_without_https_in_the_demo(client: FlaskClient) -> None:
    answer = client.get("/demo/phones/guardian/")
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert "Strict-Transport-Security" not in answer.headers
