"""Registering: school IDs in any width, one person once, families, and limits on guessing."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from actions import boards, registration, schools
from domain.refusals import Refusal
from domain.roles import Role
from domain.wording import render
from storage import opt_outs
from storage import schools as stored_schools
from storage.database import Database
from storage.tables import AuditEntry, Child, Family, Guardian, Membership
from tests.actions import city as scene
from tests.actions.city import City, code, recorded, told
from tests.databases import Clock

FULL_WIDTH = {ord(a): ord(a) + 0xFEE0 for a in "0123456789ABCDEFGHJKMNPQRSTUVWXYZ"}


@pytest.fixture
def city(database: Database) -> City:
    return scene.build(database, families=0)


def find(database: Database, city: City, who: str, text: str) -> object:
    with database.writing() as tx:
        return registration.find_school(tx, scene.contact(tx, city, who), text)


def register(
    database: Database, city: City, who: str, class_id: int, number: int | None
) -> registration.Registered:
    with database.writing() as tx:
        point = scene.contact(tx, city, who)
        done = registration.register(tx, point, city.school, class_id, number)
    assert isinstance(done, registration.Registered), done
    return done


def entries(database: Database) -> list[AuditEntry]:
    with database.reading() as tx:
        return list(tx.session.scalars(select(AuditEntry)))


def family_of(database: Database, guardian_id: int) -> int:
    with database.reading() as tx:
        return tx.session.get_one(Guardian, guardian_id).family_id


def test_an_id_in_any_width_finds_its_school(database: Database, city: City) -> None:
    plain = city.school_id
    spellings = [plain, plain.lower(), plain.replace("-", " "), plain.translate(FULL_WIDTH)]
    spellings.append(f"学校IDは「{plain.replace('-', 'ー')}」です")
    for text in spellings:
        found = find(database, city, "mother", text)
        assert found == registration.FoundSchool(city.school, "第一小学校")


def test_what_is_no_id_is_asked_again_and_not_counted(database: Database, city: City) -> None:
    for _ in range(10):
        assert code(find(database, city, "mother", "こんにちは")) == "not_a_school_id"
    assert not isinstance(find(database, city, "mother", city.school_id), Refusal)


def test_wrong_ids_say_nothing_of_which_schools_exist(database: Database, city: City) -> None:
    handle = city.school_id[:4]
    other = "2222" if handle != "2222" else "3333"
    of_a_school = find(database, city, "one", f"{handle}-2345-6789")
    of_nobody = find(database, city, "two", f"{other}-2345-6789")
    assert isinstance(of_a_school, Refusal)
    assert of_a_school == of_nobody
    assert code(of_a_school) == "wrong_school_id"
    assert render(of_a_school.words, "ja")


def test_tries_are_limited_for_a_contact_point(
    database: Database, city: City, clock: Clock
) -> None:
    for _ in range(5):
        assert code(find(database, city, "guesser", "2222-3333-4444")) == "wrong_school_id"
    for _ in range(3):
        assert code(find(database, city, "guesser", city.school_id)) == "too_many_tries"
    assert not isinstance(find(database, city, "mother", city.school_id), Refusal)
    with database.reading() as tx:
        me = f"contact:{scene.contact(tx, city, 'guesser')}"
    refused = [entry[2] for entry in recorded(database, city, me)]
    assert refused == ["wrong_school_id"] * 5 + ["too_many_tries"]
    clock.forward(hours=1, seconds=1)
    assert not isinstance(find(database, city, "guesser", city.school_id), Refusal)


@pytest.mark.parametrize("exists", [True, False])
def test_tries_are_limited_for_a_handle_whether_a_school_has_it_or_not(
    database: Database, city: City, exists: bool
) -> None:
    with database.writing() as tx:
        boards.change_settings(tx, city.board, tries_per_school=4)
    handle = city.school_id[:4] if exists else "2222"
    for _ in range(2):
        answers = [find(database, city, f"g{n}", f"{handle}-2345-6789") for n in range(6)]
        assert len({code(a) for a in answers}) == 1
    assert code(answers[0]) == "too_many_tries"


def test_wrong_tries_of_others_keep_no_family_out(
    database: Database, city: City, clock: Clock
) -> None:
    with database.writing() as tx:
        boards.change_settings(tx, city.board, tries_per_school=4)
        scene.add_staff(tx, city, "principal", Role.MANAGER, city.school)
        scene.add_staff(tx, city, "teacher", Role.OPERATOR, city.school)
    wrong = f"{city.school_id[:4]}-2345-6789"
    for number in range(6):
        assert code(find(database, city, f"guesser{number}", wrong)) == "wrong_school_id"
    assert not isinstance(find(database, city, "mother", city.school_id), Refusal)
    # Who has guessed wrong is kept out even with the right ID, and learns nothing from it.
    assert code(find(database, city, "guesser0", city.school_id)) == "too_many_tries"
    [warning] = scene.told(database, city.contacts["principal"])
    assert "第一小学校" in warning
    assert scene.told(database, city.contacts["teacher"]) == []
    for hours, warnings in ((2, 1), (23, 2)):
        clock.forward(hours=hours)
        for number in range(6):
            find(database, city, f"guesser{hours}-{number}", wrong)
        assert len(scene.told(database, city.contacts["principal"])) == warnings


def test_an_expired_and_a_replaced_id_open_nothing(
    database: Database, city: City, clock: Clock
) -> None:
    with database.writing() as tx:
        issued = schools.new_school_id(tx, city.school)
    assert code(find(database, city, "mother", city.school_id)) == "wrong_school_id"
    assert not isinstance(find(database, city, "mother", issued.id), Refusal)
    clock.now = issued.expires
    assert code(find(database, city, "mother", issued.id)) == "wrong_school_id"


def test_registering_twice_is_the_same_person(database: Database, city: City) -> None:
    first = register(database, city, "mother", city.class_a, 5)
    again = register(database, city, "mother", city.class_a, 5)
    assert not first.again
    assert again == registration.Registered(first.guardian_id, again=True)
    with database.reading() as tx:
        assert tx.session.query(Guardian).count() == 1
        assert tx.session.query(Membership).count() == 1
        assert tx.session.query(Child).count() == 1


def test_another_child_belongs_to_the_same_guardian(database: Database, city: City) -> None:
    first = register(database, city, "mother", city.class_a, 5)
    second = register(database, city, "mother", city.class_b, 9)
    assert second == registration.Registered(first.guardian_id, again=False)
    with database.writing() as tx:
        point = scene.contact(tx, city, "mother")
        joined = registration.joined(tx, point)
    assert joined == [registration.Joined(city.school, "第一小学校", ("1年1組", "1年2組"))]


def test_a_child_without_number_gets_it_later(database: Database, city: City) -> None:
    register(database, city, "mother", city.class_a, None)
    assert register(database, city, "mother", city.class_a, None).again
    assert not register(database, city, "mother", city.class_a, 5).again
    assert register(database, city, "mother", city.class_a, None).again
    with database.reading() as tx:
        assert [child.number for child in tx.session.query(Child)] == [5]


def test_guardians_who_share_a_child_are_one_family(database: Database, city: City) -> None:
    mother = register(database, city, "mother", city.class_a, 5).guardian_id
    father = register(database, city, "father", city.class_b, 9).guardian_id
    stranger = register(database, city, "stranger", city.class_a, 6).guardian_id
    unnumbered = register(database, city, "unnumbered", city.class_a, None).guardian_id
    families = {family_of(database, who) for who in (mother, father, stranger, unnumbered)}
    assert len(families) == 4
    # The father's other child brings both of his children's guardians together.
    register(database, city, "aunt", city.class_b, 9)
    register(database, city, "father", city.class_a, 5)
    assert family_of(database, mother) == family_of(database, father)
    assert family_of(database, stranger) != family_of(database, mother)
    with database.reading() as tx:
        assert tx.session.query(Family).count() == 3


def test_nobody_has_more_children_than_a_large_family(database: Database, city: City) -> None:
    """Five on one's own word; more where somebody looks at it, but never more than twelve."""
    register(database, city, "greedy", city.class_a, None)
    for number in range(1, 6):
        register(database, city, "greedy", city.class_a, number)
    with database.writing() as tx:
        point = scene.contact(tx, city, "greedy")
        refused = registration.register(tx, point, city.school, city.class_a, 6)
        assert code(refused) == "too_many_children"
        stored_schools.school(tx, city.school).admission = "confirm"
    for number in range(6, 9):
        register(database, city, "greedy", city.class_a, number)
    others: list[tuple[int, int | None]] = [
        (city.class_a, 9),
        (city.class_b, 1),
        (city.class_b, None),
    ]
    for other in others:
        with database.writing() as tx:
            point = scene.contact(tx, city, "greedy")
            refused = registration.register(tx, point, city.school, *other)
        assert code(refused) == "too_many_children"
    assert register(database, city, "greedy", city.class_a, 5).again
    assert register(database, city, "greedy", city.class_a, None).again
    with database.writing() as tx:
        there = schools.add_group(tx, city.other_school, "1年1組", "class").id
        answers = [
            registration.register(tx, point, city.other_school, there, number)
            for number in range(1, 6)
        ]
    assert [isinstance(answer, Refusal) for answer in answers] == [False] * 4 + [True]
    with database.reading() as tx:
        assert tx.session.query(Child).count() == 12


