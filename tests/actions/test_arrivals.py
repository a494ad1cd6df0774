"""Whether mail arrives: what a link proves, and what the school sees of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from actions import arrivals, guides, mail_forms, registration, statuses
from domain.content import MAIL_FORMS
from domain.guides import GUIDES, guide_of
from domain.lanes import RULES
from domain.speech import render
from storage import arrivals as stored
from storage import people
from storage.database import Database, Transaction
from storage.tables import Broadcast, ContactPoint, Delivery
from tests.actions import city as scene
from tests.actions.city import City, code
from tests.databases import Clock


@pytest.fixture
def city(database: Database) -> City:
    return scene.build(database, families=0)


def mailbox(tx: Transaction, city: City, address: str = "mother@docomo.ne.jp") -> ContactPoint:
    return people.contact_point(tx, city.board, "email", "email", address)


def test_only_the_newest_mail_counts(database: Database, city: City, clock: Clock) -> None:
    first = int(clock().timestamp())
    with database.writing() as tx:
        point = mailbox(tx, city)
        arrivals.send_test(tx, point)
        assert arrivals.open_link(tx, point.id, first)
    clock.forward(days=40)
    with database.writing() as tx:
        point = mailbox(tx, city)
        arrivals.send_test(tx, point)
        second = int(clock().timestamp())
        assert arrivals.open_link(tx, point.id, second)
        # An old mail opened later takes nothing back.
        assert arrivals.open_link(tx, point.id, first)
    with database.reading() as tx:
        point = mailbox(tx, city)
        assert point.arrived_at == point.tested_at


def test_a_link_is_of_a_mailbox_that_is_there(database: Database, city: City) -> None:
    with database.writing() as tx:
        chat = scene.contact(tx, city, "mother")
        gone = mailbox(tx, city)
        gone.state = "erased"
        assert not arrivals.open_link(tx, chat, 1)
        assert not arrivals.open_link(tx, gone.id, 1)
        assert not arrivals.open_link(tx, 999, 1)
        assert people.contact(tx, chat).arrived_at is None


@pytest.mark.parametrize(
    ("arrived", "tested", "unproved"),
    [
        (None, None, 1),
        (None, 1, 1),
        (50, None, 0),
        (50, 50, 0),
        # A test mail that lies there since yesterday may still be opened.
        (50, 1, 0),
        (50, 4, 1),
        (4, 50, 0),
    ],
)
def test_what_the_school_counts_as_unproved(
    database: Database,
    clock: Clock,
    arrived: int | None,
    tested: int | None,
    unproved: int,
) -> None:
    """Days since the newest mail that arrived, and since the newest test."""
    city, cast = scene.build_with_cast(database)
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        point = mailbox(tx, city)
        point.arrived_at = clock() - timedelta(days=arrived) if arrived else None
        point.tested_at = clock() - timedelta(days=tested) if tested else None
        keys = {"board_id": city.board, "broadcast_id": ref.broadcast_id}
        for contact_id in (point.id, scene.contact(tx, city, "guardian1")):
            tx.session.add(Delivery(**keys, contact_point_id=contact_id, state="accepted"))
    with database.reading() as tx:
        assert stored.count_unproved(tx, ref.broadcast_id) == unproved


def test_a_mailbox_of_somebody_else_is_left_alone(database: Database, city: City) -> None:
    with database.writing() as tx:
        mother = scene.contact(tx, city, "mother")
        registration.register(tx, mother, city.school, city.class_a, 5)
        other = mailbox(tx, city, "other@example.jp")
        for refused in (
            mail_forms.set_form(tx, mother, other.id, "plain"),
            mail_forms.send_again(tx, mother, other.id),
            mail_forms.prove_number(tx, mother, other.id, "123456"),
        ):
            assert code(refused) == "no_such_way"
        assert (other.mail_form, other.tested_at) == ("", None)
        with pytest.raises(ValueError, match="no form of mail"):
            mail_forms.set_form(tx, mother, other.id, "html")


def test_every_lane_has_a_guide_and_every_guide_a_lane() -> None:
    # docomo.ne.jp, au.com …: the first domain of each lane leads to the guide for it.
    found = {guide_of(rule.domains[0]).name for rule in RULES.values() if rule.domains}
    assert found == set(GUIDES) - {"other"}
    assert guides.guide_path("EZWEB.ne.jp") == "/guide/au"
    assert guides.guide_path("mail.example.jp") == "/guide/other"
    assert arrivals.has_link(ContactPoint(mail_form="jis"))
    assert [form for form in MAIL_FORMS if not arrivals.has_link(ContactPoint(mail_form=form))] == [
        "plain",
        "jis-plain",
    ]


def test_the_schools_status_says_how_many_and_what_to_do(database: Database) -> None:
    city, cast = scene.build_with_cast(database)
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        tx.session.execute(update(Broadcast).values(state="sent"))
        keys = {"board_id": city.board, "broadcast_id": ref.broadcast_id}
        tx.session.add(Delivery(**keys, contact_point_id=mailbox(tx, city).id, state="accepted"))
    with database.writing() as tx:
        said = render(statuses.status(tx, cast.teacher, ref.broadcast_id), "ja", "https://a.jp")
        arrivals.note_opened(tx, mailbox(tx, city).id, tx.now)
        after = render(statuses.status(tx, cast.teacher, ref.broadcast_id), "ja", "https://a.jp")
    assert "届くか未確認のメール：1件" in said.text
    assert "https://a.jp/guide/" in said.text
    assert "未確認" not in after.text
    assert "/guide/" not in after.text
