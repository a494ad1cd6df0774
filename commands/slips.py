"""`slips`: the codes of children, and what is printed for their guardians."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from actions import boards, child_codes, printing
from commands.house import House
from commands.printing import fail, json_option, print_json
from commands.schools import find_school
from storage.database import Transaction
from storage.schools import classes_of
from storage.tables import School
from web import slip_pages

_RANGE = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")
_HIGHEST = 99


def read_numbers(text: str) -> tuple[int, ...]:
    """Numbers in a class, such as 1-35 or 1-20,22."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= _HIGHEST:
            raise click.BadParameter(f"{part.strip()!r} is no range such as 1-35")
        found |= set(range(first, last + 1))
    return tuple(sorted(found))


out_option = click.option(
    "--out", type=click.Path(dir_okay=False, writable=True, path_type=Path), required=True
)
school_option = click.option("--school", "code", required=True)
class_option = click.option("--class", "names", multiple=True, help="Every class without it.")


@click.group()
def slips() -> None:
    """Registration codes of children, as slips to be printed and cut."""


@slips.command("make")
@school_option
@class_option
@click.option("--numbers", type=read_numbers, default="", help="1-35; those known without it.")
@click.option("--renew", is_flag=True, help="New codes for all; earlier slips stop working.")
@out_option
@json_option
@click.pass_obj
def make(
    house: House,
    code: str,
    names: tuple[str, ...],
    numbers: tuple[int, ...],
    renew: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Give every child of the classes a code who has none, and write the slips as PDF."""
    with house.database.writing() as tx:
        school = find_school(tx, house.board_id, code)
        class_ids = _classes(tx, school, names)
        made = child_codes.make(tx, school.id, class_ids, numbers, renew=renew)
    _write(house, school, class_ids, out)
    if as_json:
        print_json({"children": made.children, "new": made.new, "file": str(out)})
    else:
        click.echo(f"{made.children} slips ({made.new} new codes) in {out}")


@slips.command("poster")
@school_option
@out_option
@click.pass_obj
def poster(house: House, code: str, out: Path) -> None:
    """Write a poster with the school ID as PDF."""
    with house.database.reading() as tx:
        school = find_school(tx, house.board_id, code)
    _write(house, school, (), out)
    click.echo(str(out))


@slips.command("revoke")
@school_option
@class_option
@click.option("--numbers", type=read_numbers, default=None, help="Such as 7; all without it.")
@click.pass_obj
def revoke(
    house: House, code: str, names: tuple[str, ...], numbers: tuple[int, ...] | None
) -> None:
    """Let codes open nothing any more, such as that of a slip that was lost."""
    with house.database.writing() as tx:
        school = find_school(tx, house.board_id, code)
        done = child_codes.revoke(tx, school.id, _classes(tx, school, names), numbers)
    click.echo(f"revoked {done}")


def _classes(tx: Transaction, school: School, names: Sequence[str]) -> list[int]:
    there = {group.name: group.id for group in classes_of(tx, school.id)}
    if unknown := [name for name in names if name not in there]:
        raise fail(f"{school.name} has no class {', '.join(unknown)}")
    return [there[name] for name in names] if names else list(there.values())


def _write(house: House, school: School, class_ids: Sequence[int], out: Path) -> None:
    with house.database.reading() as tx:
        found = printing.printable(tx, school.id, class_ids)
        settings = boards.settings(tx, school.board_id)
    if found is None:
        raise fail(f"{school.name} has nothing to print: no code, and no school ID that opens it")
    ways = slip_pages.ways_by(_linker(house), settings, house.settings.public_url)
    out.write_bytes(slip_pages.printed(found, ways))


def _linker(house: House) -> slip_pages.Linker:
    def link(name: str, text: str) -> str | None:
        channel = house.channels.get(name)
        return channel.link(channel.accounts[0], text) if channel else None

    return link
