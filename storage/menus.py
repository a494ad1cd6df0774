"""Which menu each member of staff was shown, and which one they should see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, or_, select, update

from domain.menus import Menu, menu_of
from domain.roles import Grant, Role
from storage import people
from storage.database import Transaction
from storage.tables import ContactPoint, StaffContact, StaffRole

# What a contact point was shown that sees what it should not: no menu has this name.
_STALE = "stale"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A contact point that should be shown another menu than it was."""

    contact_id: int
    channel: str
    account: str
    menu: Menu
    address: str = field(repr=False)


def wanted(tx: Transaction, channels: Collection[str]) -> list[Wanted]:
    """Whose menu on these channels is not the one of the roles they hold now.

    Who never was staff sees what everybody sees, and so does a telephone that was cut off.  Blocked
    ones wait until they come back.
    """
    grants: dict[tuple[int, str], list[Grant]] = defaultdict(list)
    for contact_id, shown, role, school_id in tx.session.execute(_held(tx.now, channels)):
        held = grants[contact_id, shown or Menu.GUARDIAN]
        if role is not None:
            held.append(Grant(Role(role), school_id))
    menus = ((contact_id, shown, menu_of(held)) for (contact_id, shown), held in grants.items())
    due = {one: menu for one, shown, menu in menus if menu != shown}
    cut_off = dict.fromkeys(tx.session.scalars(_cut_off(channels)), Menu.GUARDIAN)
    return _with_addresses(tx, due | cut_off)


def _held(now: datetime, channels: Collection[str]) -> Select[tuple[int, str, str, int | None]]:
    """Every contact point of staff with each role held now, or once with none."""
    holds = and_(
        StaffRole.staff_id == StaffContact.staff_id,
        StaffRole.starts_at <= now,
        or_(StaffRole.ends_at.is_(None), StaffRole.ends_at > now),
    )
    return (
        select(ContactPoint.id, ContactPoint.menu, StaffRole.role, StaffRole.school_id)
        .join(StaffContact, StaffContact.contact_point_id == ContactPoint.id)
        .outerjoin(StaffRole, holds)
        .where(ContactPoint.channel.in_(channels), ContactPoint.state == "active")
        .order_by(ContactPoint.id)
    )


def _cut_off(channels: Collection[str]) -> Select[tuple[int]]:
    """The contact points that show a menu of staff and are nobody's of staff any more."""
    is_staff = select(StaffContact.staff_id).where(StaffContact.contact_point_id == ContactPoint.id)
    return select(ContactPoint.id).where(
        ContactPoint.channel.in_(channels),
        ContactPoint.state == "active",
        ContactPoint.menu.not_in(("", Menu.GUARDIAN)),
        ~is_staff.exists(),
    )


def _with_addresses(tx: Transaction, menus: Mapping[int, Menu]) -> list[Wanted]:
    query = select(ContactPoint).where(ContactPoint.id.in_(list(menus))).order_by(ContactPoint.id)
    return [
        Wanted(row.id, row.channel, row.account, menus[row.id], people.open_address(tx, row))
        for row in (tx.session.scalars(query) if menus else ())
    ]


def note_shown(tx: Transaction, contact_ids: Iterable[int], menu: Menu) -> None:
    """Write down which menu these were shown."""
    _set(tx, ContactPoint.id.in_(list(contact_ids)), menu)


def forget_shown(tx: Transaction, channel: str, account: str) -> None:
    """Have everybody on an account who has a menu of their own be shown one anew."""
    own = ContactPoint.menu.not_in(("", Menu.GUARDIAN))
    _set(tx, and_(ContactPoint.channel == channel, ContactPoint.account == account, own), _STALE)


def _set(tx: Transaction, where: ColumnElement[bool], menu: str) -> None:
    statement = update(ContactPoint).where(where).values(menu=str(menu))
    tx.session.execute(statement.execution_options(synchronize_session=False))
