"""What a provider lets an account send in a month, and what of it one broadcast needs."""

from __future__ import annotations

from dataclasses import dataclass

Account = tuple[str, str]
"""A channel's name and the name of one of its accounts."""

# One message in fifty: of 5,000 a hundred, which is what ten broadcasts need for their cards and
# reports.
_KEPT = 50


def reserve(allowed: int) -> int:
    """How many of a month's messages broadcasts leave to the staff: approval cards, reports."""
    return allowed // _KEPT


@dataclass(frozen=True, slots=True)
class Use:
    """What one broadcast needs of one account: `uses` messages, where `left` are left for it.

    `spare` of those `uses` contact points could be replaced: every guardian who would hear by
    one of them has another way, by an account without limit.
    """

    channel: str
    account: str
    left: int
    uses: int
    spare: int

    @property
    def over(self) -> int:
        """How many the quota does not suffice for."""
        return max(0, self.uses - self.left)

    @property
    def moved(self) -> int:
        """How many of those are reached another way where the board's rule is `mail`."""
        return min(self.over, self.spare)

    @property
    def stranded(self) -> int:
        """How many of those have no other way."""
        return self.over - self.moved
