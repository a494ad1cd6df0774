"""Links into the conversations: asked for beside the pages, never by them."""

from __future__ import annotations

from dataclasses import dataclass

from commands.doors import Doors
from tests.delivery.city import FakeChannel


@dataclass
class App(FakeChannel):
    """A chat app whose provider answers or not."""

    open: bool = False
    asked: int = 0

    def link(self, account: str, text: str) -> str | None:
        self.asked += 1
        return f"https://app.example/?{text}" if self.open else None


def test_before_the_provider_has_answered_there_is_no_link_and_nobody_asks() -> None:
    app = App(name="line")
    doors = Doors({"line": app})
    assert doors.link("line", "CODE") is None
    assert doors.link("telegram", "CODE") is None
    assert app.asked == 0


def test_once_it_has_answered_there_is() -> None:
    app = App(name="line")
    doors = Doors({"line": app})
    assert not doors.look("line")
    app.open = True
    assert doors.look("line")
    assert doors.link("line", "CODE") == "https://app.example/?CODE"


def test_it_is_asked_in_a_thread_that_ends_when_it_knows() -> None:
    app = App(name="line", open=True)
    doors = Doors({"line": app})
    for thread in doors.start():
        thread.join(10)
        assert not thread.is_alive()
    assert doors.link("line", "CODE")
