"""`families import`: children, guardians and their addresses from another system's file."""

from __future__ import annotations

from pathlib import Path

import click

from commands.family_file import read_families, take_families
from commands.house import House
from commands.importing import import_options, run_import
from domain.channels import CHATS


@click.group()
def families() -> None:
    """Children, their guardians, and how those are reached."""


@families.command("import")
@import_options
@click.option("--create", is_flag=True, help="Make classes and groups that are missing.")
@click.pass_obj
def families_import(house: House, file: Path, preview: bool, as_json: bool, create: bool) -> None:
    """Take the families in FILE (CSV: school,class,number,channel,address,groups).

    Groups are parted by ";". A row without address makes the child alone. Good rows are kept,
    bad ones named; taking the same file again changes nothing.
    """
    house.prepare()
    on = {name: house.channels[name].accounts[0] for name in CHATS if name in house.channels}
    read = read_families(file.read_bytes(), on)
    run_import(
        house,
        preview,
        as_json,
        lambda tx: take_families(tx, house.board_id, read, create=create),
    )
