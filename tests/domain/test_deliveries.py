"""What becomes of a delivery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.deliveries import (
    Change,
    Moment,
    State,
    Tried,
    deadline,
    message_id,
    settle,
    try_again_at,
)
from domain.outcomes import Accepted, Placed, Refused, Split, TryLater, Unknown

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
DAY = Moment(NOW, NOW + timedelta(days=1), jitter=0)


def test_accepted_refused_and_placed_need_no_other_try() -> None:
    assert settle(Accepted("250 ok"), Tried(), DAY) == Change(State.ACCEPTED, reference="250 ok")
    assert settle(Refused("no_mailbox"), Tried(), DAY) == Change(State.REFUSED, "no_mailbox")
    assert not settle(Placed(), Tried(), DAY).settled


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("4A7\x00B\ud800", "4A7 B "),
        ("for <taro@docomo.ne.jp> as 4A", "for as 4A"),
        ("taro＠docomo.ne.jp", ""),
        ("x" * 190 + " taro.yamada@docomo.ne.jp", "x" * 190),
    ],
)
def test_of_a_reference_no_address_is_kept(said: str, kept: str) -> None:
    assert settle(Accepted(said), Tried(), DAY).reference == kept


def test_what_a_provider_says_overflows_no_date_and_can_be_written_down() -> None:
    for after in (timedelta.max, timedelta.min):
        assert settle(TryLater("\x00", after), Tried(), DAY).reason == " "


def test_unknown_is_sent_again_and_counted() -> None:
    change = settle(Unknown("no_answer"), Tried(), DAY)
    assert (change.state, change.doubtful, change.settled) == (State.UNKNOWN, True, False)


def test_unknown_at_the_deadline_stays_unknown_and_counts_nothing() -> None:
    change = settle(Unknown("no_answer"), Tried(), Moment(NOW, NOW, 0))
    assert (change.state, change.doubtful, change.settled) == (State.UNKNOWN, False, True)


def test_what_perhaps_arrived_does_not_expire_as_not_sent() -> None:
    over = Moment(NOW, NOW, 0)
    assert settle(TryLater("busy"), Tried(doubtful=1), over).state is State.UNKNOWN
    assert settle(TryLater("busy"), Tried(), over).state is State.EXPIRED


KEYED = Moment(NOW, NOW + timedelta(days=1), jitter=0, keyed=True)


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 5), (1, 15), (3, 60), (6, 600), (99, 600)])
def test_unknown_under_a_key_is_asked_again_soon_and_doubles_nothing(
    attempts: int, seconds: int
) -> None:
    change = settle(Unknown("no_answer"), Tried(attempts), KEYED)
    assert change == Change(
        State.UNKNOWN, "no_answer", again_at=NOW + timedelta(seconds=seconds), doubtful=False
    )


def test_a_delay_tells_nothing_of_an_earlier_try() -> None:
    unanswered = Tried(1, unanswered=True)
    assert settle(TryLater("rate"), unanswered, KEYED).state is State.UNKNOWN
    assert settle(TryLater("rate"), Tried(1), KEYED).state is State.WAITING
    over = Moment(NOW, NOW, 0, keyed=True)
    assert settle(TryLater("rate"), unanswered, over) == Change(State.UNKNOWN, "rate")
    assert settle(TryLater("rate"), Tried(1), over) == Change(State.EXPIRED, "rate")


def test_the_parted_are_sent_again_at_once_apart() -> None:
    change = settle(Split(1), Tried(1, unanswered=True), KEYED)
    assert change == Change(State.WAITING, again_at=NOW, part=1)
    assert not change.settled


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 1), (1, 2), (2, 5), (4, 20), (9, 30)])
def test_the_pauses_grow(attempts: int, minutes: int) -> None:
    assert try_again_at(DAY, attempts) == NOW + timedelta(minutes=minutes)


def test_the_provider_says_when() -> None:
    assert try_again_at(DAY, 0, timedelta(seconds=7)) == NOW + timedelta(seconds=7)


def test_the_last_pause_is_cut_short_for_a_last_try() -> None:
    moment = Moment(NOW, NOW + timedelta(minutes=20), 0)
    assert try_again_at(moment, 9) == NOW + timedelta(minutes=19)
    assert try_again_at(Moment(NOW, NOW + timedelta(seconds=90), 0), 9) is None


def test_what_the_provider_asked_for_is_never_cut_short() -> None:
    moment = Moment(NOW, NOW + timedelta(minutes=20), 0)
    assert try_again_at(moment, 0, timedelta(minutes=30)) is None


@given(
    attempts=st.integers(0, 100),
    left=st.timedeltas(timedelta(0), timedelta(days=2)),
    jitter=st.floats(0, 1),
)
def test_every_next_try_lies_between_now_and_the_deadline(
    attempts: int, left: timedelta, jitter: float
) -> None:
    again = try_again_at(Moment(NOW, NOW + left, jitter), attempts)
    assert again is None or NOW < again < NOW + left


@given(jitter=st.floats(0, 1), left=st.timedeltas(timedelta(0), timedelta(days=2)))
def test_trying_comes_to_an_end(jitter: float, left: timedelta) -> None:
    moment, attempts = Moment(NOW, NOW + left, jitter), 0
    while (again := try_again_at(moment, attempts)) is not None:
        moment, attempts = Moment(again, moment.deadline, jitter), attempts + 1
        assert attempts < 200


def test_the_deadline_is_the_earlier_of_patience_and_validity() -> None:
    day, hour = timedelta(days=1), timedelta(hours=1)
    assert deadline(NOW, day, None) == NOW + day
    assert deadline(NOW, day, NOW + hour) == NOW + hour
    assert deadline(NOW, day, NOW + 2 * day) == NOW + day


def test_a_message_id_never_changes_and_never_repeats() -> None:
    ids = {message_id(b"key", b, d, "example.jp") for b in range(9) for d in range(99)}
    assert len(ids) == 9 * 99
    assert message_id(b"key", 1, 2, "example.jp") == message_id(b"key", 1, 2, "example.jp")
    assert message_id(b"key", 1, 2, "example.jp") != message_id(b"other", 1, 2, "example.jp")


@pytest.mark.parametrize(
    ("said", "kept"), [("250 2.0.0 受付 42", "250 2.0.0 受付 42"), ("a\0b\ud800\n", "a b  ")]
)
def test_a_reference_holds_nothing_that_a_database_refuses(said: str, kept: str) -> None:
    assert settle(Accepted(said), Tried(), DAY).reference == kept
