"""A guardian's own ways: what there is, which comes first, what is off, what is given up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from actions import audit, boards
from domain.addresses import normalise_mail
from domain.refusals import Refusal, refuse
from domain.speech import Speech
from domain.wording import Text, Words, say
from storage import boards as stored_boards
from storage import forgetting, opt_outs, people, replies, schools, ways
from storage.database import Transaction
from storage.tables import ContactPoint, Guardian

# More than anybody has telephones and mailboxes.
MOST_WAYS = 6
# Of these so many by mail: one family's dead addresses must not look like a carrier's block, of
# which ten unknown in a row are the least sign (domain.breaker).
MOST_MAIL = 5
_SHOWN_LETTERS = 2


@dataclass(frozen=True, slots=True)
class OwnWay:
    """A contact point as its own guardian is told of it."""

    contact_id: int
    channel: str
    name: Words = field(repr=False)
    off: bool
    is_here: bool


@dataclass(frozen=True, slots=True)
class OwnWays:
    """All ways of a guardian in their order; with `every_way` each message comes by all."""

    guardian_id: int
    ways: tuple[OwnWay, ...]
    every_way: bool


def own_guardian(tx: Transaction, contact_id: int) -> Guardian | Refusal:
    """The one guardian of a contact point.

    At a mailbox that two share neither may see or change what is the other's.
    """
    found = people.guardians_of(tx, contact_id)
    if not found:
        return refuse("not_registered")
    return found[0] if len(found) == 1 else refuse("shared_contact")


def own_ways(tx: Transaction, contact_id: int) -> OwnWays | Refusal:
    guardian = own_guardian(tx, contact_id)
    if isinstance(guardian, Refusal):
        return guardian
    found = ways.of_guardian(tx, guardian.id)
    mine = tuple(_own(tx, way, way.point.id == contact_id) for way in found)
    return OwnWays(guardian.id, mine, guardian.every_way)


def _own(tx: Transaction, way: ways.Way, is_here: bool) -> OwnWay:
    return OwnWay(way.point.id, way.point.channel, name_of(tx, way.point), way.off, is_here)


def children(tx: Transaction, contact_id: int) -> dict[int, list[tuple[str, int | None]]]:
    """Class and number of a guardian's own children, by school; nothing at a shared mailbox."""
    guardian = own_guardian(tx, contact_id)
    if isinstance(guardian, Refusal):
        return {}
    found: dict[int, list[tuple[str, int | None]]] = {}
    for child, school_id in people.children_everywhere(tx, guardian.id):
        class_group = schools.group(tx, child.class_id)
        if class_group is not None:
            found.setdefault(school_id, []).append((class_group.name, child.number))
    return found


def left_schools(tx: Transaction, contact_id: int) -> list[str]:
    """The schools whose ordinary messages were stopped here, and the board where it was."""
    here = sorted(opt_outs.opted_out(tx, contact_id))
    board = people.contact(tx, contact_id).board_id
    return [
        schools.school(tx, each).name if each else stored_boards.board(tx, board).name
        for each in here
    ]


def name_of(tx: Transaction, point: ContactPoint) -> Text:
    """What a contact point is called: mail by its address, of which most is left out."""
    channel = say(f"channel.{point.channel}")
    if point.channel == people.MAIL:
        return say("contacts.mail", channel=channel, address=_shown(people.open_address(tx, point)))
    zone = ZoneInfo(stored_boards.board(tx, point.board_id).zone)
    day = point.created_at.astimezone(zone)
    return say("contacts.chat", channel=channel, year=day.year, month=day.month, day=day.day)


def _shown(address: str) -> str:
    """The beginning of an address; where it was typed in quotes, of what stands in them."""
    mail = normalise_mail(address)
    local, domain = (mail.local, mail.domain) if mail else address.rsplit("@", 1)
    return f"{local[:_SHOWN_LETTERS]}…@{domain}"


# What a guardian may choose.


def put_first(tx: Transaction, contact_id: int, way_id: int) -> Refusal | None:
    """Let ordinary messages come by this way before all others."""
    guardian = owner(tx, contact_id, way_id)
    if isinstance(guardian, Refusal):
        return guardian
    people.link_contact(tx, guardian, way_id)
    record(tx, guardian, contact_id, "order_ways", audit.contact(way_id))
    return None


def choose_every_way(tx: Transaction, contact_id: int, every: bool) -> Refusal | None:
    """Let each message come by all ways, or by the first that works."""
    guardian = own_guardian(tx, contact_id)
    if isinstance(guardian, Refusal):
        return guardian
    guardian.every_way = every
    record(tx, guardian, contact_id, "every_way", f"guardian:{guardian.id}", {"every": every})
    return None


