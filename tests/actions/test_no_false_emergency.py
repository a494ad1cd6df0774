"""No draft is an emergency, so that none comes to an ordinary approval."""

from __future__ import annotations

from sqlalchemy import update

from actions import broadcasts, emergencies
from domain.audience import Part
from domain.broadcasts import Relation
from domain.content import is_emergency, with_emergency
from domain.follow_ups import Follows, options_after, with_origin
from storage.database import Database
from storage.tables import Broadcast
from tests.actions import city as scene
from tests.actions.test_emergencies import TEXT, saved, sent


def test_a_draft_that_calls_itself_an_emergency_is_none(sqlite_database: Database) -> None:
    """Neither a new one nor one that was sent first and is edited before it leaves."""
    city, cast = scene.build_with_cast(sqlite_database)
    options = with_emergency({"confirm": True})
    ref = saved(sqlite_database, city, cast.teacher, options=options)
    assert scene.row(sqlite_database, ref).options == {"confirm": True}
    with sqlite_database.writing() as tx:
        first = emergencies.send_first(tx, cast.teacher, ref, "")
        assert isinstance(first, emergencies.SentFirst)
    row = scene.row(sqlite_database, ref)
    assert is_emergency(row.options)
    with sqlite_database.writing() as tx:
        content = scene.content(city, "地震", **TEXT, options=row.options)
        again = broadcasts.save_draft(tx, cast.teacher, city.school, content, (), first.ref)
        assert isinstance(again, broadcasts.Saved), again
        assert isinstance(broadcasts.submit(tx, cast.teacher, again.ref), broadcasts.Submitted)
    assert scene.row(sqlite_database, ref).options == {"confirm": True}


def test_only_what_follows_an_emergency_is_one(sqlite_database: Database) -> None:
    """Its correction reaches all whom it reached, and needs its approval."""
    city, cast = scene.build_with_cast(sqlite_database)
    ref = sent(sqlite_database, city, cast.teacher)
    with sqlite_database.writing() as tx:
        tx.session.execute(update(Broadcast).values(state="sent"))
    follows = Follows(Relation.CORRECTION, ref.broadcast_id)
    options = options_after(with_emergency({}), follows)
    reached = (Part("reached", ref.broadcast_id),)
    after = saved(sqlite_database, city, cast.teacher, options=options, audience=reached)
    assert is_emergency(scene.row(sqlite_database, after).options)
    ordinary = scene.draft(sqlite_database, city, cast.teacher)
    claimed = with_origin(with_emergency({}), Follows(Relation.CORRECTION, ordinary.broadcast_id))
    false = saved(sqlite_database, city, cast.teacher, options=claimed)
    assert not is_emergency(scene.row(sqlite_database, false).options)
