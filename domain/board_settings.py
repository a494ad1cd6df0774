"""What a board of education may choose, with what holds until it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class BoardSettings:
    """`tries_per_…` are wrong tries per hour; `outgrow_percent` is by how much an audience
    may grow between submission and sending before it must be approved again.
    """

    undo_seconds: int = 30
    min_families: int = 5
    self_approval: bool = False
    school_id_days: int = 365
    tries_per_contact: int = 5
    tries_per_school: int = 100
    keep_trying_hours: int = 24
    outgrow_percent: int = 10

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            wanted = bool if name == "self_approval" else int
            if type(value) is not wanted or value < 0:
                raise ValueError(f"{name} cannot be {value!r}")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> BoardSettings:
        """Read stored settings; one that this version does not know is passed over."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value[name] for name in known & set(value)})

    def changed(self, **changes: Any) -> BoardSettings:
        """Raises TypeError for an unknown name and ValueError for an impossible value."""
        return replace(self, **changes)
