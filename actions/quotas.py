"""What a broadcast would use of a provider's monthly quota, told before anybody approves it."""

from __future__ import annotations

from collections.abc import Sequence

from actions import boards
from domain.broadcasts import State
from domain.content import is_emergency
from domain.quotas import Use
from domain.refusals import Refusal, refuse
from domain.wording import Words, say
from storage import overflow, quotas
from storage.database import Transaction
from storage.reach import Reach
from storage.tables import Broadcast

# Once it is being sent, what it uses is no forecast any more.
BEFORE = frozenset({State.DRAFT, State.RETURNED, State.PENDING, State.APPROVED})
_NOT_SUBMITTED = frozenset({State.DRAFT, State.RETURNED})


def reach(tx: Transaction, row: Broadcast) -> Reach:
    """By which channels a broadcast could go out now."""
    settings = boards.settings(tx, row.board_id)
    channels = tuple(name for name in quotas.channels(tx) if settings.allows(name))
    return Reach(channels, ordinary=not is_emergency(row.options))


def uses(tx: Transaction, row: Broadcast) -> list[Use]:
    """What a broadcast would need now of each account that has a limit, as freezing counts it."""
    return overflow.uses(tx, row, reach(tx, row))


def forecast(tx: Transaction, row: Broadcast, needed: Sequence[Use]) -> tuple[Words, ...]:
    """A paragraph for each account with a limit; nothing where there is none, or it is unknown."""
    state, rule = State(row.state), _rule(tx, row)
    # What waits for approval was let through when there was more: freezing treats it as `mail`.
    rule = "mail" if rule == "refuse" and state not in _NOT_SUBMITTED else rule
    return tuple(_words(tx, use, rule) for use in needed)


def refused(tx: Transaction, row: Broadcast) -> Refusal | None:
    """Refuse what does not fit, where the board wants that."""
    if _rule(tx, row) != "refuse":
        return None
    over = next((use for use in uses(tx, row) if use.over), None)
    if over is None:
        return None
    return refuse("over_quota", channel=_name(tx, over), uses=over.uses, left=over.left)


def _rule(tx: Transaction, row: Broadcast) -> str:
    return boards.settings(tx, row.board_id).over_quota


def _words(tx: Transaction, use: Use, rule: str) -> Words:
    kept = quotas.kept(tx, (use.channel, use.account))
    name, left = _name(tx, use), use.left + kept
    said: Words = say("quota.uses", channel=name, uses=use.uses, left=left)
    if use.over and kept:
        said = say("quota.and", first=said, rest=say("quota.kept", count=kept))
    told = {"mail": use.moved, "stranded": use.stranded} if rule == "mail" else {rule: use.over}
    for what, count in told.items():
        if count:
            said = say("quota.and", first=said, rest=say(f"quota.over.{what}", count=count))
    return said


def _name(tx: Transaction, use: Use) -> Words:
    """The channel, and which of its accounts where it has several."""
    channel = say(f"channel.{use.channel}")
    if len(quotas.left(tx, use.channel)) == 1:
        return channel
    return say("quota.account", channel=channel, account=use.account)
