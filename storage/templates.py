"""Ready texts of schools and of the board."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError

from domain.broadcasts import State
from storage.database import Transaction
from storage.tables import Broadcast, Template


def find(tx: Transaction, board_id: int, template_id: int) -> Template | None:
    query = select(Template).where(Template.id == template_id, Template.board_id == board_id)
    return tx.session.scalar(query)


def named(tx: Transaction, board_id: int, school_id: int | None, name: str) -> Template | None:
    """The template of this name at a school, or of the board (None)."""
    query = select(Template).where(
        Template.board_id == board_id, _at(school_id), Template.name == name
    )
    return tx.session.scalars(query.limit(1)).first()


def offered(tx: Transaction, board_id: int, school_ids: Sequence[int]) -> Sequence[Template]:
    """The templates of these schools, then those of the board, each by name."""
    of_them = or_(Template.school_id.in_(school_ids), Template.school_id.is_(None))
    query = select(Template).where(Template.board_id == board_id, of_them)
    ordered = query.order_by(Template.school_id.is_(None), Template.name, Template.id)
    return tx.session.scalars(ordered).all()


def sent_texts(
    tx: Transaction, board_id: int, school_id: int | None, limit: int
) -> Sequence[Broadcast]:
    """What was sent from a place, newest first."""
    column = Broadcast.school_id
    here = column.is_(None) if school_id is None else column == school_id
    query = select(Broadcast).where(
        Broadcast.board_id == board_id, here, Broadcast.state == State.SENT.value
    )
    return tx.session.scalars(query.order_by(Broadcast.id.desc()).limit(limit)).all()


def keep(tx: Transaction, row: Template, name: str) -> bool:
    """Write down a template under this name; False if somebody took it a moment ago."""
    try:
        with tx.session.begin_nested():
            row.name, row.updated_at = name, tx.now
            tx.session.add(row)
            tx.flush()
    except IntegrityError:
        return False
    return True


def remove(tx: Transaction, row: Template) -> None:
    tx.session.delete(row)
    tx.flush()


def _at(school_id: int | None) -> ColumnElement[bool]:
    column = Template.school_id
    return column.is_(None) if school_id is None else column == school_id
