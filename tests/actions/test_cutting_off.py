"""A telephone in strange hands: cut off its roles at once, with all it was given."""

from __future__ import annotations

import pytest

from actions import appointments, audit, outsiders, phone_lists, printing, staff
from actions.appointments import Dismissed
from domain import slip_links
from domain.refusals import Refusal
from domain.roles import Actor, Role
from storage import dialogues, keeping
from storage.database import Database
from tests.actions import city as scene
from tests.actions.city import Cast, City, code, recorded, told
from tests.databases import Clock


@pytest.fixture
def built(sqlite_database: Database) -> tuple[City, Cast]:
    return scene.build_with_cast(sqlite_database)


@pytest.fixture
def city(built: tuple[City, Cast]) -> City:
    return built[0]


@pytest.fixture
def cast(built: tuple[City, Cast]) -> Cast:
    return built[1]


def at(database: Database, contact_id: int) -> Actor | None:
    with database.reading() as tx:
        return staff.actor_of(tx, contact_id)


def joins(database: Database, city: City, who: str, invited: object) -> object:
    """Somebody types a code on a telephone of their own."""
    assert isinstance(invited, str), invited
    with database.writing() as tx:
        return staff.accept_invitation(tx, scene.contact(tx, city, who), invited)


def test_a_stolen_telephone_has_no_rights_after_a_new_code(
    sqlite_database: Database, city: City, cast: Cast
) -> None:
    database, old = sqlite_database, city.contacts["teacher"]
    who = cast.teacher.staff_id
    with database.writing() as tx:
        under_way = dialogues.start(tx, old, "compose", 1, {"secret": 1}, tx.now)
        dialogues.start(tx, old, "menu", 1, {}, tx.now, below=under_way)
        unused = staff.invite_again(tx, who)
        new = appointments.invite_again(tx, cast.principal, who, city.school)
    assert at(database, old) is None
    with database.reading() as tx:
        assert dialogues.active(tx, old) is None
    assert told(database, old)[-1].startswith("この端末での担当者としての登録を終わりました")
    assert code(joins(database, city, "thief", unused)) == "wrong_code"
    joins(database, city, "new phone", new)
    with database.reading() as tx:
        found = staff.actor_of(tx, scene.contact(tx, city, "new phone"))
    assert found is not None
    assert found.grants == cast.teacher.grants
    verbs = [verb for _, verb, _ in recorded(database, city, audit.staff(who))]
    assert "invite_again" in verbs


def test_who_lost_the_code_alone_keeps_the_telephone(
    sqlite_database: Database, city: City, cast: Cast
) -> None:
    with sqlite_database.writing() as tx:
        who = cast.teacher.staff_id
        done = appointments.invite_again(tx, cast.principal, who, city.school, keeps=True)
    assert isinstance(done, str)
    assert at(sqlite_database, city.contacts["teacher"]) is not None


def test_links_from_before_are_dead_and_later_ones_open(
    sqlite_database: Database, city: City, cast: Cast, clock: Clock
) -> None:
    database, who = sqlite_database, cast.teacher.staff_id
    number = scene.draft(database, city, cast.teacher).broadcast_id

    def opened(made: tuple[int, slip_links.SlipLink]) -> tuple[bool, bool]:
        until, link = made
        with database.reading() as tx:
            page = phone_lists.opened(tx, [number, who, until, 0])
            return page is not None, printing.opened(tx, link) is not None

    def made() -> tuple[int, slip_links.SlipLink]:
        until = clock() + slip_links.LASTS
        day = clock() + phone_lists.LASTS
        return int(day.timestamp()), slip_links.SlipLink(who, city.school, until, ())

    before = made()
    assert opened(before) == (True, True)
    clock.forward(minutes=5)
    with database.writing() as tx:
        assert appointments.cut_off(tx, cast.principal, who, city.school) == 1
    assert opened(before) == (False, False)
    clock.forward(minutes=5)
    assert opened(made()) == (True, True)


