"""Stateless tokens: fetched once for everybody, kept for ten minutes, never an exception."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from channels.line.answers import Answered
from channels.line.channel import LineChannel
from channels.line.tokens import LongLived, Stateless
from channels.registry import LineAccount
from domain.outcomes import Accepted, Outcome, TryLater, Unknown
from tests.channels.answers import answer
from tests.channels.line.kit import SECRET, person
from tests.channels.line.line_server import HangsUp, LineServer, Says


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stateless(line: LineServer, clock: Clock) -> Iterator[LineChannel]:
    account = LineAccount("line", SECRET, channel_id="1234567890")
    made = LineChannel([account], line.url, monotonic=clock)
    yield made
    made.close()


def issued(token: str) -> Says:
    return Says(200, {"token_type": "Bearer", "access_token": token, "expires_in": 900})


def say(channel: LineChannel) -> Outcome:
    return channel.reply(answer(person(1), "はい"))


def test_a_token_is_asked_for_as_documented_and_kept(
    stateless: LineChannel, line: LineServer, clock: Clock
) -> None:
    line.will(issued("one"), Says(), Says(), issued("two"))
    say(stateless)
    clock.now = 599
    say(stateless)
    clock.now = 600
    say(stateless)

    asked = line.seen[0]
    assert asked.path == "/oauth2/v3/token"
    assert "authorization" not in asked.headers
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["1234567890"],
        "client_secret": [SECRET],
    }
    tokens = [seen.headers.get("authorization") for seen in line.seen]
    assert tokens == [None, "Bearer one", "Bearer one", None, "Bearer two"]


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (Says(400, {"error": "invalid_client"}), "no_access"),
        (Says(401), "no_access"),
        (Says(200, {"access_token": ""}), "no_access"),
        (Says(200, {"access_token": "a\nb"}), "no_access"),
        (Says(200, b"[]"), "no_access"),
        (Says(500), "unreachable"),
        (HangsUp(), "unreachable"),
    ],
)
def test_no_token(
    stateless: LineChannel, line: LineServer, clock: Clock, says: Says | HangsUp, reason: str
) -> None:
    line.will(says)
    assert say(stateless) == TryLater(reason)
    # Who asks right after is told the same, and LINE is left alone.
    assert say(stateless) == TryLater(reason)
    assert line.paths() == ["/oauth2/v3/token"]
    clock.now = 3
    line.will(issued("one"))
    assert say(stateless) == Accepted("")


def test_nobody_listens(clock: Clock) -> None:
    account = LineAccount("line", SECRET, channel_id="1")
    channel = LineChannel([account], "http://127.0.0.1:1", monotonic=clock)
    assert say(channel) == TryLater("unreachable")
    assert channel.fetch("line", "1") == TryLater("unreachable")
    channel.close()


def test_a_token_that_line_refuses_is_not_kept(stateless: LineChannel, line: LineServer) -> None:
    line.will(issued("one"), Says(401), issued("two"), Says())
    assert say(stateless) == TryLater("no_access")
    assert say(stateless) == Accepted("")
    assert line.seen[-1].headers["authorization"] == "Bearer two"


def test_many_threads_fetch_one_token() -> None:
    asked = []
    started = threading.Barrier(8)

    def issue() -> Answered:
        asked.append(1)
        return Answered(200, {}, {"access_token": "one"})

    tokens = Stateless(issue, lambda: 0.0)
    found: list[str | TryLater] = []

    def ask() -> None:
        started.wait()
        found.append(tokens.get())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["one"] * 8
    assert len(asked) == 1


def test_forgetting_an_older_token_changes_nothing() -> None:
    tokens = Stateless(lambda: Answered(200, {}, {"access_token": "one"}), lambda: 0.0)
    tokens.get()
    tokens.forget("older")
    assert tokens.get() == "one"


def test_an_unknown_answer_is_no_token() -> None:
    assert Stateless(lambda: Unknown("no_answer"), lambda: 0.0).get() == TryLater("unreachable")


def test_a_long_lived_token_stays() -> None:
    tokens = LongLived("one")
    tokens.forget("one")
    assert tokens.get() == "one"
