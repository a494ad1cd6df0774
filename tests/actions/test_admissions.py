"""Admission by a school's yes, on both databases: once, recorded, and as in any other school."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from actions import admissions, child_codes, registration, schools, staff
from actions.admissions import Admitted, Waiting
from actions.registration import NewChild
from delivery.admissions import tick_admissions
from domain.names import addressed
from domain.refusals import Refusal
from domain.roles import Role
from domain.schools import Admission
from storage import admissions as stored
from storage import child_codes as stored_codes
from storage import schools as stored_schools
from storage.database import Database
from storage.tables import Admission as Row
from storage.tables import ChildCode, Membership
from tests.actions import city as scene
from tests.actions.city import Cast, City, code, recorded, told
from tests.databases import Clock


@pytest.fixture
def built(database: Database) -> tuple[City, Cast]:
    city, cast = scene.build_with_cast(database)
    with database.writing() as tx:
        schools.set_admission(tx, city.school, Admission.CONFIRM)
    return city, cast


@pytest.fixture
def city(built: tuple[City, Cast]) -> City:
    return built[0]


@pytest.fixture
def cast(built: tuple[City, Cast]) -> Cast:
    return built[1]


def ask(
    database: Database,
    city: City,
    who: str,
    *children: tuple[int, int | None],
    clubs: tuple[int, ...] = (),
    adds: bool = False,
) -> int:
    with database.writing() as tx:
        point = scene.contact(tx, city, who)
        wanted = [NewChild(*child) for child in children]
        done = admissions.apply(tx, point, city.school, wanted, clubs, adds=adds)
    assert isinstance(done, Waiting), done
    return done.admission_id


def groups(database: Database, city: City, who: str) -> tuple[str, ...]:
    with database.writing() as tx:
        joined = registration.joined(tx, scene.contact(tx, city, who))
    return joined[0].groups if joined else ()


def request(database: Database, admission_id: int) -> Any:
    with database.reading() as tx:
        return stored.request_of(tx, tx.session.get_one(Row, admission_id))


def decide(database: Database, deed: Any, *arguments: Any) -> Any:
    with database.writing() as tx:
        return deed(tx, *arguments)


def test_nothing_is_registered_before_the_yes_and_all_after_it(
    database: Database, city: City, cast: Cast
) -> None:
    asked = ask(
        database, city, "mother", (city.class_a, 30), (city.class_b, None), clubs=(city.club,)
    )
    with database.reading() as tx:
        assert tx.session.query(Membership).count() == 6
        assert tx.session.get_one(Row, asked).request_cipher is not None
    assert decide(database, admissions.admit, cast.teacher, asked) == Admitted(1)
    assert groups(database, city, "mother") == ("1年1組", "1年2組", "合唱部")
    with database.reading() as tx:
        assert tx.session.get_one(Row, asked).request_cipher is None
    done = [verb for _, verb, _ in recorded(database, city, f"admission:{asked}")]
    assert done == ["ask_admission", "admit"]


def test_of_two_who_press_at_once_one_is_told_of_the_other(
    database: Database, city: City, cast: Cast
) -> None:
    for number in range(3):
        asked = ask(database, city, f"mother{number}", (city.class_a, 30 + number))
        gate = Barrier(2)

        def press(who: Any, asked: int = asked, gate: Barrier = gate) -> Any:
            gate.wait(timeout=10)
            return decide(database, admissions.admit, who, asked)

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(press, (cast.teacher, cast.principal)))
        [loser] = [answer for answer in answers if isinstance(answer, Refusal)]
        winner = ("teacher", "principal")[answers.index(loser) - 1]
        assert code(loser) == "already_admitted"
        assert loser.params["name"] == addressed(winner)


def test_a_later_request_takes_the_place_of_an_earlier_one(
    database: Database, city: City, cast: Cast
) -> None:
    first = ask(database, city, "mother", (city.class_a, None), clubs=(city.club,))
    second = ask(database, city, "mother", (city.class_a, 31), (city.class_b, 2), adds=True)
    assert request(database, second) == {
        "children": [{"class": city.class_a, "number": 31}, {"class": city.class_b, "number": 2}],
        "clubs": [city.club],
    }
    third = ask(database, city, "mother", (city.class_b, 9))
    assert request(database, third)["children"] == [{"class": city.class_b, "number": 9}]
    assert code(decide(database, admissions.admit, cast.teacher, first)) == "admission_replaced"
    assert code(decide(database, admissions.decline, cast.teacher, second)) == "admission_replaced"
    with database.writing() as tx:
        point = scene.contact(tx, city, "mother")
        many = [NewChild(city.class_a, number) for number in range(1, 9)]
        refused = admissions.apply(tx, point, city.school, many, (), adds=True)
    assert code(refused) == "too_many_children"


def test_leaving_takes_back_what_waits(database: Database, city: City, cast: Cast) -> None:
    asked = ask(database, city, "mother", (city.class_a, 30))
    with database.writing() as tx:
        registration.leave_school(tx, scene.contact(tx, city, "mother"), city.school)
    assert code(decide(database, admissions.admit, cast.teacher, asked)) == "admission_withdrawn"
    asked = ask(database, city, "mother", (city.class_a, 30))
    assert decide(database, admissions.admit_all, cast.teacher, city.school, [asked]) == Admitted(1)
    with database.writing() as tx:
        assert admissions.withdraw(tx, scene.contact(tx, city, "mother"), city.school)
    assert tick_admissions(database) == 0
    assert groups(database, city, "mother") == ()


def test_what_stands_in_the_way_at_the_yes_is_told(
    database: Database, city: City, cast: Cast
) -> None:
    numbers = range(11, 19)
    for number in numbers:
        asked = ask(database, city, "greedy", (city.class_a, number))
        decide(database, admissions.admit, cast.teacher, asked)
    asked = ask(database, city, "greedy", (city.class_b, 1))
    done = decide(database, admissions.admit, cast.teacher, asked)
    assert isinstance(done, Admitted)
    assert done.but is not None
    with database.writing() as tx:
        point = scene.contact(tx, city, "greedy")
    assert "8人" in told(database, point)[-1]


def test_nobody_decides_for_another_school(database: Database, city: City, cast: Cast) -> None:
    asked = ask(database, city, "mother", (city.class_a, 30))
    with database.writing() as tx:
        stranger = scene.add_staff(tx, city, "stranger", Role.MANAGER, city.other_school)
    for deed in (admissions.admit, admissions.decline, admissions.admit_up_to):
        assert code(decide(database, deed, stranger, asked)) == "not_allowed"
    answer = decide(database, admissions.admit_all, stranger, city.school, [asked])
    assert code(answer) == "not_allowed"
    with database.writing() as tx:
        staff.end_role(tx, cast.teacher.staff_id, Role.OPERATOR, city.school)
    assert code(decide(database, admissions.admit, cast.teacher, asked)) == "not_allowed"
    assert code(decide(database, admissions.admit, cast.principal, 999)) == "unknown_admission"


def test_staff_hear_once_in_ten_minutes_however_many_workers_look(
    database: Database, city: City, cast: Cast, clock: Clock
) -> None:
    ask(database, city, "first", (city.class_a, 30))
    clock.forward(minutes=1)
    ask(database, city, "second", (city.class_a, 31))
    point = city.contacts["teacher"]
    before = len(told(database, point))
    clock.forward(minutes=9)
    gate = Barrier(3)

    def look(_: int) -> None:
        gate.wait(timeout=10)
        tick_admissions(database)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(look, range(3)))
    heard = told(database, point)[before:]
    assert len(heard) == 1
    assert "2件の登録が待っています" in heard[0]


def test_a_request_lapses_with_a_word(
    database: Database, city: City, cast: Cast, clock: Clock
) -> None:
    asked = ask(database, city, "mother", (city.class_a, 30))
    clock.forward(days=13, hours=23)
    tick_admissions(database)
    assert request(database, asked)
    clock.forward(hours=1)
    tick_admissions(database)
    with database.writing() as tx:
        point = scene.contact(tx, city, "mother")
    assert "14日" in told(database, point)[-1]
    assert code(decide(database, admissions.admit, cast.teacher, asked)) == "admission_lapsed"
    assert [verb for _, verb, _ in recorded(database, city, f"admission:{asked}")] == [
        "ask_admission",
        "lapse_admission",
        "admit",
    ]


def test_codes_are_made_once_renewed_and_never_stored_in_clear(
    database: Database, city: City, clock: Clock
) -> None:
    def make(**options: Any) -> child_codes.Made:
        with database.writing() as tx:
            classes = [city.class_a, city.class_b]
            return child_codes.make(tx, city.school, classes, range(1, 36), **options)

    # Six children of the first class are known already, with guardians.
    assert make() == child_codes.Made(70, 70)
    assert make() == child_codes.Made(70, 0)
    with database.reading() as tx:
        codes = stored_codes.codes_of(tx, [city.class_a])
        rows = tx.session.query(ChildCode).all()
    assert [each.number for each in codes] == list(range(1, 36))
    assert not any(each.code.encode() in row.code_cipher for each in codes for row in rows)
    clock.forward(days=54)
    assert make() == child_codes.Made(70, 70)
    assert make(renew=True) == child_codes.Made(70, 70)
    with database.writing() as tx:
        found = registration.find_school(tx, scene.contact(tx, city, "holder"), codes[0].code)
        assert code(found) == "wrong_school_id"
        with pytest.raises(LookupError):
            child_codes.make(tx, city.other_school, [city.class_a])


def test_a_flood_is_declined_at_once_and_told_afterwards(
    database: Database, city: City, cast: Cast
) -> None:
    ids = [ask(database, city, f"flood{n}", (city.class_a, None)) for n in range(30)]
    kept = ask(database, city, "later", (city.class_b, None))
    with database.writing() as tx:
        many = [*ids, *range(10**6, 10**6 + 40000)]
        done = admissions.decline_all(tx, cast.teacher, city.school, many)
        assert done == Admitted(30)
        assert code(admissions.admit(tx, cast.principal, ids[0])) == "already_declined"
        stranger = scene.add_staff(tx, city, "stranger", Role.OPERATOR, city.other_school)
        refused = admissions.decline_all(tx, stranger, city.school, [kept])
        assert code(refused) == "not_allowed"
    while tick_admissions(database):
        pass
    with database.reading() as tx:
        rows = {row.id: row for row in tx.session.query(Row)}
        point = rows[ids[0]].contact_point_id
    assert {rows[each].state for each in ids} == {"declined"}
    assert all(rows[each].request_cipher is None for each in ids)
    assert rows[kept].state == "waiting"
    heard = [each for each in told(database, point) if "確認ができませんでした" in each]
    assert len(heard) == 1


def test_strangers_without_the_code_do_not_fill_it(
    database: Database, city: City, cast: Cast
) -> None:
    """Only who came by the code, or by a yes, counts; then the school hears of it, once."""

    def by_code(who: str) -> object:
        with database.writing() as tx:
            point = scene.contact(tx, city, who)
            found = registration.find_school(tx, point, text)
            assert isinstance(found, registration.FoundChild), found
            return registration.register_by_code(tx, point, found.code_id)

    with database.writing() as tx:
        school = stored_schools.school(tx, city.school)
        school.phone = "048-000-0000"
        for n in range(4):
            evil = scene.contact(tx, city, f"evil{n}")
            registration.register(tx, evil, city.school, city.class_b, 7)
        child_codes.make(tx, city.school, [city.class_b], [7])
        text = child_codes.of_classes(tx, [city.class_b])[0].codes[0].code
    admitted = ask(database, city, "father", (city.class_b, 7))
    with database.writing() as tx:
        assert admissions.admit(tx, cast.teacher, admitted) == Admitted(1)
    for who in ("mother", "grandmother", "grandfather"):
        assert isinstance(by_code(who), registration.Registered)
    assert isinstance(by_code("mother"), registration.Registered)
    for _ in range(2):
        full = by_code("a stranger")
        assert code(full) == "code_is_full"
        assert isinstance(full, Refusal)
        assert "048-000-0000" in scene.in_japanese([full.words])
    heard = told(database, city.contacts["principal"])
    assert sum("登録コードが、4人に使われました" in each for each in heard) == 1
