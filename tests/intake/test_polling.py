"""Long polling: everything stored once, confirmed only then, whatever fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event, Thread
from typing import Any

from structlog.testing import capture_logs

from channels.base import Incoming
from channels.telegram.updates import read
from domain.outcomes import Accepted, Outcome, Refused, TryLater
from intake.polling import POLL_SECONDS, Poller
from tests.databases import START


def text(number: int, said: str = "はい") -> dict[str, Any]:
    chat = {"id": 7, "type": "private"}
    return {"update_id": number, "message": {"chat": chat, "date": 1795482000, "text": said}}


def press(number: int) -> dict[str, Any]:
    query = {"id": f"q{number}", "from": {"id": 7}, "data": "tok"}
    return {"update_id": number, "callback_query": query}


class Provider:
    """Gives out each batch in turn, as getUpdates would, and stops the poller after the last."""

    def __init__(self, *batches: Sequence[object] | Outcome) -> None:
        self.batches = list(batches)
        self.offsets: list[int | None] = []
        self.answered: list[str] = []
        self.callback_outcome: Outcome = Accepted()
        self.stop = Event()

    def poll(
        self, offset: int | None, seconds: int, stopping: Callable[[], bool]
    ) -> Sequence[object] | Outcome:
        assert seconds == POLL_SECONDS
        self.offsets.append(offset)
        if not self.batches:
            self.stop.set()
            return []
        return self.batches.pop(0)

    def read(self, update: object) -> Incoming:
        return read(update, START)

    def answer_callback(self, answer_token: str) -> Outcome:
        self.answered.append(answer_token)
        return self.callback_outcome


class Inbox:
    """Unique on event IDs, as the real one; it breaks as often as asked."""

    def __init__(self, broken: int = 0) -> None:
        self.kept: dict[str, Incoming] = {}
        self.broken = broken

    def __call__(self, incoming: Incoming) -> bool:
        if self.broken:
            self.broken -= 1
            raise OSError("no database")
        return self.kept.setdefault(incoming.event_id, incoming) is incoming


def run(provider: Provider, inbox: Inbox) -> list[float]:
    """Poll until the provider has given out everything; returns how long was waited."""
    waits: list[float] = []
    Poller(provider, inbox, wait=lambda _stop, seconds: waits.append(seconds)).run(provider.stop)
    return waits


def test_everything_is_stored_and_then_confirmed() -> None:
    provider, inbox = Provider([text(10), text(11)], [text(12)]), Inbox()
    assert run(provider, inbox) == []
    assert list(inbox.kept) == ["update:10", "update:11", "update:12"]
    assert provider.offsets == [None, 12, 13]


def test_what_comes_twice_is_kept_once() -> None:
    provider, inbox = Provider([text(10)], [text(10), text(11)]), Inbox()
    run(provider, inbox)
    assert list(inbox.kept) == ["update:10", "update:11"]


def test_ids_may_begin_anew_anywhere() -> None:
    """After a quiet week "the identifier of the next update will be chosen randomly"."""
    provider, inbox = Provider([text(900)], [text(3)]), Inbox()
    run(provider, inbox)
    assert list(inbox.kept) == ["update:900", "update:3"]
    assert provider.offsets == [None, 901, 4]


def test_what_could_not_be_stored_is_not_confirmed() -> None:
    provider = Provider([text(10), text(11)], [text(10), text(11)], [])
    inbox = Inbox(broken=1)
    with capture_logs() as logs:
        assert run(provider, inbox) == [1.0]
    assert provider.offsets == [None, None, 12, 12]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "update_not_stored"
    ]


def test_a_batch_is_confirmed_as_far_as_it_was_stored() -> None:
    provider, inbox = Provider([text(10), {"update_id": 11}, text(12)], [text(12)]), Inbox()
    store_twice = iter([False, False, True])

    def store(incoming: Incoming) -> bool:
        if next(store_twice, False):
            raise OSError("no database")
        return inbox(incoming)

    Poller(provider, store, wait=lambda _stop, _seconds: None).run(provider.stop)
    assert provider.offsets == [None, 12, 13]
    assert inbox.kept["update:11"].kind == "unknown"


def test_presses_are_answered_at_once() -> None:
    provider = Provider([press(1), text(2)])
    run(provider, Inbox())
    assert provider.answered == ["callback:q1"]


def test_presses_are_answered_after_everything_is_stored() -> None:
    kept = Inbox()
    seen: list[int] = []

    class Slow(Provider):
        def answer_callback(self, answer_token: str) -> Outcome:
            seen.append(len(kept.kept))
            return super().answer_callback(answer_token)

    provider = Slow([press(1), press(2), text(3)])
    Poller(provider, kept).run(provider.stop)
    assert seen == [3, 3]


def test_a_press_too_old_to_answer_is_heard_all_the_same() -> None:
    provider, inbox = Provider([press(1)]), Inbox()
    provider.callback_outcome = Refused("bad_request", "Bad Request: query is too old")
    assert run(provider, inbox) == []
    assert list(inbox.kept) == ["update:1"]


def test_what_is_not_served_is_confirmed_and_not_stored() -> None:
    provider, inbox = Provider([{"update_id": 1, "poll": {}}]), Inbox()
    run(provider, inbox)
    assert inbox.kept == {}
    assert provider.offsets == [None, 2]


def test_failures_are_waited_out_ever_longer() -> None:
    failures = [TryLater("unreachable")] * 8
    provider = Provider(*failures, [text(1)], TryLater("rate", timedelta(seconds=17)))
    assert run(provider, Inbox()) == [1, 2, 4, 8, 16, 32, 60, 60, 17]


def test_an_update_without_a_number_cannot_be_confirmed() -> None:
    provider, inbox = Provider([{"message": {}}]), Inbox()
    assert run(provider, inbox) == [1]
    assert [incoming.kind for incoming in inbox.kept.values()] == ["unknown"]


def test_another_poller_is_named_in_the_log() -> None:
    with capture_logs() as logs:
        run(Provider(TryLater("conflict")), Inbox())
    (entry,) = (each for each in logs if each["event"] == "polling_conflict")
    assert "webhook" in entry["cause"]


def test_it_stops_while_it_waits() -> None:
    class Waiting(Provider):
        def poll(self, *_given: object) -> Outcome:
            failed.set()
            return TryLater("rate", timedelta(hours=1))

    failed, provider = Event(), Waiting()
    thread = Thread(target=Poller(provider, Inbox()).run, args=(provider.stop,))
    thread.start()
    assert failed.wait(5)
    provider.stop.set()
    thread.join(1)
    assert not thread.is_alive()
