"""How a draft is shown to its author before anybody else sees it."""

from __future__ import annotations

from typing import Any

from actions import boards
from channels.base import Button, Message, Picture
from channels.line.content import objects
from storage import quotas
from tests.dialogues.kit import Person, Town, photo

BODY = "雨のため中止します。"


def test_a_draft_is_shown_in_five_objects_of_line_and_no_paragraph_is_a_caption(
    town: Town, teacher: Person
) -> None:
    town.families()
    with town.database.writing() as tx:
        boards.change_settings(tx, town.board_id, privacy="headline")
        quotas.note(tx, "webchat", "webchat", 200, 150)
    for words in ("作成", "行事の中止・変更", "学校全体", "運動会は中止です", BODY):
        teacher.says(words)
    for colour in ("red", "green", "blue", "white"):
        teacher.sends_picture(photo(colour))
    teacher.says("今すぐ")
    pictures, text = teacher.newest
    assert (pictures.text, len(pictures.picture_ids)) == ("", 4)
    assert text.picture_ids == ()
    order = (
        BODY,
        "画像4枚",
        "「本文を見る」",
        "ウェブチャット：この配信で",
        "承認を依頼",
    )
    places = [text.text.index(part) for part in order]
    assert places == sorted(places)
    assert len(line_objects(teacher)) == 5


def line_objects(person: Person) -> list[dict[str, Any]]:
    """What they heard last, as LINE would show it."""
    picture = Picture(
        "", "image/jpeg", 1, 1, b"", b"", "https://r.example/p", "https://r.example/p"
    )
    messages = [
        Message(
            each.text,
            tuple(Button(b.label, b.token, b.lasting, b.url) for b in each.buttons),
            (picture,) * len(each.picture_ids),
        )
        for each in person.newest
    ]
    return objects(messages)
