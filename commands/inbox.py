"""`inbox`: what came in and was set aside, because nobody here understood it or its turn failed."""

from __future__ import annotations

import json
from typing import Any

import click

from actions import parked
from channels.base import Incoming, Webhooked
from commands.house import House
from commands.printing import fail, json_option, print_json, print_table
from storage import inbox as stored
from storage.database import Transaction
from storage.inbox import InboxItem, Parked
from storage.vault import SealBroken

_COLUMNS = ("id", "channel", "kind", "received", "tries")


@click.group()
def inbox() -> None:
    """What came in and was set aside for a person to look at."""


@inbox.command("list")
@json_option
@click.pass_obj
def list_command(house: House, as_json: bool) -> None:
    """List what was set aside; no personal data."""
    with house.database.reading() as tx:
        rows = [_row(item) for item in stored.parked(tx)]
    if as_json:
        print_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    else:
        print_table(_COLUMNS, rows)


def _row(item: Parked) -> tuple[object, ...]:
    return item.id, item.channel, _kind(item), item.received_at.isoformat(), item.tries


def _kind(item: Parked) -> str:
    if not item.kind:
        return "cannot be opened"
    return "event not understood" if item.kind == "unknown" else "turn failed"


@inbox.command("show")
@click.argument("item_id", metavar="ID", type=int)
@json_option
@click.pass_obj
def show_command(house: House, item_id: int, as_json: bool) -> None:
    """Show one of them decrypted: WHO wrote WHAT.

    This is personal data. Keep it out of tickets and mails; leave out names, addresses and text
    when you report an event to the maintainers.
    """
    with house.database.reading() as tx:
        found = _find(tx, item_id)
        shown = {**dict(zip(_COLUMNS, _row(found), strict=True)), **_content(_open(tx, item_id))}
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        click.echo(f"{name}: {_printable(str(value))}")


def _content(item: InboxItem) -> dict[str, Any]:
    """What it says; of a picture its size only."""
    content = {
        "account": item.account,
        "at": item.at.isoformat(),
        "event": item.kind,
        "sender": item.sender,
        "text": item.text,
        "token": item.token,
        "media": item.media,
        "picture bytes": len(item.picture),
        "as it came": _readable(item.raw),
    }
    return {name: value for name, value in content.items() if value}


def _readable(raw: bytes) -> str:
    """JSON with its letters as they are read; anything else as it came."""
    try:
        return json.dumps(json.loads(raw), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "backslashreplace")


def _printable(text: str) -> str:
    """What somebody sent must not give orders to the administrator's terminal."""
    return "".join(
        one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode()
        for one in text
    )


@inbox.command("retry")
@click.argument("item_id", metavar="ID", type=int)
@click.pass_obj
def retry_command(house: House, item_id: int) -> None:
    """Have one of them taken again, such as after an upgrade; its sender may get an answer."""
    with house.database.writing() as tx:
        found = _find(tx, item_id, lock=True)
        opened = _open(tx, item_id)
        again = _read_again(house, opened) if found.kind == "unknown" else None
        if again is not None and again.kind == "unserved":
            parked.dismiss(tx, found)
            click.echo(f"{item_id}: an event without use here; dismissed")
            return
        parked.retry(tx, found, again)
    click.echo(f"{item_id}: taken again within a moment")


def _read_again(house: House, item: InboxItem) -> Incoming:
    """How this version reads an event that an earlier one did not understand."""
    channel = house.channels.get(item.channel)
    if channel is None or not isinstance(channel, Webhooked):
        raise fail(f"{item.channel} is off")
    again = channel.read_again(item.account, item.raw)
    if again.kind == "unknown":
        raise fail(f"this version does not understand {item.id} either; dismiss it, or upgrade")
    return again


@inbox.command("dismiss")
@click.argument("item_id", metavar="ID", type=int)
@click.pass_obj
def dismiss_command(house: House, item_id: int) -> None:
    """Clear one of them away: what it said is erased, and nobody is told."""
    with house.database.writing() as tx:
        parked.dismiss(tx, _find(tx, item_id, lock=True))
    click.echo(f"{item_id}: dismissed")


def _find(tx: Transaction, item_id: int, *, lock: bool = False) -> Parked:
    found = stored.find_parked(tx, item_id, lock=lock)
    if found is None:
        raise fail(f"nothing of the number {item_id} is set aside; see `renrakumo inbox list`")
    return found


def _open(tx: Transaction, item_id: int) -> InboxItem:
    try:
        return stored.read(tx, item_id)
    except SealBroken:
        raise fail(f"{item_id} cannot be opened with this installation's data keys") from None
