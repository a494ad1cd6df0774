"""The demo: three phones in one page, what to try in them, and the mails as received."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import BadRequest

from domain import wording
from domain.wording import Text
from web import chat, demo_phones, security
from web.context import board, services
from web.routes import public
from web.services import Counts

pages = Blueprint("demo", __name__)
_MAILS_SHOWN = 30
# Others may have a phone too (the centre, the board), which the page does not show.
SHOWN = ("guardian", "teacher", "principal")
_PROGRESS_WORDS = (
    "accepted",
    "waiting",
    "refused",
    "unknown",
    "families",
    "not_reached",
    "finished",
    "going",
)
BENEATH = ("ja", "en")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story: on which phone, what to do, and the lines one tap says."""

    phone: str
    key: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """One phone of the page: the addresses of its looks by channel, and the one it begins with."""

    name: str
    looks: dict[str, str]
    first: str


def install(app: Flask) -> None:
    app.register_blueprint(pages)
    app.register_blueprint(chat.chat_at("demo_phone", "/demo/phones/<phone>"))
    demo_phones.install(app)
    app.jinja_env.globals.update(both=both)


def both(key: str, **params: object) -> dict[str, str]:
    """A text in Japanese and, to stand beneath it, in English."""
    return {code: wording.render(Text(key, params), code) for code in BENEATH}


@pages.get("/demo")
@public(demo_phones.MADE_UP)
def show() -> str:
    security.allow_images("data:")
    return render_template(
        "demo.html",
        board=board(),
        phones=[_shown(name) for name in SHOWN if name in services().demo_phones],
        steps=_story(services().demo_school_id, services().demo_mail_address),
        has_inbox=services().inbox is not None,
        has_progress=services().progress is not None,
        progress_words=_progress_words(),
    )


def _shown(name: str) -> Shown:
    return Shown(name, demo_phones.looks_of(name), demo_phones.first_look(name))


@pages.get("/demo/inbox")
@public(demo_phones.MADE_UP)
def mails() -> Response:
    """The newest mails after the one the page knows."""
    try:
        after = int(request.args.get("after", "0"))
    except ValueError as error:
        raise BadRequest from error
    seen = services().inbox
    found = list(seen(after)) if seen else []
    last = max((mail.sequence for mail in found), default=after)
    return jsonify(last=last, mails=demo_phones.as_shown(found[-_MAILS_SHOWN:]))


@pages.get("/demo/progress")
@public(demo_phones.MADE_UP)
def progress() -> Response:
    """How far the last broadcast is, or nothing if there was none."""
    ask = services().progress
    last = ask() if ask else None
    if last is None:
        return jsonify(None)
    return jsonify(
        subject=last.subject,
        school=last.school,
        families=last.families,
        not_reached=last.not_reached,
        finished=last.finished,
        channels=[_counted(name, counts) for name, counts in last.channels.items()],
    )


def _counted(name: str, counts: Counts) -> dict[str, Any]:
    return {"name": name, "words": both(f"channel.{name}"), **asdict(counts)}


def _story(*registers: str) -> tuple[Step, ...]:
    """What a visitor may try, in this order; one registers with a school ID and an address."""
    return (
        Step("guardian", "register", tuple(filter(None, registers))),
        Step("teacher", "compose", (_line("compose"),)),
        Step("teacher", "write", (_line("subject"), _line("body"))),
        Step("principal", "approve"),
        Step("guardian", "receive"),
    )


def _line(key: str) -> str:
    return wording.render(Text(f"web.demo.line.{key}"), "ja")


def _progress_words() -> dict[str, str]:
    """The words beside the counters, both languages in one line, with open places."""
    found = {}
    for name in _PROGRESS_WORDS:
        words = both(f"web.demo.{name}", families="{families}")
        found[name] = f"{words['ja']} {words['en']}"
    return found
