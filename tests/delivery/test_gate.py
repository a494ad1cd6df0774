"""The gate before real carriers: when mail may leave, and who is told that it may not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from actions import mail_checks as actions
from actions.troubles import explained
from delivery.gate import Gate
from delivery.replies import Replies
from delivery.troubles import signs_of
from domain.broadcasts import State
from domain.mail_checks import CHECKS, HELD_FOR, Checked, Result, Subject
from domain.troubles import Kind
from domain.wording import render
from storage import mail_checks
from storage.audit import entries_of
from storage.database import Database
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import FakeChannel
from tests.delivery.replying import queue, states

SUBJECT = Subject("city.jp", {name: f"basis of {name}" for name in CHECKS})
ROTATED = Subject("city.jp", {**SUBJECT.bases, "DKIM": "another key"})


class Dns:
    """What the checks would find; everything passes but what is named."""

    def __init__(self, **other: Result) -> None:
        self.other = other
        self.looks = 0

    def __call__(self) -> Sequence[Checked]:
        self.looks += 1
        return [
            Checked(name, self.other.get(name, Result.PASSED), f"what {name} says")
            for name in CHECKS
        ]


class Elapsed:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 10
        return self.seconds


def gate(database: Database, dns: Dns, subject: Subject = SUBJECT) -> Gate:
    """A gate that never relies on what it read before."""
    return Gate(database, subject, dns, Elapsed())


@pytest.fixture
def board(sqlite_database: Database) -> int:
    with sqlite_database.writing() as tx:
        return city.found(tx).board_id


def kinds(database: Database) -> list[tuple[Kind, str]]:
    return [(sign.kind, sign.subject) for sign in signs_of(database, [], lambda _: 10**12)]


def test_mail_waits_for_every_check_and_then_goes_on(database: Database, clock: Clock) -> None:
    with database.writing() as tx:
        city.found(tx)
    dns = Dns(PTR=Result.FAILED, TLS=Result.UNASKED)
    closed = gate(database, dns)
    assert not closed.allows("email")
    assert closed.allows("line")
    assert closed.pause < HELD_FOR
    closed.check()
    assert not closed.allows("email")
    assert closed.pause == HELD_FOR
    dns.other = {"TLS": Result.UNASKED}
    clock.forward(minutes=10)
    closed.check()
    assert not closed.allows("email")
    dns.other = {}
    clock.forward(minutes=10)
    closed.check()
    assert closed.allows("email")
    # What the DNS loses later stops nothing, here and in a worker that starts only then.
    dns.other = dict.fromkeys(CHECKS, Result.FAILED)
    clock.forward(days=1)
    closed.check()
    assert closed.allows("email")
    assert gate(database, dns).allows("email")
    # A new key is a new check, and the old one is still as good as it was.
    assert not gate(database, dns, ROTATED).allows("email")
    assert gate(database, dns).allows("email")


def test_nothing_to_check_is_open(sqlite_database: Database, board: int) -> None:
    dns = Dns(SPF=Result.FAILED)
    gate(sqlite_database, dns).check()
    assert kinds(sqlite_database) == [(Kind.MAIL_HELD, "")]
    stage = gate(sqlite_database, dns, Subject())
    assert stage.allows("email")
    stage.check()
    # Nor does the centre hear of settings that are in force no more.
    assert kinds(sqlite_database) == []
    assert dns.looks == 1


def test_what_passes_is_looked_at_daily_and_what_does_not_soon(
    sqlite_database: Database, board: int, clock: Clock
) -> None:
    dns = Dns(MX=Result.FAILED)
    one = gate(sqlite_database, dns)
    looks = []
    for minutes in (0, 9, 1, 0, 10, 60 * 23, 60):
        clock.forward(minutes=minutes)
        if minutes == 10:
            dns.other = {}
        one.check()
        looks.append(dns.looks)
    assert looks == [1, 1, 2, 2, 3, 3, 4]


def test_the_database_is_asked_seldom(sqlite_database: Database, board: int) -> None:
    seconds = [0.0]
    held = Gate(sqlite_database, SUBJECT, Dns(), lambda: seconds[0])
    assert not held.allows("email")
    gate(sqlite_database, Dns()).check()
    seconds[0] = 4.9
    assert not held.allows("email")
    seconds[0] = 5.0
    assert held.allows("email")


def test_somebody_answers_for_a_check_for_thirty_days(
    sqlite_database: Database, board: int, clock: Clock
) -> None:
    dns = Dns(PTR=Result.FAILED)
    one = gate(sqlite_database, dns)
    one.check()
    with sqlite_database.writing() as tx:
        actions.accept(tx, board, SUBJECT, "PTR", " no name from our provider ")
        with pytest.raises(KeyError):
            actions.accept(tx, board, SUBJECT, "BIMI", "why not")
        with pytest.raises(ValueError, match="reason"):
            actions.accept(tx, board, SUBJECT, "PTR", " ")
    with sqlite_database.reading() as tx:
        entry = entries_of(tx, f"board:{board}")[-1]
        assert (entry.verb, entry.details["check"]) == ("accept_mail_check", "PTR")
        assert "provider" not in str(entry.details)
        kept = {each.name: each.reason for each in mail_checks.current(tx)}["PTR"]
    assert kept == "no name from our provider"
    assert one.allows("email")
    assert kinds(sqlite_database) == []
    # Nor is it for a time before it was given, where a clock is set back.
    clock.forward(hours=-1)
    assert not one.allows("email")
    clock.forward(hours=1)
    clock.forward(days=23, minutes=-1)
    assert kinds(sqlite_database) == []
    clock.forward(minutes=1)
    assert kinds(sqlite_database) == [(Kind.MAIL_ACCEPTANCE_ENDS, "PTR")]
    clock.forward(days=7, minutes=-1)
    one.check()
    assert one.allows("email")
    clock.forward(minutes=1)
    assert not one.allows("email")
    assert kinds(sqlite_database) == [(Kind.MAIL_HELD, "")]


def test_an_acceptance_that_was_needed_no_more_ends_unnoticed(
    sqlite_database: Database, board: int, clock: Clock
) -> None:
    dns = Dns(PTR=Result.FAILED)
    one = gate(sqlite_database, dns)
    one.check()
    with sqlite_database.writing() as tx:
        actions.accept(tx, board, SUBJECT, "PTR", "soon there")
    dns.other = {}
    clock.forward(days=25)
    one.check()
    assert kinds(sqlite_database) == []
    clock.forward(days=6)
    assert one.allows("email")


def test_a_check_that_slips_is_told_and_stops_nothing(
    sqlite_database: Database, board: int, clock: Clock
) -> None:
    dns = Dns()
    one = gate(sqlite_database, dns)
    one.check()
    dns.other = {"SPF": Result.FAILED, "MX": Result.UNASKED}
    clock.forward(days=1)
    one.check()
    (sign,) = signs_of(sqlite_database, [], lambda _: 10**12)
    assert (sign.kind, sign.subject) == (Kind.MAIL_SLIPPED, "SPF")
    said = [render(words, "ja") for words in explained(sign)]
    assert "SPF（" in said[0]
    assert "送っています" in said[1]
    assert "renrakumo doctor" in said[2]


def test_an_answer_waits_and_leaves_when_the_gate_opens(
    sqlite_database: Database, clock: Clock
) -> None:
    dns = Dns(DKIM=Result.FAILED)
    one = gate(sqlite_database, dns)
    channel = FakeChannel()
    queue(sqlite_database, "登録しました。")
    one.check()
    out = Replies(sqlite_database, {"email": channel}, lambda: 0.0, gate=one)
    for _ in range(20):
        out.run_once()
        clock.forward(minutes=5)
    assert channel.answers == []
    assert states(sqlite_database) == [("new", 20)]
    # The centre hears why, and not also that mail fails.
    assert kinds(sqlite_database) == [(Kind.MAIL_HELD, "")]
    dns.other = {}
    one.check()
    out.run_once()
    assert len(channel.answers) == 1
    assert states(sqlite_database)[0][0] == "done"


def test_whoever_is_about_to_send_sees_that_mail_is_held(
    sqlite_database: Database, board: int
) -> None:
    gate(sqlite_database, Dns(SPF=Result.FAILED)).check()
    with sqlite_database.reading() as tx:
        (words,) = actions.remarks(tx, State.PENDING)
        assert "メールは送られません" in render(words, "ja")
        assert actions.remarks(tx, State.SENDING) == ()
