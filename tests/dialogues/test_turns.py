"""The loop over the inbox: order, failures, and several loops at once."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event, Thread

import pytest
from sqlalchemy import select

from actions import audit
from bot.steps import Flow
from bot.turns import TurnLoop
from domain.speech import speak
from domain.wording import Plain
from storage import dialogues, inbox, people, replies
from storage.database import Database, Transaction
from storage.inbox import InboxItem
from storage.tables import AuditEntry, Dialogue, Inbox, Reply
from tests.databases import Clock
from tests.dialogues.kit import Bot, Person, Town


@pytest.fixture
def towns(database: Database, clock: Clock) -> Town:
    """A town on each of the two databases."""
    return Town(database, clock).opens()


def test_a_conversation_on_both_databases(towns: Town) -> None:
    guardian = towns.person("guardian")
    for words in ("登録", towns.school_code, "はい", "3-2", "5", "いいえ", "1", "完了"):
        guardian.says(words)
    guardian.taps("登録する")
    guardian.says("なし")
    Bot(guardian).answers("・3年2組", "・サッカー部")
    assert towns.parked() == 0


def test_a_failing_turn_is_parked_and_the_next_goes_on(towns: Town) -> None:
    guardian, other = towns.person("guardian"), towns.person("other")
    guardian.writes("text", text="boom")
    guardian.writes("text", text="hello")
    other.writes("text", text="hello")
    tries: list[str] = []

    def take(tx: Transaction, item: InboxItem, flows: Mapping[str, Flow]) -> None:
        contact = people.contact_point(tx, item.board_id, item.channel, item.account, item.sender)
        replies.queue(tx, contact.id, speak(Plain(f"heard {item.text}")), item.id)
        tries.append(item.text)
        if item.text == "boom":
            raise ValueError("a private word")

    TurnLoop(towns.database, take=take).run_once()
    assert sorted(tries) == ["boom"] * 3 + ["hello"] * 2
    assert tries[-1] == "hello"
    assert "申し訳ありません" in (heard := guardian.listens())
    assert "heard hello" in heard
    assert "heard boom" not in heard
    assert towns.parked() == 1
    with towns.database.reading() as tx:
        entry = tx.session.scalars(select(AuditEntry).where(AuditEntry.verb == "park_turn")).one()
        assert (entry.subject, entry.details) == ("inbox:1", {"error": "ValueError"})
        assert audit.verify(tx) == []


def test_one_that_fails_undoes_only_its_own_turn(towns: Town) -> None:
    cast = [towns.person(f"person{number}") for number in range(6)]
    for person in cast:
        person.writes("text", text="boom" if person is cast[3] else "hello")

    def take(tx: Transaction, item: InboxItem, flows: Mapping[str, Flow]) -> None:
        contact = people.contact_point(tx, item.board_id, item.channel, item.account, item.sender)
        replies.queue(tx, contact.id, speak(Plain(f"heard {item.text}")), item.id)
        if item.text == "boom":
            raise ValueError

    TurnLoop(towns.database, take=take).run_once()
    heard = [person.listens() for person in cast]
    assert [words == "heard hello" for words in heard] == [True] * 3 + [False] + [True] * 2
    assert towns.parked() == 1
    assert towns.count(Inbox, "done") == 5


def test_several_people_share_one_transaction_for_a_while(town: Town) -> None:
    for number in range(6):
        town.person(f"person{number}").writes("text", text="hello")
    transactions: list[int] = []
    seconds = iter(range(100))

    def take(tx: Transaction, item: InboxItem, flows: Mapping[str, Flow]) -> None:
        transactions.append(id(tx))
        held.append(tx)

    held: list[Transaction] = []
    rests: list[float] = []
    loop = TurnLoop(
        town.database, take=take, monotonic=lambda: next(seconds) / 150, sleep=rests.append
    )
    loop.run_once()
    assert len(rests) == 2
    # A hundred-and-fiftieth of a second each: after the third, a fiftieth is over.
    assert [transactions.count(each) for each in dict.fromkeys(transactions)] == [3, 3]


def test_what_one_turn_read_is_read_again_by_the_next(town: Town) -> None:
    for name in ("one", "two"):
        town.person(name).writes("text", text="hello")
    seen: list[int] = []

    def take(tx: Transaction, item: InboxItem, flows: Mapping[str, Flow]) -> None:
        seen.append(len(list(tx.session)))
        people.contact_point(tx, item.board_id, item.channel, item.account, item.sender)

    TurnLoop(town.database, take=take).run_once()
    assert seen == [0, 0]


def test_a_content_that_cannot_be_opened_is_parked_without_an_apology(town: Town) -> None:
    guardian = town.person("guardian")
    guardian.writes("text", text="hello")
    with town.database.writing() as tx:
        tx.session.scalars(select(Inbox)).one().payload_cipher = b"\x01 broken"
    guardian.writes("text", text="メニュー")
    town.takes_turns()
    assert town.parked() == 1
    assert "何をしますか" in guardian.listens()


def test_a_person_is_never_heard_out_of_order(towns: Town) -> None:
    """Two loops at once, and each person's words one after the other."""
    cast = [towns.person(f"person{number}") for number in range(6)]
    for count in range(5):
        for person in cast:
            person.writes("text", text=str(count))
    heard: list[tuple[str, str]] = []

    def take(tx: Transaction, item: InboxItem, flows: Mapping[str, Flow]) -> None:
        heard.append((item.sender, item.text))

    loops = [Thread(target=TurnLoop(towns.database, take=take).run_once) for _ in range(2)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()
    # A loop that found everything held by the other has gone home.
    TurnLoop(towns.database, take=take).run_once()
    for person in cast:
        assert [text for sender, text in heard if sender == person.name] == list("01234")


def test_an_item_held_by_another_loop_holds_back_its_sender(postgresql_town: Town) -> None:
    town = postgresql_town
    guardian, other = town.person("guardian"), town.person("other")
    guardian.writes("text", text="1")
    guardian.writes("text", text="2")
    other.writes("text", text="3")
    with town.database.writing() as first, town.database.writing() as second:
        assert [item.id for item in inbox.claim_heads(first)] == [1]
        assert [item.id for item in inbox.claim_heads(second)] == [3]


@pytest.fixture
def postgresql_town(postgresql_database: Database, clock: Clock) -> Town:
    return Town(postgresql_database, clock).opens()


def test_the_loop_runs_until_it_is_stopped(town: Town) -> None:
    guardian = town.person("guardian")
    stop = Event()

    def take(tx: Transaction, item: InboxItem, flows: Mapping[str, Flow]) -> None:
        stop.set()

    loop = Thread(target=TurnLoop(town.database, take=take).run, args=(stop,))
    loop.start()
    guardian.writes("text", text="hello")
    loop.join(timeout=10)
    assert not loop.is_alive()


def test_answers_nobody_went_on_with_are_erased(town: Town, guardian: Person) -> None:
    guardian.says(town.school_code)
    town.clock.forward(days=1)
    with town.database.writing() as tx:
        assert dialogues.erase_expired(tx) == 0
    town.clock.forward(days=1)
    with town.database.writing() as tx:
        assert dialogues.erase_expired(tx) == 1
        log = tx.session.scalars(select(Dialogue.log_cipher)).one()
        assert tx.vault.open_json(log, "dialogues.log")["log"] == []
    assert guardian.dialogue() is None


def test_a_dialogue_that_moved_meanwhile_is_not_overwritten(town: Town, guardian: Person) -> None:
    guardian.says(town.school_code)
    with town.database.writing() as tx:
        read = dialogues.active(tx, guardian.contact_id)
    guardian.says("はい")
    assert read
    with town.database.writing() as tx, pytest.raises(dialogues.DialogueMoved):
        dialogues.save(
            tx,
            read,
            version=1,
            log=(),
            memory={},
            awaited="x",
            expires_at=town.clock.now,
        )


def test_logs_are_encrypted(town: Town, guardian: Person) -> None:
    guardian.says(town.school_code)
    with town.database.reading() as tx:
        stored = tx.session.scalars(select(Dialogue.log_cipher)).one()
        spoken = tx.session.scalars(select(Reply.payload_cipher)).all()
    for cipher in (stored, *spoken):
        assert town.school_code.encode() not in cipher
        assert "第一小学校".encode() not in cipher
