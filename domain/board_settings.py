"""What a board of education may choose, with what holds until it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

# What may be chosen, where it is neither a number nor yes or no.
CHOICES = {"privacy": ("full", "headline"), "over_quota": ("mail", "refuse", "send")}


@dataclass(frozen=True, slots=True)
class BoardSettings:
    """`tries_per_…` are wrong tries per hour; `outgrow_percent` is by how much an audience
    may grow between submission and sending before it must be approved again.

    `privacy` is what a message in a chat shows: `full`, or `headline` with a button to read it.
    `over_quota` is what becomes of those for whom a provider's monthly quota does not suffice:
    they get `mail` (or another way they have) where they have one, or the broadcast is refused
    (`refuse`), or it is sent all the same (`send`), for a plan that bills what is over.

    A manager who has not taken note of an emergency is asked again after each
    `acknowledge_minutes`, and the board hears of it after `escalate_minutes`. A code that links
    another contact point holds for `contact_code_minutes`, one for a child for `child_code_days`.

    A mailbox that showed no sign of life for `arrival_test_days` gets a test mail; 0 sends none.
    """

    undo_seconds: int = 30
    min_families: int = 5
    self_approval: bool = False
    school_id_days: int = 365
    tries_per_contact: int = 5
    tries_per_school: int = 100
    keep_trying_hours: int = 24
    outgrow_percent: int = 10
    telegram: bool = False
    privacy: str = "full"
    over_quota: str = "mail"
    acknowledge_minutes: int = 10
    escalate_minutes: int = 30
    contact_code_minutes: int = 30
    child_code_days: int = 60
    arrival_test_days: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not type(field.default) or not _is_possible(field.name, value):
                raise ValueError(f"{field.name} cannot be {value!r}")

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

    def allows(self, channel: str) -> bool:
        """Whether the board uses a channel; Telegram only where it said so."""
        return channel != "telegram" or self.telegram


def _is_possible(name: str, value: Any) -> bool:
    return value in CHOICES[name] if isinstance(value, str) else value >= 0
