"""A staff member types the code that invites them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import staff
from bot.phrases import lines, refused
from bot.steps import Ask, Do, Finish, Given, Json, Misread, Retry, Say, Scene, Script, flow
from domain.codes import fold_code
from domain.refusals import Refusal
from domain.speech import words_from_json, words_to_json
from domain.wording import Words, say
from storage.database import Transaction


@flow("invitation", version=1, idle=timedelta(days=1))
def invitation(given: Given) -> Script:  # noqa: ARG001 - every script has it
    while True:
        code = yield Ask("code", say("invitation.ask_code"), _read_code)
        welcome = yield Do("accept", partial(_accept, code), lasting=True)
        words = refused(welcome)
        if words is None:
            break
        if not welcome["again"]:
            yield Finish(words)
        yield Say(words)
        yield Retry(("code", "accept"))
    posts = lines([words_from_json(post) for post in welcome["posts"]])
    yield Finish(say("invitation.welcome", name=welcome["name"], posts=posts))


def _read_code(text: str) -> Json:
    return fold_code(text) or Misread(say("invitation.no_code"))


def _accept(code: str, tx: Transaction, scene: Scene) -> Json:
    welcome = staff.accept_invitation(tx, scene.contact_id, code)
    if isinstance(welcome, Refusal):
        return {
            "refused": words_to_json(welcome.words),
            "again": welcome.code == "wrong_code",
        }
    return {
        "name": welcome.name,
        "posts": [words_to_json(_post(post)) for post in welcome.posts],
    }


def _post(post: staff.StaffPost) -> Words:
    role = say(f"invitation.role.{post.role.value}")
    if post.school_name is None:
        return say("invitation.city_post", role=role)
    return say("invitation.school_post", role=role, school=post.school_name)
