"""Which message objects the LINE stand-in refuses, and where it says that the mistake is."""

from typing import Any

import pytest

from tests.line_standin import LineStandin

PICTURE = {
    "type": "image",
    "originalContentUrl": "https://renraku.example/a.jpg",
    "previewImageUrl": "https://renraku.example/b.jpg",
}
POSTBACK = {"type": "postback", "label": "はい", "data": "x", "displayText": "はい"}


def text(value: str = "a", **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def quick(*actions: dict[str, Any]) -> dict[str, Any]:
    return text(quickReply={"items": [{"type": "action", "action": action} for action in actions]})


def bubble(*contents: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"type": "box", "layout": "vertical", "contents": list(contents)}
    return {"type": "bubble", "body": body} | more


def flex(contents: Any, alt: str = "カード") -> dict[str, Any]:
    return {"type": "flex", "altText": alt, "contents": contents}


def template(**more: Any) -> dict[str, Any]:
    return {"type": "template", "altText": "選択", "template": more}


def buttons(**more: Any) -> dict[str, Any]:
    return template(**({"type": "buttons", "text": "?", "actions": [POSTBACK]} | more))


WORD = {"type": "text", "text": "やあ"}
BUTTON = {"type": "button", "action": POSTBACK}

GOOD: list[dict[str, Any]] = [
    text("あ" * 5000),
    text("🍎" * 2500),
    PICTURE,
    quick(*[POSTBACK] * 13),
    quick({"type": "camera", "label": "写真"}),
    quick({"type": "uri", "label": "👨‍👩‍👧‍👦" * 20, "uri": "https://a.example/"}),
    flex(bubble(WORD, BUTTON, {"type": "separator", "margin": "md"}), "あ" * 1500),
    flex({"type": "carousel", "contents": [bubble(WORD)] * 12}),
    flex(bubble({"type": "button", "action": POSTBACK | {"label": "x" * 40}})),
    buttons(text="x" * 160),
    template(type="confirm", text="よい?", actions=[POSTBACK, POSTBACK]),
    {"type": "sticker", "packageId": "446", "stickerId": "1988"},
]

BAD: list[tuple[dict[str, Any], str]] = [
    (text(""), "messages[0].text"),
    (text("あ" * 5001), "messages[0].text"),
    (text("🍎" * 2500 + "a"), "messages[0].text"),
    ({"type": "telegram"}, "messages[0].type"),
    (PICTURE | {"previewImageUrl": "http://a.example/b"}, "messages[0].previewImageUrl"),
    (PICTURE | {"originalContentUrl": "https://a/" + "x" * 2000}, "messages[0].originalContentUrl"),
    (quick(*[POSTBACK] * 14), "messages[0].quickReply.items"),
    (quick(POSTBACK | {"label": "x" * 21}), "messages[0].quickReply.items[0].action.label"),
    (quick(POSTBACK | {"data": "x" * 301}), "messages[0].quickReply.items[0].action.data"),
    (quick(POSTBACK | {"data": ""}), "messages[0].quickReply.items[0].action.data"),
    (
        quick(POSTBACK | {"displayText": "x" * 301}),
        "messages[0].quickReply.items[0].action.displayText",
    ),
    (
        quick({"type": "uri", "label": "a", "uri": "ftp://a"}),
        "messages[0].quickReply.items[0].action.uri",
    ),
    (quick({"type": "postback", "data": "x"}), "messages[0].quickReply.items[0].action.label"),
    (quick(POSTBACK | {"text": "x"}), "messages[0].quickReply.items[0].action.text"),
    (flex(bubble(WORD), ""), "messages[0].altText"),
    (flex(bubble(WORD), "x" * 1501), "messages[0].altText"),
    (flex({"type": "bubble"}), "/"),
    (flex(bubble({"type": "text", "text": ""})), "/body/contents/0/text"),
    (flex(bubble({"type": "icon", "url": "https://a/b"})), "/body/contents/0/type"),
    (flex(bubble(WORD | {"colour": "#000000"})), "/body/contents/0/colour"),
    (flex(bubble(WORD | {"color": "red"})), "/body/contents/0/color"),
    (flex(bubble(WORD | {"size": "large"})), "/body/contents/0/size"),
    (flex(bubble(WORD | {"margin": "5%"})), "/body/contents/0/margin"),
    (flex(bubble(WORD | {"wrap": None})), "/body/contents/0/wrap"),
    (flex(bubble({"type": "button"})), "/body/contents/0/action"),
    (
        flex(bubble({"type": "button", "action": POSTBACK | {"label": "x" * 41}})),
        "/body/contents/0/action/label",
    ),
    (flex(bubble({"type": "image", "url": "http://a/b.png"})), "/body/contents/0/url"),
    (flex(bubble({"type": "text", "text": "x" * 30 * 1024})), "/"),
    (flex({"type": "carousel", "contents": [bubble(WORD)] * 13}), "/contents"),
    (
        flex({"type": "carousel", "contents": [bubble(WORD), bubble(WORD, size="nano")]}),
        "/contents",
    ),
    (
        flex({"type": "carousel", "contents": [bubble(WORD | {"text": "あ" * 6000})] * 3}),
        "/",
    ),
    (buttons(text="x" * 161), "messages[0].template.text"),
    (buttons(title="題", text="x" * 61), "messages[0].template.text"),
    (buttons(actions=[POSTBACK] * 5), "messages[0].template.actions"),
    (template(type="confirm", text="?", actions=[POSTBACK]), "messages[0].template.actions"),
    (template(type="list"), "messages[0].template.type"),
    (
        template(
            type="carousel",
            columns=[
                {"text": "a", "actions": [POSTBACK]},
                {"text": "b", "actions": [POSTBACK, POSTBACK]},
            ],
        ),
        "messages[0].template.columns",
    ),
]


def validated(line: LineStandin, *messages: dict[str, Any]) -> tuple[int, Any]:
    body = {"messages": list(messages)}
    status, answer, _headers = line.api("POST", "/v2/bot/message/validate/push", body)
    return status, answer


@pytest.mark.parametrize("message", GOOD)
def test_good_messages(line: LineStandin, message: dict[str, Any]) -> None:
    assert validated(line, message) == (200, {})


@pytest.mark.parametrize(("message", "place"), BAD)
def test_bad_messages(line: LineStandin, message: dict[str, Any], place: str) -> None:
    status, body = validated(line, message)
    assert status == 400
    assert [detail["property"] for detail in body["details"]] == [place]
    if place.startswith("/"):
        assert body["message"] == "A message (messages[0]) in the request body is invalid"
    else:
        assert body["message"] == "The request body has 1 error(s)"


def test_a_request_has_one_to_five_messages(line: LineStandin) -> None:
    assert validated(line)[0] == 400
    assert validated(line, *[text()] * 5)[0] == 200
    assert validated(line, *[text()] * 6)[0] == 400
    assert validated(line, text(""), PICTURE, text(""))[1]["message"] == (
        "The request body has 2 error(s)"
    )


@pytest.mark.parametrize("messages", [None, "x", [None], ["x"], [{}], [{"type": ["text"]}]])
def test_what_is_no_list_of_messages(line: LineStandin, messages: Any) -> None:
    body = {"messages": messages}
    assert line.api("POST", "/v2/bot/message/validate/push", body)[0] == 400
