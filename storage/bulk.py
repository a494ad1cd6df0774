"""Many families at once: one insert per table instead of one turn per guardian."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, func, insert, select

from domain.addresses import ChatAddress, MailAddress
from storage.database import Transaction
from storage.people import MAIL, address_index
from storage.tables import (
    Child,
    ContactPoint,
    Family,
    Guardian,
    GuardianChild,
    GuardianContact,
    Membership,
    Table,
)

Addresses = tuple[MailAddress | ChatAddress, ...]


@dataclass(frozen=True, slots=True)
class NewFamily:
    """A family with one numbered child; each guardian's addresses, the one they like first.

    `group_ids` are the groups beyond the child's class that its guardians join.
    """

    class_id: int
    number: int
    guardians: tuple[Addresses, ...]
    group_ids: tuple[int, ...] = ()


def add_families(tx: Transaction, board_id: int, families: Sequence[NewFamily]) -> int:
    """Insert families that are known to be new; returns the number of guardians.

    Only for a database that nobody else writes to meanwhile: the new rows' IDs are counted
    on from the highest there is.
    """
    rows = _Rows(tx, board_id)
    for family in families:
        rows.add(family)
    rows.insert()
    return len(rows.tables[Guardian])


class _Rows:
    """Collects the rows of each table in the order in which they may be inserted."""

    def __init__(self, tx: Transaction, board_id: int) -> None:
        self._tx = tx
        self._board_id = board_id
        tables = (
            Family,
            Guardian,
            Child,
            ContactPoint,
            GuardianChild,
            GuardianContact,
            Membership,
        )
        self.tables: dict[type[Table], list[dict[str, Any]]] = {table: [] for table in tables}
        counted: tuple[type[Table], ...] = (Family, Guardian, Child, ContactPoint)
        self._next = {table: self._highest(table) for table in counted}

    def add(self, family: NewFamily) -> None:
        family_id = self._new(Family)
        child_id = self._new(Child, class_id=family.class_id, number=family.number)
        for addresses in family.guardians:
            self._guardian(family, family_id, child_id, addresses)

    def insert(self) -> None:
        for table, rows in self.tables.items():
            if rows:
                self._tx.session.execute(insert(table), rows)
        self._advance()

    def _guardian(
        self, family: NewFamily, family_id: int, child_id: int, addresses: Addresses
    ) -> None:
        guardian_id = self._new(
            Guardian, family_id=family_id, language="ja", created_at=self._tx.now
        )
        self._link(GuardianChild, guardian_id=guardian_id, child_id=child_id)
        for rank, address in enumerate(addresses):
            contact_id = self._contact(address)
            self._link(
                GuardianContact, guardian_id=guardian_id, contact_point_id=contact_id, rank=rank
            )
        for group_id in (family.class_id, *family.group_ids):
            self._link(Membership, guardian_id=guardian_id, group_id=group_id)

    def _contact(self, address: MailAddress | ChatAddress) -> int:
        tx = self._tx
        if isinstance(address, MailAddress):
            at, domain = ChatAddress(MAIL, MAIL, address.raw), address.domain
        else:
            at, domain = address, ""
        return self._new(
            ContactPoint,
            channel=at.channel,
            account=at.account,
            address_index=address_index(tx, at.channel, at.account, at.address),
            address_cipher=tx.vault.seal_text(at.address, "contact_points.address"),
            domain=domain,
            state="active",
            language="ja",
            created_at=tx.now,
        )

    def _new(self, table: type[Table], **values: Any) -> int:
        self._next[table] += 1
        self._link(table, id=self._next[table], **values)
        return self._next[table]

    def _link(self, table: type[Table], **values: Any) -> None:
        self.tables[table].append({**values, "board_id": self._board_id})

    def _highest(self, table: Any) -> int:
        return self._tx.session.scalar(select(func.max(table.id))) or 0

    def _advance(self) -> None:
        """PostgreSQL's own counters do not see IDs that were given."""
        if self._tx.session.get_bind().dialect.name != "postgresql":
            return
        for table, last in self._next.items():
            name = func.pg_get_serial_sequence(table.__tablename__, "id")
            self._tx.session.execute(select(func.setval(name, max(1, last), type_=Integer)))
