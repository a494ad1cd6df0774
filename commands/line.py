"""`line`: bringing the rich menus to LINE, and showing each member of staff theirs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from commands.house import House
from commands.plainly import plainly
from commands.printing import fail, json_option, print_json
from delivery.menus import batches, show
from domain.outcomes import Accepted, Outcome, TryLater
from storage import menus

if TYPE_CHECKING:
    from channels.line.channel import LineChannel

# Waited out here; what LINE wants to wait longer for is done by the next call.
_SHORT = timedelta(seconds=10)
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Done:
    """What was done at one account; `shown` counts the people who were shown a menu."""

    account: str
    done: tuple[str, ...]
    shown: int
    deleted: int


@click.group()
def line() -> None:
    """The LINE official accounts."""


@line.group("menu")
def menu() -> None:
    """The rich menus of guardians, teachers and principals."""


@menu.command("sync")
@json_option
@click.pass_obj
def sync_command(house: House, as_json: bool) -> None:
    """Draw the rich menus, bring them to LINE and show each person theirs.

    Changes only what is new; after a failure it can be run again.
    """
    done = sync(house)
    if as_json:
        fields = ("account", "done", "shown", "deleted")
        print_json([{name: getattr(one, name) for name in fields} for one in done])
        return
    for one in done:
        steps = ", ".join(one.done) or "the menus are there already"
        click.echo(f"{one.account}: {steps}; shown to {one.shown}, {one.deleted} old ones deleted")


def sync(house: House, wait: Callable[[float], object] = time.sleep) -> list[Done]:
    """Bring the menus to every account; what was done."""
    from channels.line.channel import LineChannel

    channel = house.channels.get("line")
    if not isinstance(channel, LineChannel):
        raise fail("LINE is off: set RENRAKUMO_LINE_CHANNEL_SECRET")
    return [_sync_account(house, channel, name, wait) for name in channel.accounts]


def _sync_account(
    house: House, channel: LineChannel, name: str, wait: Callable[[float], object]
) -> Done:
    """One account; the old menus go last, because until then people may be shown them."""
    from channels.line import menus as at_line

    account = channel.account(name)
    assert account is not None
    try:
        synced = at_line.sync(account)
        if synced.stale:
            with house.database.writing() as tx:
                menus.forget_shown(tx, channel.name, name)
        shown = _show_all(house, channel, name, wait)
        at_line.delete(account, synced.stale)
    except at_line.NotTaken as error:
        raise _not_taken(house, name, error.outcome) from None
    return Done(name, synced.done, shown, len(synced.stale))


def _show_all(
    house: House, channel: LineChannel, name: str, wait: Callable[[float], object]
) -> int:
    """Show everybody on this account whose menu is not theirs; return how many."""
    with house.database.reading() as tx:
        due = [one for one in menus.wanted(tx, [channel.name]) if one.account == name]
    for batch in batches(due):
        outcome = _patiently(partial(show, house.database, channel, batch), wait)
        if not isinstance(outcome, Accepted):
            raise _not_taken(house, name, outcome)
    return len(due)


def _patiently(ask: Callable[[], Outcome], wait: Callable[[float], object]) -> Outcome:
    """Ask again where LINE says that it is too much at once."""
    outcome = ask()
    for _ in range(_TRIES):
        if not isinstance(outcome, TryLater) or not outcome.after or outcome.after > _SHORT:
            break
        wait(outcome.after.total_seconds())
        outcome = ask()
    return outcome


def _not_taken(house: House, account: str, outcome: Outcome) -> click.ClickException:
    return fail(f"{account}: {plainly('LINE', house.settings.line_api_url, outcome)}")
