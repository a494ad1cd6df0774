"""What of the demo is played, told and served under its options; a journey plays it for real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from commands.demo import command
from commands.demo.chapters import CHAPTERS, SIGNING_ON
from tests.commands.conftest import Install


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was done in the demo, in order; its processes are not started."""
    done: list[Any] = []

    @contextmanager
    def opened(*_: object) -> Iterator[tuple[Any, Any]]:
        yield SimpleNamespace(local_url="http://127.0.0.1:1"), SimpleNamespace()

    def play(_tell: object, chapters: Any) -> list[tuple[str, float]]:
        done.append(tuple(chapters))
        return []

    def end(*_: object) -> bool:
        done.append("counted")
        return is_clean[0]

    is_clean = [True]
    monkeypatch.setattr(command, "_open_demo", opened)
    monkeypatch.setattr(command, "play", play)
    monkeypatch.setattr(command, "_end", end)
    monkeypatch.setattr(command, "_serve", lambda *_: done.append("served"))
    done.append(is_clean)
    return done


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [CHAPTERS, "counted", "served"]),
        (("--once",), [CHAPTERS, "counted"]),
        (("--stage",), [(SIGNING_ON,), "served"]),
    ],
)
def test_what_is_played_and_served(
    install: Install, happened: list[Any], options: tuple[str, ...], expected: list[Any]
) -> None:
    assert install().run("demo", *options).exit_code == 0
    played, *others = happened[1:]
    assert [tuple(played), *others] == [tuple(expected[0]), *expected[1:]]


def test_a_count_that_is_not_clean_is_told_by_the_status(
    install: Install, happened: list[Any]
) -> None:
    happened[0][0] = False
    assert install().run("demo", "--once").exit_code == 1
