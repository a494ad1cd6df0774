"""How a school lets guardians in."""

from __future__ import annotations

from enum import StrEnum


class Admission(StrEnum):
    """`open`: the school ID is enough. `confirm`: staff say yes to each request. `invite`: each
    child has a code of its own.
    """

    OPEN = "open"
    CONFIRM = "confirm"
    INVITE = "invite"
