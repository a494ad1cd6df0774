"""Replies: taken once, in order, and again if nothing came of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from actions import boards
from domain.speech import Speech, SpeechButton, open_page, render, speak
from domain.wording import Plain, say
from storage import people, replies
from storage.database import Database
from storage.replies import ClaimedAnswer
from storage.tables import Inbox, Reply
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
        return texts(replies.claim(tx, "email", _HOLD))


def texts(taken: list[ClaimedAnswer]) -> list[str]:
    """What each answer says; the messages of one turn together."""
    return [
        " | ".join(render(speech, each.language).text for speech in each.speeches) for each in taken
    ]


def settled(database: Database) -> list[str]:
    """Claim and settle at once; the texts that were claimed."""
    with database.writing() as tx:
        taken = replies.claim(tx, "email", _HOLD)
        for each in taken:
            replies.settle(tx, each.ids, "done")
        return texts(taken)


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
        (first,) = replies.claim(tx, "email", _HOLD)
    clock.forward(seconds=50)
    with database.writing() as tx:
        replies.keep(tx, first.ids, _HOLD)
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
        (again,) = replies.claim(tx, "email", _HOLD)
        assert (again.tries, texts([again])) == (2, ["2"])


def test_a_later_reply_waits_for_the_one_that_was_put_off(
    database: Database, contacts: tuple[int, int], clock: Clock
) -> None:
    with database.writing() as tx:
        (first,) = replies.claim(tx, "email", _HOLD)
        replies.put_off(tx, first.ids, clock.now + timedelta(minutes=5))
    clock.forward(seconds=61)
    assert claimed(database) == []
    clock.forward(minutes=5)
    assert [settled(database) for _ in range(3)] == [["1"], ["2"], []]


def test_a_speech_survives_its_way_through_the_database(
    database: Database, contacts: tuple[int, int]
) -> None:
    speech = Speech(
        words=(say("bot.bullet", words=say("bot.name", name="3年1組")), Plain("{as it is}")),
        buttons=(
            SpeechButton(say("bot.yes"), "t1"),
            SpeechButton(say("bot.no"), "t2", Plain("x"), lasting=True),
            open_page(say("bot.yes"), "/link/x"),
        ),
        picture_ids=(1, 2),
        subject=say("bot.yes"),
        numbered=True,
    )
    assert Speech.from_json(speech.to_json()) == speech
    rendered = render(speech, "ja", "https://a.jp")
    assert rendered.text == (
        "・3年1組\n\n{as it is}\n\n1 はい\nいいえ：「x」と送ってください\nはい\nhttps://a.jp/link/x"
    )
    assert [button.label for button in render(speech, "en").buttons] == ["Yes", "No", "Yes"]
    assert [button.lasting for button in rendered.buttons] == [False, True, False]
    assert [button.url for button in rendered.buttons] == ["", "", "https://a.jp/link/x"]


def test_a_speech_that_an_earlier_version_stored_is_read() -> None:
    old = {"words": "はい", "token": "t", "typed": None}
    stored = {"words": [], "buttons": [old], "picture_ids": [], "subject": None, "numbered": False}
    assert Speech.from_json(stored).buttons == (SpeechButton(Plain("はい"), "t"),)


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


# What one turn says leaves as one answer.


def say_in_turn(database: Database, contact_id: int, *words: str, token: str = "") -> int:
    """Something came in, and a turn answered it; returns the item's ID."""
    with database.writing() as tx:
        item = Inbox(
            board_id=people.contact(tx, contact_id).board_id,
            channel="email",
            account="email",
            event_id=words[0],
            sender_index=b"s",
            at=tx.now,
            received_at=tx.now,
        )
        tx.session.add(item)
        tx.flush()
        for each in words:
            replies.queue(tx, contact_id, speak(Plain(each)), item.id, token)
        return item.id


def test_what_one_turn_says_is_one_answer(database: Database, contacts: tuple[int, int]) -> None:
    say_in_turn(database, contacts[0], "3", "4")
    say_in_turn(database, contacts[0], "5", "6")
    told = [settled(database) for _ in range(5)]
    assert told == [["1"], ["2"], ["3 | 4"], ["5 | 6"], []]


def test_an_answer_is_the_same_on_every_try(
    database: Database, contacts: tuple[int, int], clock: Clock
) -> None:
    settled(database)
    settled(database)
    say_in_turn(database, contacts[0], "3", "4", token="secret")
    with database.writing() as tx:
        (first,) = replies.claim(tx, "email", _HOLD)
        stored = tx.session.scalars(select(Reply.token_cipher).order_by(Reply.id)).all()
    assert (first.token, first.received_at, first.tries) == ("secret", clock.now, 1)
    assert b"secret" not in b"".join(each or b"" for each in stored)
    say_in_turn(database, contacts[0], "5")
    clock.forward(seconds=61)
    with database.writing() as tx:
        (again,) = replies.claim(tx, "email", _HOLD)
    assert (again.ids, again.key, again.speeches) == (first.ids, first.key, first.speeches)
    assert again.tries == 2
    with database.writing() as tx:
        replies.settle(tx, again.ids, "done")
    with database.reading() as tx:
        kept = select(Reply.token_cipher).where(Reply.id.in_(again.ids))
        assert set(tx.session.scalars(kept)) == {None}


