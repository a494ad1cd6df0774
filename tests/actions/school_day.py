"""A broadcast that went out to families of every kind, written down by hand as freezing does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import update

from actions import broadcasts, registration
from actions.previews import ref_of
from domain.cards import CardRef
from storage import broadcasts as stored
from storage import people
from storage.database import Database, Transaction
from storage.tables import AudienceMember, AudienceWay, Broadcast, Delivery, Guardian
from tests.actions import city as scene
from tests.actions.city import Cast, City

# What came of the first way of each of the six guardians, who each have a child in class 1-1.
STATES = ("accepted", "refused", "refused", "", "placed", "unknown")


@dataclass
class SchoolDay:
    """Six families, the first with a second child in class 1-2 and the second reached by its
    second way alone, and one that is in the club only.
    """

    database: Database
    city: City
    cast: Cast
    ref: CardRef
    points: dict[str, int] = field(default_factory=dict)
    guardians: dict[str, int] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return self.ref.broadcast_id


def school_day(database: Database, **content: Any) -> SchoolDay:
    city, cast = scene.build_with_cast(database)
    wanted = scene.content(city, **{"options": {"confirm": True}, **content})
    with database.writing() as tx:
        saved = broadcasts.save_draft(tx, cast.teacher, city.school, wanted, ())
        assert isinstance(saved, broadcasts.Saved)
        broadcasts.submit(tx, cast.teacher, saved.ref)
        broadcasts.approve(tx, cast.principal, saved.ref)
    day = SchoolDay(database, city, cast, saved.ref)
    with database.writing() as tx:
        changed = {"state": "sent", "frozen_at": tx.now, "finished_at": tx.now}
        tx.session.execute(update(Broadcast).where(Broadcast.id == day.id).values(**changed))
        _send(tx, day)
        day.ref = ref_of(stored.broadcast(tx, day.id))
    return day


def _send(tx: Transaction, day: SchoolDay) -> None:
    for number, state in enumerate(STATES, 1):
        name = f"guardian{number}"
        day.points[name] = scene.contact(tx, day.city, name)
        guardian = people.guardians_of(tx, day.points[name])[0]
        put_in(tx, day, name, guardian, state)
    registration.register(tx, day.points["guardian1"], day.city.school, day.city.class_b, 9)
    singer = people.add_guardian(tx, day.city.board, "ja")
    people.join(tx, singer, day.city.club)
    day.points["singer"] = scene.contact(tx, day.city, "singer")
    people.link_contact(tx, singer, day.points["singer"])
    put_in(tx, day, "singer", singer, "accepted")
    mail = people.contact_point(tx, day.city.board, "email", "email", "second@example.jp").id
    keys = {"board_id": day.city.board, "broadcast_id": day.id}
    tx.session.add(
        AudienceWay(**keys, guardian_id=day.guardians["guardian2"], contact_point_id=mail)
    )
    tx.session.add(Delivery(**keys, contact_point_id=mail, state="accepted"))
    tx.flush()


def put_in(tx: Transaction, day: SchoolDay, name: str, guardian: Guardian, state: str) -> None:
    """Into the frozen audience; without a state there is no way to them."""
    day.guardians[name] = guardian.id
    point = day.points[name] if state else None
    keys = {"board_id": day.city.board, "broadcast_id": day.id}
    who = {"guardian_id": guardian.id, "family_id": guardian.family_id}
    tx.session.add(AudienceMember(**keys, **who, contact_point_id=point))
    if point is not None:
        reason = "blocked" if state == "refused" else ""
        tx.session.add(Delivery(**keys, contact_point_id=point, state=state, reason=reason))
    tx.flush()
