"""Pictures: decoded only where one is asked for, and none of them stops a conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event

import pytest
from sqlalchemy import select

from bot import pictures
from bot.steps import Flow
from bot.turns import PAUSE, TRIES, TurnLoop
from domain.images import PreparedImage, prepare_image
from domain.outcomes import TryLater, Unknown
from storage import inbox
from storage.database import Database, Transaction
from storage.inbox import InboxItem
from storage.tables import Attachment, AuditEntry
from tests.databases import Clock
from tests.dialogues.kit import Bot, Person, Town, photo

TO_THE_IMAGES = ("作成", "行事の中止・変更", "学校全体", "運動会は中止です", "雨のため中止します。")
Decode = Callable[[bytes], PreparedImage]


class Killed(BaseException):
    """What a killed process leaves: nothing after it is run."""


@pytest.fixture
def composing(teacher: Person) -> Person:
    """A teacher who is asked for images."""
    for words in TO_THE_IMAGES:
        teacher.says(words)
    return teacher


def decoding(monkeypatch: pytest.MonkeyPatch, decode: Decode) -> list[int]:
    """Decode like this from now on; returns the sizes of what was decoded."""
    sizes: list[int] = []

    def counted(raw: bytes) -> PreparedImage:
        sizes.append(len(raw))
        return decode(raw)

    monkeypatch.setattr(pictures, "prepare_image", counted)
    return sizes


def out_of_memory(raw: bytes) -> PreparedImage:
    raise MemoryError


def test_a_picture_nobody_asked_for_is_not_decoded(
    town: Town, guardian: Person, teacher: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = decoding(monkeypatch, prepare_image)
    guardian.sends_picture(photo())
    guardian.says(town.school_code)
    guardian.sends_picture(photo())
    teacher.sends_picture(photo())
    for words in TO_THE_IMAGES[:-1]:
        teacher.says(words)
    teacher.sends_picture(photo())
    assert decoded == []
    teacher.says(TO_THE_IMAGES[-1])
    teacher.sends_picture(photo())
    assert len(decoded) == 1
    Bot(teacher).answers("画像を1枚受け取りました")


def test_one_bad_picture_stops_no_conversation(
    town: Town, composing: Person, guardian: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoding(monkeypatch, out_of_memory)
    composing.writes("picture", picture=photo())
    guardian.says("メニュー")
    Bot(guardian).answers("何をしますか")
    composing.listens()
    Bot(composing).answers("すみません、画像が", "画像があれば")
    assert town.parked() == 0


def test_a_picture_is_decoded_while_others_write(
    town: Town, composing: Person, guardian: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(raw: bytes) -> PreparedImage:
        guardian.writes("text", text="メニュー")
        return prepare_image(raw)

    decoding(monkeypatch, decode)
    composing.sends_picture(photo())
    Bot(composing).answers("画像を1枚受け取りました")
    guardian.listens()
    Bot(guardian).answers("何をしますか")


def test_a_picture_that_kills_the_process_every_time_is_parked(
    town: Town, composing: Person, guardian: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(raw: bytes) -> PreparedImage:
        raise Killed

    killed = decoding(monkeypatch, kill)
    composing.writes("picture", picture=photo())
    for _ in range(TRIES):
        with pytest.raises(Killed):
            town.takes_turns()
        guardian.says("メニュー")
        Bot(guardian).answers("何をしますか")
        town.clock.forward(minutes=2)
    town.takes_turns()
    assert (town.parked(), len(killed)) == (1, TRIES)
    assert "申し訳ありません" in composing.listens()
    composing.says("なし")
    Bot(composing).answers("いつ送りますか")
    with town.database.reading() as tx:
        query = select(AuditEntry.details).where(AuditEntry.verb == "park_turn")
        assert tx.session.scalars(query).all() == [{"error": "unfinished"}]


def test_what_one_loop_has_in_hand_no_other_takes(database: Database, clock: Clock) -> None:
    town = Town(database, clock).opens()
    teacher, other = town.person("teacher"), town.person("other")
    for person in (teacher, teacher, other):
        person.writes("picture", picture=photo())
    with database.writing() as tx:
        assert inbox.hold(tx, 1) == 1
    with database.writing() as tx:
        assert inbox.hold(tx, 1) is None
        assert next_one(tx) == 3
    clock.forward(minutes=2)
    with database.writing() as tx:
        assert (next_one(tx), inbox.hold(tx, 1)) == (1, 2)
        assert inbox.count_failure(tx, 1) == 2
        assert next_one(tx) == 1
        inbox.finish(tx, [1])
        assert not inbox.claim(tx, 1)


# Pictures that the provider keeps until they are asked for.


def test_a_picture_is_fetched_only_where_one_is_asked_for(
    town: Town, guardian: Person, composing: Person
) -> None:
    town.media["p1"] = photo()
    guardian.sends_media("p1")
    Bot(guardian).answers("いま画像は受け取れません")
    guardian.says(town.school_code)
    guardian.sends_media("p1")
    assert town.fetched == []
    composing.sends_media("p1")
    assert town.fetched == ["p1"]
    Bot(composing).answers("画像を1枚受け取りました")
    with town.database.reading() as tx:
        assert len(tx.session.scalars(select(Attachment.id)).all()) == 1


def test_a_picture_that_is_gone_is_asked_for_again(town: Town, composing: Person) -> None:
    composing.sends_media("gone")
    Bot(composing).answers("画像を受け取れませんでした", "もう一度", "画像があれば")
    town.media["here"] = photo()
    composing.sends_media("here")
    Bot(composing).answers("画像を1枚受け取りました")
    town.media["no picture"] = b"%PDF"
    composing.sends_media("no picture")
    Bot(composing).answers("すみません")
    assert town.parked() == 0


def test_a_picture_that_comes_later_is_waited_for(
    town: Town, composing: Person, guardian: Person
) -> None:
    town.media["slow"] = TryLater("rate")
    assert composing.sends_media("slow") == ""
    town.takes_turns()
    assert town.fetched == ["slow"]
    composing.writes("text", text="なし")
    guardian.says("メニュー")
    Bot(guardian).answers("何をしますか")
    assert composing.listens() == ""
    town.media["slow"] = photo()
    town.clock.forward(seconds=PAUSE.seconds)
    town.takes_turns()
    composing.listens()
    Bot(composing).answers("画像を1枚受け取りました", "いつ送りますか")
    assert town.fetched == ["slow"] * 2


def test_a_picture_that_never_comes_is_given_up(town: Town, composing: Person) -> None:
    town.media["never"] = Unknown("no_answer")
    composing.writes("picture", media="never")
    for _ in range(TRIES + 2):
        town.takes_turns()
        town.clock.forward(seconds=PAUSE.seconds)
    composing.listens()
    Bot(composing).answers("画像を受け取れませんでした", "画像があれば")
    assert (town.fetched, town.parked()) == (["never"] * TRIES, 0)


def test_a_channel_that_breaks_while_fetching_holds_up_nobody(
    town: Town, composing: Person, guardian: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(channel: str, account: str, media: str) -> bytes:
        raise KeyError(channel)

    monkeypatch.setattr(town, "fetch", broken)
    composing.sends_media("x")
    Bot(composing).answers("申し訳ありません")
    assert town.parked() == 1
    guardian.says("メニュー")
    Bot(guardian).answers("何をしますか")


def next_one(tx: Transaction) -> int:
    return inbox.claim_heads(tx)[0].id


def test_a_turn_that_fails_with_its_picture_counts_once_a_try(
    town: Town, composing: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = decoding(monkeypatch, prepare_image)

    def break_down(*_: object) -> int:
        raise ValueError

    monkeypatch.setattr("actions.broadcasts.attach", break_down)
    composing.sends_picture(photo())
    assert (town.parked(), len(decoded)) == (1, TRIES)


def test_images_that_no_broadcast_took_up_are_erased(town: Town, composing: Person) -> None:
    composing.sends_picture(photo())
    for words in ("完了", "いますぐ", "下書きのまま終える"):
        composing.says(words)
    for words in TO_THE_IMAGES:
        composing.says(words)
    composing.sends_picture(photo("blue"))
    composing.says("キャンセル")
    for days, left in ((13, 2), (2, 1)):
        sweeps_after(town, days)
        with town.database.reading() as tx:
            taken_up = tx.session.scalars(select(Attachment.broadcast_id)).all()
        assert len(taken_up) == left
    assert taken_up == [1]


def sweeps_after(town: Town, days: int) -> None:
    """Let the loop run once after so many days."""
    stop = Event()

    def take(tx: Transaction, item: InboxItem, flows: Mapping[str, Flow]) -> None:
        stop.set()

    loop = TurnLoop(town.database, take=take)
    town.clock.forward(days=days)
    town.person("somebody").writes("text", text="hello")
    loop.run(stop)
