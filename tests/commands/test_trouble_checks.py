"""`doctor` explains trouble in plain words, whether a worker saw it or not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from actions import troubles
from commands import trouble_checks
from delivery.troubles import signs_of
from storage.tables import Broadcast, Inbox
from tests.commands.conftest import Install
from tests.commands.installed import Installation


def overdue(installation: Installation) -> None:
    with installation.house.database.writing() as tx:
        row = Broadcast(
            board_id=installation.house.board_id,
            state="approved",
            purpose="event",
            subject="s",
            body="b",
            audience=[],
            content_hash="0" * 64,
            due_at=tx.now - timedelta(minutes=3),
            created_at=tx.now,
            updated_at=tx.now,
        )
        tx.session.add(row)


def test_all_is_well(install: Install) -> None:
    found = install().doctor()
    for check in ("disk", "sending", "answers", "quota", "approvers", "backup"):
        assert not found[check][0], found[check]
    assert "MB free" in found["disk"][1]


def test_what_nobody_saw_yet_is_explained(install: Install) -> None:
    installation = install()
    overdue(installation)
    wrong, words = installation.doctor()["sending"]
    assert wrong
    assert "1 approved broadcasts should have started 3 minutes ago" in words
    assert "Families got nothing" in words
    assert "start `renrakumo run`" in words


def test_what_is_not_over_yet_is_named(install: Install) -> None:
    installation = install()
    database, board_id = installation.house.database, installation.house.board_id
    with database.writing() as tx:
        tx.session.add(_parked(board_id, tx.now))
    signs = signs_of(database, [])
    with database.writing() as tx:
        troubles.watch(tx, board_id, signs)
    wrong, words = installation.doctor()["troubles"]
    assert wrong
    assert words.startswith("parked_turn since ")
    with database.writing() as tx:
        tx.session.query(Inbox).delete()
    wrong, words = installation.doctor()["troubles"]
    assert wrong
    assert "it may be over soon" in words


def _parked(board_id: int, now: object) -> Inbox:
    return Inbox(
        board_id=board_id,
        channel="line",
        account="line",
        event_id="e",
        sender_index=b"x",
        state="parked",
        at=now,
        received_at=now,
    )


def test_a_full_disk_is_said(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    def nearly_full(database: object, folders: list[Path]) -> object:
        return signs_of(installation.house.database, folders, lambda _: 12_000_000)

    installation = install()
    monkeypatch.setattr(trouble_checks, "signs_of", nearly_full)
    wrong, words = installation.doctor()["disk"]
    assert wrong
    assert "Only 12 MB of disk are free" in words
