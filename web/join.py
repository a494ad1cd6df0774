"""Joining by a link or QR code with a school ID, or with the code that invites staff.

The code that brings a registration along is never part of an address: `/join/#C7…` hands it to a
script, and that to a form, which is sent as a body.
"""

from __future__ import annotations

from dataclasses import dataclass

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from actions import boards
from domain import wording
from domain.board_settings import BoardSettings
from domain.codes import fold_code
from domain.contact_codes import fold_contact_code
from domain.school_ids import fold_school_id
from domain.wording import say
from web import security
from web.context import board, services, use_language
from web.routes import public

pages = Blueprint("join", __name__)

# In the order in which they are offered: what most families have comes first.
APPS = ("line", "telegram")
_CHAT = "webchat"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to begin: where its button leads, and the QR code for another device."""

    name: str
    address: str
    qr: Markup


@pages.get("/join/<code>")
@public("Registration begins here; the answer is the same whether the code exists or not.")
@security.limiter.limit("120/minute")
def begin(code: str) -> str | Response:
    """Offer what the city has: LINE, Telegram, or the chat of this page.

    The database is not asked for the code, so nothing tells a right one from a wrong one.
    """
    return _ways(fold_school_id(code) or fold_code(code))


@pages.get("/join/")
@public("A form that shows nothing of ours; a code in the fragment fills it in.")
@security.limiter.limit("120/minute")
def ask() -> str:
    """Take a code that must not stand in an address."""
    use_language("ja")
    return render_template("join_code.html", board=board(), both=_both)


@pages.post("/join/")
@public("The answer is the same whether the code exists or not, and nothing is changed.")
@security.limiter.limit("120/minute")
def go_on() -> str | Response:
    """The same ways, for a code that came in the body."""
    security.require_own_form()
    code = request.form.get("code", "")
    return _ways(fold_contact_code(code) or fold_school_id(code) or fold_code(code))


def _ways(folded: str | None) -> str | Response:
    """What the city has, with the code to take along.

    The chat gets it in the fragment, which browsers send to nobody, and says it after a tap: a
    link alone must not speak in anybody's name.
    """
    chat = url_for("chat.page", _anchor=f"join={folded}" if folded else None)
    apps = _apps(folded) if folded else []
    if not apps:
        return redirect(chat, 303)
    ways = [*apps, Way(_CHAT, chat, _qr(services().public_url + chat))]
    use_language("ja")
    return render_template("join.html", board=board(), code=folded, ways=ways, both=_both)


def _apps(code: str) -> list[Way]:
    with services().database.reading() as tx:
        settings = boards.settings(tx, services().board_id)
    addresses = {name: _address(settings, name, code) for name in APPS}
    return [Way(name, where, _qr(where)) for name, where in addresses.items() if where]


def _address(settings: BoardSettings, name: str, code: str) -> str | None:
    return services().link(name, code) if settings.allows(name) else None


def _qr(address: str) -> Markup:
    """Drawn into the page itself: asked for apart, it would name the code once more."""
    drawn = segno.make_qr(address, error="m").svg_inline(
        omitsize=True, border=3, light="#fff", svgclass="qr", lineclass=None
    )
    return Markup(drawn)  # noqa: S704 - segno draws paths, it quotes no text


def _both(key: str) -> dict[str, str]:
    """A text in each language: who opens this page is not known yet."""
    return {language: wording.render(say(key), language) for language in wording.LANGUAGES}
