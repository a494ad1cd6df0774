"""`board`: what the board of education may choose."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click

from actions import boards
from commands.house import House
from commands.printing import fail, json_option, print_json, print_table
from domain.board_settings import CHOICES, BoardSettings

_YES, _NO = ("on", "yes", "true"), ("off", "no", "false")


@click.group()
def board() -> None:
    """What the board of education may choose."""


@board.command("show")
@json_option
@click.pass_obj
def show(house: House, as_json: bool) -> None:
    """Show every setting of the board."""
    with house.database.reading() as tx:
        chosen = boards.settings(tx, house.board_id).to_json()
    if as_json:
        print_json(chosen)
    else:
        print_table(("setting", "value"), [(name, _shown(value)) for name, value in chosen.items()])


@board.command("set")
@click.argument("pairs", metavar="NAME=VALUE...", nargs=-1, required=True)
@click.pass_obj
def change(house: House, pairs: tuple[str, ...]) -> None:
    """Change settings, such as: board set telegram=on privacy=headline."""
    changes = dict(_read(pair) for pair in pairs)
    with house.database.writing() as tx:
        boards.change_settings(tx, house.board_id, **changes)
    for name, value in changes.items():
        click.echo(f"{name} = {_shown(value)}")


def _read(pair: str) -> tuple[str, Any]:
    """One change; refuses a name or a value that there is not, and says which there are."""
    name, _, text = pair.partition("=")
    kinds = {field.name: type(field.default) for field in fields(BoardSettings)}
    if name not in kinds:
        raise fail(f"there is no setting {name}; there are {', '.join(kinds)}")
    value = _value(kinds[name], text.strip().lower())
    try:
        BoardSettings().changed(**{name: value})
    except ValueError:
        raise fail(f"{name} is one of {_possible(name, kinds[name])}") from None
    return name, value


def _value(kind: type, text: str) -> bool | int | str | None:
    if kind is bool:
        return text in _YES if text in (*_YES, *_NO) else None
    if kind is int:
        return int(text) if text.isdecimal() and len(text) < 10 else None
    return text


def _possible(name: str, kind: type) -> str:
    if kind is bool:
        return "on, off"
    return ", ".join(CHOICES[name]) if name in CHOICES else "whole numbers from 0"


def _shown(value: bool | int | str) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
