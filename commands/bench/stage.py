"""What all measurements share: an installation of their own, and how a result looks."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from commands.demo.theatre import Theatre, free_address, theatre
from commands.house import House


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement; `ratio` is its rate over the peer's, in the same run on the same sink.

    `more` are figures that only some rows have, such as `target`, the ratio that is wanted.
    """

    name: str
    messages: int
    seconds: float
    rate: float
    peer: str
    ratio: float
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, messages: int, seconds: float, **more: Any) -> Row:
        """From a count and its seconds; compared with itself so far."""
        rate = round(messages / seconds, 1)
        return cls(name, messages, round(seconds, 3), rate, name, 1.0, more)

    def as_dict(self) -> dict[str, Any]:
        plain = asdict(self)
        more = plain.pop("more")
        return {**plain, **more}


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
        plain = [row.as_dict() for row in value] if isinstance(value, list) else value
        file.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
