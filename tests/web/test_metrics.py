"""`/metrics` counts troubles and backlogs from the database, without personal data."""

from __future__ import annotations

import pytest

from storage.tables import Inbox, Trouble
from tests.web.town import Town


def metrics(town: Town) -> str:
    answer = town.client().get("/metrics")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_open_troubles_and_backlogs_are_counted(town: Town) -> None:
    assert 'renrakumo_troubles_open{kind="parked_turn"} 0.0' in metrics(town)
    with town.database.writing() as tx:
        for closed_at in (None, tx.now):
            tx.session.add(
                Trouble(
                    board_id=town.board_id,
                    kind="parked_turn",
                    details={"count": 1},
                    opened_at=tx.now,
                    seen_at=tx.now,
                    closed_at=closed_at,
                )
            )
        tx.session.add(
            Inbox(
                board_id=town.board_id,
                channel="line",
                account="line",
                event_id="e",
                sender_index=b"x",
                state="parked",
                at=tx.now,
                received_at=tx.now,
            )
        )
    shown = metrics(town)
    assert 'renrakumo_troubles_open{kind="parked_turn"} 1.0' in shown
    assert 'renrakumo_backlog{of="parked"} 1.0' in shown
    assert 'renrakumo_backlog{of="deliveries"} 0.0' in shown


def test_without_a_database_the_rest_is_shown(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OSError

    monkeypatch.setattr(town.database, "reading", away)
    shown = metrics(town)
    assert "renrakumo_outcomes_total" in shown
    assert "renrakumo_troubles_open" not in shown
