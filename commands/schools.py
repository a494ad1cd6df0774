"""`schools`, `groups`, `school-id` and `staff`: what the board sets up for its schools."""

from __future__ import annotations

from pathlib import Path

import click

from actions import boards
from actions import schools as schools_action
from actions import staff as staff_action
from commands.group_file import import_groups
from commands.house import House
from commands.importing import import_options, run_import
from commands.printing import fail, json_option, print_json, print_table
from commands.school_file import import_schools
from domain.channels import CHATS
from domain.groups import FREE_KINDS
from domain.roles import Role, is_well_placed
from storage.database import Transaction
from storage.schools import groups_of, root_of, school_by_code, schools_of
from storage.tables import School

GROUP_KINDS = tuple(kind.value for kind in FREE_KINDS)


def find_school(tx: Transaction, board_id: int, code: str) -> School:
    school = school_by_code(tx, board_id, code)
    if school is None:
        raise fail(f"there is no school with the code {code}; see `renrakumo schools list`")
    return school


@click.group()
def schools() -> None:
    """The schools of the board."""


@schools.command("import")
@import_options
@click.pass_obj
def schools_import(house: House, file: Path, preview: bool, as_json: bool) -> None:
    """Open the schools in FILE (CSV: code,name,kind). Good rows are kept, bad ones named."""
    house.prepare()
    raw = file.read_bytes()
    run_import(house, preview, as_json, lambda tx: import_schools(tx, house.board_id, raw))


@schools.command("list")
@json_option
@click.pass_obj
def schools_list(house: House, as_json: bool) -> None:
    """List the schools."""
    with house.database.reading() as tx:
        listed = schools_of(tx, house.board_id)
        rows = [(each.code, each.name, each.kind, each.admission, each.phone) for each in listed]
    columns = ("code", "name", "kind", "admission", "phone")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows)


@click.group()
def groups() -> None:
    """A school's classes, clubs and other groups."""


@groups.command("add")
@click.option("--school", "code", required=True)
@click.option("--kind", type=click.Choice(GROUP_KINDS), default="class", show_default=True)
@click.option("--under", help="Name of the group above, such as the grade of a class.")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def groups_add(
    house: House, code: str, kind: str, under: str | None, names: tuple[str, ...]
) -> None:
    """Add groups, such as: groups add --school S01 --under 1年 1年1組 1年2組."""
    with house.database.writing() as tx:
        school = find_school(tx, house.board_id, code)
        there = {group.name: group for group in groups_of(tx, school.id)}
        if under is not None and under not in there:
            raise fail(f"{school.name} has no group {under}")
        parent = there[under] if under is not None else root_of(tx, school.id)
        for name in names:
            if name not in there:
                schools_action.add_group(tx, school.id, name, kind, parent.id)


@groups.command("import")
@import_options
@click.pass_obj
def groups_import(house: House, file: Path, preview: bool, as_json: bool) -> None:
    """Add the groups in FILE (CSV: school,group,kind,above,joinable).

    Without a school a group is across all schools. Good rows are kept, bad ones named.
    """
    house.prepare()
    raw = file.read_bytes()
    run_import(house, preview, as_json, lambda tx: import_groups(tx, house.board_id, raw))


@groups.command("list")
@click.option("--school", "code", required=True)
@json_option
@click.pass_obj
def groups_list(house: House, code: str, as_json: bool) -> None:
    """List a school's groups."""
    with house.database.reading() as tx:
        school = find_school(tx, house.board_id, code)
        rows = [(group.id, group.kind, group.name) for group in groups_of(tx, school.id)]
    if as_json:
        print_json([dict(zip(("id", "kind", "name"), row, strict=True)) for row in rows])
    else:
        print_table(("id", "kind", "name"), rows)


@click.group("school-id")
def school_id() -> None:
    """The school ID that opens registration."""


@school_id.command("new")
@click.option("--school", "code", required=True)
@json_option
@click.pass_obj
def school_id_new(house: House, code: str, as_json: bool) -> None:
    """Give a school a new school ID; the ones before it stop working."""
    with house.database.writing() as tx:
        school = find_school(tx, house.board_id, code)
        issued = schools_action.new_school_id(tx, school.id)
    expires = issued.expires.isoformat()
    if as_json:
        print_json({"school": code, "id": issued.id, "expires": expires})
    else:
        click.echo(f"{issued.id}  (until {expires})")


@click.group()
def staff() -> None:
    """Staff and their roles."""


@staff.command("invite")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--school", "code", help="Needed for manager, deputy and operator.")
@click.option("--name", required=True)
@json_option
@click.pass_obj
def staff_invite(house: House, role: str, code: str | None, name: str, as_json: bool) -> None:
    """Make a one-time code; whoever types it in a chat gets the role there.

    In LINE the bot answers with a link first, which proves whose the chat is.
    """
    with house.database.writing() as tx:
        school_id = find_school(tx, house.board_id, code).id if code else None
        if not is_well_placed(Role(role), school_id):
            raise click.UsageError(f"a {role} is named {'without' if code else 'with'} --school")
        invited = staff_action.invite(tx, house.board_id, Role(role), school_id, name)
    links = _links(house, invited.code)
    if as_json:
        print_json({"code": invited.code, "links": links})
    else:
        click.echo("\n".join([invited.code, *(link for link in links.values() if link)]))


def _links(house: House, code: str) -> dict[str, str | None]:
    """Where the code can be typed, or is typed already; a channel that is off has no link."""
    with house.database.reading() as tx:
        settings = boards.settings(tx, house.board_id)
    links: dict[str, str | None] = {"web": f"{house.settings.public_url}/join/{code}"}
    for name in sorted(CHATS):
        channel = house.channels.get(name) if settings.allows(name) else None
        links[name] = channel.link(channel.accounts[0], code) if channel else None
    return {**links, "mail": None}
