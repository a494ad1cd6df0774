"""Two at once, in real threads on both databases: one wins, and the other is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from actions import audit, broadcasts, registration, staff
from domain.broadcasts import State
from domain.names import addressed
from domain.refusals import Refusal
from domain.roles import Role
from storage import audit as stored_audit
from storage.database import Database, Transaction
from storage.tables import Family, Guardian
from tests.actions import city as scene
from tests.actions.city import Cast, City, code

Deed = Callable[[Transaction], Any]
ROUNDS = 5


def does(action: Callable[..., Any], *arguments: Any) -> Deed:
    """What somebody is about to do, bound to this round's arguments."""
    return lambda tx: action(tx, *arguments)


@pytest.fixture
def built(database: Database) -> tuple[City, Cast]:
    return scene.build_with_cast(database)


@pytest.fixture
def city(built: tuple[City, Cast]) -> City:
    return built[0]


@pytest.fixture
def cast(built: tuple[City, Cast]) -> Cast:
    return built[1]


def at_once(database: Database, *deeds: Deed) -> list[Any]:
    """Do each deed in a transaction of its own, all starting at the same moment."""
    gate = threading.Barrier(len(deeds))

    def run(deed: Deed) -> Any:
        gate.wait(timeout=10)
        with database.writing() as tx:
            return deed(tx)

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


def test_of_two_approvers_one_wins_and_the_other_is_told_who(
    database: Database, city: City, cast: Cast
) -> None:
    for _ in range(ROUNDS):
        ref = scene.submitted(database, city, cast.teacher)
        people = (cast.principal, cast.deputy)
        answers = at_once(
            database,
            *(does(broadcasts.approve, who, ref) for who in people),
        )
        won = [isinstance(answer, broadcasts.Approved) for answer in answers]
        assert sorted(won) == [False, True]
        loser = answers[won.index(False)]
        assert code(loser) == "already_approved"
        winner = ("principal", "deputy")[won.index(True)]
        assert loser.params["name"] == addressed(winner)
        number = f"broadcast:{ref.broadcast_id}"
        refused = [entry[2] for entry in scene.recorded(database, city, number)]
        assert refused == ["", "", "", "already_approved"]


def test_approval_and_rejection_at_once_are_one_decision(
    database: Database, city: City, cast: Cast
) -> None:
    for _ in range(ROUNDS):
        ref = scene.submitted(database, city, cast.teacher)
        approved, rejected = at_once(
            database,
            does(broadcasts.approve, cast.principal, ref),
            does(broadcasts.reject, cast.deputy, ref, "不要です"),
        )
        assert isinstance(approved, Refusal) != isinstance(rejected, Refusal)
        expected = State.REJECTED if isinstance(approved, Refusal) else State.APPROVED
        assert scene.row(database, ref).state == expected


def test_an_edit_and_an_approval_at_once_never_approve_the_edit(
    database: Database, city: City, cast: Cast
) -> None:
    for number in range(ROUNDS):
        ref = scene.submitted(database, city, cast.teacher)
        content = scene.content(city, f"変更{number}")
        edit = (cast.teacher, city.school, content, (), ref)
        approved, saved = at_once(
            database,
            does(broadcasts.approve, cast.principal, ref),
            does(broadcasts.save_draft, *edit),
        )
        assert isinstance(saved, broadcasts.Saved)
        if isinstance(approved, Refusal):
            assert approved.code == "stale_card"
        row = scene.row(database, ref)
        assert (row.state, row.version) == (State.DRAFT, ref.version + 1)


def test_of_two_editors_at_once_one_is_told_of_the_other(
    database: Database, city: City, cast: Cast
) -> None:
    for number in range(ROUNDS):
        ref = scene.submitted(database, city, cast.teacher)
        content = scene.content(city, f"変更{number}")
        people = (cast.teacher, cast.deputy)
        answers = at_once(
            database,
            *(does(broadcasts.save_draft, who, city.school, content, (), ref) for who in people),
        )
        [lost] = [answer for answer in answers if isinstance(answer, Refusal)]
        assert lost.code == "stale_card"
        assert scene.row(database, ref).version == ref.version + 1


def test_a_role_that_ends_while_it_is_used(database: Database, city: City, cast: Cast) -> None:
    for _ in range(ROUNDS):
        ref = scene.submitted(database, city, cast.teacher)
        approved, _ = at_once(
            database,
            does(broadcasts.approve, cast.principal, ref),
            lambda tx: staff.end_role(tx, cast.principal.staff_id, Role.MANAGER, city.school),
        )
        refused = isinstance(approved, Refusal)
        assert (scene.row(database, ref).state == State.PENDING) is refused


def test_two_guardians_who_name_one_child_at_once_are_one_family(
    database: Database, city: City
) -> None:
    with database.writing() as tx:
        parents = [scene.contact(tx, city, name) for name in ("mother", "father", "aunt")]
    for number in range(20, 20 + ROUNDS):
        found = at_once(
            database,
            *(
                does(registration.register, who, city.school, city.class_b, number)
                for who in parents
            ),
        )
        assert all(not one.again for one in found)
    with database.reading() as tx:
        ids = {one.guardian_id for one in found}
        families = {tx.session.get_one(Guardian, one).family_id for one in ids}
        assert len(ids) == 3
        assert len(families) == 1
        # Six of the city and this one: the merged families are gone.
        assert tx.session.query(Family).count() == 7


def test_the_same_person_in_two_windows_at_once_is_one_guardian(
    database: Database, city: City
) -> None:
    with database.writing() as tx:
        mother = scene.contact(tx, city, "mother")
    found = at_once(
        database,
        *[lambda tx: registration.register(tx, mother, city.school, city.class_b, 30)] * 3,
    )
    assert len({one.guardian_id for one in found}) == 1
    assert sorted(one.again for one in found) == [False, True, True]


def test_one_address_coming_in_twice_at_once_is_one_contact_point(
    database: Database, city: City
) -> None:
    made = at_once(database, *[lambda tx: scene.contact(tx, city, "newcomer")] * 3)
    assert len(set(made)) == 1


def test_entries_appended_to_one_chain_at_once(database: Database, city: City) -> None:
    chain = f"school:{city.school}"

    def append(tx: Transaction) -> None:
        for number in range(5):
            audit.record(tx, chain, "system", "test", f"test:{number}")

    with database.reading() as tx:
        before = len(stored_audit.entries_of(tx, chain))
    at_once(database, *[append] * 4)
    with database.reading() as tx:
        assert audit.verify(tx) == []
        assert len(stored_audit.entries_of(tx, chain)) == before + 20
