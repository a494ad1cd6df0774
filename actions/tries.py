"""Limits on wrong tries, so that nobody finds a secret by guessing."""

from __future__ import annotations

from collections.abc import Mapping

from actions import audit
from domain.refusals import Refusal, refuse
from storage import attempts
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


def _record_once(tx: Transaction, board_id: int, contact_id: int, scope: str) -> None:
    """Record that somebody is kept out once an hour: they may not fill the chain at will."""
    noted = f"noted:{scope}"
    if attempts.count(tx, noted) == 0:
        attempts.add(tx, board_id, noted)
        _record(tx, board_id, contact_id, "too_many_tries")


def _record(tx: Transaction, board_id: int, contact_id: int, code: str) -> None:
    chain, who = audit.chain_of(board_id, None), audit.contact(contact_id)
    audit.record(tx, chain, who, "try_code", who, {"refused": code})
