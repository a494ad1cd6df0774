"""The rounds that show staff the menu of their roles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event

from channels.base import Channel
from delivery.menus import MenuRounds
from domain.menus import Menu
from domain.outcomes import Accepted, Outcome, Refused, TryLater
from domain.roles import Role
from storage import staff
from storage.database import Database
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import FakeChannel
from tests.storage.test_menus import Office, shown


@dataclass
class FakeLine(FakeChannel):
    """Shows menus, or answers as told; remembers what it was asked."""

    name: str = "line"
    says: list[Outcome] = field(default_factory=list)
    asked: list[tuple[str, int, str]] = field(default_factory=list)

    def show_menu(self, account: str, addresses: Sequence[str], menu: str) -> Outcome:
        self.asked.append((account, len(addresses), menu))
        return self.says.pop(0) if self.says else Accepted()


def rounds(database: Database, line: Channel) -> MenuRounds:
    return MenuRounds(database, {"line": line, "email": FakeChannel()})


def office(database: Database, *roles: Role) -> Office:
    with database.writing() as tx:
        made = Office(city.found(tx))
        for number, role in enumerate(roles):
            made.hires(tx, f"p{number}", role)
    return made


def test_each_menu_is_asked_for_once(database: Database) -> None:
    office(database, Role.OPERATOR, Role.MANAGER, Role.OPERATOR)
    line = FakeLine()
    keeper = rounds(database, line)
    assert keeper.tick() == 3
    assert sorted(line.asked) == [("line", 1, "manager"), ("line", 2, "operator")]
    assert shown(database) == {"p0": "operator", "p1": "manager", "p2": "operator"}
    assert keeper.tick() == 0
    assert len(line.asked) == 2


def test_a_role_that_ended(database: Database, clock: Clock) -> None:
    made = office(database, Role.OPERATOR)
    line = FakeLine()
    keeper = rounds(database, line)
    keeper.tick()
    clock.forward(seconds=10)
    with database.writing() as tx:
        (member,) = staff.holders(tx, made.where.board_id, [Role.OPERATOR], made.where.school_id)
        staff.end_role(tx, member, Role.OPERATOR, made.where.school_id)
    assert keeper.tick() == 1
    assert line.asked[-1] == ("line", 1, Menu.GUARDIAN)


def test_menus_that_are_not_there_are_asked_for_rarely(
    sqlite_database: Database, clock: Clock
) -> None:
    office(sqlite_database, Role.OPERATOR, Role.MANAGER)
    line = FakeLine(says=[TryLater("no_menu", timedelta(minutes=10)), Refused("bad_request")])
    keeper = rounds(sqlite_database, line)
    assert keeper.tick() == 0
    clock.forward(minutes=9)
    assert keeper.tick() == 0
    assert len(line.asked) == 2
    clock.forward(minutes=1)
    assert keeper.tick() == 2


def test_more_than_go_at_once(sqlite_database: Database, clock: Clock) -> None:
    """What was taken is noted although LINE wants a pause before the rest."""
    office(sqlite_database, *[Role.OPERATOR] * 501)
    line = FakeLine(says=[Accepted(), TryLater("rate", timedelta(seconds=3))])
    keeper = rounds(sqlite_database, line)
    assert keeper.tick() == 500
    clock.forward(seconds=10)
    assert keeper.tick() == 1


def test_no_transaction_is_open_while_the_provider_is_asked(sqlite_database: Database) -> None:
    office(sqlite_database, Role.OPERATOR)

    class Writing(FakeLine):
        def show_menu(self, account: str, addresses: Sequence[str], menu: str) -> Outcome:
            with sqlite_database.writing():
                return super().show_menu(account, addresses, menu)

    assert rounds(sqlite_database, Writing()).tick() == 1


def test_the_thread_ends_when_told_and_where_no_channel_shows_menus(
    sqlite_database: Database,
) -> None:
    office(sqlite_database, Role.OPERATOR)
    stop, line = Event(), FakeLine()
    MenuRounds(sqlite_database, {"email": FakeChannel()}).run(stop)
    stop.set()
    rounds(sqlite_database, line).run(stop)
    assert len(line.asked) == 1


def test_a_round_that_breaks_ends_nothing(sqlite_database: Database) -> None:
    office(sqlite_database, Role.OPERATOR)

    class Broken(FakeLine):
        def show_menu(self, account: str, addresses: Sequence[str], menu: str) -> Outcome:
            raise RuntimeError(account)

    stop = Event()
    stop.set()
    rounds(sqlite_database, Broken()).run(stop)
