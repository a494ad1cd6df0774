"""Who plays in the demo: a guardian, a teacher, a principal, and two people of the city."""

from __future__ import annotations

from dataclasses import dataclass

from actions import staff
from channels.webchat.channel import new_address
from commands.demo.city import DemoSchool
from commands.demo.phone import Phone
from commands.demo.stage import Stage
from commands.demo.theatre import Theatre
from domain.roles import Role


@dataclass(frozen=True, slots=True)
class Cast:
    """The five phones, and the invitation codes that make four of them staff."""

    school: DemoSchool
    family: Phone
    teacher: Phone
    principal: Phone
    centre: Phone
    board: Phone
    codes: dict[str, str]


STAFF = {
    "teacher": (Role.OPERATOR, "山田 先生"),
    "principal": (Role.MANAGER, "佐藤 校長"),
    "centre": (Role.CENTRE, "鈴木（教育センター）"),
    "board": (Role.BOARD, "田中（教育委員会）"),
}
VISITOR = "guardian"  # The phone at /demo that a visitor registers with by hand.
OF_THE_CITY = (Role.CENTRE, Role.BOARD)


def cast(scene: Theatre, city: list[DemoSchool]) -> Cast:
    """Give everyone a phone, and put down which, for the demo's web server."""
    school = city[0]
    addresses = {name: new_address() for name in ("family", VISITOR, *STAFF)}
    stage = Stage(addresses, school.school_id, scene.mailbox.control_port)
    demo_file = scene.house.settings.demo_file
    assert demo_file is not None
    stage.save(demo_file)
    url = scene.local_url
    phones = {
        name: Phone(name, f"{url}/demo/phones/{name}/", address)
        for name, address in addresses.items()
        if name != VISITOR
    }
    return Cast(school=school, codes=_invite(scene, school), **phones)


def _invite(scene: Theatre, school: DemoSchool) -> dict[str, str]:
    codes = {}
    with scene.house.database.writing() as tx:
        for name, (role, person) in STAFF.items():
            at = None if role in OF_THE_CITY else school.id
            invited = staff.invite(tx, scene.house.board_id, role, at, person)
            codes[name] = invited.code
    return codes
