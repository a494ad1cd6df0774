"""What a chapter of the demo's story is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from commands.demo.telling import Telling


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading in both languages, one English line for who reads no Japanese, and the turns."""

    title: str
    summary: str
    play: Callable[[Telling], None]
