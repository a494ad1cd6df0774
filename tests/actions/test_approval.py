"""From submission to approval: cards, the two-person rule, stale cards, and who is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from actions import boards, broadcasts, reports, staff
from domain.audience import CITY, Part
from domain.broadcasts import State
from domain.cards import CardRef, CardVerb, read_card, read_typed
from domain.images import PreparedImage
from domain.roles import Actor, Role
from domain.wording import render
from storage import broadcasts as stored
from storage import replies
from storage import schools as stored_schools
from storage.database import Database
from storage.tables import Attachment, Broadcast, Reply
from tests.actions import city as scene
from tests.actions.city import Cast, City, code, recorded, told
from tests.databases import SECRET, START, Clock


@pytest.fixture
def built(database: Database) -> tuple[City, Cast]:
    return scene.build_with_cast(database)


@pytest.fixture
def city(built: tuple[City, Cast]) -> City:
    return built[0]


@pytest.fixture
def cast(built: tuple[City, Cast]) -> Cast:
    return built[1]


def submit(database: Database, actor: Actor, ref: CardRef) -> object:
    with database.writing() as tx:
        return broadcasts.submit(tx, actor, ref)


def approve(database: Database, actor: Actor, ref: CardRef) -> object:
    with database.writing() as tx:
        return broadcasts.approve(tx, actor, ref)


def edit(database: Database, city: City, actor: Actor, ref: CardRef, subject: str) -> CardRef:
    with database.writing() as tx:
        content = scene.content(city, subject)
        saved = broadcasts.save_draft(tx, actor, city.school, content, (), ref)
    assert isinstance(saved, broadcasts.Saved)
    return saved.ref


def state_of(database: Database, ref: CardRef) -> str:
    return scene.row(database, ref).state


def test_everyone_who_may_approve_gets_a_card(database: Database, city: City, cast: Cast) -> None:
    ref = scene.draft(database, city, cast.teacher)
    assert submit(database, cast.teacher, ref) == broadcasts.Submitted(6, 2)
    for name in ("principal", "deputy"):
        [card] = told(database, city.contacts[name])
        for part in (
            "第一小学校",
            "行事の中止",
            "遠足の延期",
            "雨のため",
            "6家庭",
            "すぐ",
            "teacher",
        ):
            assert part in card
    assert told(database, city.contacts["teacher"]) == []


def test_a_card_has_three_buttons_that_can_be_typed_too(
    database: Database, city: City, cast: Cast
) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    with database.reading() as tx:
        query = tx.session.query(Reply).filter_by(contact_point_id=city.contacts["principal"])
        card = replies.open_speech(tx, query.one())
    assert [render(button.words, "ja") for button in card.buttons] == ["承認", "差し戻し", "却下"]
    verbs = [CardVerb.APPROVE, CardVerb.RETURN, CardVerb.REJECT]
    assert [read_card(SECRET, b.token) for b in card.buttons] == [(ref, verb) for verb in verbs]
    typed = [read_typed(render(b.typed, "ja")) for b in card.buttons if b.typed]
    assert typed == [(verb, ref.broadcast_id, ref.version) for verb in verbs]
    with database.reading() as tx:
        assert broadcasts.current_ref(tx, ref.broadcast_id, ref.version) == ref
        assert broadcasts.current_ref(tx, ref.broadcast_id, ref.version + 1) is None


def test_an_approved_broadcast_is_due_after_the_time_to_undo(
    database: Database, city: City, cast: Cast
) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    due = START + timedelta(seconds=30)
    assert approve(database, cast.principal, ref) == broadcasts.Approved(due, due)
    row = scene.row(database, ref)
    assert (row.state, row.due_at, row.approved_families) == (State.APPROVED, due, 6)
    [news] = told(database, city.contacts["teacher"])
    assert "principalさんが承認" in news
    assert "principalさんが承認" in told(database, city.contacts["deputy"])[-1]
    entries = recorded(database, city, f"broadcast:{ref.broadcast_id}")
    assert [verb for _, verb, _ in entries] == ["edit", "submit", "approve"]


def test_a_later_time_to_send_is_kept(database: Database, city: City, cast: Cast) -> None:
    later = START + timedelta(hours=5)
    ref = scene.draft(database, city, cast.teacher, send_at=later)
    submit(database, cast.teacher, ref)
    undo_until = START + timedelta(seconds=30)
    assert approve(database, cast.deputy, ref) == broadcasts.Approved(later, undo_until)


def test_nobody_approves_what_they_wrote_edited_or_submitted(
    database: Database, city: City, cast: Cast
) -> None:
    ref = scene.draft(database, city, cast.principal)
    assert submit(database, cast.principal, ref) == broadcasts.Submitted(6, 1)
    assert code(approve(database, cast.principal, ref)) == "own_broadcast"
    edited = edit(database, city, cast.deputy, ref, "遠足の中止")
    # Written by one, edited by the other: now nobody is left to approve it.
    assert code(submit(database, cast.teacher, edited)) == "no_approver"
    number = f"broadcast:{ref.broadcast_id}"
    refused = [entry[2] for entry in recorded(database, city, number) if entry[2]]
    assert refused == ["own_broadcast", "no_approver"]


def test_an_editor_who_is_not_the_submitter_cannot_approve(
    database: Database, city: City, cast: Cast
) -> None:
    ref = scene.draft(database, city, cast.teacher)
    ref = edit(database, city, cast.deputy, ref, "遠足の中止")
    assert submit(database, cast.teacher, ref) == broadcasts.Submitted(6, 1)
    assert code(approve(database, cast.deputy, ref)) == "own_broadcast"
    assert isinstance(approve(database, cast.principal, ref), broadcasts.Approved)


def test_the_submitter_cannot_approve(database: Database, city: City, cast: Cast) -> None:
    ref = scene.draft(database, city, cast.teacher)
    submit(database, cast.principal, ref)
    assert code(approve(database, cast.principal, ref)) == "own_broadcast"


def test_self_approval_where_the_board_allows_it_is_recorded(
    database: Database, city: City, cast: Cast
) -> None:
    with database.writing() as tx:
        boards.change_settings(tx, city.board, self_approval=True)
    ref = scene.submitted(database, city, cast.principal)
    assert isinstance(approve(database, cast.principal, ref), broadcasts.Approved)
    with database.reading() as tx:
        entries = list(scene.entries_about(tx, f"broadcast:{ref.broadcast_id}"))
    assert entries[-1].details["own"] is True


def test_a_role_taken_away_between_card_and_tap(database: Database, city: City, cast: Cast) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        staff.end_role(tx, cast.principal.staff_id, Role.MANAGER, city.school)
    # `cast.principal` still says manager: what counts is what the database says now.
    assert code(approve(database, cast.principal, ref)) == "not_allowed"
    assert state_of(database, ref) == State.PENDING


def test_an_edit_while_pending_kills_its_cards(database: Database, city: City, cast: Cast) -> None:
    old = scene.submitted(database, city, cast.teacher)
    new = edit(database, city, cast.teacher, old, "遠足の中止")
    assert state_of(database, old) == State.DRAFT
    assert code(approve(database, cast.principal, old)) == "stale_card"
    assert code(approve(database, cast.principal, new)) == "wrong_state"
    submit(database, cast.teacher, new)
    assert code(approve(database, cast.principal, old)) == "stale_card"
    assert isinstance(approve(database, cast.principal, new), broadcasts.Approved)


def test_an_edit_of_an_approved_broadcast_needs_a_new_approval(
    database: Database, city: City, cast: Cast
) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    approve(database, cast.principal, ref)
    edit(database, city, cast.teacher, ref, "遠足の中止")
    row = scene.row(database, ref)
    assert (row.state, row.due_at, row.decided_by) == (State.DRAFT, None, None)


@pytest.mark.parametrize("approved", [False, True])
def test_an_edit_that_takes_a_broadcast_back_is_told_to_all_others(
    database: Database, city: City, cast: Cast, approved: bool
) -> None:
    with database.writing() as tx:
        colleague = scene.add_staff(tx, city, "colleague", Role.OPERATOR, city.school)
    ref = scene.submitted(database, city, cast.teacher)
    if approved:
        approve(database, cast.principal, ref)
    new = edit(database, city, colleague, ref, "遠足の中止")
    for name in ("teacher", "principal", "deputy"):
        news = told(database, city.contacts[name])[-1]
        assert "「遠足の延期」はcolleagueさんが直すために取り下げました" in news
    before = len(told(database, city.contacts["teacher"]))
    edit(database, city, colleague, new, "遠足の再延期")
    assert len(told(database, city.contacts["teacher"])) == before
    assert told(database, city.contacts["colleague"]) == []


def test_a_stale_editor_overwrites_nothing(database: Database, city: City, cast: Cast) -> None:
    old = scene.submitted(database, city, cast.teacher)
    new = edit(database, city, cast.teacher, old, "遠足の中止")
    submit(database, cast.teacher, new)
    approve(database, cast.principal, new)
    with database.writing() as tx:
        content = scene.content(city, "古い件名")
        late = broadcasts.save_draft(tx, cast.deputy, city.school, content, (), old)
    assert code(late) == "stale_card"
    row = scene.row(database, new)
    assert (row.state, row.version, row.subject) == (State.APPROVED, new.version, "遠足の中止")


def test_who_has_left_hears_no_more_of_what_they_wrote(
    database: Database, city: City, cast: Cast
) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        staff.end_role(tx, cast.teacher.staff_id, Role.OPERATOR, city.school)
        broadcasts.send_back(tx, cast.principal, ref, "田中さんのことは書かないでください。")
        reports.tell(tx, ref.broadcast_id)
    assert told(database, city.contacts["teacher"]) == []
    assert "差し戻し" in told(database, city.contacts["deputy"])[-1]
    assert "送信が終わりました" in told(database, city.contacts["principal"])[-1]


def test_a_card_of_another_content_is_stale(database: Database, city: City, cast: Cast) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    forged = CardRef(ref.broadcast_id, ref.version, ref.mark ^ 1)
    assert code(approve(database, cast.principal, forged)) == "stale_card"


@pytest.mark.parametrize("change", [{"body": "別の本文"}, {"audience": []}, {"options": {"a": 1}}])
def test_content_that_changed_underneath_is_not_approved(
    database: Database, city: City, cast: Cast, change: dict[str, object]
) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        tx.session.execute(update(Broadcast).values(**change))
    assert code(approve(database, cast.principal, ref)) == "content_changed"
    assert state_of(database, ref) == State.PENDING


def test_an_image_that_changed_underneath_is_not_approved(
    database: Database, city: City, cast: Cast
) -> None:
    image = PreparedImage(b"data", "image/png", 4, 3, b"preview", "5" * 64)
    with database.writing() as tx:
        number = broadcasts.attach(tx, city.board, image)
        content = scene.content(city)
        saved = broadcasts.save_draft(tx, cast.teacher, city.school, content, (number,))
        assert isinstance(saved, broadcasts.Saved)
        broadcasts.submit(tx, cast.teacher, saved.ref)
    with database.writing() as tx:
        tx.session.execute(update(Attachment).values(data=b"other"))
    assert code(approve(database, cast.principal, saved.ref)) == "content_changed"


def test_an_audience_may_not_be_a_few(database: Database, city: City, cast: Cast) -> None:
    with database.writing() as tx:
        content = scene.content(city, audience=(Part("group", city.club),))
        saved = broadcasts.save_draft(tx, cast.teacher, city.school, content, ())
    assert isinstance(saved, broadcasts.Saved)
    assert code(submit(database, cast.teacher, saved.ref)) == "audience_too_small"


def test_times_that_are_past(database: Database, city: City, cast: Cast, clock: Clock) -> None:
    ref = scene.draft(database, city, cast.teacher, send_at=START + timedelta(minutes=5))
    clock.forward(minutes=6)
    assert code(submit(database, cast.teacher, ref)) == "time_is_past"
    with database.writing() as tx:
        content = scene.content(city, valid_until=clock.now + timedelta(minutes=5))
        saved = broadcasts.save_draft(tx, cast.teacher, city.school, content, ())
    assert isinstance(saved, broadcasts.Saved)
    submit(database, cast.teacher, saved.ref)
    clock.forward(minutes=5)
    assert code(approve(database, cast.principal, saved.ref)) == "too_late"
    with database.writing() as tx:
        assert broadcasts.expire(tx, saved.ref.broadcast_id)
        assert not broadcasts.expire(tx, saved.ref.broadcast_id)
    assert state_of(database, saved.ref) == State.EXPIRED
    assert "有効期限" in told(database, city.contacts["teacher"])[-1]


def test_an_approval_long_after_the_time_to_send(
    database: Database, city: City, cast: Cast, clock: Clock
) -> None:
    refs = [
        scene.draft(database, city, cast.teacher, send_at=START + timedelta(hours=1))
        for _ in range(2)
    ]
    for ref in refs:
        submit(database, cast.teacher, ref)
    clock.forward(hours=1, minutes=10)
    due = clock.now + timedelta(seconds=30)
    assert approve(database, cast.principal, refs[0]) == broadcasts.Approved(due, due)
    clock.forward(seconds=1)
    assert code(approve(database, cast.principal, refs[1])) == "time_is_past"
    assert state_of(database, refs[1]) == State.PENDING


def test_returned_edited_and_submitted_again(database: Database, city: City, cast: Cast) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        done = broadcasts.send_back(tx, cast.principal, ref, " 集合場所も書いてください。 ")
    assert done == broadcasts.Decided(State.RETURNED)
    assert "集合場所も" in told(database, city.contacts["teacher"])[-1]
    assert code(approve(database, cast.deputy, ref)) == "already_returned"
    new = edit(database, city, cast.teacher, ref, "遠足の延期(集合場所)")
    submit(database, cast.teacher, new)
    assert isinstance(approve(database, cast.deputy, new), broadcasts.Approved)


def test_rejected_is_for_good(database: Database, city: City, cast: Cast) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        done = broadcasts.reject(tx, cast.deputy, ref, "不要です")
        assert done == broadcasts.Decided(State.REJECTED)
        assert code(broadcasts.approve(tx, cast.principal, ref)) == "already_rejected"
        content = scene.content(city)
        again = broadcasts.save_draft(tx, cast.teacher, city.school, content, (), ref)
        assert code(again) == "already_rejected"


def test_its_author_may_call_an_approved_broadcast_off(
    database: Database, city: City, cast: Cast
) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    approve(database, cast.principal, ref)
    with database.writing() as tx:
        assert broadcasts.cancel(tx, cast.teacher, ref) == broadcasts.Decided(State.CANCELLED)
    row = scene.row(database, ref)
    assert (row.state, row.due_at) == (State.CANCELLED, None)
    assert "teacherさんが取り消し" in told(database, city.contacts["principal"])[-1]


def test_city_wide_the_centre_writes_and_the_board_approves(
    database: Database, city: City, cast: Cast
) -> None:
    with database.writing() as tx:
        centre = scene.add_staff(tx, city, "centre", Role.CENTRE, None)
        colleague = scene.add_staff(tx, city, "colleague", Role.CENTRE, None)
        board = scene.add_staff(tx, city, "board", Role.BOARD, None)
        content = scene.content(city, audience=(CITY,))
        saved = broadcasts.save_draft(tx, centre, None, content, ())
    assert isinstance(saved, broadcasts.Saved)
    assert submit(database, centre, saved.ref) == broadcasts.Submitted(6, 1)
    for stranger in (colleague, cast.principal):
        assert code(approve(database, stranger, saved.ref)) == "not_allowed"
    assert isinstance(approve(database, board, saved.ref), broadcasts.Approved)
    assert "市内の全校" in told(database, city.contacts["board"])[0]


def test_a_broadcast_that_is_not_there(database: Database, city: City, cast: Cast) -> None:
    nowhere = CardRef(4711, 1, 0)
    assert code(approve(database, cast.principal, nowhere)) == "unknown_broadcast"
    assert code(submit(database, cast.teacher, nowhere)) == "unknown_broadcast"


def test_counting_an_audience_reaches_down_to_the_leaves(
    database: Database, city: City, cast: Cast
) -> None:
    with database.reading() as tx:
        grade = next(g for g in stored_schools.groups_of(tx, city.school) if g.kind == "grade")

        def count(*parts: Part) -> int:
            return broadcasts.count(tx, city.board, parts)

        assert count(Part("group", grade.id)) == count(Part("school", city.school)) == 6
        assert count(CITY) == count(CITY, Part("group", city.class_a)) == 6
        assert count(Part("group", city.class_b)) == count() == 0
        assert count(Part("school", city.other_school)) == 0
        assert broadcasts.count(tx, city.board + 1, (CITY,)) == 0
        assert stored.pending_of(tx, city.board, city.school) == []
