"""The pace: never more than the Bot API allows, replies before the fan-out."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from channels.telegram.pacing import BURST, PER_SECOND, RESERVED, SLICE, Pacing, Want
from tests.channels.telegram.api import Time


@pytest.fixture
def pacing(time: Time) -> Pacing:
    return Pacing(monotonic=time.monotonic, wait=time.wait)


def admitted(pacing: Pacing, time: Time, chats: list[str], *, bulk: bool) -> list[float]:
    """When each message was let go."""
    moments = []
    for chat in chats:
        assert pacing.admit(Want(chat, bulk), patience=30)
        moments.append(time.now)
    return moments


def most_in_a_second(moments: list[float]) -> int:
    return max(sum(1 for m in moments if start <= m < start + 1) for start in moments)


def test_a_fan_out_leaves_room_for_replies(pacing: Pacing, time: Time) -> None:
    moments = admitted(pacing, time, [str(n) for n in range(200)], bulk=True)
    assert most_in_a_second(moments) <= PER_SECOND - RESERVED
    assert moments[-1] - moments[0] == pytest.approx(199 / (PER_SECOND - RESERVED), abs=0.5)


def test_replies_use_all_there_is(pacing: Pacing, time: Time) -> None:
    moments = admitted(pacing, time, [str(n) for n in range(100)], bulk=False)
    assert most_in_a_second(moments) == PER_SECOND


def test_a_reply_goes_at_once_in_the_middle_of_a_fan_out(pacing: Pacing, time: Time) -> None:
    admitted(pacing, time, [str(n) for n in range(60)], bulk=True)
    before = time.now
    admitted(pacing, time, [f"r{n}" for n in range(RESERVED)], bulk=False)
    assert time.now == before


def test_both_together_keep_the_limit(pacing: Pacing, time: Time) -> None:
    moments: list[float] = []
    for number in range(60):
        moments += admitted(pacing, time, [f"b{number}"], bulk=True)
        moments += admitted(pacing, time, [f"r{number}", f"s{number}"], bulk=False)
    assert most_in_a_second(moments) <= PER_SECOND


def test_one_chat_gets_one_a_second(pacing: Pacing, time: Time) -> None:
    moments = admitted(pacing, time, ["7"] * 4, bulk=True)
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert all(gap == pytest.approx(1, abs=0.01) for gap in gaps)


def test_replies_to_one_chat_may_come_in_a_short_burst(pacing: Pacing, time: Time) -> None:
    moments = admitted(pacing, time, ["7"] * (BURST + 2), bulk=False)
    assert moments[BURST - 1] == moments[0]
    assert moments[-1] - moments[0] == pytest.approx(2, abs=0.01)


def test_a_broadcast_of_several_parts_may_come_at_once(pacing: Pacing, time: Time) -> None:
    start = time.now
    assert pacing.admit(Want("7", True), patience=1)
    assert pacing.admit(Want("7", True, begun=True), patience=1)
    assert time.now - start == pytest.approx(1 / (PER_SECOND - RESERVED), abs=0.01)


def test_an_album_counts_as_many_messages(pacing: Pacing, time: Time) -> None:
    start = time.now
    for chat in ("1", "2", "3"):
        assert pacing.admit(Want(chat, True, messages=10), patience=1)
    assert time.now - start == pytest.approx(1, abs=0.01)
    assert pacing.admit(Want("3", True, begun=True), patience=1)
    assert time.now - start == pytest.approx(1 + 10 - BURST + 1, abs=0.02)


def test_a_pause_holds_everybody(pacing: Pacing, time: Time) -> None:
    pacing.pause(4)
    assert pacing.pause_left() == 4
    start = time.now
    assert pacing.admit(Want("1", False), patience=5)
    assert time.now - start == pytest.approx(4, abs=0.01)
    assert max(time.waits) <= SLICE
    assert pacing.pause_left() == 0


def test_a_pause_longer_than_the_patience_is_not_waited_for(pacing: Pacing, time: Time) -> None:
    pacing.pause(31)
    assert not pacing.admit(Want("1", True), patience=30)
    assert time.waits == []


def test_a_shorter_pause_does_not_end_a_longer_one(pacing: Pacing) -> None:
    pacing.pause(10)
    pacing.pause(1)
    assert pacing.pause_left() == 10


def test_whoever_stops_is_not_held_up(pacing: Pacing, time: Time) -> None:
    pacing.pause(20)
    stops = iter([False, False, True])
    assert not pacing.admit(Want("1", True), patience=30, stopping=lambda: next(stops))
    assert len(time.waits) == 2


def test_several_threads_share_one_pace(pacing: Pacing, time: Time) -> None:
    moments: list[float] = []

    def send(chat: int) -> None:
        assert pacing.admit(Want(str(chat), True), patience=30)
        moments.append(time.now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(100)))
    # Each thread's waiting moves the one clock, so only the count of a whole run can be judged.
    assert len(moments) == 100
    assert time.now - 1000 >= 99 / (PER_SECOND - RESERVED) - 0.01


def test_chats_long_silent_are_forgotten(pacing: Pacing, time: Time) -> None:
    for number in range(5000):
        time.now += 1
        assert pacing.admit(Want(str(number), False), patience=1)
    assert len(pacing._chats) <= 4097
