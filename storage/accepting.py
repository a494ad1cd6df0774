"""Accepted: what nearly all outcomes are, written down for many chunks by one statement.

Nothing is done row by row, in Python or by the driver: each step of a cursor gives Python's lock
away, and waits for it again while another thread is busy sending.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    Update,
    bindparam,
    cast,
    func,
    literal_column,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from domain.deliveries import State
from storage.chunks import OPEN_ROW
from storage.database import Transaction
from storage.tables import Delivery
from storage.tables.columns import Id

# References by the IDs of their deliveries, by the IDs of the chunks that were leased.
Accepted = Mapping[int, Mapping[int, str]]

_NUMBERS: TypeEngine[list[int]] = ARRAY(BigInteger)  # type: ignore[assignment]  # said too widely
# Stands in no reference (domain.deliveries.reference_kept).
_SEPARATOR = "\x1f"
_DELIVERIES = Delivery.__table__


def accept(tx: Transaction, told: Accepted) -> None:
    """Settle these deliveries as accepted, as far as they are open and in their chunk."""
    on_sqlite = tx.session.get_bind().dialect.name == "sqlite"
    connection = tx.session.connection()
    if on_sqlite:
        connection.execute(_BY_JSON, {"now": tx.now, "told": json.dumps(told)})
    else:
        connection.execute(_BY_ARRAYS, {"now": tx.now} | _arrays(told))


def _arrays(told: Accepted) -> dict[str, str]:
    """As texts that PostgreSQL takes apart: the driver would adapt each number by itself."""
    chunks = (str(chunk_id) for chunk_id, theirs in told.items() for _ in theirs)
    return {
        "chunks": ",".join(chunks),
        "ids": ",".join(str(one) for theirs in told.values() for one in theirs),
        "references": _SEPARATOR.join(
            reference for theirs in told.values() for reference in theirs.values()
        ),
    }


def _update(
    chunk_id: ColumnElement[int], delivery_id: ColumnElement[int], reference: ColumnElement[str]
) -> Update:
    of = _DELIVERIES.c
    return (
        update(_DELIVERIES)  # type: ignore[arg-type]  # a Table, typed as FromClause
        # Not by the index on chunks (hence the 0): that goes through a chunk for each of its rows.
        .where(of.id == delivery_id, of.chunk_id + 0 == chunk_id, OPEN_ROW)
        .values(
            state=State.ACCEPTED.value,
            reason="",
            reference=reference,
            settled_at=bindparam("now"),
            attempts=of.attempts + 1,
        )
    )


def _by_json() -> Update:
    """SQLite: an object of objects; its keys are texts."""
    chunk = func.json_each(bindparam("told", type_=Text)).table_valued("key", "value", name="chunk")
    one = func.json_each(chunk.c.value).table_valued("key", "value", name="one")
    return _update(cast(chunk.c.key, Id), cast(one.c.key, Id), one.c.value)


def _by_arrays() -> Update:
    """PostgreSQL, which knows how many members an array has, and so by which index to go."""

    def numbers(name: str) -> ColumnElement[list[int]]:
        parted = func.string_to_array(bindparam(name, type_=Text), ",")
        return cast(parted, _NUMBERS)

    references = func.string_to_array(
        bindparam("references", type_=Text), literal_column("chr(31)")
    )
    told = (
        func.unnest(numbers("chunks"), numbers("ids"), references)
        .table_valued("chunk", "id", "reference", name="told")
        .render_derived()
    )
    # One empty text makes an array of none.
    return _update(told.c.chunk, told.c.id, func.coalesce(told.c.reference, ""))


_BY_JSON, _BY_ARRAYS = _by_json(), _by_arrays()
