"""Many families at once: a few statements per table instead of one turn per guardian."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, Select, func, insert, select

from domain.addresses import ChatAddress, MailAddress
from storage.database import Transaction
from storage.inserts import insert_all_new
from storage.people import MAIL, address_index, mail_index
from storage.tables import (
    Child,
    ContactPoint,
    Family,
    Group,
    Guardian,
    GuardianChild,
    GuardianContact,
    Membership,
    School,
    Table,
)

Address = MailAddress | ChatAddress
Addresses = tuple[Address, ...]
# What one statement asks for: SQLite and PostgreSQL both take more, but no plan gets better.
_AT_ONCE = 500


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
    """Insert families that are known to be new; returns the number of guardians."""
    rows = _Rows(tx, board_id, families)
    for family in families:
        rows.add(family)
    rows.insert()
    return len(rows.tables[Guardian])


class _Rows:
    """Collects the rows of each table in the order in which they may be inserted."""

    def __init__(self, tx: Transaction, board_id: int, families: Sequence[NewFamily]) -> None:
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
        guardians = [each for family in families for each in family.guardians]
        self._ids = {
            Family: iter(new_ids(tx, Family, len(families))),
            Child: iter(new_ids(tx, Child, len(families))),
            Guardian: iter(new_ids(tx, Guardian, len(guardians))),
            ContactPoint: iter(new_ids(tx, ContactPoint, sum(map(len, guardians)))),
        }

    def add(self, family: NewFamily) -> None:
        family_id = self._new(Family)
        child_id = self._new(Child, class_id=family.class_id, number=family.number)
        for addresses in family.guardians:
            self._guardian(family, family_id, child_id, addresses)

    def insert(self) -> None:
        self._tx.flush()
        for table, rows in self.tables.items():
            if rows:
                _put(self._tx, table, rows)

    def _guardian(
        self, family: NewFamily, family_id: int, child_id: int, addresses: Addresses
    ) -> None:
        guardian_id = self._new(
            Guardian, family_id=family_id, language="ja", created_at=self._tx.now
        )
        self._link(GuardianChild, guardian_id=guardian_id, child_id=child_id)
        for rank, address in enumerate(addresses):
            contact_id = self._new(ContactPoint, **contact_values(self._tx, address))
            self._link(
                GuardianContact, guardian_id=guardian_id, contact_point_id=contact_id, rank=rank
            )
        for group_id in (family.class_id, *family.group_ids):
            self._link(Membership, guardian_id=guardian_id, group_id=group_id)

    def _new(self, table: Any, **values: Any) -> int:
        new_id = next(self._ids[table])
        self._link(table, id=new_id, **values)
        return new_id

    def _link(self, table: type[Table], **values: Any) -> None:
        self.tables[table].append({**values, "board_id": self._board_id})


def _put(tx: Transaction, table: type[Table], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns, as fast as the database takes them."""
    connection = tx.session.connection()
    if connection.dialect.name != "postgresql":
        # The table itself, not its class: the ORM's way of inserting takes twice as long.
        connection.execute(insert(table.metadata.tables[table.__tablename__]), rows)
        return
    names = list(rows[0])
    columns = ", ".join(f'"{name}"' for name in names)
    with connection.connection.cursor().copy(
        f'COPY "{table.__tablename__}" ({columns}) FROM STDIN'
    ) as copy:
        for row in rows:
            copy.write_row([row[name] for name in names])


def contact_values(tx: Transaction, address: Address) -> dict[str, Any]:
    """The columns of a new contact point."""
    at, domain = _place_of(address)
    return {
        "channel": at.channel,
        "account": at.account,
        "address_index": index_of(tx, address),
        "address_cipher": tx.vault.seal_text(at.address, "contact_points.address"),
        "domain": domain,
        "state": "active",
        "language": "ja",
        "created_at": tx.now,
    }


def index_of(tx: Transaction, address: Address) -> bytes:
    if isinstance(address, MailAddress):
        return mail_index(tx, address)
    return address_index(tx, address.channel, address.account, address.address)


def _place_of(address: Address) -> tuple[ChatAddress, str]:
    if isinstance(address, MailAddress):
        return ChatAddress(MAIL, MAIL, address.raw), address.domain
    return address, ""


def new_ids(tx: Transaction, table: Any, count: int) -> Sequence[int]:
    """Numbers for so many new rows, which nobody else gets."""
    if not count:
        return ()
    if tx.session.get_bind().dialect.name == "postgresql":
        name = func.pg_get_serial_sequence(table.__tablename__, "id")
        series = func.generate_series(1, count).table_valued("value")
        return tx.session.scalars(
            select(func.nextval(name, type_=Integer)).select_from(series)
        ).all()
    highest = tx.session.scalar(select(func.max(table.id))) or 0
    return range(highest + 1, highest + 1 + count)


