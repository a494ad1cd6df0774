"""確認しました in the browser: by a button on the personal page or in the chat, never by a link."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from domain import paths
from storage import people
from storage.tables import AudienceMember, Confirmation, Delivery
from tests.databases import SECRET
from tests.web.town import Town


def asked(town: Town, **changes: Any) -> int:
    """A broadcast that asks the guardian to confirm; the delivery's number."""
    delivery_id = town.send(options={"confirm": True}, **changes)
    with town.database.writing() as tx:
        guardian = people.add_guardian(tx, town.board_id, "ja")
        people.link_contact(tx, guardian, town.contact_id)
        member = AudienceMember(
            broadcast_id=tx.session.get_one(Delivery, delivery_id).broadcast_id,
            guardian_id=guardian.id,
            family_id=guardian.family_id,
            contact_point_id=town.contact_id,
            board_id=town.board_id,
        )
        tx.session.add(member)
    return delivery_id


def confirmations(town: Town) -> int:
    with town.database.reading() as tx:
        return tx.session.query(Confirmation).count()


def test_the_button_on_the_personal_page(town: Town) -> None:
    client, delivery_id = town.client(None), asked(town)
    page = paths.message(SECRET, delivery_id)
    for _ in range(2):
        assert "確認しました</button>" in client.get(page).text
        assert client.get(f"{page}/confirm").status_code == 405
    assert confirmations(town) == 0
    answer = client.post(f"{page}/confirm")
    assert (answer.status_code, answer.location) == (303, page)
    shown = client.get(page).text
    assert "確認したことを学校に伝えました" in shown
    assert "</button>" not in shown
    assert client.post(f"{page}/confirm").status_code == 303
    assert confirmations(town) == 1


def test_no_button_where_nobody_is_named_or_asked(town: Town) -> None:
    client, delivery_id = town.client(None), asked(town)
    with town.database.reading() as tx:
        broadcast_id = tx.session.get_one(Delivery, delivery_id).broadcast_id
    common = paths.broadcast(SECRET, broadcast_id)
    assert "確認しました" not in client.get(common).text
    assert client.post(f"{common}/confirm").status_code == 404
    assert "確認しました" not in client.get(paths.message(SECRET, town.send())).text
    gone = paths.message(SECRET, asked(town, broadcast_state="withdrawn"))
    assert "確認しました" not in client.get(gone).text
    client.post(f"{gone}/confirm")
    assert confirmations(town) == 0


def messages(client: FlaskClient) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = client.get("/chat/messages").get_json()["messages"]
    return shown


def test_what_the_chat_page_shows(town: Town) -> None:
    client = town.client()
    delivery_id = asked(town, verify_code="K7Q3-M9XP")
    town.send(options={"emergency": True}, subject="避難してください")
    town.send(broadcast_state="withdrawn", subject="間違い")
    first, second, third = messages(client)
    assert [button["label"] for button in first["buttons"]] == ["確認しました"]
    assert "「確認しました」を押してください" in first["text"]
    end = "みどり市立中央小学校\nこの連絡が本物か確かめる: http://localhost/verify/K7Q3-M9XP"
    assert first["text"].endswith(end)
    assert (second["subject"], second["buttons"]) == ("【緊急】避難してください", [])
    assert "間違い" not in str(third)
    client.post(f"{paths.message(SECRET, delivery_id)}/confirm")
    town.send()
    again = messages(client)[0]
    assert again["buttons"] == []
    assert "確認したことを学校に伝えました" in again["text"]