def test_a_code_that_opens_more_than_one_may_give_is_not_made(
    sqlite_database: Database, city: City, cast: Cast
) -> None:
    """Else a manager would be the board with the code of a teacher who sits there too."""
    who = cast.teacher.staff_id
    with sqlite_database.writing() as tx:
        board = scene.add_staff(tx, city, "board", Role.BOARD, None)
        more = staff.invite(tx, city.board, Role.BOARD, None, "同じ人")
        assert not isinstance(more, Refusal)
        staff.accept_invitation(tx, city.contacts["teacher"], more.code)
        refused = appointments.invite_again(tx, cast.principal, who, city.school)
        assert code(refused) == "roles_elsewhere"
        assert staff.actor_of(tx, city.contacts["teacher"]) is not None
        assert appointments.cut_off(tx, cast.principal, who, city.school) == 1
        assert isinstance(appointments.invite_again(tx, board, who, city.school), str)


def test_nobody_else_cuts_off(sqlite_database: Database, city: City, cast: Cast) -> None:
    with sqlite_database.writing() as tx:
        other = scene.add_staff(tx, city, "elsewhere", Role.MANAGER, city.other_school)
        who = cast.principal.staff_id
        refused = appointments.cut_off(tx, cast.teacher, who, city.school)
        assert code(refused) == "not_allowed"
        assert code(appointments.cut_off(tx, other, who, city.school)) == "not_allowed"
    assert at(sqlite_database, city.contacts["principal"]) is not None


def test_one_keeps_the_telephone_in_hand(sqlite_database: Database, city: City, cast: Cast) -> None:
    with sqlite_database.writing() as tx:
        who = cast.principal.staff_id
        second = staff.invite_again(tx, who)
        point = scene.contact(tx, city, "second phone")
        staff.accept_invitation(tx, point, second)
        assert appointments.count_own_others(tx, cast.principal) == 1
        assert appointments.cut_off_others(tx, cast.principal, point) == 1
    assert at(sqlite_database, point) is not None
    assert at(sqlite_database, city.contacts["principal"]) is None


def test_the_board_and_the_deputies_hear_of_whom_a_manager_names(
    sqlite_database: Database, city: City, cast: Cast
) -> None:
    with sqlite_database.writing() as tx:
        board = scene.add_staff(tx, city, "board", Role.BOARD, None)
        term = staff.Term()
        for actor, name in ((cast.principal, "山田 花子"), (board, "鈴木")):
            appointments.appoint(tx, actor, Role.OPERATOR, city.school, name, term)
    for who in ("board", "deputy"):
        heard = [each for each in told(sqlite_database, city.contacts[who]) if "任命" in each]
        assert len(heard) == 1
        assert "山田 花子さんを" in heard[0]
    assert not any("任命" in each for each in told(sqlite_database, city.contacts["principal"]))


def test_drafts_follow_an_heir_who_already_is_staff(
    sqlite_database: Database, city: City, cast: Cast
) -> None:
    ref = scene.draft(sqlite_database, city, cast.teacher)
    with sqlite_database.writing() as tx:
        heir = appointments.appoint(
            tx, cast.principal, Role.OPERATOR, city.school, "後任", staff.Term()
        )
        assert not isinstance(heir, Refusal)
        known = scene.add_staff(tx, city, "successor", Role.OPERATOR, city.other_school)
        done = appointments.dismiss(
            tx, cast.principal, cast.teacher.staff_id, city.school, heir.staff_id
        )
        assert done == Dismissed(1)
        staff.accept_invitation(tx, city.contacts["successor"], heir.code)
        kept = keeping.kept_by(tx, city.board, known.staff_id)
    assert [row.id for row in kept] == [ref.broadcast_id]


def test_staff_of_another_school_do_not_fill_the_chain(
    sqlite_database: Database, city: City, cast: Cast, clock: Clock
) -> None:
    number = scene.submitted(sqlite_database, city, cast.teacher).broadcast_id

    def tries() -> int:
        with sqlite_database.writing() as tx:
            for _ in range(20):
                away = outsiders.turn_away(tx, stranger, number, "report")
                assert code(away) == "not_allowed"
        found = recorded(sqlite_database, city, f"broadcast:{number}")
        return [verb for _, verb, _ in found].count("report")

    with sqlite_database.writing() as tx:
        stranger = scene.add_staff(tx, city, "stranger", Role.OPERATOR, city.other_school)
    assert tries() == 1
    clock.forward(hours=2)
    assert tries() == 2
