"""Messages and broadcasts as LINE's objects; the SDK's own models are the referee."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linebot.v3.messaging import MulticastRequest, PushMessageRequest, ReplyMessageRequest

from channels.base import Bulk, Button, Message, Picture
from channels.line.bulk import broadcast
from channels.line.content import objects
from domain.graphemes import clusters, units
from tests.channels.line.kit import BULK, person

PICTURE = Picture(
    "0" * 64, "image/png", 10, 10, b"", b"", "https://r.example.jp/p/1", "https://r.example.jp/p/2"
)
CHOICES = (Button("はい", "yes"), Button("いいえ", "no"))


def accepted(made: list[dict[str, Any]]) -> None:
    """The SDK's models read every object and give it back unchanged."""
    body: dict[str, Any] = {"messages": made, "to": [person(1)]}
    assert MulticastRequest.from_dict(body).to_dict()["messages"] == made
    assert PushMessageRequest.from_dict({**body, "to": person(1)}).to_dict()["messages"] == made
    reply = {"messages": made, "replyToken": "r"}
    assert ReplyMessageRequest.from_dict(reply).to_dict()["messages"] == made


def text_of(made: list[dict[str, Any]]) -> str:
    return "".join(one["text"] for one in made if one["type"] == "text")


def types(made: list[dict[str, Any]]) -> list[str]:
    return [one["type"] for one in made]


def flex_actions(one: dict[str, Any]) -> list[dict[str, Any]]:
    return [button["action"] for button in one["contents"]["body"]["contents"]]


def test_a_text_with_choices() -> None:
    made = objects([Message("登録しますか。\n1 はい\n2 いいえ", CHOICES)])
    accepted(made)
    (one,) = made
    assert [item["action"] for item in one["quickReply"]["items"]] == [
        {"type": "postback", "label": "はい", "data": "yes", "displayText": "はい"},
        {"type": "postback", "label": "いいえ", "data": "no", "displayText": "いいえ"},
    ]


def test_choices_hang_on_the_very_last_object() -> None:
    made = objects([Message("一" * 6000, CHOICES), Message("二", pictures=(PICTURE,))])
    accepted(made)
    assert types(made) == ["text", "text", "text", "image"]
    assert ["quickReply" in one for one in made] == [False, False, False, True]


def test_only_the_last_question_is_open() -> None:
    made = objects([Message("一", CHOICES), Message("二", (Button("三", "3"),))])
    assert [item["action"]["data"] for item in made[-1]["quickReply"]["items"]] == ["3"]
    assert "quickReply" not in made[0]


def test_more_choices_than_line_shows_are_numbers_in_the_text() -> None:
    many = tuple(Button(f"{n}組", str(n)) for n in range(14))
    assert "quickReply" not in objects([Message("何組", many)])[0]
    assert len(objects([Message("何組", many[:13])])[0]["quickReply"]["items"]) == 13


def test_labels_are_cut_by_what_a_person_counts() -> None:
    label = "👨‍👩‍👧" * 21
    made = objects([Message("だれ", (Button(label, "t"),))])
    accepted(made)
    action = made[0]["quickReply"]["items"][0]["action"]
    assert action["label"] == "👨‍👩‍👧" * 19 + "…"
    assert action["displayText"] == label


def test_what_line_would_refuse_is_no_button() -> None:
    odd = (
        Button("", "t"),
        Button("x", ""),
        Button("x", "t" * 301),
        Button("x", url="javascript:1"),
    )
    assert objects([Message("x", odd)]) == [{"type": "text", "text": "x"}]


def test_cards_and_links_are_a_bubble_beneath_the_text() -> None:
    buttons = (
        Button("承認", "approve", lasting=True),
        Button("ページを開く", url="https://r.example.jp/link/abc"),
        *CHOICES,
    )
    made = objects([Message("承認してください。", buttons)])
    accepted(made)
    assert types(made) == ["text", "flex"]
    assert made[1]["altText"] == "承認 / ページを開く"
    assert flex_actions(made[1]) == [
        {"type": "postback", "label": "承認", "data": "approve", "displayText": "承認"},
        {"type": "uri", "label": "ページを開く", "uri": "https://r.example.jp/link/abc"},
    ]
    assert len(made[1]["quickReply"]["items"]) == 2


