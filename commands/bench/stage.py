"""What all measurements share: an installation of their own, and how a result looks."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from commands.demo.theatre import Theatre, free_address, theatre
from commands.house import House


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement; `ratio` is our rate over the peer's, on the same stand-in."""

    name: str
    messages: int
    seconds: float
    rate: float
    peer: str
    ratio: float


@contextmanager
def stage(house: House) -> Iterator[Theatre]:
    """An empty installation with its stand-ins, gone afterwards."""
    with (
        tempfile.TemporaryDirectory() as folder,
        theatre(Path(folder) / "bench", free_address(house.settings.listen)) as scene,
    ):
        yield scene


def save(file: Path | None, value: list[Row] | dict[str, Any]) -> None:
    """Write a result as JSON where that was asked for."""
    if file is not None:
        plain = [asdict(row) for row in value] if isinstance(value, list) else value
        file.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
