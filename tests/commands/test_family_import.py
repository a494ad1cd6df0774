"""Families, groups and schools from files: what is taken, what is named, and that twice is once."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from actions import audit, groups, registration
from app import main
from commands.family_file import Outcome, read_families, take_families
from commands.group_file import import_groups
from commands.tables import Column, read_table
from domain.folding import fold
from domain.roles import Role
from settings import PREFIX
from storage import people
from storage.database import Database
from storage.tables import (
    AuditEntry,
    Child,
    ContactPoint,
    Family,
    Group,
    Guardian,
    GuardianChild,
    Membership,
    Table,
)
from tests.actions.city import City, add_staff, build, contact
from tests.house.tree import ROOT

HEAD = "school,class,number,channel,address,groups\n"
JAPANESE = "学校,クラス,番号,経路,アドレス,グループ\r\n"
ROWS = (
    HEAD
    + "k01,1年1組,20,email,a@example.jp,合唱部\n"
    + "k01,1年2組,7,email,a@example.jp,\n"  # a sibling
    + "k01,1年1組,20,email,b@example.jp,\n"  # the other parent
    + "k01,1年1組,21,,,\n"  # a child alone, for a slip
    + "k01,1年2組,,email,c@example.jp,\n"  # no number
    + "k01,1年1組,1,email,d@example.jp,合唱部\n"  # joins the family that has number 1
)


def takes(
    database: Database, city: City, text: str, *, create: bool = False, **accounts: str
) -> Outcome:
    with database.writing() as tx:
        return take_families(tx, city.board, read_families(text.encode(), accounts), create=create)


def counts(database: Database) -> dict[str, int]:
    tables: tuple[type[Table], ...] = (
        Family,
        Guardian,
        Child,
        ContactPoint,
        GuardianChild,
        Membership,
        Group,
    )
    with database.reading() as tx:
        return {
            table.__tablename__: tx.session.scalar(select(func.count()).select_from(table)) or 0
            for table in tables
        }


def family_of(database: Database, address: str) -> int:
    with database.reading() as tx:
        point = people.find_contact_point(tx, "email", "email", address)
        assert point is not None
        (guardian,) = people.guardians_of(tx, point.id)
        return guardian.family_id


def test_families_are_taken_once(database: Database) -> None:
    city = build(database)
    before = counts(database)
    done = takes(database, city, ROWS)
    assert done.bad == []
    assert done.counts == {
        "classes": 0,
        "groups": 0,
        "children": 4,
        "families": 2,
        "guardians": 4,
        "contact_points": 4,
        "memberships": 7,
        "unchanged": 0,
    }
    after = counts(database)
    new = {name: after[name] - before[name] for name in after}
    assert (new["families"], new["guardians"], new["children"]) == (2, 4, 4)
    assert (new["contact_points"], new["guardian_children"], new["memberships"]) == (4, 5, 7)
    assert family_of(database, "a@example.jp") == family_of(database, "b@example.jp")
    with database.reading() as tx:
        chat = people.guardians_of(tx, contact(tx, city, "guardian1"))[0].family_id
        assert not audit.verify(tx)
    assert family_of(database, "d@example.jp") == chat
    again = takes(database, city, ROWS)
    assert {name: value for name, value in again.counts.items() if value} == {"unchanged": 6}
    assert again.bad == []
    assert counts(database) == after


def test_what_guardians_and_files_say_fits_together(database: Database) -> None:
    city = build(database)
    takes(database, city, HEAD + "k01,1年1組,,email,x@example.jp,\n")
    # Its number becomes known, another child joins two families, a group is joined by number.
    done = takes(
        database,
        city,
        HEAD
        + "k01,1年1組,30,email,x@example.jp,\n"
        + "k01,1年1組,2,email,x@example.jp,\n"
        + "k01,1年1組,3,,,合唱部\n",
    )
    assert done.bad == []
    assert (done.counts["guardians"], done.counts["families"]) == (0, 0)
    with database.reading() as tx:
        first = people.guardians_of(tx, contact(tx, city, "guardian2"))[0].family_id
        third = people.guardians_of(tx, contact(tx, city, "guardian3"))[0].id
        joined = select(Membership.guardian_id).where(Membership.group_id == city.club)
        assert list(tx.session.scalars(joined)) == [third]
        query = select(func.count()).select_from(Child).where(Child.number.is_(None))
        assert tx.session.scalar(query) == 0
    assert family_of(database, "x@example.jp") == first
    with database.writing() as tx:
        mine = contact(tx, city, "new")
        registration.register(tx, mine, city.school, city.class_a, 30)
        family = people.guardians_of(tx, mine)[0].family_id
    assert family_of(database, "x@example.jp") == family


def test_bad_rows_are_named_and_good_ones_kept(sqlite_database: Database) -> None:
    database = sqlite_database
    city = build(database)
    with database.writing() as tx:
        gone = people.contact_point(tx, city.board, "email", "email", "left@example.jp")
        gone.state = "left"
    rows = [
        "k01,1年1組,20,email,ok@example.jp,",
        "k99,1年1組,20,email,a@example.jp,",
        "k01,9年9組,20,email,a@example.jp,",
        "k01,1年1組,20,email,a@example.jp,囲碁部",
        "k01,1年1組,0,email,a@example.jp,",
        "k01,1年1組,,,,",
        "k01,1年1組,20,fax,a@example.jp,",
        "k01,1年1組,20,email,not an address,",
        "k01,1年1組,20,line,U0123456789abcdef0123456789abcdef,",
        "k01,1年1組,20,email,left@example.jp,",
        "k01,1年1組,22,,,合唱部",
        "k01,1年1組,20,email,a@example.jp,,more",
        '"k01","1年\n1組",23,email,ok2@example.jp,',
        "k01,1年1組,20,email,ok3@example.jp,1年2組",
        "",
        "ｋ０１,１年１組,２４番,メール,ｏｋ４＠example.jp,",
    ]
    done = takes(database, city, HEAD + "\n".join(rows))
    assert [each.line for each in done.bad] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16]
    reasons = {each.line: each.reason for each in done.bad}
    assert "「9年9組」" in reasons[4]
    assert "there is no class 9年9組" in reasons[4]
    assert "囲碁部" in reasons[5]
    assert "退会" in reasons[11]
    assert all("example" not in reason for reason in reasons.values())
    assert done.counts["guardians"] == 2
    assert family_of(database, "ok4@example.jp")


def test_what_is_missing_is_made_on_request(sqlite_database: Database) -> None:
    database = sqlite_database
    city = build(database)
    line = "U0123456789abcdef0123456789abcdef"
    row = f"k01,1年9組,4,line,{line},囲碁部;町内会\r\n"
    raw = (JAPANESE + row).encode("cp932")
    with database.writing() as tx:
        read = read_families(raw, {"line": "main"})
        done = take_families(tx, city.board, read, create=True)
        assert (done.counts["classes"], done.counts["groups"], list(done.bad)) == (1, 2, [])
        made = {g.name: g for g in tx.session.scalars(select(Group)) if g.school_id == city.school}
        assert made["1年"].id == made["1年9組"].parent_id
        assert (made["囲碁部"].kind, made["町内会"].kind) == ("club", "other")
        point = people.find_contact_point(tx, "line", "main", line)
        assert point is not None


def test_one_address_is_no_whole_class(sqlite_database: Database) -> None:
    city = build(sqlite_database)
    rows = "".join(f"k01,1年2組,{n},email,school@example.jp,\n" for n in range(1, 13))
    done = takes(sqlite_database, city, HEAD + rows)
    assert [each.line for each in done.bad] == [10, 11, 12, 13]
    assert "8" in done.bad[0].reason


def test_the_record_has_no_personal_data(sqlite_database: Database) -> None:
    city = build(sqlite_database)
    takes(sqlite_database, city, ROWS)
    with sqlite_database.reading() as tx:
        query = select(AuditEntry).where(AuditEntry.verb == "import_families")
        (entry,) = tx.session.scalars(query).all()
        assert entry.chain == f"school:{city.school}"
        assert (entry.details["rows"], entry.details["changed"]) == (6, 6)
        assert "example" not in str(entry.details)


# Files as they come.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_is_read_as_it_was_saved(encoding: str, end: str) -> None:
    text = end.join([JAPANESE.strip(), 'k01,"１年１組",３,メール,"x@example.jp",合唱部;囲碁部'])
    if encoding.startswith("utf-16"):
        text = text.replace(",", "\t")
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    read = read_families(mark + text.encode(encoding), {})
    assert read.bad == []
    (row,) = read.rows
    assert (row.class_name, row.number, row.groups) == ("1年1組", 3, ("合唱部", "囲碁部"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("school,class,name\n", "「name」は不要です"),
        ("class,number\n", "the first line must be"),
        ("school,class,class\n", "the first line must be"),
        ("", "the first line must be"),
    ],
)
def test_a_wrong_first_line_is_named(text: str, reason: str) -> None:
    read = read_families(text.encode(), {})
    assert [each.line for each in read.bad] == [1]
    assert reason in read.bad[0].reason


@given(st.binary(max_size=300), st.sampled_from([b"", HEAD.encode(), JAPANESE.encode("cp932")]))
def test_no_file_breaks_the_reader(raw: bytes, head: bytes) -> None:
    read = read_families(head + raw, {"line": "main"})
    assert all(each.line > 0 and each.reason for each in read.bad)
    assert all(row.class_name for row in read.rows)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=6))
def test_what_a_spreadsheet_writes_is_read(cells: list[tuple[str, str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([("a", "b"), *cells])
    rows, bad = read_table(
        file.getvalue().encode("utf-8", "replace"), [Column("a", ("甲",)), Column("b", ("乙",))]
    )
    assert bad == []
    folded = [tuple(fold(c.encode("utf-8", "replace").decode()) for c in pair) for pair in cells]
    assert [(row.cells["a"], row.cells["b"]) for row in rows] == [p for p in folded if any(p)]


# The command.


def test_a_preview_counts_and_writes_nothing(migrated_sqlite: Path, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    shutil.copy(migrated_sqlite, tmp_path / "var" / "renrakumo.db")
    environment = {
        f"{PREFIX}VAR_DIR": str(tmp_path / "var"),
        f"{PREFIX}DATABASE_URL": f"sqlite:///{tmp_path / 'var' / 'renrakumo.db'}",
    }
    schools = tmp_path / "schools.csv"
    schools.write_text("学校コード,学校名,種別\nS01,さくら小学校,小学校\n")

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        done = CliRunner().invoke(main, [*arguments, "--json"], env=environment)
        return done.exit_code, json.loads(done.stdout)

    assert run("schools", "import", str(schools), "--preview")[1]["opened"] == 1
    assert run("schools", "import", str(schools))[1]["opened"] == 1
    example = str(ROOT / "docs" / "examples" / "families.csv")
    exit_code, done = run("families", "import", example)
    assert (exit_code, len(done["bad"])) == (1, 5)
    _, first = run("families", "import", example, "--create", "--preview")
    exit_code, second = run("families", "import", example, "--create")
    assert exit_code == 0
    assert {**first, "preview": False} == second
    assert (second["classes"], second["groups"], second["families"]) == (2, 2, 2)
    assert (second["guardians"], second["children"], second["bad"]) == (3, 4, [])


# Groups.


def test_groups_are_added_once_those_above_first(database: Database) -> None:
    city = build(database)
    rows = (
        "school,group,kind,above,joinable\n"
        "k01,2年1組,class,2年,\n"
        "k01,2年,学年,,\n"
        "k01,合唱部,club,,yes\n"
        "k01,１年１組,club,,\n"
        "k01,書道部,club,なし,\n"
        "k01,A,other,B,\n"
        "k01,B,other,A,\n"
        "k01,C,音楽,,\n"
        ",PTA連合会,other,,no\n"
        "k01,5組,class,,yes\n"
    )
    with database.writing() as tx:
        done = import_groups(tx, city.board, rows.encode())
        assert (done.added, done.unchanged) == (3, 1)
        assert [each.line for each in done.bad] == [5, 6, 7, 8, 9, 11]
        names = {group.name: group for group in tx.session.scalars(select(Group))}
        assert names["2年1組"].parent_id == names["2年"].id
        assert (names["PTA連合会"].school_id, names["PTA連合会"].joinable) == (None, False)
    with database.writing() as tx:
        again = import_groups(tx, city.board, rows.encode())
        assert (again.added, again.unchanged) == (0, 4)
        assert not audit.verify(tx)


def test_an_imported_group_is_one_as_any_other(sqlite_database: Database) -> None:
    city = build(sqlite_database)
    with sqlite_database.writing() as tx:
        import_groups(tx, city.board, b"school,group,kind\nk01,Band,club\n")
        teacher = add_staff(tx, city, "teacher", Role.OPERATOR, city.school)
        group: Any = tx.session.scalar(select(Group).where(Group.name == "Band"))
        assert groups.rename(tx, teacher, group.id, "吹奏楽部") is None
