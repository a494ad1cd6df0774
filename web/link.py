"""Linking a conversation: where the code that invites staff leads on channels that ask for proof.

A GET shows what will be linked and changes nothing. The button takes the browser to the
provider's own page, and the provider tells us whose conversation it is (see actions.linking).
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Answer

from actions import linking
from actions.linking import LinkSeen, LinkStart
from actions.staff import StaffPost
from channels.base import AccountLinking
from domain import paths
from domain.refusals import Refusal
from web import links, security
from web.context import language, services, t, use_language
from web.routes import authenticated

pages = Blueprint("link", __name__)
_BY_LINK = "a sealed token that went to the conversation in which the code was typed"


@pages.get("/link/<token>")
@authenticated(_BY_LINK)
@security.limiter.limit("60/minute")
def show(token: str) -> Answer:
    """What will be linked: school and role, and nobody's name."""
    with services().database.reading() as tx:
        seen = linking.look(tx, _number(token))
    return _over() if isinstance(seen, Refusal) else _page(seen, token)


@pages.post("/link/<token>")
@authenticated(_BY_LINK)
@security.limiter.limit("20/minute")
def go_on(token: str) -> Answer:
    """Lead the browser to the provider; it is asked while no transaction is open."""
    security.require_own_form()
    with services().database.writing() as tx:
        seen = linking.look(tx, _number(token))
        started = linking.start(tx, _number(token))
    if isinstance(seen, Refusal) or isinstance(started, Refusal):
        return _over()
    address = _provider_page(started)
    return redirect(address, 303) if address else _page(seen, token, away=True)


def _number(token: str) -> int:
    numbers = links.read(paths.ACCOUNT_LINK, token, 1)
    if numbers is None:
        raise NotFound
    return numbers[0]


def _provider_page(started: LinkStart) -> str | None:
    channel: object = services().channels.get(started.channel)
    if not isinstance(channel, AccountLinking):
        return None
    answer = channel.account_link(started.account, started.address, started.nonce)
    return answer if isinstance(answer, str) else None


def _page(seen: LinkSeen, token: str, away: bool = False) -> Response:
    use_language(language(seen.language))
    security.allow_form_targets(*services().link_origins)
    posts = [_post(post) for post in seen.posts]
    page = render_template("link.html", page=seen, posts=posts, token=token, away=away)
    return _private(page, 503 if away else 200)


def _post(post: StaffPost) -> str:
    role = t(f"invitation.role.{post.role.value}")
    return t("linking.post", role=role, school=post.school_name) if post.school_name else role


def _over() -> Response:
    return _private(render_template("link.html", page=None), 410)


def _private(page: str, status: int) -> Response:
    answer = make_response(page, status)
    answer.headers["Cache-Control"] = "no-store"
    return answer
