"""Conversations as scripts, over the real engine, inbox and database.

    guardian.says("登録")
    bot.answers("学校ID")

Every turn is taken by a loop of its own, as if the process had been restarted. Every
message that is heard is rendered in both languages, so that no text is missing in either.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from PIL import Image
from sqlalchemy import func, select

from actions import boards, schools, staff
from bot.dialogues import FLOWS
from bot.replay import replay
from bot.steps import Do, Flow, Json
from bot.turns import TurnLoop
from channels.base import Incoming
from domain.addresses import ChatAddress
from domain.outcomes import Outcome, Refused
from domain.roles import Role
from domain.speech import RenderedSpeech, Speech, render
from domain.wording import LANGUAGES
from storage import bulk, dialogues, people, replies
from storage import schools as stored_schools
from storage.database import Database, Transaction
from storage.inbox import store
from storage.tables import Dialogue, Inbox, Reply
from tests.databases import SECRET, VAULT, Clock, prepared

_events = itertools.count(1)
# Answers and results together; a large school has some thirty groups to choose from.
LONGEST_LOG = 60
# Of the children of `Town.families`, beyond those that people name in the scripts.
FIRST_NUMBER = 41


def _without_rest(_seconds: float) -> None:
    """Nobody else wants to write meanwhile."""


def _no_effect(step: Do) -> Json:
    raise AssertionError(f"{step.key} has no result in the log")


@dataclass
class Town:
    """A board with one school, and everything needed to talk to it."""

    database: Database
    clock: Clock
    flows: Mapping[str, Flow] = field(default_factory=lambda: FLOWS)
    board_id: int = 0
    school_id: int = 0
    school_code: str = ""
    # What the providers hand over, by their names for it, and what was asked for.
    media: dict[str, bytes | Outcome] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def fetch(self, channel: str, account: str, media: str) -> bytes | Outcome:
        """Get a picture from the provider, outside any transaction."""
        with self.database.writing():
            self.fetched.append(media)
        return self.media.get(media, Refused("gone"))

    def restarted(self) -> Database:
        url = self.database.engine.url.render_as_string(hide_password=False)
        return Database(url, VAULT, SECRET, self.clock)

    def opens(self) -> Town:
        """Found the board, and a school with six classes, a club, and an ID to register with."""
        made = prepared(self.database, "town", self._opens)
        self.board_id, self.school_id, self.school_code = made
        return self

    def _opens(self) -> tuple[int, int, str]:
        with self.database.writing() as tx:
            self.board_id = boards.open_board(tx, "koshigaya", "越谷市教育委員会").id
            school_id = self.opens_school(
                tx, "第一小学校", ["3年1組", "3年2組", "4年1組"], ["サッカー部", "合唱部"]
            )
            return self.board_id, school_id, schools.new_school_id(tx, school_id).id

    def opens_school(self, tx: Transaction, name: str, classes: list[str], clubs: list[str]) -> int:
        school = schools.open_school(tx, self.board_id, name, name, "primary")
        for each in classes:
            schools.add_group(tx, school.id, each, "class")
        for each in clubs:
            schools.add_group(tx, school.id, each, "club")
        return school.id

    def person(self, name: str, channel: str = "webchat") -> Person:
        return Person(self, name, channel)

    def staff(
        self, name: str, role: Role, school_id: int | None = None, channel: str = "webchat"
    ) -> Person:
        """A member of staff who has typed their invitation code."""
        place = None if role in (Role.BOARD, Role.CENTRE) else school_id or self.school_id
        with self.database.writing() as tx:
            code = staff.invite(tx, self.board_id, role, place, name).code
        person = self.person(name, channel)
        person.says(code)
        return person

    def families(self, count: int = 6) -> None:
        """Guardians who hear of all classes, each a family that nobody else belongs to."""
        with self.database.writing() as tx:
            first, *others = (each.id for each in stored_schools.classes_of(tx, self.school_id))
            families = [
                bulk.NewFamily(
                    first,
                    number,
                    ((ChatAddress("webchat", "webchat", f"family{number}"),),),
                    tuple(others),
                )
                for number in range(FIRST_NUMBER, FIRST_NUMBER + count)
            ]
            bulk.add_families(tx, self.board_id, families)

    def takes_turns(self) -> None:
        TurnLoop(self.database, self.flows, fetch=self.fetch, sleep=_without_rest).run_once()
        self._replays()

    def _replays(self) -> None:
        """Whatever its log, a dialogue replayed twice stands at the question it asked."""
        with self.database.reading() as tx:
            query = select(Dialogue.contact_point_id).where(Dialogue.active.is_(True))
            for contact_id in tx.session.scalars(query):
                stored = dialogues.active(tx, contact_id)
                assert stored
                stands = [
                    replay(self.flows[stored.flow], stored.given, stored.log, _no_effect)
                    for _ in range(2)
                    if stored.flow in self.flows
                ]
                for stand in stands:
                    assert stand.question
                    assert (stand.question.key, stand.log) == (stored.awaited, stored.log)
                    assert stand.said == stands[0].said
                    assert len(stored.log) < LONGEST_LOG

    def parked(self) -> int:
        return self.count(Inbox, "parked")

    def count(self, table: type[Inbox] | type[Reply], state: str) -> int:
        with self.database.reading() as tx:
            query = select(func.count()).select_from(table).where(table.state == state)
            return tx.session.scalar(query) or 0


@dataclass
class Person:
    """Somebody at one contact point: what they do, and what they hear."""

    town: Town
    name: str
    channel: str = "webchat"
    _heard: int = 0
    _contact_id: int | None = None
    buttons: dict[str, str] = field(default_factory=dict)
    newest: list[RenderedSpeech] = field(default_factory=list)

    # What they do.

    def says(self, text: str) -> str:
        return self._does("text", text=text)

    def taps(self, label: str) -> str:
        """Press the newest button of this label that they ever saw."""
        self.listens()
        return self.presses(self.buttons[label])

    def presses(self, token: str) -> str:
        return self._does("button", token=token)

    def sends_picture(self, data: bytes) -> str:
        return self._does("picture", picture=data)

    def sends_media(self, name: str) -> str:
        """A picture that the provider keeps, under this name."""
        return self._does("picture", media=name)

    def sends_sticker(self) -> str:
        return self._does("other")

    def opens(self, minutes_ago: float = 0) -> str:
        """Add the account as a friend, or unblock it."""
        return self._does("follow", minutes_ago=minutes_ago)

    def blocks(self, minutes_ago: float = 0) -> str:
        return self._does("unfollow", minutes_ago=minutes_ago)

    def said(self, text: str, minutes_ago: float) -> str:
        """Something that the provider hands over late."""
        return self._does("text", text=text, minutes_ago=minutes_ago)

    def writes(self, kind: str, minutes_ago: float = 0, **content: object) -> str:
        """Put something into the inbox without waiting for the answer; returns the event."""
        event = str(next(_events))
        self.sends_event(event, kind, minutes_ago, **content)
        return event

    def sends_event(self, event: str, kind: str, minutes_ago: float = 0, **content: object) -> None:
        with self.town.database.writing() as tx:
            incoming = Incoming(
                channel=self.channel,
                account=self.channel,
                event_id=event,
                sender=self.name,
                kind=kind,  # type: ignore[arg-type]
                at=self.town.clock() - timedelta(minutes=minutes_ago),
                **content,  # type: ignore[arg-type]
            )
            store(tx, self.town.board_id, incoming)

    def _does(self, kind: str, minutes_ago: float = 0, **content: object) -> str:
        self.listens()
        self.writes(kind, minutes_ago, **content)
        self.town.takes_turns()
        return self.listens()

    # What they hear.

    @property
    def contact_id(self) -> int:
        if self._contact_id is None:
            with self.town.database.writing() as tx:
                at = (self.town.board_id, self.channel, self.channel, self.name)
                self._contact_id = people.contact_point(tx, *at).id
        return self._contact_id

    def listens(self) -> str:
        """Everything that came since they last listened, in their language."""
        contact_id = self.contact_id
        with self.town.database.reading() as tx:
            query = select(Reply).where(
                Reply.contact_point_id == contact_id, Reply.id > self._heard
            )
            rows = tx.session.scalars(query.order_by(Reply.id)).all()
            speeches = [replies.open_speech(tx, row) for row in rows]
            language = people.contact(tx, contact_id).language if rows else ""
        self._heard = rows[-1].id if rows else self._heard
        self.newest = [self._rendered(speech, language) for speech in speeches]
        return "\n\n".join(speech.text for speech in self.newest)

    def _rendered(self, speech: Speech, language: str) -> RenderedSpeech:
        for each in LANGUAGES:
            render(speech, each)
        rendered = render(speech, language)
        self.buttons.update({button.label: button.token for button in rendered.buttons})
        return rendered

    # What is kept about them.

    def state(self) -> str:
        """Whether they can be reached here."""
        with self.town.database.reading() as tx:
            return people.contact(tx, self.contact_id).state

    def dialogue(self) -> str | None:
        """The name of the dialogue they are in."""
        with self.town.database.reading() as tx:
            query = select(Dialogue.flow).where(
                Dialogue.contact_point_id == self.contact_id, Dialogue.active.is_(True)
            )
            return tx.session.scalar(query)


class Bot:
    """Reads like a part in the script: what was answered to somebody."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._said = ""

    def answers(self, *parts: str) -> None:
        text = "\n\n".join(speech.text for speech in self._person.newest)
        for part in parts:
            assert part in text, f"{part!r} was not said, but:\n{text}"

    def does_not_say(self, *parts: str) -> None:
        text = "\n\n".join(speech.text for speech in self._person.newest)
        for part in parts:
            assert part not in text, f"{part!r} was said:\n{text}"


def photo(colour: str = "red", form: str = "JPEG") -> bytes:
    """A small picture as a telephone would send it."""
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, form)
    return file.getvalue()
