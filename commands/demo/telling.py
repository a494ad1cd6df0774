"""Telling the demo's story: one turn at a time, shown as it happens, and every claim checked."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.markup import escape

from commands.demo.cast import Cast
from commands.demo.phone import PATIENCE, NoAnswer, Phone, words_of
from commands.demo.reading import Entry
from commands.demo.theatre import PUBLIC_URL, Theatre
from domain.wording import catalogue, render, say
from storage import broadcasts
from storage.database import Transaction
from storage.tables import Broadcast
from web.services import MailSeen

WIDTH = 100
NAMES = {
    "family": ("保護者A", "green"),
    "new_phone": ("保護者A", "green"),
    "second": ("保護者B", "green"),
    "third": ("保護者C", "green"),
    "fourth": ("保護者D", "green"),
    "fifth": ("保護者E", "green"),
    "teacher": ("先生", "cyan"),
    "colleague": ("新しい先生", "cyan"),
    "principal": ("校長", "magenta"),
    "centre": ("教育センター", "cyan"),
    "board": ("教育委員会", "magenta"),
}
_NAME_CELLS = 14
# An answer is shown in so many lines; who wants to read all of it plays it at /demo.
_ANSWER_LINES = 2
_FILLED_IN = re.compile(r"\{[^}]*\}|\n")
# A choice is shown as a button; the number it has for those without buttons is left out.
_NUMBERED = re.compile(r"\d+ ")


@dataclass
class Telling:
    """Where the story is played, by whom, and where it is shown."""

    scene: Theatre
    people: Cast
    console: Console
    _quiet: bool = field(default=False, init=False)
    _spoken_of: str = field(default="", init=False)
    _shown: set[tuple[str, str]] = field(default_factory=set, init=False)

    # What people do.

    def says(self, phone: Phone, text: str, hears: str = "") -> None:
        """Type a line; the answer has to say what `hears` says: words, or a text by its key."""
        self.did(phone, f"「{text}」")
        self._heard(phone, phone.says(text), hears)

    def taps(self, phone: Phone, key: str, hears: str = "", **params: object) -> None:
        """Press the button with this text of the catalogue."""
        label = render(say(key, **params), "ja")
        self.did(phone, f"［{label}］")
        self._heard(phone, phone.taps(label), hears)

    def sends_picture(self, phone: Phone, picture: bytes) -> None:
        self.did(phone, f"（写真 {len(picture) // 1024} KB）")
        self._heard(phone, phone.sends_picture(picture), "")

    # What they see.

    def hears(self, phone: Phone, words: str) -> Entry:
        """Wait until somebody's phone shows these words (or this text), and show that."""
        entry = phone.waits_for(_sought(words))
        self._answer(phone, entry)
        return entry

    def gets_mail(self, phone: Phone, address: str, words: str) -> MailSeen:
        """Wait until a mail with these words has come to an address, and show it."""
        mailbox, words = self.scene.mailbox, _sought(words)

        def look() -> MailSeen | None:
            mails = mailbox.all_to(address)
            return next((one for one in mails if words in f"{one.subject}\n{one.text}"), None)

        mail = phone.waits(look, f"a mail with {words!r}")
        self._line(phone, f"✉ {mail.subject}　{_flat(mail.text, ())}", "dim")
        return mail

    def opens(self, address: str) -> tuple[int, str]:
        """The page behind one of our links, as a browser gets it: its status and its text."""
        status, body = self.downloads(address)
        return status, body.decode()

    def downloads(self, address: str) -> tuple[int, bytes]:
        request = Request(f"{self.scene.local_url}{address.removeprefix(PUBLIC_URL)}")  # noqa: S310
        request.add_header("Accept-Language", "ja")
        try:
            with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 (on loopback)
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def newest(self) -> Broadcast:
        house = self.scene.house
        with house.database.reading() as tx:
            return broadcasts.newest(tx, house.board_id, limit=1)[0]

    def wait_until_sent(self, row: Broadcast | None = None) -> None:
        """Wait until nothing of a broadcast, the newest one, is left to send."""
        self._wait(row or self.newest(), lambda now: now.finished_at is not None, "finished")

    def wait_until_begun(self) -> None:
        """Wait until the newest broadcast begins to go out."""
        self._wait(self.newest(), lambda now: now.frozen_at is not None, "begun")

    def _wait(self, row: Broadcast, is_so: Callable[[Broadcast], bool], what: str) -> None:
        until = time.monotonic() + 2 * PATIENCE
        while not is_so(row):
            self.expect(time.monotonic() < until, f"「{row.subject}」 is {what}")
            time.sleep(0.1)
            with self.reading() as tx:
                row = broadcasts.broadcast(tx, row.id)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        with self.scene.house.database.reading() as tx:
            yield tx

    # How it is shown.

    def heading(self, title: str, summary: str) -> None:
        self._spoken_of = ""
        self.console.print()
        self.console.rule(f"[bold]{escape(title)}", align="left")
        self.console.print(f"[italic dim]{escape(summary)}[/]", highlight=False)

    @contextmanager
    def briefly(self, words: str) -> Iterator[None]:
        """Play what was told before; one line says that it happens."""
        if not self._quiet:
            self.console.print(f"[dim]… {escape(words)}[/]", highlight=False)
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def shows(self, is_so: bool, words: str) -> None:
        """Say what can be seen by now; the story breaks off if it is not so."""
        self.expect(is_so, words)
        self._spoken_of = ""
        self.console.print(f"[bold green]✓[/] {escape(words)}", highlight=False)

    def expect(self, is_so: object, what: str) -> None:
        if not is_so:
            raise NoAnswer(f"expected, and not so: {what}")

    def did(self, phone: Phone, words: str) -> None:
        """Show what somebody did; their name stands before it, and not again at the answer."""
        self._spoken_of = ""
        self._line(phone, " ⏎ ".join(words.splitlines()), "bold")

    def _heard(self, phone: Phone, entries: Sequence[Entry], words: str) -> None:
        """Show the answers; where other news came in between, up to the one that is meant."""
        for entry in entries:
            self._answer(phone, entry)
        if words and not any(_sought(words) in words_of(entry) for entry in entries):
            self.hears(phone, words)

    def _answer(self, phone: Phone, entry: Entry) -> None:
        """Show a bubble once, whatever is waited for afterwards."""
        key = (phone.name, entry["id"])
        labels = [button["label"] for button in entry.get("buttons", ())]
        buttons = "".join(f"［{label}］" for label in labels)
        words = f"{_flat(words_of(entry), labels)} {buttons}".strip()
        if words and key not in self._shown:
            self._line(phone, f"→ {words}", "dim")
        self._shown.add(key)

    def _line(self, phone: Phone, words: str, style: str) -> None:
        """Something that somebody did or saw, beside their name, in few lines."""
        if self._quiet:
            return
        name, colour = NAMES[phone.name]
        name = "" if name == self._spoken_of else name
        self._spoken_of = name or self._spoken_of
        first = name + " " * (_NAME_CELLS - cell_len(name))
        for line in _cut(words, WIDTH - _NAME_CELLS):
            self.console.print(f"[{colour}]{first}[/][{style}]{escape(line)}[/]", highlight=False)
            first = " " * _NAME_CELLS


def fixed(key: str) -> str:
    """The longest part of a text that stands in it whatever is filled in."""
    return max(_FILLED_IN.split(catalogue("ja")[key]), key=len)


def _sought(words: str) -> str:
    return fixed(words) if words in catalogue("ja") else words


def _flat(words: str, labels: Sequence[str]) -> str:
    """In one line, without the numbered lines that say again what the buttons say."""
    lines = [line.strip() for line in words.splitlines()]
    kept = [line for line in lines if line and _NUMBERED.sub("", line, count=1) not in labels]
    return " ⏎ ".join(kept)


def _cut(words: str, width: int) -> list[str]:
    lines = chop_cells(words.strip(), width - 2)
    if len(lines) <= _ANSWER_LINES:
        return lines
    return [*lines[: _ANSWER_LINES - 1], f"{lines[_ANSWER_LINES - 1]}…"]