def turn(tx: Transaction, contact_id: int, way_id: int, *, off: bool) -> Refusal | None:
    """Spare a way all but emergencies, or no longer."""
    guardian = owner(tx, contact_id, way_id)
    if isinstance(guardian, Refusal):
        return guardian
    ways.turn(tx, guardian.id, way_id, off=off)
    record(tx, guardian, contact_id, "turn_way", audit.contact(way_id), {"off": off})
    return None


def drop(tx: Transaction, contact_id: int, way_id: int) -> Refusal | None:
    """Give up a way; not the last one, which is leaving."""
    guardian = owner(tx, contact_id, way_id)
    if isinstance(guardian, Refusal):
        return guardian
    if len(ways.of_guardian(tx, guardian.id)) == 1:
        return refuse("last_way")
    retire(tx, guardian, way_id)
    record(tx, guardian, contact_id, "drop_way", audit.contact(way_id))
    return None


def owner(tx: Transaction, contact_id: int, way_id: int) -> Guardian | Refusal:
    """The guardian who acts here, if the way is theirs; nobody changes it meanwhile."""
    people.lock_contact(tx, contact_id)
    guardian = own_guardian(tx, contact_id)
    if isinstance(guardian, Refusal):
        return guardian
    ways.locked(tx, guardian.id)
    theirs = {way.point.id for way in ways.of_guardian(tx, guardian.id)}
    return guardian if way_id in theirs else refuse("no_such_way")


# What becomes of a way that comes or goes; the callers have locked the guardian.


def gain(tx: Transaction, guardian: Guardian, point: ContactPoint) -> Refusal | None:
    """Make a contact point the guardian's as well, unless it is somebody's who is registered.

    Two registrations are never made one by a code: who typed it may be another person.
    """
    there = people.guardians_of(tx, point.id)
    if guardian.id in {each.id for each in there}:
        return refuse("way_known")
    if any(ways.is_registered(tx, each.id) for each in there):
        return refuse("way_taken")
    if refused := full(tx, guardian, point.channel):
        return refused
    for each in there:
        ways.unlink(tx, each.id, point.id)
    people.link_second_contact(tx, guardian, point.id)
    _opt_in(tx, point.id)
    return None


def full(tx: Transaction, guardian: Guardian, channel: str) -> Refusal | None:
    """Why a guardian can have no further way by this channel, if so."""
    mine = [way.point.channel for way in ways.of_guardian(tx, guardian.id)]
    if channel == people.MAIL and mine.count(channel) >= MOST_MAIL:
        return refuse("too_many_mail", most=MOST_MAIL)
    return refuse("too_many_ways", most=MOST_WAYS) if len(mine) >= MOST_WAYS else None


def _opt_in(tx: Transaction, contact_id: int) -> None:
    """Let a new way hear all that its guardian is registered for, left here before or not."""
    here = {school_id for school_id, _ in people.groups_joined(tx, contact_id)}
    for school_id in (opt_outs.EVERY_SCHOOL, *sorted(here)):
        opt_outs.opt_in(tx, contact_id, school_id)


def retire(tx: Transaction, guardian: Guardian, way_id: int) -> None:
    """Let a way go, and say so there; one that nobody else uses is forgotten."""
    point = people.contact(tx, way_id)
    ways.unlink(tx, guardian.id, way_id)
    tell(tx, [point], say("contacts.told.gone"), say("contacts.told.gone.subject"))
    if not ways.is_in_use(tx, way_id):
        forgetting.note_left(tx, way_id)


def tell_others(tx: Transaction, guardian: Guardian, new: ContactPoint, asker_id: int) -> None:
    """Tell a guardian where they are reached already that there is a new way."""
    others = [
        way.point
        for way in ways.of_guardian(tx, guardian.id)
        if way.point.id not in (new.id, asker_id)
    ]
    words = say("contacts.told.new", way=name_of(tx, new))
    tell(tx, others, words, say("contacts.told.new.subject"))


def tell(tx: Transaction, points: Iterable[ContactPoint], words: Words, subject: Words) -> None:
    for point in points:
        if boards.settings(tx, point.board_id).allows(point.channel):
            replies.queue(tx, point.id, Speech(words=(words,), subject=subject))


def record(
    tx: Transaction,
    guardian: Guardian,
    contact_id: int,
    verb: str,
    subject: str,
    details: Mapping[str, object] | None = None,
) -> None:
    chain = audit.chain_of(guardian.board_id, None)
    audit.record(tx, chain, audit.contact(contact_id), verb, subject, details)
