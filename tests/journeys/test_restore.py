"""Restoring in the middle of a fan-out loses nothing, and what came twice is counted.

With more recipients and with figures: `python -m tests.journeys.restore_in_fan_out`.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.journeys.nursery import Nursery
from tests.journeys.restore_in_fan_out import Figures, journey, stage

MAIL, LINE = 80, 36


def figures(folder: Path, url: str, end: signal.Signals, nursery: Nursery) -> Figures:
    with stage(folder, url, MAIL, LINE, nursery) as on:
        found = journey(on, folder, end, print)
    print(found)
    assert found.sent_at_restore > found.sent_at_backup
    assert (found.recipients, found.lost) == (MAIL + LINE, 0)
    assert found.doubled + found.known_from_journals > 0
    assert found.doubled <= found.doubtful
    assert found.states == {"accepted": MAIL + LINE}
    assert found.records_whole
    return found


@pytest.mark.timeout(120)
def test_after_a_crash_the_journals_know(tmp_path: Path, nursery: Nursery) -> None:
    found = figures(tmp_path, f"sqlite:///{tmp_path}/renrakumo.db", signal.SIGKILL, nursery)
    assert found.known_from_journals > 0
