"""docs/transcripts shows what people really see."""

from __future__ import annotations

from tests.channels.contract.stage import Stage
from tests.channels.contract.transcripts import FOLDER, play


def test_the_transcripts_are_what_is_said_today(stage: Stage) -> None:
    """If not: `python -m tests.channels.contract.transcripts`, and read what has changed."""
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == play(stage)
