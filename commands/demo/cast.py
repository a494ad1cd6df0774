"""Who plays in the demo: guardians, two teachers, a principal, and two people of the city."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actions import staff
from channels.webchat.channel import new_address
from commands.demo.city import DemoSchool
from commands.demo.phone import BrowserPhone, OutsidePhone, Phone
from commands.demo.stage import Stage
from commands.demo.theatre import Theatre
from domain.roles import Role
from storage import people
from storage import staff as stored_staff
from storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody's phone, and the invitation codes that make four of them staff.

    `new_phone` is the one that the guardian with `family` buys later.
    """

    school: DemoSchool
    codes: dict[str, str]
    family: OutsidePhone
    second: OutsidePhone
    third: OutsidePhone
    fourth: OutsidePhone
    fifth: OutsidePhone
    new_phone: OutsidePhone
    teacher: OutsidePhone
    colleague: OutsidePhone
    principal: OutsidePhone
    board: OutsidePhone
    centre: BrowserPhone

    def phone(self, name: str) -> Phone:
        phone: Phone = getattr(self, name)
        return phone


STAFF = {
    "teacher": (Role.OPERATOR, "山田 先生"),
    "principal": (Role.MANAGER, "佐藤 校長"),
    "centre": (Role.CENTRE, "鈴木（教育センター）"),
    "board": (Role.BOARD, "田中（教育委員会）"),
}
VISITOR = "guardian"  # The phone at /demo that a visitor registers with by hand.
OF_THE_CITY = (Role.CENTRE, Role.BOARD)
# What each one's story is played on; at /demo a visitor may look at it on the others too.
PLAYS_ON = {
    "family": "line",
    VISITOR: "line",
    "teacher": "line",
    "principal": "telegram",
    "centre": "webchat",
    "board": "line",
    "second": "line",
    "third": "telegram",
    "fourth": "telegram",
    "fifth": "line",
    "new_phone": "line",
    "colleague": "telegram",
}
_ELSEWHERE = (VISITOR, "centre")
VISITORS_MAIL = "hana@mail.example"


def cast(scene: Theatre, city: list[DemoSchool]) -> Cast:
    """Give everyone a phone, and put down which, for the demo's web server."""
    school = city[0]
    ids = {name: _ids(number) for number, name in enumerate(PLAYS_ON)}
    _stage(scene, school, ids).save(_demo_file(scene))
    for outside in (scene.line, scene.telegram):
        outside.add_people([ways[outside.name] for ways in ids.values()])
    apps = {name: _app(scene, name, ids[name]) for name in PLAYS_ON if name not in _ELSEWHERE}
    page = f"{scene.local_url}/demo/phones/centre/"
    centre = BrowserPhone("centre", page, ids["centre"]["webchat"])
    return Cast(school=school, codes=_invite(scene, school), centre=centre, **apps)


def _ids(number: int) -> dict[str, str]:
    """Somebody's address on each chat channel; below those of the made-up city."""
    return {
        "webchat": new_address(),
        "line": f"U{0xDE << 120 | number:032x}",
        "telegram": str(100_000_001 + number),
    }


def _demo_file(scene: Theatre) -> Path:
    demo_file = scene.house.settings.demo_file
    assert demo_file is not None
    return demo_file


def _stage(scene: Theatre, school: DemoSchool, ids: dict[str, dict[str, str]]) -> Stage:
    return Stage(
        phones=ids,
        plays_on=PLAYS_ON,
        school_id=school.school_id,
        mails_to={VISITOR: VISITORS_MAIL},
        mail_control_port=scene.mailbox.control_port,
        outside={
            each.name: (each.port, each.control_port) for each in (scene.line, scene.telegram)
        },
    )


def _app(scene: Theatre, name: str, ids: dict[str, str]) -> OutsidePhone:
    channel = PLAYS_ON[name]
    outside = scene.line if channel == "line" else scene.telegram
    return OutsidePhone(name, outside, ids[channel])


def _invite(scene: Theatre, school: DemoSchool) -> dict[str, str]:
    codes = {}
    with scene.house.database.writing() as tx:
        for name, (role, person) in STAFF.items():
            at = None if role in OF_THE_CITY else school.id
            invited = staff.invite(tx, scene.house.board_id, role, at, person)
            codes[name] = invited.code
    return codes


def sign_on_everywhere(scene: Theatre) -> None:
    """Make staff known on every channel, once the story has them on one: for the visitor."""
    phones = Stage.load(_demo_file(scene)).phones
    with scene.house.database.writing() as tx:
        for name in STAFF:
            _sign_on(tx, scene.house.board_id, PLAYS_ON[name], phones[name])


def _sign_on(tx: Transaction, board_id: int, known_on: str, ids: dict[str, str]) -> None:
    points = {
        channel: people.contact_point(tx, board_id, channel, channel, address)
        for channel, address in ids.items()
    }
    member = stored_staff.staff_at(tx, points[known_on].id)
    assert member is not None
    for channel, point in points.items():
        if channel != known_on:
            stored_staff.link_contact(tx, member, point.id)
