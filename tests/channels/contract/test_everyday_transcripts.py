"""docs/transcripts/everyday shows what people really see."""

from __future__ import annotations

from tests.channels.contract.everyday import FOLDER, play
from tests.channels.contract.stage import Stage


def test_the_everyday_transcripts_are_what_is_said_today(stage: Stage) -> None:
    """If not: `python -m tests.channels.contract.everyday`, and read what has changed."""
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == play(stage)
