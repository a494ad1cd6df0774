"""The list that a school phones by when a broadcast did not reach everybody: class by class.

It names classes, child numbers and what was tried.  There are neither names nor telephone numbers
in this system: the office finds them in its own files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from actions.classes_meant import classes_meant
from actions.previews import sender_name
from actions.staff import was_cut_off_since
from domain import paths
from domain.deliveries import State
from domain.roles import Actor, may_decide, may_write
from domain.wording import Plain, Words, say
from storage import boards, broadcasts, reports, staff
from storage.database import Transaction
from storage.reports import Pupil, WayTried, Which
from storage.tables import Broadcast

# What a list may be of; the places in this row stand in tokens and never change.
KINDS: tuple[Which, ...] = ("not_accepted", "unconfirmed", "not_reached")
LASTS = timedelta(days=1)
_NAMED_CHANNELS = frozenset({"email", "webchat", "line", "telegram"})
NAMED_REASONS = frozenset(
    {
        "bad_address",
        "blocked",
        "deadline",
        "filtered",
        "mailbox_full",
        "no_domain",
        "no_exchanger",
        "null_mx",
        "policy",
        "quota",
        "spam",
        "too_large",
        "unknown_user",
    }
)
# Who named no number comes after all who did.
_LAST = 10**9


@dataclass(frozen=True, slots=True)
class Tried:
    """One way to a family, and what came of it."""

    channel: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Call:
    """One family to be phoned: the numbers of its children in one class, empty where unknown."""

    family_id: int
    numbers: tuple[int, ...]
    tried: tuple[Tried, ...]


@dataclass(frozen=True, slots=True)
class ClassCalls:
    """The families of one class; without a name, of those in no class."""

    school: str
    name: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class PhoneList:
    """Whom to phone about what; `families` counts each family once."""

    subject: str
    sender: str
    zone: str
    which: Which
    sent_at: datetime | None
    classes: tuple[ClassCalls, ...]
    families: int


def path_to(tx: Transaction, row: Broadcast, actor: Actor, which: Which) -> str:
    """The page of the list, for this person and one day."""
    until = int((tx.now + LASTS).timestamp())
    return paths.phone_list(tx.secret, row.id, actor.staff_id, until, KINDS.index(which))


def opened(tx: Transaction, numbers: Sequence[int]) -> PhoneList | None:
    """The list behind a token; None if its day is over, or its holder has left the school.

    None too if it may be on a telephone that was cut off since.
    """
    broadcast_id, staff_id, until, kind = numbers
    row = broadcasts.find(tx, broadcast_id)
    if row is None or until < tx.now.timestamp() or not _may_see(tx, row, staff_id):
        return None
    if was_cut_off_since(tx, staff_id, datetime.fromtimestamp(until, tx.now.tzinfo) - LASTS):
        return None
    return phone_list(tx, row, KINDS[kind])


def _may_see(tx: Transaction, row: Broadcast, staff_id: int) -> bool:
    grants = staff.grants_of(tx, staff_id)
    if not grants:
        return False
    actor = Actor(staff_id, staff.board_of(tx, staff_id), grants)
    here = row.board_id == actor.board_id
    return here and (may_write(actor, row.school_id) or may_decide(actor, row.school_id))


def phone_list(tx: Transaction, row: Broadcast, which: Which) -> PhoneList:
    """The families that stand so, by class; those in no class come last."""
    tried = _tried(reports.ways_tried(tx, row.id, which))
    pupils = reports.pupils(tx, row, classes_meant(tx, row), which)
    found = [_class(list(inside), tried) for _, inside in groupby(pupils, key=_class_of)]
    known = {pupil.family_id for pupil in pupils}
    others = tuple(Call(one, (), ways) for one, ways in tried.items() if one not in known)
    if others:
        found.append(ClassCalls("", "", others))
    return PhoneList(
        subject=row.subject,
        sender=sender_name(tx, row),
        zone=boards.board(tx, row.board_id).zone,
        which=which,
        sent_at=row.frozen_at,
        classes=tuple(found),
        families=len(tried),
    )


def _class_of(pupil: Pupil) -> int:
    return pupil.class_id


def _class(pupils: Sequence[Pupil], tried: Mapping[int, tuple[Tried, ...]]) -> ClassCalls:
    """One line for each family, however many of its children sit here."""
    numbers: dict[int, list[int]] = {}
    for pupil in pupils:
        theirs = numbers.setdefault(pupil.family_id, [])
        if pupil.number is not None:
            theirs.append(pupil.number)
    calls = (Call(family, tuple(sorted(n)), tried[family]) for family, n in numbers.items())
    in_order = sorted(calls, key=lambda call: (call.numbers or (_LAST,), call.family_id))
    return ClassCalls(pupils[0].school, pupils[0].name, tuple(in_order))


def _tried(ways: Sequence[WayTried]) -> dict[int, tuple[Tried, ...]]:
    found: dict[int, list[Tried]] = {}
    for way in ways:
        theirs = found.setdefault(way.family_id, [])
        if way.channel:
            theirs.append(Tried(way.channel, way.state, way.reason))
    return {family: tuple(theirs) for family, theirs in found.items()}


def tried_words(tried: Tried) -> Words:
    """What was tried and why it failed, as one says it."""
    known = tried.channel in _NAMED_CHANNELS
    channel = say(f"channel.{tried.channel}") if known else Plain(tried.channel)
    return say("report.tried", channel=channel, why=say(_why(tried)))


def _why(tried: Tried) -> str:
    failed = tried.state in (State.REFUSED, State.EXPIRED)
    if failed and tried.reason in NAMED_REASONS:
        return f"report.why.{tried.reason}"
    return f"report.why.{tried.state}"
