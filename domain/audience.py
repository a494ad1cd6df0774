"""An audience by definition: the parts of a city that a broadcast names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

PartKind = Literal["group", "school", "city"]


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A group with all beneath it, a whole school, or the whole city (whose id is 0)."""

    kind: PartKind
    id: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(PartKind):
            raise ValueError(f"no part of an audience: {self.kind!r}")


CITY = Part("city")


def tidy(parts: Iterable[Part]) -> tuple[Part, ...]:
    """One spelling of an audience: each part once, in a fixed order."""
    return tuple(sorted({CITY if part.kind == "city" else part for part in parts}))


def parts_to_json(parts: Iterable[Part]) -> list[Any]:
    return [{"kind": part.kind, "id": part.id} for part in tidy(parts)]


def parts_from_json(value: Sequence[Any]) -> tuple[Part, ...]:
    return tidy(Part(part["kind"], part["id"]) for part in value)
