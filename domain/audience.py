"""An audience by definition: the parts that a broadcast names, and those it leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

PartKind = Literal["group", "school", "city", "reached", "unreached", "unconfirmed"]

# Parts of the audience of an earlier broadcast, whose number is their id.
OF_BROADCAST = frozenset({"reached", "unreached", "unconfirmed"})


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A group with all beneath it, a whole school, or the whole city (whose id is 0); or those
    whom an earlier broadcast reached, did not reach, or who have not confirmed it.

    An `excluded` group, school or city takes away memberships, not people: "grade 5 except class
    2" still reaches the family that has another child in class 1.  An excluded part of an earlier
    broadcast takes away the people in it.
    """

    kind: PartKind
    id: int = 0
    excluded: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(PartKind):
            raise ValueError(f"no part of an audience: {self.kind!r}")


CITY = Part("city")


def tidy(parts: Iterable[Part]) -> tuple[Part, ...]:
    """One spelling of an audience: each part once, in a fixed order."""
    return tuple(sorted({_tidied(part) for part in parts}))


def continues(parts: Iterable[Part]) -> bool:
    """Whether an audience is part of an earlier, approved one, and so may be small."""
    named = [part for part in parts if not part.excluded]
    return bool(named) and all(part.kind in OF_BROADCAST for part in named)


def parts_to_json(parts: Iterable[Part]) -> list[Any]:
    """As stored and hashed; one without exceptions looks as it did before there were any."""
    return [_to_json(part) for part in tidy(parts)]


def parts_from_json(value: Sequence[Any]) -> tuple[Part, ...]:
    return tidy(_from_json(part) for part in value)


def _tidied(part: Part) -> Part:
    return Part("city", 0, part.excluded) if part.kind == "city" else part


def _to_json(part: Part) -> dict[str, Any]:
    plain = {"kind": part.kind, "id": part.id}
    return {**plain, "excluded": True} if part.excluded else plain


def _from_json(value: Mapping[str, Any]) -> Part:
    return Part(value["kind"], value["id"], value.get("excluded", False))