def test_every_answer_has_a_key_of_its_own(database: Database, contacts: tuple[int, int]) -> None:
    keys = set()
    for _ in range(2):
        with database.writing() as tx:
            (taken,) = replies.claim(tx, "email", _HOLD)
            replies.settle(tx, taken.ids, "done")
            keys.add(taken.key)
    assert len(keys) == 2


def test_what_was_not_tried_can_be_given_back(
    database: Database, contacts: tuple[int, int]
) -> None:
    with database.writing() as tx:
        (first,) = replies.claim(tx, "email", _HOLD)
        replies.give_back(tx, first.ids)
    with database.writing() as tx:
        (again,) = replies.claim(tx, "email", _HOLD)
    assert (again.ids, again.tries) == (first.ids, 1)


def test_the_part_of_an_answer_that_cannot_be_read_is_left_out(
    database: Database, contacts: tuple[int, int]
) -> None:
    settled(database)
    settled(database)
    item = say_in_turn(database, contacts[0], "3", "4", "5")
    with database.writing() as tx:
        of_turn = select(Reply).where(Reply.inbox_id == item).order_by(Reply.id)
        tx.session.scalars(of_turn).all()[1].payload_cipher = b"another key"
    assert settled(database) == ["3 | 5"]
    assert settled(database) == []


# A used-up quota.


def without_quota(database: Database, **more: float) -> ClaimedAnswer:
    """Claim the only answer that is due; the provider says that there is no quota."""
    with database.writing() as tx:
        (taken,) = replies.claim(tx, "email", _HOLD)
        replies.wait_for_quota(tx, taken, tx.now + timedelta(**more or {"minutes": 30}))
        return taken


def waiting(database: Database) -> int:
    with database.reading() as tx:
        return replies.put_off_count(tx, "email")


def test_what_waits_for_quota_holds_up_no_answer_and_keeps_its_order(
    database: Database, contacts: tuple[int, int], clock: Clock
) -> None:
    without_quota(database)
    assert waiting(database) == 2
    # What nobody asked for waits with it, untried; what was asked for does not.
    assert claimed(database) == []
    with database.writing() as tx:
        replies.queue(tx, contacts[0], speak(Plain("3")))
    assert claimed(database) == []
    say_in_turn(database, contacts[0], "asked", token="t")
    assert settled(database) == ["asked"]
    assert waiting(database) == 3
    with database.reading() as tx:
        assert replies.put_off_count(tx, "webchat") == 0
        assert not replies.any_due(tx, "email")
    clock.forward(minutes=31)
    with database.reading() as tx:
        assert replies.any_due(tx, "email")
    assert [settled(database) for _ in range(4)] == [["1"], ["2"], ["3"], []]


def test_what_waits_is_shown_to_an_answer_with_a_token(
    database: Database, contacts: tuple[int, int], clock: Clock
) -> None:
    without_quota(database)
    say_in_turn(database, contacts[0], "without")
    assert not without_quota(database).waiting
    say_in_turn(database, contacts[0], "asked", token="t")
    with database.writing() as tx:
        (taken,) = replies.claim(tx, "email", _HOLD)
        assert texts([taken]) == ["asked"]
        shown = [render(each.speech, "ja").text for each in taken.waiting]
        assert shown == ["1", "2", "without"]
        replies.settle(tx, [taken.waiting[0].id, *taken.ids], "done")
    assert waiting(database) == 2
    clock.forward(minutes=31)
    assert settled(database) == ["2"]


def test_what_may_be_on_its_way_with_another_answer_is_not_brought_back(
    database: Database, contacts: tuple[int, int], clock: Clock
) -> None:
    without_quota(database, seconds=30)
    say_in_turn(database, contacts[0], "asked", token="t")
    assert claimed(database) == ["asked"]
    clock.forward(seconds=31)
    assert claimed(database) == []
    # The sender was killed.
    clock.forward(seconds=30)
    assert claimed(database) == ["1"]


def test_a_token_is_kept_only_if_it_cannot_be_used_up(
    database: Database, contacts: tuple[int, int], clock: Clock
) -> None:
    settled(database)
    settled(database)
    say_in_turn(database, contacts[0], "3", token="t")
    for keeps, token in ((True, "t"), (True, "t"), (False, "t"), (True, "")):
        with database.writing() as tx:
            (taken,) = replies.claim(tx, "email", _HOLD)
            assert taken.token == token
            replies.put_off(tx, taken.ids, tx.now, keeps_token=keeps)


def test_what_browsers_fetch_is_never_due(database: Database, contacts: tuple[int, int]) -> None:
    with database.reading() as tx:
        assert not replies.any_due(tx, "webchat")


def test_who_blocked_us_is_known_as_blocked(
    database: Database, contacts: tuple[int, int], clock: Clock
) -> None:
    with database.writing() as tx:
        replies.note_blocked(tx, contacts[0])
    with database.reading() as tx:
        contact = people.contact(tx, contacts[0])
        assert (contact.state, contact.state_at) == ("blocked", clock.now)
        assert people.contact(tx, contacts[1]).state == "active"
