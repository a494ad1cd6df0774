"""The matrix of roles, commands and channels, tried out by dialogues."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import select

from actions import boards, registration, staff
from bot.dialogues.menu import ITEMS
from bot.engine import take_turn
from bot.words import vocabulary
from channels.base import Incoming
from domain.roles import Role
from domain.speech import render as render_speech
from domain.wording import render, say
from storage import dialogues, inbox, replies, schools
from storage import staff as stored_staff
from storage.database import Database
from storage.migrate import upgrade
from storage.tables import Reply
from tests.databases import SECRET, VAULT, Clock
from tests.dialogues.kit import Person, Town

PAGE = Path(__file__).parents[2] / "docs" / "matrix.md"
CHANNELS = ("line", "telegram", "webchat")
STRANGER, GUARDIAN, DISMISSED = "stranger", "guardian", "dismissed"
ROLES = (STRANGER, GUARDIAN, *(role.value for role in reversed(Role)), DISMISSED)
# 取消 of whoever is no staff is キャンセル, and there is nothing to cancel.
REFUSALS = ("kind.staff_only", "kind.not_your_role", "bot.cancel.nothing")
Table = Mapping[tuple[str, str, str], bool]
"""Whether a command begins for a role on a channel."""


def table(town: Town) -> Table:
    with town.database.writing() as tx:
        boards.change_settings(tx, town.board_id, telegram=True)
    found: dict[tuple[str, str, str], bool] = {}
    for channel in CHANNELS:
        for role in ROLES:
            person = _person(town, role, channel)
            for command in ITEMS:
                word = _word(command, channel)
                found[role, command, channel] = _begins(town, person, command, word)
    return found


def page(found: Table) -> str:
    """The matrix as a table in Markdown; one cell for all channels, which may not differ."""
    head = ["command", "words", *ROLES]
    lines = ["|".join(["", *head, ""]), "|".join(["", *("---" for _ in head), ""])]
    for command in ITEMS:
        words = " ".join(f"`{word}`" for word in _words(command))
        cells = [_cell(found, role, command) for role in ROLES]
        label = render(say(f"menu.item.{command}"), "ja")
        lines.append("|".join(["", label, words, *cells, ""]))
    return _HEADING + "\n".join(lines) + "\n"


_HEADING = """# Who may do what, by which word

Tried out by `tests/dialogues/test_matrix.py` on LINE, Telegram and web chat: `○` begins the
dialogue, `–` is refused kindly, and recorded. A cell stands for all three channels. `学校ID` typed
by a guardian begins the registration instead. What a dialogue then allows is checked again by each
action.

"""


def _cell(found: Table, role: str, command: str) -> str:
    (begins,) = {found[role, command, channel] for channel in CHANNELS}
    return "○" if begins else "–"


def _word(command: str, channel: str) -> str:
    """Telegram lists the slash commands; elsewhere people type what stands on the button."""
    words = list(_words(command))
    return words[-1] if channel == "telegram" else words[0]


def _words(command: str) -> Iterator[str]:
    """The word on the button, and the slash command."""
    yield render(say(f"menu.item.{command}"), "ja")
    yield from sorted(word for word in vocabulary(f"menu.word.{command}") if word[0] == "/")[:1]


def _begins(town: Town, person: Person, command: str, word: str) -> bool:
    """Take the turn of this word, see what comes of it, and let nothing of it have been."""
    arrival = Incoming(
        channel=person.channel,
        account=person.channel,
        event_id=f"{person.name} {command}",
        sender=person.name,
        kind="text",
        at=town.clock(),
        text=word,
    )
    with town.database.reading() as tx:
        inbox.store(tx, town.board_id, arrival)
        (sealed,) = inbox.claim_heads(tx)
        take_turn(tx, inbox.open_item(tx, sealed))
        said = select(Reply).where(Reply.contact_point_id == person.contact_id)
        rows = tx.session.scalars(said).all()
        heard = "\n".join(render_speech(replies.open_speech(tx, row), "ja").text for row in rows)
        stored = dialogues.active(tx, person.contact_id)
    assert heard, (person.name, word)
    item = say(f"menu.item.{command}")
    refused = any(render(say(key, item=item), "ja") in heard for key in REFUSALS)
    registers = command == "school_id" and stored is not None and stored.flow == "register"
    return not refused and not registers


def _person(town: Town, role: str, channel: str) -> Person:
    person = town.person(f"{role} on {channel}", channel)
    contact_id = person.contact_id
    with town.database.writing() as tx:
        if role == GUARDIAN:
            (class_group, *_) = schools.classes_of(tx, town.school_id)
            registration.register(tx, contact_id, town.school_id, class_group.id, None)
        elif role != STRANGER:
            held = Role.OPERATOR if role == DISMISSED else Role(role)
            place = None if held in (Role.BOARD, Role.CENTRE) else town.school_id
            invited = staff.invite(tx, town.board_id, held, place, role)
            assert isinstance(invited, staff.Invited)
            member = stored_staff.member(tx, invited.staff_id)
            stored_staff.link_contact(tx, member, contact_id)
            if role == DISMISSED:
                staff.end_role(tx, invited.staff_id, held, place)
    return person


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        database = Database(f"sqlite:///{folder}/matrix.db", VAULT, SECRET, clock)
        upgrade(database)
        PAGE.write_text(page(table(Town(database, clock).opens())))
        database.close()


if __name__ == "__main__":
    main()
