"""届いていない連絡先: what a school sees of refused addresses, and writing to one again."""

from __future__ import annotations

from datetime import timedelta

from actions import troubles
from delivery.suspensions import tick_suspended
from domain.addresses import MailAddress
from domain.roles import Role
from storage import bulk, lane_states, people, schools, suppressions
from storage.audit import entries_of
from storage.database import Transaction
from storage.lane_states import Key
from storage.tables import ContactPoint, Suppression
from tests.dialogues.kit import Bot, Person, Town

REASONS = (("docomo.ne.jp", "unknown_user"), ("au.com", "filtered"), ("gmail.com", "mailbox_full"))


def marked(town: Town) -> dict[str, int]:
    """Three families of class 3-1 whose mail is refused; their contact points by domain."""
    with town.database.writing() as tx:
        classes = schools.classes_of(tx, town.school_id)
        ways = [MailAddress(f"taro@{d}", f"taro@{d}", "taro", d) for d, _ in REASONS]
        bulk.add_families(
            tx,
            town.board_id,
            [bulk.NewFamily(classes[0].id, n, ((way,),)) for n, way in enumerate(ways, 7)],
        )
        return {domain: _mark(tx, domain, reason) for domain, reason in REASONS}


def _mark(tx: Transaction, domain: str, reason: str) -> int:
    point = people.find_contact_point(tx, "email", "email", f"taro@{domain}")
    assert point is not None
    is_unknown = reason == "unknown_user"
    point.state = "suspended" if is_unknown else "active"
    tx.session.add(
        Suppression(
            contact_point_id=point.id,
            board_id=point.board_id,
            reason=reason,
            days=2,
            first_at=tx.now - timedelta(days=1),
            last_at=tx.now,
            suspended_at=tx.now if is_unknown else None,
        )
    )
    return point.id


def test_a_teacher_sees_why_and_what_to_do_and_has_one_written_to_again(
    town: Town, teacher: Person
) -> None:
    teacher.says("届いていない連絡先")
    Bot(teacher).answers("メールが断られている連絡先はありません")
    points = marked(town)
    teacher.says("届いていない連絡先")
    said = Bot(teacher)
    said.answers("3件", "3年1組 7番（ドコモ）：宛先不明", "送信を止めています", "3年1組 8番（au）")
    said.answers("受信箱がいっぱい", "迷惑メール設定", "auの設定の案内", "/guide/")
    said.does_not_say("taro")
    teacher.says("3年1組 7番（ドコモ）")
    said.answers("また送りますか")
    teacher.says("はい")
    said.answers("次の配信からまた送ります")
    with town.database.reading() as tx:
        assert tx.session.get_one(ContactPoint, points["docomo.ne.jp"]).state == "active"
        assert len(suppressions.at_school(tx, town.school_id)) == 2
        entries = [e for e in entries_of(tx, f"school:{town.school_id}") if "lift" in e.verb]
    assert [entry.subject for entry in entries] == [f"contact:{points['docomo.ne.jp']}"]
    teacher.says("届いていない連絡先")
    said.does_not_say("どれにしますか")
    assert teacher.dialogue() is None


def test_what_was_lifted_meanwhile_is_said_so(town: Town, teacher: Person) -> None:
    points = marked(town)
    teacher.says("届いていない連絡先")
    teacher.says("1")
    with town.database.writing() as tx:
        suppressions.lift(tx, [points["docomo.ne.jp"]])
    teacher.says("はい")
    Bot(teacher).answers("もう止まっていません")
    teacher.says("届いていない連絡先")
    Bot(teacher).answers("2件")


def test_the_school_is_told_once_by_a_digest(town: Town, teacher: Person, guardian: Person) -> None:
    marked(town)
    assert tick_suspended(town.database) == 0
    town.clock.forward(hours=1)
    assert tick_suspended(town.database) == 1
    heard = teacher.listens()
    assert "送信を止めた連絡先が1件" in heard
    assert "「届いていない連絡先」" in heard
    assert guardian.listens() == ""
    town.clock.forward(days=2)
    assert tick_suspended(town.database) == 0


def test_the_centre_resumes_a_destination_in_chat(town: Town, teacher: Person) -> None:
    centre = town.staff("centre", Role.CENTRE)
    with town.database.writing() as tx:
        values = {"rate": None, "connections": 1, "measured": None, "baseline": 0.0, "share": 0.5}
        lane_states.stop(tx, Key("email", "email", "docomo", ""), values)
        troubles.watch(tx, town.board_id, lane_states.signs(tx))
    assert "50%" in centre.listens()
    typed = next(text for text in centre.buttons if "配信を再開" in text)
    assert "ドコモへの配信を再開します" in centre.taps(typed)
    assert "いま止まっていません" in centre.says("配信を再開 1")
    assert "配信を再開します" not in teacher.says("配信を再開 1")
