"""What staff may do with groups, and what is refused and recorded."""

from __future__ import annotations

from sqlalchemy import select

from actions import audit, groups
from actions.groups import NewGroup, Placed
from domain.groups import GroupKind
from domain.refusals import Refusal
from domain.roles import Role
from storage import groups as stored
from storage import schools
from storage.database import Database
from storage.tables import AuditEntry, Group
from tests.actions.city import add_staff, build_with_cast


def code(done: object) -> str:
    assert isinstance(done, Refusal), done
    return done.code


def test_rights_names_and_cycles(database: Database) -> None:
    city, cast = build_with_cast(database)
    teacher = cast.teacher
    club = NewGroup("吹奏楽部", GroupKind.CLUB)
    with database.writing() as tx:
        centre = add_staff(tx, city, "centre", Role.CENTRE, None)
        assert code(groups.add(tx, teacher, city.other_school, club)) == "not_allowed"
        assert code(groups.add(tx, teacher, None, club)) == "not_allowed"
        assert code(groups.add(tx, centre, city.school, club)) == "not_allowed"
        made = groups.add(tx, teacher, city.school, club)
        assert isinstance(made, int)
        for name, why in (("吹奏楽部。", "group_name_taken"), (" ", "no_group_name")):
            new = NewGroup(name, GroupKind.OTHER)
            assert code(groups.add(tx, teacher, city.school, new)) == why
        long = NewGroup("あ" * 101, GroupKind.OTHER)
        assert code(groups.add(tx, teacher, city.school, long)) == "long_group_name"
        assert groups.rename(tx, teacher, made, "吹奏楽") is None
        assert code(groups.rename(tx, centre, made, "x")) == "not_allowed"
        inner = groups.add(tx, teacher, city.school, NewGroup("低学年", GroupKind.OTHER, made))
        assert isinstance(inner, int)
        assert code(groups.move(tx, teacher, made, inner)) == "group_in_itself"
        assert code(groups.move(tx, teacher, made, made)) == "group_in_itself"
        assert groups.make_of(tx, teacher, inner, [city.class_a]) is None
        assert code(groups.make_of(tx, teacher, inner, [made])) == "group_in_itself"
        assert code(groups.make_of(tx, teacher, city.class_a, [made])) == "wrong_group_kind"
        assert code(groups.set_joinable(tx, teacher, city.class_a, True)) == "class_is_not_joined"
        across = groups.add(tx, centre, None, NewGroup("PTA", GroupKind.COMMITTEE))
        assert isinstance(across, int)
        root = schools.root_of(tx, city.school).id
        assert groups.make_of(tx, centre, across, [root]) is None
        assert code(groups.rename(tx, teacher, across, "x")) == "not_allowed"
        assert code(groups.dissolve(tx, teacher, root)) == "unknown_group"
        assert not audit.verify(tx)


def test_members_and_dissolving(database: Database) -> None:
    city, cast = build_with_cast(database)
    teacher = cast.teacher
    with database.writing() as tx:
        children = [(city.class_a, 1), (city.class_a, 2), (city.class_b, 9)]
        done = groups.put_in(tx, teacher, city.club, children)
        assert done == Placed(2, ((city.class_b, 9),))
        again = groups.put_in(tx, teacher, city.club, children)
        assert again == Placed(0, ((city.class_b, 9),))
        out = groups.take_out(tx, teacher, city.club, [(city.class_a, 1)])
        assert out == Placed(1, ())
        assert code(groups.put_in(tx, teacher, city.class_b, children)) == "class_is_not_joined"
        assert code(groups.dissolve(tx, teacher, city.class_a)) == "class_has_children"
        grade = schools.group(tx, city.class_a)
        assert grade
        assert grade.parent_id
        assert groups.dissolve(tx, teacher, grade.parent_id) is None
        assert groups.dissolve(tx, teacher, city.club) is None
    with database.reading() as tx:
        left = {group.name for group in stored.at(tx, city.board, city.school)}
        assert left == {"1年1組", "1年2組"}
        beneath = tx.session.get(Group, city.class_a)
        assert beneath
        assert beneath.parent_id == schools.root_of(tx, city.school).id
        verbs = set(tx.session.scalars(select(AuditEntry.verb)))
        assert {"put_in_group", "take_out_group", "dissolve_group"} <= verbs
        assert not audit.verify(tx)
