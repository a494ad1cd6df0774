"""What a provider said about one recipient: a value, never an exception.

"Accepted" means that the provider took the message.  It never means that it was
delivered or read: mobile carriers and LINE accept messages and drop them silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message; `reference` is the provider's own name for it."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """The message lies ready where the recipient fetches it (web chat).

    It becomes accepted by the receipt that says it was displayed.
    """


@dataclass(frozen=True, slots=True)
class TryLater:
    """Nothing was taken, but a later try may succeed; `after` is what the provider asked.

    Nobody waits for more than a day, whatever was asked.
    """

    reason: str
    after: timedelta | None = None

    def __post_init__(self) -> None:
        if self.after is not None and self.after > _LONGEST:
            object.__setattr__(self, "after", _LONGEST)


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was taken and trying again is useless; `reason` is a stable code."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The provider was asked and no answer came: perhaps it accepted, perhaps not."""

    reason: str


@dataclass(frozen=True, slots=True)
class Split:
    """Nobody in the request got it because of somebody among them: try again apart.

    Recipients with the same `part` may stay together.
    """

    part: int


Outcome = Accepted | Placed | TryLater | Refused | Unknown | Split
