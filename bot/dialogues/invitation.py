"""A staff member types the code that invites them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from actions import linking, staff
from bot.phrases import lines, refused
from bot.steps import Ask, Do, Finish, Given, Json, Misread, Retry, Say, Scene, Script, Show, flow
from domain.channels import LINKS_ACCOUNTS
from domain.codes import fold_code
from domain.names import addressed
from domain.refusals import Refusal
from domain.speech import Speech, open_page, words_from_json, words_to_json
from domain.wording import Words, say
from storage import people
from storage.database import Transaction


@flow("invitation", version=1, idle=timedelta(days=1))
def invitation(given: Given) -> Script:  # noqa: ARG001 - every script has it
    while True:
        code = yield Ask("code", say("invitation.ask_code"), _read_code)
        answer = yield Do("accept", partial(_take, code), lasting=True)
        words = refused(answer)
        if words is None:
            break
        if not answer["again"]:
            yield Finish(words)
        yield Say(words)
        yield Retry(("code", "accept"))
    words = words_from_json(answer["words"])
    if "path" not in answer:
        yield Finish(words)
    button = open_page(say("invitation.link_button"), answer["path"])
    yield Show(Speech(words=(words,), buttons=(button,)))
    yield Finish()


def welcome_words(welcome: staff.StaffWelcome) -> Words:
    """What somebody is told who is a member of staff from now on."""
    return say("invitation.welcome", name=addressed(welcome.name), posts=_posts(welcome.posts))


def _read_code(text: str) -> Json:
    return fold_code(text) or Misread(say("invitation.no_code"))


def _take(code: str, tx: Transaction, scene: Scene) -> Json:
    """Accept the code, or have the person prove first whose conversation this is."""
    needs_proof = people.contact(tx, scene.contact_id).channel in LINKS_ACCOUNTS
    return _link(code, tx, scene) if needs_proof else _accept(code, tx, scene)


def _link(code: str, tx: Transaction, scene: Scene) -> Json:
    begun = linking.begin(tx, scene.contact_id, code)
    if isinstance(begun, Refusal):
        return _refusal(begun)
    words = say("invitation.link", posts=_posts(begun.posts))
    return {"words": words_to_json(words), "path": begun.path}


def _accept(code: str, tx: Transaction, scene: Scene) -> Json:
    welcome = staff.accept_invitation(tx, scene.contact_id, code)
    if isinstance(welcome, Refusal):
        return _refusal(welcome)
    return {"words": words_to_json(welcome_words(welcome))}


def _refusal(refusal: Refusal) -> Json:
    return {"refused": words_to_json(refusal.words), "again": refusal.code == "wrong_code"}


def _posts(posts: Iterable[staff.StaffPost]) -> Words:
    return lines([_post(post) for post in posts])


def _post(post: staff.StaffPost) -> Words:
    role = say(f"invitation.role.{post.role.value}")
    if post.school_name is None:
        return say("invitation.city_post", role=role)
    return say("invitation.school_post", role=role, school=post.school_name)
