"""The demo's story: its chapters in the order of a school year, and how long each one took."""

from __future__ import annotations

import time
from collections.abc import Sequence

from commands.demo.chapters import Chapter
from commands.demo.telling import Telling


def play(tell: Telling, chapters: Sequence[Chapter]) -> list[tuple[str, float]]:
    """Tell these chapters one after the other; each one's title with its seconds."""
    took = []
    for number, chapter in enumerate(chapters, 1):
        began = time.monotonic()
        tell.heading(f"{number}  {chapter.title}", chapter.summary)
        chapter.play(tell)
        took.append((chapter.title, time.monotonic() - began))
    return took
