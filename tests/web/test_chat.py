"""Web chat over HTTP: saying, fetching, reporting what was displayed."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from werkzeug.test import TestResponse

from domain.cards import CardRef, CardVerb, card_token
from domain.speech import Speech, SpeechButton, open_page, speak
from domain.wording import Plain, say
from storage import inbox
from storage.tables import Delivery, Inbox, Reply
from tests.databases import SECRET
from tests.web.town import ADDRESS, OWN_PAGE, SUBJECT, Town, jpeg

OTHER = "B" * 43


def post(client: FlaskClient, name: str, body: object, **headers: str) -> TestResponse:
    return client.post(f"/chat/{name}", json=body, headers=OWN_PAGE | headers)


def said(text: str = "メニュー") -> dict[str, str]:
    return {"id": str(uuid.uuid4()), "text": text}


def stored(town: Town) -> int:
    with town.database.reading() as tx:
        return tx.session.scalar(select(func.count()).select_from(Inbox)) or 0


def messages(client: FlaskClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/chat/messages").get_json()["messages"]
    return found


def test_the_page_gives_a_browser_an_address_and_keeps_it(town: Town) -> None:
    client = town.client(address=None)
    cookie = client.get("/chat/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/chat/" in cookie
    assert "Secure" not in cookie
    first = client.get_cookie("chat", path="/chat/")
    client.get("/chat/")
    second = client.get_cookie("chat", path="/chat/")
    assert first is not None
    assert second is not None
    assert first.value == second.value
    assert len(first.value) == 43


def test_the_cookie_is_secure_where_the_city_has_https(town: Town) -> None:
    client = town.client(address=None, public_url="https://renrakumo.example.jp")
    assert "Secure" in client.get("/chat/").headers["Set-Cookie"]


def test_what_is_said_reaches_the_inbox_once(town: Town) -> None:
    client = town.client()
    line = said("Ｋ７Ｑ３")
    first, second = post(client, "say", line), post(client, "say", line)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json == {"at": 1795482000000, "time": "10:00", "day": "11月24日(火)"}
    assert stored(town) == 1
    with town.database.writing() as tx:
        item = inbox.read(tx, inbox.claim_heads(tx)[0].id)
    assert (item.channel, item.sender, item.kind, item.text) == (
        "webchat",
        ADDRESS,
        "text",
        "Ｋ７Ｑ３",
    )


def test_nobody_can_take_the_id_of_anothers_line(town: Town) -> None:
    line = said()
    post(town.client(OTHER), "say", line)
    post(town.client(), "say", line)
    assert stored(town) == 2


def test_a_button_and_a_picture(town: Town) -> None:
    client = town.client()
    picture = base64.b64encode(jpeg(8, 8)).decode()
    assert post(client, "say", {"id": str(uuid.uuid4()), "token": "abc"}).status_code == 202
    assert post(client, "say", {"id": str(uuid.uuid4()), "picture": picture}).status_code == 202
    assert stored(town) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"text": "no ID"},
        {"id": "7", "text": "no UUID"},
        {"id": str(uuid.uuid4())},
        {"id": str(uuid.uuid4()), "text": " "},
        {"id": str(uuid.uuid4()), "text": 5},
        {"id": str(uuid.uuid4()), "text": "x" * 5001},
        {"id": str(uuid.uuid4()), "text": "two", "token": "things"},
        {"id": str(uuid.uuid4()), "picture": "not base64"},
    ],
)
def test_what_makes_no_sense_is_refused(town: Town, body: object) -> None:
    assert post(town.client(), "say", body).status_code == 400
    assert stored(town) == 0


def test_another_site_cannot_speak_for_us(town: Town) -> None:
    client = town.client()
    without_header = client.post("/chat/say", json=said())
    assert without_header.status_code == 403
    assert post(client, "say", said(), Origin="https://evil.example").status_code == 403
    assert post(client, "say", said(), **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert post(client, "say", said(), Origin="null").status_code == 403
    assert post(client, "say", said(), Origin="http://localhost").status_code == 202
    assert stored(town) == 1


def test_without_an_address_nothing_is_said_or_shown(town: Town) -> None:
    for client in (town.client(None), town.client("short")):
        assert post(client, "say", said()).status_code == 403
        assert client.get("/chat/messages").status_code == 403
        assert post(client, "seen", {"ids": []}).status_code == 403


def test_too_much_talk_is_slowed_down(town: Town) -> None:
    client = town.client()
    codes = [post(client, "say", said()).status_code for _ in range(61)]
    assert codes[:60] == [202] * 60
    assert codes[60] == 429
    assert post(town.client(OTHER), "say", said()).status_code == 202


def test_replies_and_broadcasts_in_the_order_of_their_times(town: Town) -> None:
    town.speak(speak(Plain("はじめまして")))
    town.clock.forward(minutes=5)
    number = town.send(pictures=1)
    town.clock.forward(minutes=5)
    yes = SpeechButton(Plain("はい"), "token-yes")
    town.speak(Speech((Plain("よろしいですか？"), Plain("どうぞ")), (yes,), numbered=True))
    first, notice, question = messages(town.client())
    assert (first["kind"], first["text"], first["time"]) == ("reply", "はじめまして", "10:00")
    assert (notice["id"], notice["subject"], notice["purpose"]) == (
        f"d{number}",
        SUBJECT,
        "行事の中止・変更",
    )
    assert notice["school"] == "みどり市立中央小学校"
    assert notice["page"].startswith("/m/")
    assert question["text"] == "よろしいですか？\n\nどうぞ"
    assert question["buttons"] == [
        {"label": "はい", "token": "token-yes", "number": 1, "card": False}
    ]


def test_a_page_of_ours_is_a_link(town: Town) -> None:
    yes = SpeechButton(Plain("はい"), "token-yes")
    page = open_page(Plain("本文を見る"), "/m/abc")
    town.speak(Speech((Plain("どちらですか？"),), (yes, page), numbered=True))
    (question,) = messages(town.client())
    assert question["text"] == "どちらですか？"
    assert question["buttons"][1:] == [
        {"label": "本文を見る", "token": "", "number": None, "card": False, "href": "/m/abc"}
    ]


def test_a_card_is_told_from_a_question(town: Town) -> None:
    token = card_token(SECRET, CardRef(12, 3, 7), CardVerb.APPROVE)
    approve = SpeechButton(Plain("承認"), token, typed=Plain("承認 12-3"))
    nothing = SpeechButton(Plain("なし"), "choice-token", typed=Plain("なし"))
    town.speak(Speech((Plain("お願いします"),), (approve, nothing)))
    assert messages(town.client())[0]["buttons"] == [
        {"label": "承認", "token": token, "number": None, "card": True},
        {"label": "なし", "token": "choice-token", "number": None, "card": False},
    ]


def test_replies_speak_the_language_of_the_contact_point(town: Town) -> None:
    town.speak(speak(say("web.chat.menu")))
    english = town.client().get("/chat/messages?lang=en").get_json()["messages"]
    assert english[0]["text"] == "メニュー"


def test_nobody_sees_what_is_for_another(town: Town) -> None:
    town.speak(speak(Plain("秘密")))
    town.send()
    assert messages(town.client(OTHER)) == []


def test_waiting_and_refused_deliveries_are_not_shown(town: Town) -> None:
    for state in ("waiting", "refused", "unknown", "expired"):
        town.send(state=state)
    assert messages(town.client()) == []


def test_a_withdrawn_broadcast_says_so(town: Town) -> None:
    town.send(broadcast_state="withdrawn")
    town.send(valid_until=town.clock())
    town.send()
    states = [entry["state"] for entry in messages(town.client())]
    assert states == ["取り消されました", "期限が過ぎました", ""]


def test_nothing_new_is_one_query_and_304(town: Town) -> None:
    client = town.client()
    town.speak(speak(Plain("こんにちは")))
    town.send()
    tag = client.get("/chat/messages").headers["ETag"]
    statements: list[str] = []
    listen = event.listens_for(town.database.engine, "before_cursor_execute")
    listen(lambda *args: statements.append(args[2]))
    again = client.get("/chat/messages", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert len([s for s in statements if s.startswith("SELECT")]) == 1


def test_the_one_query_uses_indexes_only(town: Town) -> None:
    town.speak(speak(Plain("こんにちは")))
    queries: list[tuple[str, Any]] = []
    listen = event.listens_for(town.database.engine, "before_cursor_execute")
    listen(lambda *args: queries.append((args[2], args[3])))
    tag = town.client().get("/chat/messages").headers["ETag"]
    assert tag
    query, params = next(q for q in queries if "contact_points" in q[0])
    with town.database.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", params).all()
    assert [row for row in plan if row[3].startswith("SCAN") and "CONSTANT" not in row[3]] == []


def test_anything_new_changes_the_tag(town: Town) -> None:
    client = town.client()

    def tag() -> str:
        return client.get("/chat/messages").headers["ETag"]

    tags = [tag()]
    town.speak(speak(Plain("ひとつ")))
    tags.append(tag())
    town.send()
    tags.append(tag())
    town.clock.forward(seconds=1)
    town.send(state="accepted")
    tags.append(tag())
    assert len(set(tags)) == 4
    assert client.get("/chat/messages?lang=en").headers["ETag"] not in tags


def test_display_settles_replies_and_broadcasts(town: Town) -> None:
    client = town.client()
    town.speak(speak(Plain("こんにちは")))
    town.send()
    fresh = messages(client)
    assert [entry["fresh"] for entry in fresh] == [True, True]
    ids = [entry["id"] for entry in fresh]
    assert post(client, "seen", {"ids": ids}).status_code == 204
    assert [entry["fresh"] for entry in messages(client)] == [False, False]
    with town.database.reading() as tx:
        assert tx.session.scalars(select(Reply.state)).all() == ["done"]
        assert tx.session.scalars(select(Delivery.state)).all() == ["accepted"]


def test_nobody_reports_for_another(town: Town) -> None:
    town.speak(speak(Plain("こんにちは")))
    town.send()
    ids = [entry["id"] for entry in messages(town.client())]
    stranger = town.client(OTHER)
    assert post(stranger, "seen", {"ids": ids}).status_code == 204
    post(stranger, "say", said())
    assert [entry["fresh"] for entry in messages(town.client())] == [True, True]


@pytest.mark.parametrize(
    "body", [{}, [], {"ids": "r1"}, {"ids": ["x1"]}, {"ids": [1]}, {"ids": ["r1"] * 201}]
)
def test_a_senseless_report_is_refused(town: Town, body: object) -> None:
    assert post(town.client(), "seen", body).status_code == 400


def test_three_phones_in_one_browser_are_three_people(town: Town) -> None:
    phones = {"guardian": ADDRESS, "teacher": OTHER}
    client = town.client(None, demo=True, demo_phones=phones)
    for name in phones:
        assert client.get(f"/demo/phones/{name}/").status_code == 200
        client.post(f"/demo/phones/{name}/say", json=said(), headers=OWN_PAGE)
        cookie = client.get_cookie("chat", path=f"/demo/phones/{name}/")
        assert cookie is not None
        assert cookie.value == phones[name]
    assert client.get("/demo/phones/nobody/").status_code == 404
    assert town.client().get("/demo/phones/guardian/").status_code == 404
    with town.database.writing() as tx:
        senders = tx.session.scalars(select(Inbox.sender_index)).all()
    assert len(set(senders)) == 2


def test_the_words_of_the_script_survive_html(town: Town) -> None:
    page = town.client().get("/chat/").text
    encoded = page.split('data-words="', 1)[1].split('"', 1)[0]
    words = json.loads(encoded.replace("&#34;", '"').replace("&#39;", "'"))
    assert words["begin"].count("{code}") == 1


def kinds(town: Town) -> list[str]:
    with town.database.reading() as tx:
        rows = tx.session.scalars(select(Inbox.id).order_by(Inbox.id)).all()
        return [inbox.read(tx, number).kind for number in rows]


def test_pictures_of_strangers_are_not_even_kept(town: Town) -> None:
    picture = base64.b64encode(jpeg(40, 30)).decode()
    client = town.client()
    post(client, "say", {"id": str(uuid.uuid4()), "picture": picture})
    assert kinds(town) == ["other"]


def test_pictures_of_staff_are_taken(town: Town) -> None:
    town.hires()
    picture = base64.b64encode(jpeg(40, 30)).decode()
    post(town.client(), "say", {"id": str(uuid.uuid4()), "picture": picture})
    assert kinds(town) == ["picture"]


@pytest.mark.parametrize("name", ["say", "seen"])
def test_endless_nesting_is_a_bad_request(town: Town, name: str) -> None:
    body = "[" * 100_000
    answer = town.client().post(
        f"/chat/{name}", data=body, headers=OWN_PAGE, content_type="application/json"
    )
    assert answer.status_code == 400


def test_an_origin_that_is_none_is_foreign(town: Town) -> None:
    assert post(town.client(), "say", said(), Origin="http://[").status_code == 403