# What an import looks up and writes, in as few statements.


@dataclass(frozen=True, slots=True)
class KnownPoint:
    """A contact point that is there, and the guardians who hear by it."""

    id: int
    state: str
    guardian_ids: tuple[int, ...]


def groups_by_school(tx: Transaction, board_id: int) -> dict[str, tuple[School, list[Group]]]:
    """All schools of a board by their code, each with its groups."""
    query = select(School).where(School.board_id == board_id)
    found: dict[str, tuple[School, list[Group]]] = {}
    by_id = {}
    for school in tx.session.scalars(query.order_by(School.id)):
        by_id[school.id] = found[school.code] = (school, [])
    groups = select(Group).where(Group.board_id == board_id, Group.school_id.is_not(None))
    for group in tx.session.scalars(groups.order_by(Group.id)):
        assert group.school_id is not None
        by_id[group.school_id][1].append(group)
    return found


def lock_points(tx: Transaction, indexes: Collection[bytes]) -> dict[bytes, KnownPoint]:
    """The contact points there are of these addresses, which nobody else changes meanwhile."""
    found: dict[bytes, tuple[int, str]] = {}
    for some in _batches(sorted(indexes)):
        query = select(ContactPoint.address_index, ContactPoint.id, ContactPoint.state)
        query = query.where(ContactPoint.address_index.in_(some)).order_by(ContactPoint.id)
        for index, point_id, state in _tuples(tx, query.with_for_update(key_share=True)):
            found[index] = (point_id, state)
    guardians = _listed(
        tx, GuardianContact.contact_point_id, GuardianContact.guardian_id, _firsts(found.values())
    )
    return {
        index: KnownPoint(point_id, state, tuple(guardians.get(point_id, ())))
        for index, (point_id, state) in found.items()
    }


def lock_children(tx: Transaction, class_ids: Collection[int]) -> dict[tuple[int, int | None], int]:
    """All numbered children of these classes; nobody else gives them guardians meanwhile."""
    found: dict[tuple[int, int | None], int] = {}
    for some in _batches(sorted(class_ids)):
        query = select(Child.class_id, Child.number, Child.id).where(
            Child.class_id.in_(some), Child.number.is_not(None)
        )
        for class_id, number, child_id in _tuples(tx, query.order_by(Child.id).with_for_update()):
            found[class_id, number] = child_id
    return found


def guardians_of(tx: Transaction, child_ids: Iterable[int]) -> dict[int, list[int]]:
    """The guardians of each of these children."""
    return _listed(tx, GuardianChild.child_id, GuardianChild.guardian_id, child_ids)


def children_of(tx: Transaction, guardian_ids: Iterable[int]) -> dict[int, list[Child]]:
    """The children of each of these guardians."""
    found: dict[int, list[Child]] = {}
    for some in _batches(sorted(set(guardian_ids))):
        query = select(GuardianChild.guardian_id, Child).join(
            Child, Child.id == GuardianChild.child_id
        )
        for guardian_id, child in _tuples(tx, query.where(GuardianChild.guardian_id.in_(some))):
            found.setdefault(guardian_id, []).append(child)
    return found


def families_of(tx: Transaction, guardian_ids: Iterable[int]) -> dict[int, int]:
    """The family of each of these guardians."""
    found = _listed(tx, Guardian.id, Guardian.family_id, guardian_ids)
    return {guardian_id: family_ids[0] for guardian_id, family_ids in found.items()}


def schools_of_classes(tx: Transaction, class_ids: Iterable[int]) -> dict[int, int]:
    """The school of each of these classes."""
    found = _listed(tx, Group.id, Group.school_id, class_ids)
    return {class_id: school_ids[0] for class_id, school_ids in found.items()}


def groups_of(tx: Transaction, guardian_ids: Iterable[int]) -> dict[int, list[int]]:
    """The groups of each of these guardians."""
    return _listed(tx, Membership.guardian_id, Membership.group_id, guardian_ids)


def insert_rows(tx: Transaction, table: type[Table], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; one that somebody else has just inserted is passed over."""
    tx.flush()
    for some in _batches(rows):
        insert_all_new(tx, table, some)


def _listed(tx: Transaction, key: Any, value: Any, keys: Iterable[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for some in _batches(sorted(set(keys))):
        query = select(key, value).where(key.in_(some)).order_by(key, value)
        for one, other in _tuples(tx, query):
            found.setdefault(one, []).append(other)
    return found


def _tuples(tx: Transaction, query: Select[Any]) -> Iterator[Any]:
    yield from tx.session.execute(query).tuples()


def _firsts(pairs: Iterable[tuple[int, str]]) -> list[int]:
    return [first for first, _ in pairs]


def _batches(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for first in range(0, len(values), _AT_ONCE):
        yield values[first : first + _AT_ONCE]
