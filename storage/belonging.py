"""Who still belongs to whoever sent a broadcast: the families of its school, or of the city.

Who has left a school hears no more of what it sent, neither reminded nor sent again.
"""

from __future__ import annotations

from sqlalchemy import CompoundSelect, and_, or_, select, union
from sqlalchemy.sql.elements import ColumnElement

from storage.tables import Broadcast, Child, Group, GuardianChild, Membership


def belonging(broadcast_id: int) -> CompoundSelect[tuple[int]]:
    """A query for the guardians with a membership or a child where a broadcast came from."""
    members = (
        select(Membership.guardian_id)
        .join(Group, Group.id == Membership.group_id)
        .join(Broadcast, _is_of_its_sender(broadcast_id))
    )
    parents = (
        select(GuardianChild.guardian_id)
        .join(Child, Child.id == GuardianChild.child_id)
        .join(Group, Group.id == Child.class_id)
        .join(Broadcast, _is_of_its_sender(broadcast_id))
    )
    return union(members, parents)


def _is_of_its_sender(broadcast_id: int) -> ColumnElement[bool]:
    """The ON clause that joins a broadcast to the groups of its school, or of all its board."""
    return and_(
        Broadcast.id == broadcast_id,
        Broadcast.board_id == Group.board_id,
        or_(Broadcast.school_id.is_(None), Broadcast.school_id == Group.school_id),
    )