def test_leaving_parts_the_families_that_a_mistake_brought_together(
    database: Database, city: City
) -> None:
    who = [register(database, city, f"g{n}", city.class_a, n).guardian_id for n in range(1, 6)]
    father = register(database, city, "father", city.class_a, 1).guardian_id
    register(database, city, "father", city.class_b, 9)
    grandmother = register(database, city, "grandmother", city.class_b, 9).guardian_id
    for number in range(1, 6):
        register(database, city, "stranger", city.class_a, number)
    everyone = [*who[:3], father, grandmother]
    assert len({family_of(database, one) for one in everyone}) == 1
    # And no more: one person does not look after the children of five households.
    assert len({family_of(database, one) for one in who[2:]}) == 3
    kept_apart = [
        entry.details["kept_apart"] for entry in entries(database) if "kept_apart" in entry.details
    ]
    assert kept_apart == [True, True]
    with database.writing() as tx:
        registration.leave_school(tx, scene.contact(tx, city, "stranger"), city.school)
    assert len({family_of(database, one) for one in who}) == 5
    # Who shared children without the stranger still does, and over a third person too.
    assert len({family_of(database, one) for one in (who[0], father, grandmother)}) == 1
    with database.reading() as tx:
        assert tx.session.query(Family).count() == 6


def test_no_chain_of_strangers_makes_a_class_one_family(database: Database, city: City) -> None:
    """However many they are, a class of a few children has families enough to be written to."""
    numbers = range(1, 17)
    who = [register(database, city, f"g{n}", city.class_a, n).guardian_id for n in numbers]
    for step in (2, 1, 4):
        for start in range(1, 17, step):
            for number in range(start, min(start + step + 1, 17)):
                register(database, city, f"stranger{step}-{start}", city.class_a, number)
    families = [family_of(database, one) for one in who]
    assert max(families.count(one) for one in families) <= 3


