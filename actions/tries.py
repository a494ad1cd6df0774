"""Limits on wrong tries, so that nobody finds a secret by guessing."""

from __future__ import annotations

from collections.abc import Mapping

from actions import audit
from domain.refusals import Refusal, refuse
from storage import attempts, broadcasts, people
from storage.database import Transaction


def blocked(
    tx: Transaction, board_id: int, contact_id: int, limits: Mapping[str, int]
) -> Refusal | None:
    """Refuse where one of the scopes has used up its wrong tries of the last hour."""
    full = next((s for s, most in limits.items() if attempts.count(tx, s) >= most), None)
    if full is None:
        return None
    _record_once(tx, board_id, contact_id, full)
    return refuse("too_many_tries")


def wrong(
    tx: Transaction, board_id: int, contact_id: int, code: str, scopes: Mapping[str, int]
) -> Refusal:
    """Count a wrong try in each of the scopes, and record it."""
    for scope in scopes:
        attempts.add(tx, board_id, scope)
    _record(tx, board_id, contact_id, code)
    return refuse(code)


def no_staff(tx: Transaction, contact_id: int, verb: str, broadcast_id: int) -> Refusal:
    """Refuse a card to who is not staff; recorded once an hour for each contact point."""
    refusal = refuse("not_allowed")
    board_id = people.contact(tx, contact_id).board_id
    if is_news(tx, board_id, f"card:contact:{contact_id}"):
        chain, who = _chain_of_card(tx, board_id, broadcast_id), audit.contact(contact_id)
        details = {"refused": refusal.code}
        audit.record(tx, chain, who, verb, f"broadcast:{broadcast_id}", details)
    return refusal


def _chain_of_card(tx: Transaction, board_id: int, broadcast_id: int) -> str:
    """The chain of the broadcast's school; the board's where it has none or is not known here."""
    row = broadcasts.find(tx, broadcast_id)
    here = row is not None and row.board_id == board_id
    return audit.chain_of(board_id, row.school_id if row and here else None)


def is_news(tx: Transaction, board_id: int, what: str) -> bool:
    """Whether this is worth recording, which is so once an hour: nobody fills a chain at will."""
    noted = f"noted:{what}"
    if attempts.count(tx, noted):
        return False
    attempts.add(tx, board_id, noted)
    return True


def _record_once(tx: Transaction, board_id: int, contact_id: int, scope: str) -> None:
    if is_news(tx, board_id, scope):
        _record(tx, board_id, contact_id, "too_many_tries")


def _record(tx: Transaction, board_id: int, contact_id: int, code: str) -> None:
    chain, who = audit.chain_of(board_id, None), audit.contact(contact_id)
    audit.record(tx, chain, who, "try_code", who, {"refused": code})
