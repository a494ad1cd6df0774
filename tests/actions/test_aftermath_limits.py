"""What follows a broadcast stays what it was approved for: its text, its people, its time."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from actions import (
    broadcasts,
    emergencies,
    follow_ups,
    groups,
    reports,
    resending,
    withdrawals,
)
from actions.previews import preview, ref_of
from actions.reminders import Reminded
from actions.resending import Resent
from actions.withdrawals import Withdrawn
from delivery import aftermath
from domain.audience import Part
from domain.broadcasts import Purpose, Relation, State
from domain.content import is_emergency
from domain.groups import GroupKind
from storage import broadcasts as stored
from storage import closing, pages, reached
from storage.database import Database
from storage.tables import Delivery
from tests.actions import city as made
from tests.actions.city import code, newest_ref, row, told
from tests.actions.story import ASKS, Story
from tests.actions.test_races import ROUNDS, at_once, does
from tests.databases import Clock


@pytest.fixture
def story(sqlite_database: Database, clock: Clock) -> Story:
    return Story(sqlite_database, clock)


# Reminders fall with what they remind of.


def test_a_reminder_that_waits_falls_with_what_it_reminds_of(story: Story) -> None:
    ref = story.sent(**ASKS)
    pending = story.reminder(ref)
    story.clock.forward(hours=4)
    approved = story.reminder(ref)
    assert isinstance(story.approve(approved), broadcasts.Approved)
    story.withdraw(ref)
    assert (story.state(pending), story.state(approved)) == (State.CANCELLED, State.CANCELLED)
    assert code(story.approve(pending)) == "wrong_state"
    assert story.ticks() == 0
    heard = told(story.database, story.city.contacts["teacher"])
    assert any("再連絡「【再連絡】遠足の延期」も取り消しました" in words for words in heard)
    made.recorded(story.database, story.city, f"broadcast:{pending.broadcast_id}")


def test_a_reminder_that_went_out_is_emptied_with_what_it_reminds_of(story: Story) -> None:
    ref = story.sent(**ASKS)
    gone_out = story.reminder(ref)
    story.starts(gone_out)
    story.withdraw(ref)
    assert story.state(gone_out) == State.WITHDRAWN
    with story.database.reading() as tx:
        mine = Delivery.broadcast_id == gone_out.broadcast_id
        number = tx.session.scalars(select(Delivery.id).where(mine)).first()
        assert number is not None
        page = pages.message_page(tx, number)
    assert page is not None
    assert page.body == ""
    assert aftermath.tick_withdrawn(story.database) == 2


def test_a_replacement_takes_the_reminders_with_it(story: Story) -> None:
    ref = story.sent(**ASKS)
    waiting = story.reminder(ref)
    replacement = story.follow(ref, Relation.REPLACEMENT)
    story.submit(replacement)
    story.starts(replacement)
    assert (story.state(ref), story.state(waiting)) == (State.WITHDRAWN, State.CANCELLED)


def test_a_reminder_of_what_was_taken_back_neither_is_approved_nor_starts(story: Story) -> None:
    """Whatever became of it in between, as in what an earlier version left."""
    ref = story.sent(**ASKS)
    waiting = story.reminder(ref)
    story.clock.forward(hours=4)
    approved = story.reminder(ref)
    story.approve(approved)
    with story.database.writing() as tx:
        stored.broadcast(tx, ref.broadcast_id).state = State.WITHDRAWN
    assert code(story.approve(waiting)) == "nothing_to_remind_of"
    assert story.ticks() == 0
    assert story.state(approved) == State.CANCELLED
    assert code(story.remind(newest_ref(story.database, ref))) == "wrong_state"


def test_a_reminder_is_not_edited(story: Story) -> None:
    """It goes to few, so nothing else than what went to all may stand in it."""
    ref = story.sent(**ASKS)
    story.confirms(ref, 2, 3, 4, 5, 6)
    only_one = story.reminder(ref)
    assert "1家庭だけ" in story.shown(only_one)
    edited = story.edit(only_one, body="給食費が未納です。")
    assert code(edited) == "reminder_is_not_edited"
    assert story.state(only_one) == State.PENDING


def test_who_confirmed_the_reminder_has_confirmed_and_the_other_way_round(story: Story) -> None:
    ref = story.sent(**ASKS)
    first = story.reminder(ref)
    story.starts(first)
    story.settles(first)
    story.confirms(first, 1, 2, 3)
    story.confirms(ref, 4)
    with story.database.reading() as tx:
        assert reports.count_confirmed(tx, ref.broadcast_id) == 4
        assert reports.count_confirmed(tx, first.broadcast_id) == 4
    story.clock.forward(hours=4)
    # Asked for on the reminder's card, it is one more of the first message.
    second = story.remind(newest_ref(story.database, first))
    assert isinstance(second, Reminded)
    assert second.families == 2
    assert row(story.database, second.ref).origin_id == ref.broadcast_id
    assert code(story.remind(ref)) == "reminded_lately"
    story.confirms(ref, 5, 6)
    assert code(story.remind(ref)) == "all_confirmed"


# Who left, and what is too old.


def test_who_left_the_school_is_neither_reminded_nor_sent_again(story: Story) -> None:
    point = story.with_a_second_school(1)
    asked = story.sent(**ASKS)
    refused = story.sent("refused", "refused")
    reached = story.sent()
    story.leaves(point)
    story.clock.forward(hours=4)
    reminder = story.reminder(asked)
    story.starts(reminder)
    assert point not in story.recipients(reminder)
    assert len(story.recipients(reminder)) == 5
    assert story.resend(refused) == Resent(families=1, recipients=1)
    with story.database.reading() as tx:
        found = tx.session.scalars(
            select(Delivery.state).where(
                Delivery.broadcast_id == refused.broadcast_id, Delivery.contact_point_id == point
            )
        )
        assert list(found) == ["refused"]
    correction = story.follow(reached, Relation.CORRECTION)
    story.submit(correction)
    story.starts(correction)
    assert len(story.recipients(correction)) == 6, "what reached them is set right"


def test_what_is_old_or_was_set_right_is_not_sent_again(story: Story) -> None:
    old = story.sent("refused")
    story.clock.forward(days=3, minutes=1)
    assert code(story.resend(old)) == "too_old_to_resend"
    wrong = story.sent("refused")
    story.clock.forward(hours=1)
    with story.database.reading() as tx:
        ((listed, _),) = resending.with_not_reached(tx, story.teacher)
        assert listed.id == wrong.broadcast_id
    correction = story.follow(wrong, Relation.CORRECTION)
    story.submit(correction)
    assert code(story.resend(wrong)) == "resend_what_follows"
    with story.database.reading() as tx:
        assert resending.with_not_reached(tx, story.teacher) == []
    with story.database.writing() as tx:
        broadcasts.cancel(tx, story.teacher, correction)
    assert story.resend(wrong) == Resent(families=1, recipients=1)


# What corrects or replaces.


def test_who_got_it_by_a_reminder_alone_is_set_right_too(story: Story) -> None:
    ref = story.sent("refused", "refused", **ASKS)
    reminder = story.reminder(ref)
    story.starts(reminder)
    story.settles(reminder, "refused", "accepted")
    correction = story.follow(ref, Relation.CORRECTION)
    with story.database.reading() as tx:
        assert preview(tx, correction.broadcast_id).families == 5
        assert reached.count_families(tx, ref.broadcast_id) == (6, 5)


def test_a_correction_to_few_is_possible_and_says_to_how_few(story: Story) -> None:
    ref = story.sent(*["refused"] * 4)
    correction = story.follow(ref, Relation.CORRECTION)
    assert "2家庭だけに送ります" in story.shown(correction)
    story.submit(correction)
    assert "2家庭だけ" in told(story.database, story.city.contacts["principal"])[-1]


@pytest.mark.parametrize("kind", ["reached", "unreached", "unconfirmed"])
def test_few_are_named_only_by_what_follows(story: Story, kind: Any) -> None:
    ref = story.sent()
    few = (Part(kind, ref.broadcast_id),)
    with story.database.writing() as tx:
        wanted = made.content(story.city, audience=few)
        saved = broadcasts.save_draft(tx, story.teacher, story.city.school, wanted)
    assert code(saved) == "wrong_audience"
    replacement = story.follow(ref, Relation.REPLACEMENT)
    assert code(story.edit(replacement, audience=few)) == "wrong_audience"


@pytest.mark.parametrize("relation", [Relation.CORRECTION, Relation.REPLACEMENT])
def test_what_follows_an_emergency_is_one_only_while_it_is_about_that(
    story: Story, relation: Relation
) -> None:
    with story.database.writing() as tx:
        wanted = made.content(story.city, purpose=Purpose.EARTHQUAKE)
        saved = broadcasts.save_draft(tx, story.teacher, story.city.school, wanted)
        assert isinstance(saved, broadcasts.Saved)
        first = emergencies.send_first(tx, story.teacher, saved.ref, "")
        assert isinstance(first, emergencies.SentFirst)
    story.ticks()
    story.settles(first.ref)
    ref = story.follow(newest_ref(story.database, first.ref), relation)
    remark = "緊急として、すべての連絡先に、配信停止の方にも送られます"
    assert is_emergency(row(story.database, ref).options)
    assert remark in story.shown(ref)
    assert isinstance(story.edit(ref, purpose=Purpose.EVENT), broadcasts.Saved)
    ref = newest_ref(story.database, ref)
    assert not is_emergency(row(story.database, ref).options)
    assert remark not in story.shown(ref)
    story.edit(ref, purpose=Purpose.EARTHQUAKE)
    ref = newest_ref(story.database, ref)
    assert is_emergency(row(story.database, ref).options)
    story.edit(ref, audience=(Part("group", story.city.class_a),))
    assert not is_emergency(row(story.database, ref).options)


def test_where_a_group_is_gone_another_audience_is_chosen(story: Story) -> None:
    with story.database.writing() as tx:
        new = groups.NewGroup("委員", GroupKind.COMMITTEE)
        group = groups.add(tx, story.teacher, story.city.school, new)
        assert isinstance(group, int)
        groups.put_in(tx, story.teacher, group, [(story.city.class_a, k) for k in range(1, 7)])
    ref = story.sent(audience=(Part("group", group),))
    with story.database.writing() as tx:
        replacing = (stored.broadcast(tx, ref.broadcast_id), Relation.REPLACEMENT)
        assert not follow_ups.must_choose_audience(tx, *replacing)
        assert groups.dissolve(tx, story.teacher, group) is None
        assert follow_ups.must_choose_audience(tx, *replacing)
        assert not follow_ups.must_choose_audience(tx, replacing[0], Relation.CORRECTION)
        whole = (Part("school", story.city.school),)
        saved = follow_ups.begin(
            tx, story.teacher, ref, Relation.REPLACEMENT, "新しい本文", audience=whole
        )
        assert isinstance(saved, broadcasts.Saved)
        assert ref_of(stored.broadcast(tx, saved.ref.broadcast_id)) == saved.ref


# Two at once.


def test_whichever_is_pressed_first_no_reminder_outlives_what_it_reminds_of(
    database: Database, clock: Clock
) -> None:
    story = Story(database, clock)
    for _ in range(ROUNDS):
        ref = story.sent(**ASKS)
        waiting = story.reminder(ref)
        done, _ = at_once(
            database,
            does(withdrawals.withdraw, story.cast.principal, ref, ""),
            does(broadcasts.approve, story.cast.deputy, waiting),
        )
        assert isinstance(done, Withdrawn), done
        assert story.state(waiting) == State.CANCELLED


def test_a_machine_that_finishes_meanwhile_does_not_stand_in_the_way(
    database: Database, clock: Clock
) -> None:
    story = Story(database, clock)
    for _ in range(ROUNDS):
        ref = story.sent()
        with database.writing() as tx:
            stored.broadcast(tx, ref.broadcast_id).state = State.SENDING
        done, _ = at_once(
            database,
            does(withdrawals.withdraw, story.cast.principal, ref, ""),
            does(closing.finish, ref.broadcast_id),
        )
        assert isinstance(done, Withdrawn), done
        assert story.state(ref) == State.WITHDRAWN
