"""Web chat: a page that says things to us by POST and asks what is new by GET.

The same views serve /chat/ and, in the demo, one phone each under /demo/phones/<phone>/: the
cookie's path makes the phones different people in one browser.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import (
    Blueprint,
    Response,
    g,
    jsonify,
    make_response,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import BadRequest, Forbidden, NotFound

from channels.base import Incoming, RawRequest
from channels.webchat import channel as webchat
from storage import boards, inbox, ledger, staff
from storage import webchat as store
from storage.database import Transaction
from storage.webchat import Mark
from web import security, transcript
from web.context import board, language, services, t, use_language
from web.routes import authenticated, public

COOKIE = "chat"
_FIVE_YEARS = 5 * 365 * 24 * 3600
_SEEN_AT_ONCE = 2 * transcript.LIMIT
# The texts that the page's script needs, under the names it knows them by.
WORDS = (
    "again",
    "begin",
    "begin_button",
    "choices",
    "everyone",
    "failed",
    "menu",
    "offline",
    "open",
    "photo",
    "picture_alt",
    "sending",
    "them",
    "too_large",
    "you",
)
_BY_COOKIE = "the secret address that this browser keeps in its cookie"


def chat_at(name: str, prefix: str) -> Blueprint:
    """The chat's views under a path; with `<phone>` in it, each phone is its own person."""
    pages = Blueprint(name, __name__, url_prefix=prefix)
    pages.url_value_preprocessor(_take_phone)
    pages.add_url_rule("/", "page", page)
    pages.add_url_rule("/messages", "messages", messages)
    pages.add_url_rule("/say", "say", say, methods=["POST"])
    pages.add_url_rule("/seen", "seen", seen, methods=["POST"])
    return pages


@public("Registration begins here, before anybody is known: the page only gives out an address.")
def page() -> Response:
    """The chat page, giving a browser that has none an address of its own."""
    address = _preset() or _own_address() or webchat.new_address()
    with services().database.reading() as tx:
        mark = _mark(tx, address)
    _speak_to(mark)
    security.allow_images("data:", "blob:")
    base = _base()
    answer = make_response(
        render_template(
            "chat.html",
            board=board(),
            base=base,
            phone=g.phone,
            look="",
            words=script_words(),
        )
    )
    answer.set_cookie(
        COOKIE,
        address,
        max_age=_FIVE_YEARS,
        path=base,
        secure=services().https,
        httponly=True,
        samesite="Lax",
    )
    return answer


@authenticated(_BY_COOKIE)
def messages() -> Response:
    """What the page shows; 304 after one query if that has not changed."""
    with services().database.reading() as tx:
        mark = _mark(tx, _address())
        _speak_to(mark)
        tag = transcript.etag(mark)
        if request.if_none_match.contains_weak(tag):
            return _tagged(Response(status=304), tag)
        zone = boards.board(tx, services().board_id).zone
        entries = transcript.entries(tx, mark, zone) if mark else []
    return _tagged(jsonify(messages=entries), tag)


@authenticated(_BY_COOKIE)
@security.limiter.limit("600/minute")
@security.limiter.limit("60/minute", key_func=lambda: _address())
def say() -> tuple[Response, int]:
    """Put what was said into the inbox; the same ID again changes nothing."""
    security.require_own_page()
    channel = services().channels[webchat.NAME]
    raw = RawRequest({webchat.SENDER: _address()}, request.get_data())
    arrivals = channel.parse(raw) if channel.verify(raw) else ()
    if not arrivals:
        raise BadRequest
    with services().database.reading() as tx:
        taken = [_as_welcome(tx, arrival) for arrival in arrivals]
    with services().database.writing() as tx:
        for arrival in taken:
            inbox.store(tx, services().board_id, arrival)
        zone = boards.board(tx, services().board_id).zone
    _speak_to(None)
    return jsonify(transcript.moment(arrivals[0].at, zone)), 202


def _as_welcome(tx: Transaction, arrival: Incoming) -> Incoming:
    """Only staff send pictures; others are told so kindly, and theirs are not even kept."""
    mark = _mark(tx, _address()) if arrival.kind == "picture" else None
    if arrival.kind != "picture" or (mark and staff.staff_at(tx, mark.contact_point_id)):
        return arrival
    return replace(arrival, kind="other", picture=b"")


@authenticated(_BY_COOKIE)
@security.limiter.limit("240/minute", key_func=lambda: _address())
def seen() -> tuple[str, int]:
    """Record that the page displayed these entries: replies are done, broadcasts accepted."""
    security.require_own_page()
    ids = _seen_ids()
    with services().database.reading() as tx:
        mark = _mark(tx, _address())
    if mark is not None:
        with services().database.writing() as tx:
            store.displayed(tx, mark.contact_point_id, ids[transcript.REPLY])
            ledger.accept_placed(tx, mark.contact_point_id, ids[transcript.NOTICE])
    return "", 204


def _take_phone(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.phone = (values or {}).pop("phone", None)
    if g.phone is not None and g.phone not in services().demo_phones:
        raise NotFound


def _base() -> str:
    """The path of this chat, which is also the path of its cookie."""
    phone = {"phone": g.phone} if g.phone else {}
    return url_for(f"{request.blueprint}.page", **phone)


def script_words() -> dict[str, str]:
    """The script fills in what it alone knows, so those places are left open."""
    open_places = {"code": "{code}", "number": "{number}", "count": "{count}"}
    return {name: t(f"web.chat.{name}", **open_places) for name in WORDS}


def _preset() -> str | None:
    return services().demo_phones[g.phone] if g.phone else None


def _own_address() -> str | None:
    given = request.cookies.get(COOKIE, "")
    return given if webchat.is_address(given) else None


def _address() -> str:
    """The address of the browser that asks; one without cookie is told so by 403."""
    address = _own_address()
    if address is None:
        raise Forbidden
    return address


def _mark(tx: Transaction, address: str) -> Mark | None:
    return store.mark(tx, webchat.NAME, webchat.ACCOUNT, address)


def _speak_to(mark: Mark | None) -> None:
    use_language(language(mark.language if mark else None))


def _tagged(answer: Response, tag: str) -> Response:
    answer.set_etag(tag, weak=True)
    answer.vary.add("Cookie")
    return answer


def _seen_ids() -> dict[str, list[int]]:
    """The IDs a page reports, by kind; anything else makes the request a bad one."""
    try:
        given = request.get_json(silent=True)
    except RecursionError as error:
        raise BadRequest from error
    ids = given.get("ids") if isinstance(given, dict) else None
    if not isinstance(ids, list) or len(ids) > _SEEN_AT_ONCE:
        raise BadRequest
    found: dict[str, list[int]] = {transcript.REPLY: [], transcript.NOTICE: []}
    for name in ids:
        kind, number = (name[:1], name[1:]) if isinstance(name, str) else ("", "")
        if kind not in found or not number.isdecimal() or len(number) > 15:
            raise BadRequest
        found[kind].append(int(number))
    return found
