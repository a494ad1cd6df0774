"""Asking whether a message that came is really the school's."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import verification
from bot.phrases import refused
from bot.steps import Ask, Do, Finish, Given, Json, Misread, Say, Scene, Script, flow
from domain.refusals import Refusal
from domain.speech import words_from_json, words_to_json
from domain.verification import fold_verify_code
from domain.wording import say
from storage.database import Transaction


@flow("verify", version=1, idle=timedelta(hours=12))
def verify(given: Given) -> Script:  # noqa: ARG001 - every script has it
    code = yield Ask("code", say("verify.ask"), _read_code)
    answer = yield Do("find", partial(_find, code), lasting=True)
    if words := refused(answer):
        yield Finish(words)
    for said in answer:
        yield Say(words_from_json(said))
    yield Finish()


def _read_code(text: str) -> Json:
    return fold_verify_code(text) or Misread(say("verify.no_code"))


def _find(code: str, tx: Transaction, scene: Scene) -> Json:
    found = verification.asked_in_chat(tx, scene.contact_id, code)
    if isinstance(found, Refusal):
        return {"refused": words_to_json(found.words)}
    return [words_to_json(words) for words in found.words]
