"""The kinds of groups."""

from __future__ import annotations

from enum import StrEnum


class GroupKind(StrEnum):
    """A `school` is the root of all its groups; children sit in a `class`."""

    SCHOOL = "school"
    GRADE = "grade"
    CLASS = "class"
    CLUB = "club"
    ROUTE = "route"
    COMMITTEE = "committee"
    OTHER = "other"


# Those that staff make, change and dissolve.
FREE_KINDS = (
    GroupKind.GRADE,
    GroupKind.CLASS,
    GroupKind.CLUB,
    GroupKind.ROUTE,
    GroupKind.COMMITTEE,
    GroupKind.OTHER,
)

# What guardians join and leave by themselves, unless the school says otherwise.
JOINABLE_AT_FIRST = frozenset({GroupKind.CLUB, GroupKind.OTHER})
