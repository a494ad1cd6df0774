"""Replies: taken once, in order, and again if nothing came of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from actions import boards
from domain.speech import Speech, SpeechButton, render, speak
from domain.wording import Plain, say
from storage import people, replies
from storage.database import Database
from storage.tables import Reply
from tests.databases import Clock

_HOLD = timedelta(seconds=60)


@pytest.fixture
def contacts(database: Database) -> tuple[int, int]:
    with database.writing() as tx:
        board = boards.open_board(tx, "koshigaya", "越谷市")
        mail = people.contact_point(tx, board.id, "email", "email", "a@example.jp").id
        chat = people.contact_point(tx, board.id, "webchat", "webchat", "b").id
        for contact in (mail, chat):
            for words in ("1", "2"):
                replies.queue(tx, contact, speak(Plain(words)))
    return mail, chat


def claimed(database: Database) -> list[str]:
    with database.writing() as tx:
        taken = replies.claim(tx, ("email",), _HOLD)
        return [render(each.speech, each.language).text for each in taken]


def settled(database: Database) -> list[str]:
    """Claim and settle at once; the texts that were claimed."""
    with database.writing() as tx:
        taken = replies.claim(tx, ("email",), _HOLD)
        for each in taken:
            replies.settle(tx, each.id, "done")
        return [render(each.speech, each.language).text for each in taken]


def test_a_persons_replies_are_taken_one_by_one_and_only_once(
    database: Database, contacts: tuple[int, int]
) -> None:
    assert [settled(database) for _ in range(3)] == [["1"], ["2"], []]


def test_a_persons_next_reply_waits_while_one_is_on_its_way(
    database: Database, contacts: tuple[int, int]
) -> None:
    assert claimed(database) == ["1"]
    assert claimed(database) == []


def test_one_person_keeps_nobody_waiting(database: Database, contacts: tuple[int, int]) -> None:
    with database.writing() as tx:
        board_id = people.contact(tx, contacts[0]).board_id
        other = people.contact_point(tx, board_id, "email", "email", "c@example.jp").id
        for words in ("3", "4"):
            replies.queue(tx, other, speak(Plain(words)))
    assert claimed(database) == ["1", "3"]
    assert claimed(database) == []


def test_what_is_kept_is_not_taken_again(
    database: Database, contacts: tuple[int, int], clock: Clock
) -> None:
    with database.writing() as tx:
        (first,) = replies.claim(tx, ("email",), _HOLD)
    clock.forward(seconds=50)
    with database.writing() as tx:
        replies.keep(tx, [first.id], _HOLD)
    clock.forward(seconds=50)
    assert claimed(database) == []
    clock.forward(seconds=11)
    assert claimed(database) == ["1"]


def test_what_was_not_settled_is_taken_again(
    database: Database, contacts: tuple[int, int], clock: Clock
) -> None:
    assert settled(database) == ["1"]
    assert claimed(database) == ["2"]
    clock.forward(seconds=61)
    with database.writing() as tx:
        (again,) = replies.claim(tx, ("email",), _HOLD)
        assert (again.tries, render(again.speech, "ja").text) == (2, "2")


def test_a_later_reply_waits_for_the_one_that_was_put_off(
    database: Database, contacts: tuple[int, int], clock: Clock
) -> None:
    with database.writing() as tx:
        (first,) = replies.claim(tx, ("email",), _HOLD)
        replies.put_off(tx, first.id, clock.now + timedelta(minutes=5))
    clock.forward(seconds=61)
    assert claimed(database) == []
    clock.forward(minutes=5)
    assert [settled(database) for _ in range(3)] == [["1"], ["2"], []]


def test_a_speech_survives_its_way_through_the_database(
    database: Database, contacts: tuple[int, int]
) -> None:
    speech = Speech(
        words=(say("bot.bullet", words=say("bot.name", name="3年1組")), Plain("{as it is}")),
        buttons=(SpeechButton(say("bot.yes"), "t1"), SpeechButton(say("bot.no"), "t2", Plain("x"))),
        picture_ids=(1, 2),
        subject=say("bot.yes"),
        numbered=True,
    )
    assert Speech.from_json(speech.to_json()) == speech
    rendered = render(speech, "ja")
    assert rendered.text == "・3年1組\n\n{as it is}\n\n1 はい\nいいえ：「x」と送ってください"
    assert [button.label for button in render(speech, "en").buttons] == ["Yes", "No"]


def test_one_that_cannot_be_read_any_more_holds_up_nobody(
    database: Database, contacts: tuple[int, int]
) -> None:
    del contacts
    with database.writing() as tx:
        oldest = tx.session.scalars(select(Reply).order_by(Reply.id)).first()
        assert oldest is not None
        oldest.payload_cipher = b"another key"
    assert claimed(database) == []
    assert claimed(database) == ["2"]
