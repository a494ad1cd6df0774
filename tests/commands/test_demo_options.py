"""What of the demo is played, told and served under its options; a journey plays it for real."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from commands.demo import command
from commands.demo.chapters import CHAPTERS, SIGNING_ON, Chapter
from tests.commands.conftest import Install


@dataclass
class Played:
    """What was done in the demo, in order; its processes are not started."""

    is_clean: bool = True
    done: list[Any] = field(default_factory=list)

    @contextmanager
    def opened(self, *_: object) -> Iterator[tuple[Any, Any]]:
        yield SimpleNamespace(local_url="http://127.0.0.1:1"), SimpleNamespace()

    def play(self, _tell: object, chapters: Iterable[Chapter]) -> list[tuple[str, float]]:
        self.done.append(tuple(chapters))
        return []

    def end(self, *_: object) -> bool:
        self.done.append("counted")
        return self.is_clean

    def serve(self, *_: object) -> None:
        self.done.append("served")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    made = Played()
    monkeypatch.setattr(command, "_open_demo", made.opened)
    monkeypatch.setattr(command, "play", made.play)
    monkeypatch.setattr(command, "_end", made.end)
    monkeypatch.setattr(command, "_serve", made.serve)
    return made


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [CHAPTERS, "counted", "served"]),
        (("--once",), [CHAPTERS, "counted"]),
        (("--stage",), [(SIGNING_ON,), "served"]),
    ],
)
def test_what_is_played_and_served(
    install: Install, played: Played, options: tuple[str, ...], expected: list[Any]
) -> None:
    assert install().run("demo", *options).exit_code == 0
    assert played.done == expected


def test_a_count_that_is_not_clean_is_told_by_the_status(install: Install, played: Played) -> None:
    played.is_clean = False
    assert install().run("demo", "--once").exit_code == 1