def test_a_stranger_keeps_no_father_out_of_his_childs_family(
    database: Database, city: City
) -> None:
    """Neither where the stranger is in it, nor where he stayed apart."""
    mothers = [register(database, city, f"m{n}", city.class_a, n).guardian_id for n in range(1, 6)]
    for number in range(1, 6):
        register(database, city, "stranger", city.class_a, number)
    fathers = [register(database, city, f"f{n}", city.class_a, n).guardian_id for n in range(1, 6)]
    assert [family_of(database, one) for one in fathers] == [
        family_of(database, one) for one in mothers
    ]


def test_the_managers_hear_of_somebody_with_many_children(
    database: Database, clock: Clock, city: City
) -> None:
    """Once a day, by class and number; not where staff or a child's code said yes."""
    with database.writing() as tx:
        scene.add_staff(tx, city, "principal", Role.MANAGER, city.school)

    def name(who: str, *numbers: int) -> list[str]:
        new = [registration.NewChild(city.class_a, number) for number in numbers]
        with database.writing() as tx:
            point = scene.contact(tx, city, who)
            registration.register_children(tx, point, city.school, new, ())
        return told(database, city.contacts["principal"])

    before = len(name("mother", 1, 2, 3))
    heard = name("stranger", 1, 2, 3, 4, 5, 6)[before:]
    assert len(heard) == 1
    assert "5人のお子さん" in heard[0]
    assert "・1年1組 5番" in heard[0]
    assert "stranger" not in heard[0]
    assert len(name("another", 1, 2, 3, 4)) == before + 1
    clock.forward(hours=25)
    assert len(name("another", 5)) == before + 2
    clock.forward(hours=25)
    with database.writing() as tx:
        stored_schools.school(tx, city.school).admission = "confirm"
    assert len(name("third", 1, 2, 3, 4)) == before + 2