def test_a_bubble_stays_below_its_limit() -> None:
    many = tuple(Button("あ" * 300, "t" * 300, lasting=True) for _ in range(60))
    made = objects([Message("い" * 5000, many)])
    accepted(made)
    assert 0 < len(flex_actions(made[1])) < 60
    assert len(json.dumps(made[1]["contents"]).encode()) <= 30_000


def test_what_stands_for_a_bubble_is_short() -> None:
    many = tuple(Button("あ" * 20, str(number), lasting=True) for number in range(60))
    made = objects([Message("い" * 5000, many)])
    accepted(made)
    assert units(made[1]["altText"]) == 400
    assert made[1]["altText"].startswith("ああ")


def test_pictures_that_line_can_fetch() -> None:
    made = objects([Message("図", pictures=(PICTURE,))])
    accepted(made)
    assert made[1] == {
        "type": "image",
        "originalContentUrl": "https://r.example.jp/p/1",
        "previewImageUrl": "https://r.example.jp/p/2",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://r.example.jp/p/1"},
        {"url": ""},
        {"preview_url": ""},
        {"url": "https://r.example.jp/図"},
        {"preview_url": "https://r.example.jp/" + "x" * 2000},
    ],
)
def test_pictures_that_line_cannot_fetch(changes: Any) -> None:
    assert types(objects([Message("図", pictures=(replace(PICTURE, **changes),))])) == ["text"]


def test_nothing_to_say() -> None:
    assert objects([]) == []
    assert objects([Message(" \n", CHOICES)]) == []


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
BUTTONS = st.builds(
    Button, TEXT, TEXT, st.booleans(), st.sampled_from(["", "https://r.example.jp/x", "ftp:x"])
)
PICTURES = st.sampled_from([PICTURE, replace(PICTURE, url="")])


@given(
    st.lists(
        st.builds(
            Message,
            TEXT,
            st.lists(BUTTONS, max_size=16).map(tuple),
            st.lists(PICTURES, max_size=2).map(tuple),
        ),
        max_size=3,
    )
)
def test_whatever_is_said_line_would_take_it(messages: list[Message]) -> None:
    made = objects(messages)
    for start in range(0, len(made), 5):
        accepted(made[start : start + 5])
    actions = [
        item["action"] for one in made for item in one.get("quickReply", {}).get("items", [])
    ]
    actions += [action for one in made if one["type"] == "flex" for action in flex_actions(one)]
    assert all(0 < len(clusters(action["label"])) <= 20 for action in actions)
    # Blanks at a cut, which no reader misses, are not kept.
    assert "".join(text_of(made).split()) == "".join("".join(m.text for m in messages).split())


def test_a_broadcast_in_full() -> None:
    made = broadcast(replace(BULK, pictures=(PICTURE,)))
    accepted(made)
    assert types(made) == ["text", "image"]
    assert made[0]["text"] == (
        "【第三小学校】\n遠足の延期\n\n明日は延期です。\n\n"
        "▼このお知らせのページ\nhttps://renraku.example.jp/m/abc"
    )


def test_a_broadcast_in_english() -> None:
    assert "View this notice:" in text_of(broadcast(replace(BULK, language="en")))


def test_a_broadcast_without_a_page() -> None:
    made = broadcast(replace(BULK, page_url=""))
    assert made == [{"type": "text", "text": "【第三小学校】\n遠足の延期\n\n明日は延期です。"}]


def test_a_long_broadcast_is_several_texts() -> None:
    text = "明日は延期です。" * 1500
    made = broadcast(replace(BULK, text=text, pictures=(PICTURE,)))
    accepted(made)
    assert types(made) == ["text", "text", "text", "image"]
    assert text in text_of(made)


