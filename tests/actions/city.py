"""A small city for the tests of actions: one board, two schools, their people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select

from actions import audit, boards, broadcasts, registration, schools, staff
from actions.previews import ref_of
from domain.audience import Part
from domain.broadcasts import Purpose
from domain.cards import CardRef
from domain.content import Content
from domain.refusals import Refusal
from domain.roles import Actor, Role
from domain.wording import Words, render
from storage import broadcasts as stored
from storage import people, replies
from storage.database import Database, Transaction
from storage.tables import AuditEntry, Broadcast, Reply
from tests.databases import prepared


@dataclass
class City:
    """IDs of what there is; `families` guardians are registered in class 1-1 of the first."""

    board: int = 0
    school: int = 0
    other_school: int = 0
    class_a: int = 0
    class_b: int = 0
    club: int = 0
    school_id: str = ""
    contacts: dict[str, int] = field(default_factory=dict)


def build(database: Database, families: int = 6) -> City:
    """The city, in a database that is empty."""
    return prepared(database, ("city", families), lambda: _build(database, families))


def _build(database: Database, families: int) -> City:
    city = City()
    with database.writing() as tx:
        city.board = boards.open_board(tx, "koshigaya", "越谷市教育委員会").id
        city.school = schools.open_school(tx, city.board, "k01", "第一小学校", "primary").id
        city.other_school = schools.open_school(tx, city.board, "k02", "第二小学校", "primary").id
        grade = schools.add_group(tx, city.school, "1年", "grade").id
        city.class_a = schools.add_group(tx, city.school, "1年1組", "class", grade).id
        city.class_b = schools.add_group(tx, city.school, "1年2組", "class", grade).id
        city.club = schools.add_group(tx, city.school, "合唱部", "club").id
        city.school_id = schools.new_school_id(tx, city.school).id
        for number in range(1, families + 1):
            guardian = contact(tx, city, f"guardian{number}")
            registration.register(tx, guardian, city.school, city.class_a, number)
    return city


def contact(tx: Transaction, city: City, name: str) -> int:
    """The web chat of somebody, found again by their name."""
    point = people.contact_point(tx, city.board, "webchat", "webchat", name)
    return point.id


def add_staff(tx: Transaction, city: City, name: str, role: Role, school_id: int | None) -> Actor:
    """Invite somebody and let them type the code in their chat."""
    invited = staff.invite(tx, city.board, role, school_id, name)
    assert not isinstance(invited, Refusal)
    point = contact(tx, city, name)
    city.contacts[name] = point
    welcome = staff.accept_invitation(tx, point, invited.code)
    assert not isinstance(welcome, Refusal)
    # What the managers hear of a new colleague is the subject of test_linking alone.
    tx.session.execute(delete(Reply).where(Reply.contact_point_id != point))
    return actor(tx, city, name)


def actor(tx: Transaction, city: City, name: str) -> Actor:
    found = staff.actor_of(tx, city.contacts[name])
    assert found is not None
    return found


@dataclass
class Cast:
    """The people of the first school, and of the city."""

    teacher: Actor
    principal: Actor
    deputy: Actor


def build_with_cast(database: Database) -> tuple[City, Cast]:
    """The city with six families and its staff, in a database that is empty."""

    def make() -> tuple[City, Cast]:
        city = _build(database, 6)
        return city, cast(database, city)

    return prepared(database, "city with cast", make)


def cast(database: Database, city: City) -> Cast:
    with database.writing() as tx:
        return Cast(
            add_staff(tx, city, "teacher", Role.OPERATOR, city.school),
            add_staff(tx, city, "principal", Role.MANAGER, city.school),
            add_staff(tx, city, "deputy", Role.DEPUTY, city.school),
        )


def content(city: City, subject: str = "遠足の延期", **changes: object) -> Content:
    values: dict[str, object] = {
        "purpose": Purpose.EVENT,
        "subject": subject,
        "body": "雨のため、明日に延期します。",
        "audience": (Part("school", city.school),),
    }
    return Content(**{**values, **changes})  # type: ignore[arg-type]


def draft(
    database: Database, city: City, author: Actor, send_at: datetime | None = None
) -> CardRef:
    with database.writing() as tx:
        wanted = content(city, send_at=send_at)
        saved = broadcasts.save_draft(tx, author, city.school, wanted, ())
    assert isinstance(saved, broadcasts.Saved)
    return saved.ref


def submitted(database: Database, city: City, author: Actor) -> CardRef:
    ref = draft(database, city, author)
    with database.writing() as tx:
        done = broadcasts.submit(tx, author, ref)
    assert isinstance(done, broadcasts.Submitted), done
    return ref


def row(database: Database, ref: CardRef) -> Broadcast:
    with database.reading() as tx:
        return stored.broadcast(tx, ref.broadcast_id)


def newest_ref(database: Database, ref: CardRef) -> CardRef:
    return ref_of(row(database, ref))


def told(database: Database, contact_id: int) -> list[str]:
    """What a contact point was told, in Japanese, oldest first."""
    with database.reading() as tx:
        rows = tx.session.query(Reply).filter_by(contact_point_id=contact_id)
        speeches = [replies.open_speech(tx, one) for one in rows.order_by(Reply.id)]
    return [in_japanese(speech.words) for speech in speeches]


def in_japanese(words: Iterable[Words]) -> str:
    return "\n".join(render(one, "ja") for one in words)


def entries_about(tx: Transaction, subject: str) -> Sequence[AuditEntry]:
    """What was done or tried with one thing, in the order of time."""
    query = select(AuditEntry).where(AuditEntry.subject == subject)
    return tx.session.scalars(query.order_by(AuditEntry.at, AuditEntry.sequence)).all()


def recorded(database: Database, city: City, subject: str) -> list[tuple[str, str, str]]:
    """Who did what to something, and with which refusal."""
    with database.reading() as tx:
        found = list(entries_about(tx, subject))
        assert audit.verify(tx) == []
    return [(e.actor, e.verb, str(e.details.get("refused", ""))) for e in found]


def code(answer: object) -> str:
    """The code of what must be a refusal; its words exist in both languages."""
    assert isinstance(answer, Refusal), answer
    for language in ("ja", "en"):
        assert render(answer.words, language)
    return answer.code
