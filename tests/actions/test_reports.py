"""The report: counted from the ledger, told to the authors and to who approved."""

from __future__ import annotations

from sqlalchemy import update

from actions import broadcasts, reports
from storage import people
from storage.database import Database, Transaction
from storage.tables import AudienceMember, Broadcast, Delivery, GuardianContact
from tests.actions import city as scene
from tests.actions.city import City, told

STATES = ("accepted", "accepted", "refused", "unknown", "placed", "expired")


def deliver(tx: Transaction, city: City, broadcast_id: int) -> None:
    """Freeze by hand: guardian n gets state n; the last of them has no contact point."""
    links = tx.session.query(GuardianContact).order_by(GuardianContact.guardian_id).all()
    for link, state in zip(links, STATES, strict=True):
        guardian = people.guardians_of(tx, link.contact_point_id)[0]
        keys = {"board_id": city.board, "broadcast_id": broadcast_id}
        contact = None if state == "expired" else link.contact_point_id
        member = {"guardian_id": guardian.id, "family_id": guardian.family_id}
        tx.session.add(AudienceMember(**keys, **member, contact_point_id=contact))
        doubtful = 2 if state == "unknown" else 0
        at = {"contact_point_id": link.contact_point_id, "state": state}
        tx.session.add(Delivery(**keys, **at, doubtful=doubtful))


def test_a_report_counts_channels_and_families(database: Database) -> None:
    city, cast = scene.build_with_cast(database)
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        broadcasts.approve(tx, cast.principal, ref)
        deliver(tx, city, ref.broadcast_id)
        tx.session.execute(update(Broadcast).values(state="sent"))
    with database.writing() as tx:
        made = reports.report(tx, ref.broadcast_id).as_dict()
        reports.tell(tx, ref.broadcast_id)
    assert made == {
        "id": ref.broadcast_id,
        "school": "k01",
        "state": "sent",
        "purpose": "event",
        "due_at": "2026-11-24T01:00:30+00:00",
        "recipients": 6,
        "channels": {
            "webchat": {
                "recipients": 6,
                "accepted": 2,
                "refused": 2,
                "unknown": 1,
                "waiting": 1,
            }
        },
        "families": {"total": 6, "not_reached": 3, "waiting": 1, "full": 0},
        "doubtful": 2,
    }
    for name in ("teacher", "principal"):
        report = told(database, city.contacts[name])[-1]
        for part in ("6家庭のうち2家庭", "ウェブチャット：宛先6件", "家庭：3", "家庭：1", "：2件"):
            assert part in report
    assert "6家庭のうち" not in told(database, city.contacts["deputy"])[-1]


def test_who_has_not_looked_yet_is_waiting_and_not_lost(database: Database) -> None:
    """Straight after sending, web chat has displayed nothing; one more click changes that."""
    city, cast = scene.build_with_cast(database)
    ref = scene.submitted(database, city, cast.teacher)
    with database.writing() as tx:
        deliver(tx, city, ref.broadcast_id)
        tx.session.execute(update(AudienceMember).values(contact_point_id=None))
        for member, delivery in zip(members(tx), deliveries(tx), strict=True):
            member.contact_point_id, delivery.state = delivery.contact_point_id, "placed"
        tx.flush()
        made = reports.report(tx, ref.broadcast_id)
        assert (made.families.reached, made.families.not_reached, made.families.waiting) == (
            0,
            0,
            6,
        )
        assert "まだ表示していない家庭：6" in words_of(made)
        assert "受け付けられなかった" not in words_of(made)
        deliveries(tx)[0].state, deliveries(tx)[1].state = "accepted", "expired"
        tx.flush()
        families = reports.report(tx, ref.broadcast_id).families
    assert (families.reached, families.not_reached, families.waiting) == (1, 1, 4)


def members(tx: Transaction) -> list[AudienceMember]:
    return tx.session.query(AudienceMember).order_by(AudienceMember.guardian_id).all()


def deliveries(tx: Transaction) -> list[Delivery]:
    return tx.session.query(Delivery).order_by(Delivery.id).all()


def words_of(made: reports.Report) -> str:
    return scene.in_japanese(reports.report_words(made, "遠足の延期"))


def test_a_report_before_anything_was_sent(database: Database) -> None:
    city, cast = scene.build_with_cast(database)
    ref = scene.draft(database, city, cast.teacher)
    with database.reading() as tx:
        made = reports.report(tx, ref.broadcast_id)
    assert (made.recipients, made.channels, made.families.total) == (0, {}, 0)
