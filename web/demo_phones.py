"""The demo's phones as they look in other apps: LINE's, Telegram's, and a mailbox.

Chats are drawn by web chat's own page and script. What was said comes from the stand-in, as the
provider would show it, and what a visitor says goes through the stand-in as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    g,
    json,
    jsonify,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import BadRequest, NotFound

from channels.base import Incoming, RawRequest
from channels.webchat import channel as webchat
from web import chat, security
from web.context import board, services
from web.routes import public
from web.services import DemoPhone, MailSeen

LOOKS = ("line", "telegram", "webchat", "email")
MADE_UP = "The demo shows made-up people only, and exists only where the demo was started."
_LABEL_LENGTH = 300
_ENTRIES = 100

pages = Blueprint(
    "demo_look", __name__, url_prefix="/demo/phones/<phone>/<any(line, telegram):look>"
)
mailboxes = Blueprint("demo_mailbox", __name__, url_prefix="/demo/phones/<phone>/email")


def install(app: Flask) -> None:
    app.register_blueprint(pages)
    app.register_blueprint(mailboxes)


def looks_of(phone: str) -> dict[str, str]:
    """The apps that somebody has, by channel, with the address of each one's page."""
    known = services()
    chats = {
        look: url_for("demo_look.page", phone=phone, look=look)
        for look in known.demo_looks.get(phone, ())
    }
    if phone in known.demo_phones:
        chats["webchat"] = url_for("demo_phone.page", phone=phone)
    if phone in known.demo_mail:
        chats["email"] = url_for("demo_mailbox.mailbox", phone=phone)
    return {look: chats[look] for look in LOOKS if look in chats}


def first_look(phone: str) -> str:
    """The app in which the story plays on this phone."""
    looks = looks_of(phone)
    first = services().demo_shows.get(phone, "webchat")
    return first if first in looks else next(iter(looks))


def here(text: str) -> str:
    """The https name is known to the stand-ins only; a visitor's browser is on this machine."""
    return text.replace(services().public_url.rstrip("/"), request.host_url.rstrip("/"))


@pages.url_value_preprocessor
def _take_phone(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    taken = values or {}
    g.phone, g.look = taken.pop("phone", ""), taken.pop("look", "")
    if g.look not in services().demo_looks.get(g.phone, {}):
        raise NotFound


@mailboxes.url_value_preprocessor
def _take_mailbox(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.phone = (values or {}).pop("phone", "")
    if g.phone not in services().demo_mail:
        raise NotFound


@pages.get("/")
@public(MADE_UP)
def page() -> str:
    security.allow_images("data:", "blob:")
    owner = board()
    return render_template(
        "chat.html",
        board=owner,
        base=url_for("demo_look.page", phone=g.phone, look=g.look),
        phone=g.phone,
        look=g.look,
        words=chat.script_words() | {"from": owner.name},
    )


@pages.get("/messages")
@public(MADE_UP)
def messages() -> Response:
    """What the app shows; 304 if that has not changed."""
    shown = [entry | {"text": here(entry["text"])} for entry in _phone().entries()]
    return _unless_known(shown[-_ENTRIES:])


@pages.post("/say")
@public(MADE_UP)
def say() -> tuple[Response, int]:
    """Let the person say, press or send something, which is in the chat afterwards."""
    security.require_own_page()
    said, phone = _said(), _phone()
    if said.kind == "picture":
        phone.sends_picture(said.picture)
    elif said.kind == "button":
        phone.presses(said.token, _label())
    else:
        phone.says(said.text)
    return jsonify({}), 202


@pages.get("/files/<name>")
@public(MADE_UP)
def file(name: str) -> Response:
    """A picture of the chat that only the stand-in has."""
    found = _phone().file(name)
    if found is None:
        raise NotFound
    data, media_type = found
    return Response(data, content_type=media_type)


@mailboxes.get("/")
@public(MADE_UP)
def mailbox() -> str:
    security.allow_images("data:")
    return render_template(
        "demo_mail.html",
        phone=g.phone,
        address=services().demo_mail_address,
        base=url_for("demo_mailbox.mailbox", phone=g.phone),
    )


@mailboxes.get("/messages")
@public(MADE_UP)
def mails() -> Response:
    """The person's mails, newest first; 304 if there is no other."""
    return _unless_known(as_shown(services().demo_mail[g.phone]()))


def as_shown(mails: Sequence[MailSeen]) -> list[dict[str, Any]]:
    """Mails as JSON, their links leading here."""
    return [asdict(mail) | {"text": here(mail.text)} for mail in mails]


def _phone() -> DemoPhone:
    return services().demo_looks[g.phone][g.look]


def _said() -> Incoming:
    """What the page said, held to the same rules as in web chat."""
    headers = {webchat.SENDER: services().demo_phones[g.phone]}
    found = services().channels[webchat.NAME].parse(RawRequest(headers, request.get_data()))
    if not found:
        raise BadRequest
    return found[0]


def _label() -> str:
    """What stands on the pressed button; the body is known to be an object."""
    label = request.get_json(force=True).get("label")
    if not isinstance(label, str) or not 0 < len(label) <= _LABEL_LENGTH:
        raise BadRequest
    return label


def _unless_known(shown: list[dict[str, Any]]) -> Response:
    tag = hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:24]
    if request.if_none_match.contains_weak(tag):
        answer = Response(status=304)
    else:
        answer = jsonify(messages=shown)
    answer.set_etag(tag, weak=True)
    return answer