@pytest.mark.parametrize("pictures", [0, 1, 3, 5])
def test_a_broadcast_that_is_too_long_goes_on_on_its_page(pictures: int) -> None:
    bulk = replace(BULK, text="明日は延期です。" * 4000, pictures=(PICTURE,) * pictures)
    made = broadcast(bulk)
    accepted(made)
    shown = min(pictures, 3)
    assert types(made) == ["text"] * (4 - shown) + ["image"] * shown + ["flex"]
    assert all(units(one["text"]) <= 5000 for one in made if one["type"] == "text")
    tail = "\n\n続きは、こちらのページでお読みください。\nhttps://renraku.example.jp/m/abc"
    last = made[3 - shown]["text"]
    assert last.endswith("明日は延期です。" + tail)
    assert flex_actions(made[-1])[0]["data"] == "open-7"


def test_pictures_left_out_are_on_the_page() -> None:
    http = replace(PICTURE, url="http://r.example.jp/p/1")
    made = broadcast(replace(BULK, pictures=(PICTURE, http)))
    accepted(made)
    assert types(made) == ["text", "image", "flex"]
    many = broadcast(replace(BULK, pictures=(PICTURE,) * 9))
    assert types(many) == ["text", "image", "image", "image", "flex"]


def test_the_headline_alone() -> None:
    made = broadcast(replace(BULK, headline_only=True, pictures=(PICTURE,)))
    accepted(made)
    assert types(made) == ["text", "flex"]
    assert "明日は延期です。" not in json.dumps(made, ensure_ascii=False)
    assert "遠足の延期" in made[0]["text"]
    assert made[0]["text"].endswith("\nhttps://renraku.example.jp/m/abc")
    assert flex_actions(made[1]) == [
        {"type": "postback", "label": "本文を見る", "data": "open-7", "displayText": "本文を見る"}
    ]
    assert made[1]["altText"] == "遠足の延期"


BULKS = st.builds(
    lambda subject, text, times, language, pictures, headline, page: replace(
        BULK,
        subject=subject,
        text=text * times,
        language=language,
        pictures=tuple(pictures),
        headline_only=headline,
        page_url=page,
    ),
    TEXT,
    TEXT,
    st.sampled_from([1, 130, 700]),
    st.sampled_from(["ja", "en", ""]),
    st.lists(PICTURES, max_size=6),
    st.booleans(),
    st.sampled_from(["", "https://renraku.example.jp/m/abc"]),
)


# Beside other tests on a busy machine, the longest of them take their time.
@settings(deadline=None)
@given(BULKS)
def test_any_broadcast_is_at_most_five_objects(bulk: Bulk) -> None:
    made = broadcast(bulk)
    assert 1 <= len(made) <= 5
    accepted(made)
    assert made == broadcast(bulk)
    assert all(0 < units(one["text"]) <= 5000 for one in made if one["type"] == "text")
    assert bulk.page_url in text_of(made)


def test_confirming_is_one_bubble_with_reading_on() -> None:
    """The button asks for no more objects than five, however many pictures there are."""
    asking = replace(
        BULK, confirm_token="confirm-7", how_to_confirm="送ってください。", signature="第三小学校"
    )
    made = broadcast(replace(asking, pictures=(PICTURE,) * 3))
    accepted(made)
    assert types(made) == ["text", "image", "image", "image", "flex"]
    assert [action["data"] for action in flex_actions(made[-1])] == ["confirm-7"]
    full = broadcast(replace(asking, pictures=(PICTURE,) * 4))
    accepted(full)
    assert types(full) == ["text", "image", "image", "image", "flex"]
    assert [action["data"] for action in flex_actions(full[-1])] == ["open-7", "confirm-7"]
    assert full[0]["text"].endswith("\n\n送ってください。\n\n第三小学校")
    long = broadcast(replace(asking, text="明日は延期です。" * 4000))
    accepted(long)
    assert types(long) == ["text"] * 4 + ["flex"]
    assert long[3]["text"].endswith("\n\n送ってください。\n\n第三小学校")