def test_leaving_a_school_leaves_its_family_too(database: Database, city: City) -> None:
    mother = register(database, city, "mother", city.class_a, 5).guardian_id
    father = register(database, city, "father", city.class_a, 5).guardian_id
    with database.writing() as tx:
        registration.leave_school(tx, scene.contact(tx, city, "father"), city.school)
    with database.writing() as tx:
        assert registration.joined(tx, scene.contact(tx, city, "father")) == []
        assert len(registration.joined(tx, scene.contact(tx, city, "mother"))) == 1
        assert tx.session.query(Child).count() == 1
    assert family_of(database, mother) != family_of(database, father)
    again = register(database, city, "father", city.class_a, 5)
    assert again == registration.Registered(father, again=False)
    assert family_of(database, mother) == family_of(database, father)


def test_one_click_leaves_and_registering_again_returns(database: Database, city: City) -> None:
    register(database, city, "mother", city.class_a, 5)
    with database.writing() as tx:
        point = scene.contact(tx, city, "mother")
        registration.opt_out(tx, point, city.school)
        registration.opt_out(tx, point, city.school)
        assert opt_outs.opted_out(tx, point) == {city.school}
    register(database, city, "mother", city.class_a, 5)
    with database.reading() as tx:
        assert opt_outs.opted_out(tx, point) == set()
    done = [verb for _, verb, _ in recorded(database, city, f"contact:{point}")]
    assert done == ["opt_out"]


def test_clubs_are_joined_at_ones_own_school(database: Database, city: City) -> None:
    with database.writing() as tx:
        point = scene.contact(tx, city, "mother")
        assert code(registration.join_group(tx, point, city.club)) == "not_open"
    register(database, city, "mother", city.class_a, 5)
    with database.writing() as tx:
        assert registration.join_group(tx, point, city.club) is None
        assert code(registration.join_group(tx, point, city.class_b)) == "not_open"
        assert registration.joined(tx, point)[0].groups == ("1年1組", "合唱部")
        registration.leave_group(tx, point, city.class_a)
        registration.leave_group(tx, point, city.club)
        assert registration.joined(tx, point)[0].groups == ("1年1組",)


def test_a_class_of_another_school_and_an_impossible_number(database: Database, city: City) -> None:
    with database.writing() as tx:
        point = scene.contact(tx, city, "mother")
        with pytest.raises(LookupError):
            registration.register(tx, point, city.other_school, city.class_a, 5)
        with pytest.raises(LookupError):
            registration.register(tx, point, city.school, city.club, 5)
        with pytest.raises(ValueError, match="number"):
            registration.register(tx, point, city.school, city.class_a, 0)
