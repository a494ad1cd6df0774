"""One broadcast from a chat to families on every channel at once, by the real worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from actions import boards, registration
from domain.addresses import ChatAddress, normalise_mail
from domain.roles import Role
from storage import bulk, people
from storage import schools as stored_schools
from storage.tables import Broadcast, Delivery
from tests.channels.contract import stories
from tests.channels.contract.kit import photo
from tests.channels.contract.rig import PUBLIC_URL, Fails, Talks
from tests.channels.contract.rigs.telegram import TelegramRig
from tests.channels.contract.stage import Actor, Stage
from tests.delivery.test_worker import until, working
from tests.dialogues.kit import FIRST_NUMBER

BY_MAIL = "taro@example.jp"
# What stands at the top of a notice, and in no preview and on no card.
HEAD = f"【第一小学校】\n{stories.SUBJECT}"


@pytest.fixture
def guardians(stage: Stage, line: Talks, telegram: Talks, webchat: Talks) -> dict[str, Actor]:
    """One who registered on each channel; who has a mail address is of one of the families."""
    found = {rig.name: Actor(stage, rig, rig.person(1)) for rig in (line, telegram, webchat)}
    for guardian in found.values():
        stories.registers_shortly(stage, guardian)
    stage.town.families()
    with stage.database.writing() as tx:
        point = people.contact_point(tx, stage.board_id, "email", "email", BY_MAIL)
        (first, *_) = stored_schools.classes_of(tx, stage.town.school_id)
        registration.register(tx, point.id, stage.town.school_id, first.id, FIRST_NUMBER)
    return found


def goes_out(stage: Stage, folder: Path, line: Talks, telegram: Talks) -> Actor:
    """Composed on LINE, approved on Telegram, sent; returns the teacher."""
    teacher = stage.staff(line, 2, Role.OPERATOR, "山田花子")
    principal = stage.staff(telegram, 3, Role.MANAGER, "佐藤一郎")
    teacher.says("作成", "行事の中止・変更", "学校全体", stories.SUBJECT, stories.BODY)
    teacher.sends_picture(photo())
    teacher.says("完了", "いますぐ")
    teacher.taps("承認を依頼")
    stories.the_principal_approves(teacher, principal)
    stage.passes(minutes=1)
    with working(stage.database, folder, *stage.channels.values()):
        until(lambda: _state(stage) == "sent")
    stage.goes_on()
    return teacher


def _state(stage: Stage) -> str:
    with stage.database.reading() as tx:
        return tx.session.get_one(Broadcast, 1).state


def outcomes(stage: Stage) -> dict[str, set[str]]:
    """The states of all deliveries by channel."""
    found: dict[str, set[str]] = {}
    with stage.database.reading() as tx:
        for delivery in tx.session.scalars(select(Delivery)):
            channel = people.contact(tx, delivery.contact_point_id).channel
            found.setdefault(channel, set()).add(delivery.state)
    return found


def test_families_on_every_channel_get_it_once(
    stage: Stage,
    guardians: dict[str, Actor],
    email: Fails,
    line: Fails,
    telegram: Fails,
    tmp_path: Path,
) -> None:
    teacher = goes_out(stage, tmp_path, stage.talks("line"), stage.talks("telegram"))
    for rig in (line, telegram):
        assert rig.reached(HEAD) == {guardians[rig.name].address: 1}
    assert email.reached(stories.SUBJECT) == {BY_MAIL: 1}
    for guardian in guardians.values():
        guardian.looks()
        guardian.hears(stories.SUBJECT, stories.BODY)
        assert guardian.pictures == 1
    # LINE's servers looked at the picture on the card and at the notice's, and at their previews.
    images = stage.providers.line.wait(lambda stats: stats["images"]["ok"] >= 2)["images"]
    assert images["failures"] == []
    accepted = {"email", "line", "telegram"}
    assert {name for name, states in outcomes(stage).items() if states == {"accepted"}} == accepted
    teacher.looks()
    teacher.hears(stories.SUBJECT, "9家庭のうち3家庭分", "LINE：宛先1件（受付1")


def test_the_headline_in_a_chat_and_the_text_on_the_readers_own_page(
    stage: Stage, guardians: dict[str, Actor], email: Fails, tmp_path: Path
) -> None:
    with stage.database.writing() as tx:
        boards.change_settings(tx, stage.board_id, privacy="headline")
    goes_out(stage, tmp_path, stage.talks("line"), stage.talks("telegram"))
    pages = set()
    for name in ("line", "telegram"):
        guardian = guardians[name]
        guardian.looks()
        guardian.hears(stories.SUBJECT)
        guardian.does_not_hear("バスが来ません", "雨具")
        assert guardian.pictures == 0
        guardian.taps("本文を見る")
        guardian.hears(stories.SUBJECT, f"{PUBLIC_URL}/m/")
        (url,) = {tap.url for shown in guardian.newest for tap in shown.taps}
        page = stage.browses(url)
        assert page.status == 200
        assert "バスが来ません" in page.body.decode()
        pages.add(url)
    assert len(pages) == 2
    guardians["webchat"].looks()
    guardians["webchat"].hears(stories.BODY)
    assert email.reached("バスが来ません") == {BY_MAIL: 1}


def test_the_button_in_somebody_elses_hands_tells_nothing(
    stage: Stage, guardians: dict[str, Actor], tmp_path: Path
) -> None:
    with stage.database.writing() as tx:
        boards.change_settings(tx, stage.board_id, privacy="headline")
    goes_out(stage, tmp_path, stage.talks("line"), stage.talks("telegram"))
    line = stage.talks("line")
    button = guardians["line"].tap("本文を見る")
    stranger = Actor(stage, line, line.person(8))
    stranger.presses(button)
    stranger.does_not_hear(stories.SUBJECT, "/m/")


def test_who_has_blocked_the_bot_is_reached_by_mail_instead(
    stage: Stage, telegram: TelegramRig, email: Fails, tmp_path: Path
) -> None:
    """Telegram says so while it is sent to; the mail goes out within the same broadcast."""
    (blocking,) = telegram.addresses(1)
    mail = normalise_mail(BY_MAIL)
    assert mail is not None
    with stage.database.writing() as tx:
        (first, *_) = stored_schools.classes_of(tx, stage.town.school_id)
        ways = (ChatAddress("telegram", "telegram", blocking), mail)
        bulk.add_families(tx, stage.board_id, [bulk.NewFamily(first.id, 20, (ways,))])
    stage.town.families()
    telegram.blocks(blocking)
    goes_out(stage, tmp_path, stage.talks("line"), telegram)
    assert email.reached(stories.SUBJECT) == {BY_MAIL: 1}
    assert stage.state("telegram", blocking) == "blocked"
    assert outcomes(stage)["telegram"] == {"refused"}
