"""Staff sign on with the codes they were given; the principal names one more in the chat."""

from __future__ import annotations

import re
from urllib.request import Request, urlopen

from commands.demo.cast import PLAYS_ON, sign_on_everywhere
from commands.demo.phone import PATIENCE, Phone, words_of
from commands.demo.telling import Telling

_CODE = re.compile(r"\bS[0-9A-Z]{3}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b")


def play(tell: Telling) -> None:
    for name, code in tell.people.codes.items():
        _signs_on(tell, tell.people.phone(name), code)
    sign_on_everywhere(tell.scene)
    _principal_names_a_teacher(tell)


def _signs_on(tell: Telling, phone: Phone, code: str) -> None:
    if PLAYS_ON[phone.name] != "line":
        tell.says(phone, code, "invitation.welcome")
        return
    tell.says(phone, code, "invitation.link")
    _proves_line_account(tell, phone)


def _proves_line_account(tell: Telling, phone: Phone) -> None:
    """Follow the link that the bot gave, as a browser does: our page, then LINE's own."""
    post = Request(f"{tell.scene.local_url}{phone.link()['href']}", data=b"", method="POST")  # noqa: S310
    with urlopen(post, timeout=PATIENCE):  # noqa: S310 (both on loopback)
        tell.hears(phone, "invitation.welcome")


def _principal_names_a_teacher(tell: Telling) -> None:
    principal, colleague = tell.people.principal, tell.people.colleague
    tell.says(principal, "職員", "山田 先生")
    tell.taps(principal, "staff.appoint")
    tell.taps(principal, "invitation.role.operator")
    tell.says(principal, "中村先生")
    tell.taps(principal, "staff.from_now")
    tell.taps(principal, "staff.year_end", "staff.appoint_sure")
    tell.taps(principal, "bot.yes")
    found = _CODE.search(words_of(tell.hears(principal, "staff.code")))
    assert found is not None
    tell.says(colleague, found[0], "invitation.welcome")
