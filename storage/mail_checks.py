"""What the checks of the sending domain found, and who answers for what they did not.

Rows of other settings stay, so that going back to those needs no new look; `current` are those of
the settings that a worker came with last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import select

from domain.mail_checks import Checked, Result, Standing, Subject
from domain.troubles import Kind, Sign
from storage.database import Transaction
from storage.tables import Board, MailCheck


def standings(tx: Transaction, subject: Subject) -> list[Standing]:
    """What is known of every check of a subject; those never made are among them."""
    rows = {row.name: row for row in _rows(tx, subject)}
    return [_standing(rows[name]) if name in rows else Standing(name) for name in subject.bases]


def current(tx: Transaction) -> list[Standing]:
    """The same for the settings that are in force; empty where nothing has to be checked."""
    query = select(MailCheck).where(MailCheck.current).order_by(MailCheck.name)
    return [_standing(row) for row in tx.session.scalars(query)]


def is_current(tx: Transaction, subject: Subject) -> bool:
    """Whether these settings are noted as those in force; asked without the write lock."""
    return {row.key for row in _current_rows(tx)} == set(_keys(subject))


def put_in_force(tx: Transaction, subject: Subject) -> None:
    """Note which settings are in force."""
    for row in _current_rows(tx):
        row.current = False
    for row in _made(tx, subject).values():
        row.current = True
    tx.flush()


def differs_in_force(tx: Transaction, subject: Subject, name: str) -> bool:
    """Whether a worker came last with other settings that this check is about."""
    in_force = {row.key for row in _current_rows(tx) if row.name == name}
    return bool(in_force) and in_force.isdisjoint(_keys(subject))


def note(tx: Transaction, subject: Subject, checked: Iterable[Checked]) -> None:
    """Keep what the checks found; which settings are in force stays as it is."""
    rows = _made(tx, subject)
    for one in checked:
        row = rows[one.name]
        row.result, row.words, row.checked_at = one.result.value, one.words, tx.now
        if one.result is Result.PASSED:
            row.passed_at = tx.now


def accept(tx: Transaction, subject: Subject, name: str, until: datetime, reason: str) -> None:
    """Raises KeyError for a check that there is not."""
    row = _made(tx, subject)[name]
    row.accepted_until, row.reason = until, reason


def signs(tx: Transaction, subject: Subject | None = None) -> list[Sign]:
    """What is wrong with the settings in force, or with these; every board hears of it, for the
    settings are the installation's.
    """
    found = current(tx) if subject is None else standings(tx, subject)
    boards = tx.session.scalars(select(Board.id).order_by(Board.id)).all() if found else []
    return [sign for board in boards for sign in _signs(tx, board, found)]


def _signs(tx: Transaction, board: int, found: Collection[Standing]) -> list[Sign]:
    held = sum(not one.holds(tx.now) for one in found)
    signs = [Sign(board, Kind.MAIL_HELD, "", {"count": held})] if held else []
    signs += [Sign(board, Kind.MAIL_SLIPPED, one.name) for one in found if one.slipped()]
    for one in found:
        left = one.days_left(tx.now)
        if left is not None:
            signs.append(Sign(board, Kind.MAIL_ACCEPTANCE_ENDS, one.name, {"days": left}))
    return signs


Key = tuple[str, str, str]


def _keys(subject: Subject) -> list[Key]:
    return [(subject.domain, name, basis) for name, basis in subject.bases.items()]


def _rows(tx: Transaction, subject: Subject) -> list[MailCheck]:
    wanted = set(_keys(subject))
    query = select(MailCheck).where(MailCheck.domain == subject.domain)
    return [row for row in tx.session.scalars(query) if row.key in wanted]


def _current_rows(tx: Transaction) -> list[MailCheck]:
    return list(tx.session.scalars(select(MailCheck).where(MailCheck.current)))


def _made(tx: Transaction, subject: Subject) -> dict[str, MailCheck]:
    """The rows of a subject by their names; those that are not there are made."""
    rows = {row.name: row for row in _rows(tx, subject)}
    for name, basis in subject.bases.items():
        if name not in rows:
            rows[name] = MailCheck(
                domain=subject.domain, name=name, basis=basis, current=False, result="", words=""
            )
            tx.session.add(rows[name])
    return rows


def _standing(row: MailCheck) -> Standing:
    return Standing(
        name=row.name,
        result=Result(row.result) if row.result else None,
        words=row.words,
        checked_at=row.checked_at,
        passed_at=row.passed_at,
        accepted_until=row.accepted_until,
        reason=row.reason,
    )
