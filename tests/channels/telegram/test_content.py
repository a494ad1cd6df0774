"""What is said, as requests: within Telegram's limits, nothing lost."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.asking import Place, ask
from bot.steps import Option, Question
from channels.base import Bulk, Button, Message, Picture, Recipient
from channels.telegram.content import (
    CALLBACK_BYTES,
    CAPTION_UNITS,
    TEXT_UNITS,
    of_bulk,
    of_messages,
)
from domain.cards import CardRef, CardVerb, card_token, mark_of
from domain.graphemes import units
from domain.wording import Plain

KEY = b"a secret of the tests, 32 bytes."
LARGE = 2**40 - 1
TO = Recipient(5, "77", "id", "https://r.example/m/own", "https://r.example/u/x")


def picture(name: str = "a") -> Picture:
    return Picture(name, "image/jpeg", 10, 10, name.encode(), b"")


def bulk(**given: object) -> Bulk:
    whole: dict[str, object] = {
        "board": "みどり市",
        "sender_name": "中央小学校",
        "list_id": "",
        "subject": "遠足",
        "text": "明日です。",
        "language": "ja",
        "page_url": "https://r.example/m/all",
        "open_token": "opens",
        **given,
    }
    return Bulk(**whole)  # type: ignore[arg-type]


def test_a_broadcast() -> None:
    (step,) = of_bulk(bulk(), TO)
    assert step.text == (
        "【中央小学校】\n遠足\n\n明日です。\n\n▼このお知らせのページ\nhttps://r.example/m/own"
    )
    assert step.buttons == ()


def test_a_broadcast_by_headline_alone() -> None:
    (step,) = of_bulk(bulk(headline_only=True, pictures=(picture(),), language="en"), TO)
    assert "明日です" not in step.text
    assert step.text.startswith("[中央小学校]\n遠足")
    assert step.pictures == ()
    assert step.buttons == (Button("Read the notice", "opens"),)


def test_a_photo_and_a_short_text_are_one() -> None:
    (step,) = of_bulk(bulk(pictures=(picture(),)), TO)
    assert len(step.pictures) == 1
    assert "明日です" in step.text


def test_a_photo_and_a_long_text_are_two() -> None:
    first, second = of_bulk(bulk(pictures=(picture(),), text="あ" * CAPTION_UNITS), TO)
    assert (first.text, second.pictures) == ("", ())


def test_several_photos_are_albums_of_ten() -> None:
    steps = of_messages([Message("本文", pictures=tuple(map(picture, "abcdefghijkl")))])
    assert [len(step.pictures) for step in steps] == [10, 2, 0]
    assert steps[-1].text == "本文"


def test_buttons_stand_under_the_last_part() -> None:
    choices = (Button("はい", "y"), Button("いいえ", "n"))
    steps = of_messages([Message("文。" * 3000, choices), Message("おわり")])
    assert [step.buttons for step in steps] == [(), choices, ()]


def test_buttons_without_words() -> None:
    (step,) = of_messages([Message("", (Button("はい", "y"),))])
    assert step.text == "はい"


@pytest.mark.parametrize(
    ("button", "kept"),
    [
        (Button("x" * 100, "t"), Button("x" * 59 + "…", "t")),
        (Button("a", "t" * 64), Button("a", "t" * 64)),
        (Button("a", "あ" * 22), None),
        (Button("a"), None),
        (Button("a", url="https://r.example/m/1"), Button("a", url="https://r.example/m/1")),
        (Button("a", url="http://127.0.0.1:8000/m/1"), None),
    ],
)
def test_only_buttons_that_telegram_takes(button: Button, kept: Button | None) -> None:
    (step,) = of_messages([Message("?", (button,))])
    assert step.buttons == ((kept,) if kept else ())


@given(st.text(max_size=9000), st.integers(0, 12), st.booleans())
def test_within_the_limits(text: str, pictures: int, headline: bool) -> None:
    many = tuple(picture(str(n)) for n in range(pictures))
    for step in of_bulk(bulk(text=text, pictures=many, headline_only=headline), TO):
        assert 0 < units(step.text) <= TEXT_UNITS or step.pictures
        assert len(step.pictures) <= 10
        assert units(step.text) <= CAPTION_UNITS or not step.pictures
        assert not step.text or len(step.pictures) <= 1


@pytest.mark.parametrize("verb", CardVerb)
def test_card_tokens_fit_a_button(verb: CardVerb) -> None:
    token = card_token(KEY, CardRef(LARGE, 2**21 - 1, mark_of("f" * 64)), verb)
    assert len(token.encode()) <= CALLBACK_BYTES


def test_the_tokens_of_questions_fit_a_button() -> None:
    options = tuple(Option(str(uuid4()), Plain(str(n))) for n in range(200))
    place = Place(KEY, LARGE, LARGE, "register")
    speech = ask(Question(key="a.very.long.key." * 9, words=Plain("?"), options=options), place)
    assert all(len(button.token.encode()) <= CALLBACK_BYTES for button in speech.buttons)
