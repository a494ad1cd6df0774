"""本文を見る: whoever a broadcast was sent to gets the way to their page, and nobody else."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from domain import paths
from domain.cards import CardRef, CardVerb, card_token
from domain.deliveries import State
from domain.refusals import refuse
from domain.speech import SpeechButton
from domain.wording import render
from storage import replies
from storage.tables import AuditEntry, Broadcast, Delivery, Reply
from tests.databases import SECRET
from tests.dialogues.kit import Person, Town


def sent(town: Town, *recipients: Person, state: str = "accepted") -> tuple[str, list[int]]:
    """A broadcast that was sent to these: the button's token, and their deliveries."""
    with town.database.writing() as tx:
        row = Broadcast(
            board_id=town.board_id,
            school_id=town.school_id,
            state="sent",
            purpose="event",
            subject="運動会の延期",
            body="日曜日に延期します。",
            audience=[],
            content_hash="a" * 64,
            created_at=tx.now,
            updated_at=tx.now,
        )
        tx.session.add(row)
        tx.flush()
        made = [_delivery(town, row.id, person.contact_id, state) for person in recipients]
        tx.session.add_all(made)
        tx.flush()
        ref = CardRef(row.id, row.version, 0xAAAAAAAAAAAA)
        return card_token(SECRET, ref, CardVerb.OPEN), [delivery.id for delivery in made]


def _delivery(town: Town, broadcast_id: int, contact_id: int, state: str) -> Delivery:
    return Delivery(
        board_id=town.board_id, broadcast_id=broadcast_id, contact_point_id=contact_id, state=state
    )


def offered(town: Town, person: Person) -> list[SpeechButton]:
    """The buttons of everything that a person was answered."""
    with town.database.reading() as tx:
        query = select(Reply).where(Reply.contact_point_id == person.contact_id)
        rows = tx.session.scalars(query.order_by(Reply.id))
        return [button for row in rows for button in replies.open_speech(tx, row).buttons]


UNKNOWN = render(refuse("unknown_broadcast").words, "ja")


@pytest.mark.parametrize("state", [state.value for state in State])
def test_a_recipient_gets_the_link_to_their_own_page(
    town: Town, guardian: Person, state: str
) -> None:
    _ = guardian.contact_id
    token, (mine,) = sent(town, guardian, state=state)
    assert "運動会の延期" in guardian.presses(token)
    (button,) = offered(town, guardian)
    assert (button.path, button.token) == (paths.message(SECRET, mine), "")


def test_a_stranger_learns_nothing(town: Town, guardian: Person) -> None:
    _ = guardian.contact_id
    token, _ = sent(town, guardian)
    stranger = town.person("stranger")
    assert stranger.presses(token) == UNKNOWN
    none = card_token(SECRET, CardRef(999, 1, 1), CardVerb.OPEN)
    assert stranger.presses(none) == UNKNOWN
    assert offered(town, stranger) == []


def test_staff_get_no_more_than_anybody(town: Town, guardian: Person, principal: Person) -> None:
    _ = guardian.contact_id
    token, _ = sent(town, guardian)
    assert principal.presses(token) == UNKNOWN
    both, _ = sent(town, guardian, principal)
    assert "運動会の延期" in principal.presses(both)


def test_nobody_is_recorded_as_a_reader(town: Town, guardian: Person) -> None:
    _ = guardian.contact_id
    token, _ = sent(town, guardian)
    guardian.presses(token)
    with town.database.reading() as tx:
        who = select(AuditEntry).where(AuditEntry.actor == f"contact:{guardian.contact_id}")
        assert tx.session.scalars(who).all() == []


def test_an_open_dialogue_goes_on(town: Town, guardian: Person) -> None:
    guardian.says("登録")
    question = guardian.newest[-1].text.splitlines()[-1]
    token, _ = sent(town, guardian)
    assert question in guardian.presses(token)
    assert guardian.dialogue() == "register"
