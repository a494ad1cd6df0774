"""What the demo's phones read from the stand-ins' transcripts."""

from __future__ import annotations

from typing import Any

from commands.demo.reading import entries
from commands.demo.theatre import PUBLIC_URL


def said(*messages: dict[str, Any], by: str = "bot") -> dict[str, Any]:
    at = "2026-11-23T00:05:00+00:00"
    return {"sequence": 7, "at": at, "from": by, "via": "push", "messages": list(messages)}


def postback(label: str) -> dict[str, Any]:
    return {"type": "postback", "label": label, "data": f"token {label}", "displayText": label}


def test_lines_messages_are_a_bubble_each() -> None:
    card = {"type": "button", "action": postback("承認")}
    bubble = {"type": "bubble", "body": {"type": "box", "contents": [card]}}
    picture = {
        "type": "image",
        "originalContentUrl": f"{PUBLIC_URL}/pictures/1",
        "previewImageUrl": f"{PUBLIC_URL}/pictures/1s",
        "quickReply": {"items": [{"type": "action", "action": postback("はい")}]},
    }
    flex = {"type": "flex", "altText": "承認", "contents": bubble}
    shown = entries("line", [said({"type": "text", "text": "件名"}, flex, picture)])
    assert [entry["id"] for entry in shown] == ["x7.0", "x7.1", "x7.2"]
    assert [entry["text"] for entry in shown] == ["件名", "", ""]
    assert (shown[0]["time"], shown[0]["day"], shown[0]["kind"]) == ("9:05", "11月23日", "reply")
    assert [(b["label"], b["token"], b["card"]) for b in shown[1]["buttons"]] == [
        ("承認", "token 承認", True)
    ]
    assert shown[2]["pictures"][0]["full"] == "/pictures/1"
    assert [(b["label"], b["card"]) for b in shown[2]["buttons"]] == [("はい", False)]


def test_what_the_person_did_is_their_own() -> None:
    own = entries("line", [said({"type": "image"}, by="person")])
    assert [(entry["kind"], entry["text"]) for entry in own] == [("own", "（写真）")]


def test_telegrams_keyboards_links_and_photos() -> None:
    rows = [
        [{"text": "承認", "callback_data": "token"}],
        [{"text": "本文を見る", "url": f"{PUBLIC_URL}/m/abc"}],
    ]
    text = {"message_id": 1, "text": "件名", "reply_markup": {"inline_keyboard": rows}}
    photo = {"message_id": 2, "photo": [{"file_id": "small"}, {"file_id": "large"}]}
    shown = entries("telegram", [said(text, photo)])
    assert [(b["token"], b["href"]) for b in shown[0]["buttons"]] == [
        ("token", ""),
        ("", "/m/abc"),
    ]
    assert shown[1]["pictures"][0]["full"] == "files/large"


def test_a_press_in_telegram_shows_nothing() -> None:
    press = {"id": "1", "data": "token", "message": {"text": "件名"}}
    assert entries("telegram", [said(press, by="person")]) == []
