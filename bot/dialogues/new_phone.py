"""A new telephone 機種変更: the registration comes along, and the old conversation is given up."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import handing_over
from bot.dialogues.contacts import hand_over, own_ways, pick_way, shown, way_words, ways_json
from bot.dialogues.leave import joined_schools, schools_and_groups
from bot.dialogues.mail_pin import prove_mail
from bot.phrases import YES, refused, yes_or_no
from bot.steps import (
    Ask,
    Begin,
    Choose,
    Do,
    Finish,
    Given,
    Json,
    Misread,
    Option,
    Say,
    Scene,
    Script,
    flow,
)
from bot.talk import STAYS
from domain.contact_codes import fold_contact_code
from domain.refusals import Refusal
from domain.speech import words_to_json
from domain.wording import say
from storage.database import Transaction

_OLD, _NEW = "old", "new"
_CODE, _MAIL, _NEITHER = "code", "mail", "neither"


@flow("new_phone", version=1, idle=timedelta(days=1))
def new_phone(given: Given) -> Script:  # noqa: ARG001 - every script has it
    mine = yield Do("ways", own_ways)
    if refused(mine) is None:
        this = yield Choose(
            "this",
            say("new_phone.which_is_this"),
            Option(_OLD, say("new_phone.old")),
            Option(_NEW, say("new_phone.new")),
        )
        if this == _OLD:
            yield from hand_over(mine)
    how = yield Choose(
        "how",
        say("new_phone.how"),
        Option(_CODE, say("new_phone.how.code")),
        Option(_MAIL, say("new_phone.how.mail")),
        Option(_NEITHER, say("new_phone.how.neither")),
    )
    if how == _CODE:
        code = yield Ask("code", say("new_phone.ask_code"), _read_code)
        yield Finish(then=Begin("link_contact", answers=(("code", code),)))
    if how == _NEITHER:
        yield Finish(say("new_phone.neither"))
    yield from _by_mail()


@flow("link_contact", version=1, idle=timedelta(hours=1))
def link_contact(given: Given) -> Script:  # noqa: ARG001 - every script has it
    """A code from another contact point was typed here."""
    code = yield Ask("code", say("new_phone.ask_code"), _read_code)
    found = yield Do("look", partial(_look, code))
    if words := refused(found):
        yield Finish(words)
    sure = "new_phone.sure.retires" if found["retires"] else "new_phone.sure"
    if (yield yes_or_no("sure", say(sure))) != YES:
        yield Finish(say("new_phone.not_done"))
    done = yield Do("link", partial(_link, code), lasting=True)
    if words := refused(done):
        yield Finish(words)
    yield from _arrived()


def _read_code(text: str) -> Json:
    return fold_contact_code(text) or Misread(say("new_phone.no_code"))


def _look(code: str, tx: Transaction, scene: Scene) -> Json:
    retires = handing_over.look_at_code(tx, scene.contact_id, code)
    if isinstance(retires, Refusal):
        return {"refused": words_to_json(retires.words)}
    return {"retires": retires}


def _link(code: str, tx: Transaction, scene: Scene) -> Json:
    done = handing_over.use_code(tx, scene.contact_id, code)
    return {"refused": words_to_json(done.words)} if isinstance(done, Refusal) else True


def _by_mail() -> Script:
    """The number mailed to the registered address proves who this is."""
    done = yield from prove_mail(
        say("new_phone.ask_mail"), "new_phone.ask_pin", _ask_return, _prove_return
    )
    if done is None:
        yield Finish(say("new_phone.neither"))
    older = done["older"]
    if older:
        yield Say(say("new_phone.is_here"))
        yield from _retire_older(older)
    yield from _arrived()


def _retire_older(older: list[Json]) -> Script:
    """Show what the new telephone takes the place of, and give it up after a yes."""
    old = older[0]
    if len(older) > 1:
        old = yield from pick_way(older, say("new_phone.which_old"))
    if (yield yes_or_no("retire", say("new_phone.retire", way=way_words(old)))) == YES:
        yield Do("retired", partial(_retire, old["id"]), lasting=True)


def _arrived() -> Script:
    joined = yield Do("joined", joined_schools)
    now = yield Do("ways.now", own_ways)
    ways = refused(now) or shown(now)
    yield Finish(say("new_phone.done", schools=schools_and_groups(joined), ways=ways))


def _ask_return(text: str, tx: Transaction, scene: Scene) -> Json:
    kept_out = handing_over.ask_return(tx, scene.contact_id, text)
    return {"refused": words_to_json(kept_out.words)} if kept_out else True


def _prove_return(pin: str, tx: Transaction, scene: Scene) -> Json:
    done = handing_over.prove_return(tx, scene.contact_id, pin)
    if isinstance(done, Refusal):
        return {"refused": words_to_json(done.words), "again": done.code == "wrong_pin"}
    scene.memory[STAYS] = "new_phone.stays"
    return {"older": ways_json(done.older)}


def _retire(way_id: int, tx: Transaction, scene: Scene) -> Json:
    kept = handing_over.retire_older(tx, scene.contact_id, way_id)
    return {"refused": words_to_json(kept.words)} if kept else True
