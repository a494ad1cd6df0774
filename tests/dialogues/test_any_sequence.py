"""Whatever people do, in any order: nothing parks, nothing happens unconfirmed."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.turns import PAUSE, TRIES
from domain.outcomes import Outcome, Refused, TryLater
from domain.roles import Role
from storage.database import Database
from storage.tables import Broadcast, Dialogue, GuardianChild, Inbox
from tests.databases import SECRET, VAULT, Clock
from tests.dialogues.kit import Person, Town, photo

SCHOOL_ID = "the school's ID"
REGISTER = (SCHOOL_ID, "はい", "3-2", "5", "いいえ", "完了", "登録する", "a@docomo.ne.jp", "なし")
COMPOSE = ("作成", "4", "1", "件名", "本文", "なし", "いますぐ", "承認を依頼")
DECIDE = ("差し戻し 1-1", "時刻がない", "下書き", "1", "修正する", "本文", "新しい本文")
EMERGENCY = (
    "緊急",
    "3",
    "1",
    "1",
    "公園",
    "10時",
    "書かない",
    "直す",
    "文",
    "自分で書く",
    "休校",
    "送る",
)
TEMPLATES = (
    "定型文",
    "新しく作る",
    "4",
    "{時刻}",
    "〔時刻〕に",
    "名前",
    "定型文",
    "1",
    "使う",
    "9時",
)
WORDS = (
    *REGISTER,
    *EMERGENCY,
    *TEMPLATES,
    *("確認しました(報告) 1-2", "所見を書く 1-2"),
    *COMPOSE,
    *DECIDE,
    *("戻る", "キャンセル", "メニュー", "ヘルプ", "言語", "English", "日本語", "退会"),
    *("登録内容", "承認待ち", "2,3", "１", "②", "いいえ", "修正する", "破棄", "宛先", "画像"),
    *("明日3時", "25時", "2222-3333-4444", "123456", "👍", "/start"),
    *(
        "承認 1-1",
        "却下 1-1",
        "取り消し 1-1",
        "表示 1-1",
        "承認 1-2",
        "修正 1-1",
        "/start 2222-3333-4444",
    ),
    *("SABC-DEFG-HJKM-NPQR", "\u200b", "\0", "a" * 5000, "{name}", "\udc00", "%s", "'; --"),
)
GUARDIAN, TEACHER, PRINCIPAL = range(3)
PICTURES = (photo(), photo("blue", "PNG"), b"", b"GIF89a", b"\xff\xd8\xff broken")


# Pictures that the provider keeps: one is there, one is gone, one may come later.
KEPT: dict[str, bytes | Outcome] = {
    "there": photo("green"),
    "gone": Refused("gone"),
    "later": TryLater("rate"),
}


@dataclass(frozen=True)
class Move:
    """What one of the three does: `what` and its detail."""

    who: int
    what: str
    detail: object = None


people = st.integers(0, 2)
moves = st.one_of(
    st.builds(Move, people, st.just("says"), st.sampled_from(WORDS)),
    st.builds(Move, people, st.just("says"), st.text(max_size=30)),
    st.builds(Move, people, st.just("taps"), st.integers(0, 400)),
    st.builds(Move, people, st.just("taps"), st.integers(-6, -1)),
    st.builds(Move, people, st.just("presses"), st.text("AQYabc_-", max_size=40)),
    st.builds(Move, people, st.just("shows"), st.sampled_from(PICTURES)),
    st.builds(Move, people, st.sampled_from(["sticks", "repeats", "restarts", "leaves"])),
    st.builds(Move, people, st.sampled_from(["opens", "blocks", "links", "puzzles"])),
    st.builds(Move, people, st.just("keeps"), st.sampled_from(sorted(KEPT))),
    st.builds(Move, people, st.just("says_late"), st.sampled_from(WORDS)),
    st.builds(Move, people, st.just("waits"), st.integers(1, 200)),
)


def _act(script: tuple[int, tuple[str, ...]], wild: list[Move], places: list[int]) -> list[Move]:
    """A script played to its end, with wild moves in between."""
    who, words = script
    played = [Move(who, "says", word) for word in words]
    for move, place in zip(wild, places, strict=False):
        played.insert(place % (len(words) + 1), move)
    return played


# Whole scripts, because chance alone hardly ever answers eight questions in a row.
SCRIPTS = (
    (GUARDIAN, REGISTER),
    (GUARDIAN, (*REGISTER, "退会", "はい")),
    (TEACHER, COMPOSE),
    (TEACHER, (*COMPOSE[:-1], "修正する", "件名", "別の件名", "破棄", "はい")),
    (TEACHER, (*COMPOSE, "下書き", "1", "修正する", "本文", "新しい本文", "承認を依頼")),
    (TEACHER, EMERGENCY),
    (TEACHER, TEMPLATES),
    (PRINCIPAL, COMPOSE),
    (PRINCIPAL, ("承認 1-1",)),
    (PRINCIPAL, ("差し戻し 1-1", "時刻がない")),
)
acts = st.builds(
    _act,
    st.sampled_from(SCRIPTS),
    st.lists(moves, max_size=5),
    st.lists(st.integers(0, 99), min_size=5, max_size=5),
)


@dataclass
class Story:
    """Three people in one town, and what held before their last move."""

    town: Town
    cast: tuple[Person, ...]
    tokens: list[str] = field(default_factory=list)
    events: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    puzzled: int = 0

    def plays(self, move: Move) -> None:
        person = self.cast[move.who]
        before = self._effects(), self._awaited(person)
        what = getattr(self, move.what)
        what(person, move.detail)
        self.town.takes_turns()
        for each in self.cast:
            each.listens()
            self.tokens += [b.token for speech in each.newest for b in speech.buttons]
        self._check(before, move)

    # Moves.

    def says(self, person: Person, words: str) -> None:
        words = self.town.school_code if words == SCHOOL_ID else words
        self._writes(person, "text", text=words.encode("utf-8", "replace").decode())

    def taps(self, person: Person, index: int) -> None:
        if self.tokens:
            self.presses(person, self.tokens[index % len(self.tokens)])

    def presses(self, person: Person, token: str) -> None:
        self._writes(person, "button", token=token)

    def shows(self, person: Person, picture: bytes) -> None:
        self._writes(person, "picture", picture=picture)

    def sticks(self, person: Person, _: object) -> None:
        self._writes(person, "other")

    def keeps(self, person: Person, name: str) -> None:
        self._writes(person, "picture", media=name)
        for _ in range(TRIES):
            self.town.takes_turns()
            self.town.clock.forward(seconds=PAUSE.seconds)

    def says_late(self, person: Person, words: str) -> None:
        words = self.town.school_code if words == SCHOOL_ID else words
        sound = words.encode("utf-8", "replace").decode()
        self._writes(person, "text", minutes_ago=5, text=sound)

    def opens(self, person: Person, _: object) -> None:
        self._writes(person, "follow")

    def blocks(self, person: Person, _: object) -> None:
        self._writes(person, "unfollow")

    def links(self, person: Person, _: object) -> None:
        self._writes(person, "link", token="made up", text="ok")

    def puzzles(self, person: Person, _: object) -> None:
        self._writes(person, "unknown", raw=b"?")
        self.puzzled += 1

    def leaves(self, person: Person, _: object) -> None:
        self._writes(person, "leave", token="x")

    def repeats(self, person: Person, _: object) -> None:
        for event, kind, content in self.events[-3:]:
            person.sends_event(event, kind, **content)

    def restarts(self, _person: Person, _: object) -> None:
        self.town.database.close()
        self.town.database = self.town.restarted()

    def waits(self, _person: Person, hours: int) -> None:
        self.town.clock.forward(hours=hours)

    def _writes(self, person: Person, kind: str, **content: Any) -> None:
        self.events.append((person.writes(kind, **content), kind, content))

    # What must hold.

    def _check(self, before: tuple[dict[str, set[int]], str], move: Move) -> None:
        effects, awaited = before
        now = self._effects()
        with self.town.database.reading() as tx:
            states = tx.session.scalars(select(Inbox.state).where(Inbox.state != "done")).all()
        # Only what nobody understands is set aside.
        assert states == ["parked"] * self.puzzled, f"parked or forgotten after {move}"
        if now["children"] != effects["children"]:
            assert awaited in {"register:confirm", "leave:sure"}, f"{awaited} changed children"
        is_emergency = awaited == "emergency:confirm"
        if now["approved"] - effects["approved"]:
            assert move.who == PRINCIPAL or is_emergency, "somebody else approved"
        if now["submitted"] - effects["submitted"]:
            confirmed = awaited == "compose:next" or is_emergency
            assert confirmed, f"{awaited} submitted a broadcast"

    def _effects(self) -> dict[str, set[int]]:
        with self.town.database.reading() as tx:
            rows = tx.session.scalars(select(Broadcast)).all()
            return {
                "children": set(tx.session.scalars(select(GuardianChild.child_id))),
                "submitted": {row.id for row in rows if row.submitted_by},
                "approved": {row.id for row in rows if row.state == "approved"},
            }

    def _awaited(self, person: Person) -> str:
        with self.town.database.reading() as tx:
            query = select(Dialogue.flow, Dialogue.awaited).where(
                Dialogue.contact_point_id == person.contact_id, Dialogue.active.is_(True)
            )
            return ":".join(tx.session.execute(query).first() or ("", ""))

    def ends(self) -> None:
        """キャンセル leads everyone out, from however deep."""
        for person in self.cast:
            for _ in range(10):
                person.says("キャンセル")
                if person.dialogue() in (None, "menu"):
                    break
            assert person.dialogue() in (None, "menu")
        assert self.town.parked() == self.puzzled


@pytest.fixture(scope="module")
def beginning(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Town]:
    """A town with a teacher, a principal and families, in a file to be copied."""
    path = tmp_path_factory.mktemp("town") / "town.db"
    shutil.copy(migrated_sqlite, path)
    database = Database(f"sqlite:///{path}", VAULT, SECRET, Clock())
    town = Town(database, Clock()).opens()
    town.families()
    town.staff("teacher", Role.OPERATOR)
    town.staff("principal", Role.MANAGER)
    database.close()
    return path, town


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(acts, min_size=1, max_size=3))
def test_any_sequence(beginning: tuple[Path, Town], played: list[list[Move]]) -> None:
    for story in _stories(*beginning):
        for move in itertools.chain.from_iterable(played):
            story.plays(move)
        story.ends()


def _stories(path: Path, made: Town) -> Iterator[Story]:
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "town.db"
        shutil.copy(path, copied)
        clock = Clock()
        town = Town(
            Database(f"sqlite:///{copied}", VAULT, SECRET, clock),
            clock,
            board_id=made.board_id,
            school_id=made.school_id,
            school_code=made.school_code,
            media=KEPT,
        )
        yield Story(town, tuple(map(town.person, ("guardian", "teacher", "principal"))))
        town.database.close()
