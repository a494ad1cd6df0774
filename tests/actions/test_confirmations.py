"""確認しました: who may say so, once, for whom it counts, and what became of the message."""

from __future__ import annotations

from actions import confirmations, reports
from actions.confirmations import Confirmed
from domain.broadcasts import Relation
from domain.follow_ups import Follows, with_origin
from storage import broadcasts as stored
from storage import people
from storage.database import Database
from storage.tables import Broadcast, Confirmation, Guardian
from tests.actions import city as scene
from tests.actions.city import code
from tests.actions.school_day import SchoolDay, school_day


def confirm(day: SchoolDay, name: str) -> object:
    with day.database.writing() as tx:
        return confirmations.confirm(tx, day.id, day.points[name])


def counted(day: SchoolDay) -> int:
    with day.database.reading() as tx:
        return reports.count_confirmed(tx, day.id)


def test_whoever_it_was_sent_to_confirms_once(database: Database) -> None:
    day = school_day(database)
    with day.database.reading() as tx:
        assert confirmations.state_of(tx, day.id, day.points["guardian1"]) == "wanted"
    assert confirm(day, "guardian1") == Confirmed("遠足の延期", again=False)
    assert confirm(day, "guardian1") == Confirmed("遠足の延期", again=True)
    # What no provider took has reached them all the same.
    assert confirm(day, "guardian3") == Confirmed("遠足の延期", again=False)
    assert counted(day) == 2
    with database.writing() as tx:
        day.points["stranger"] = scene.contact(tx, day.city, "stranger")
        assert confirmations.state_of(tx, day.id, day.points["guardian1"]) == "confirmed"
        assert reports.report(tx, day.id).families.reached == 4
    assert code(confirm(day, "stranger")) == "unknown_broadcast"
    entries = scene.recorded(database, day.city, f"broadcast:{day.id}")
    assert [verb for _, verb, _ in entries].count("confirm") == 2


def test_a_shared_mailbox_confirms_for_both_and_a_family_counts_once(database: Database) -> None:
    day = school_day(database)
    with database.writing() as tx:
        both = [tx.session.get_one(Guardian, day.guardians[f"guardian{n}"]) for n in (5, 6)]
        people.link_contact(tx, both[1], day.points["guardian5"])
    confirm(day, "guardian5")
    assert counted(day) == 2
    with database.writing() as tx:
        assert tx.session.query(Confirmation).count() == 2
        both = [tx.session.get_one(Guardian, day.guardians[f"guardian{n}"]) for n in (1, 2)]
        member = stored.broadcast(tx, day.id)
        assert member.state == "sent"
    assert code(confirm_of_another(day)) == "no_confirmation_wanted"


def confirm_of_another(day: SchoolDay) -> object:
    """The same one, had it not asked."""
    with day.database.writing() as tx:
        tx.session.get_one(Broadcast, day.id).options = {}
        tx.flush()
        return confirmations.confirm(tx, day.id, day.points["guardian1"])


def test_after_it_was_taken_back_the_new_one_is_named(database: Database) -> None:
    day = school_day(database)
    with database.writing() as tx:
        tx.session.get_one(Broadcast, day.id).state = "withdrawn"
        assert confirmations.state_of(tx, day.id, day.points["guardian1"]) == ""
    assert code(confirm(day, "guardian1")) == "confirm_withdrawn"
    with database.writing() as tx:
        options = with_origin({}, Follows(Relation.REPLACEMENT, day.id))
        content = scene.content(day.city, subject="遠足は日曜日", options=options)
        newer = stored.add(tx, day.city.board, day.city.school, day.cast.teacher.staff_id, content)
        newer.state = "sending"
    refused = confirm(day, "guardian1")
    assert code(refused) == "confirm_replaced"
    assert "遠足は日曜日" in scene.in_japanese([refused.words])  # type: ignore[attr-defined]
    assert counted(day) == 0
