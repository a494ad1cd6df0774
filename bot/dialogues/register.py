"""Registering: school ID, class and number of each child, clubs, and mail as a second way.

Nothing is written before the summary is confirmed. The registration then stands, whatever
becomes of the mail address asked for after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from actions import admissions, mail_proof, registration
from actions.admission_cards import children_words
from bot.dialogues.classes import choose_class
from bot.dialogues.leave import joined_schools, schools_and_groups
from bot.dialogues.mail_form import wait_for_mail
from bot.dialogues.mail_pin import prove_mail
from bot.phrases import DONE, NO, YES, lines, pick_several, refused, yes_or_no
from bot.steps import (
    Ask,
    Choose,
    Do,
    Finish,
    Given,
    Json,
    Misread,
    Option,
    Part,
    Retry,
    Say,
    Scene,
    Script,
    flow,
)
from bot.talk import STAYS
from domain.channels import CHATS
from domain.folding import fold_word
from domain.refusals import Refusal
from domain.school_ids import looks_like_school_id
from domain.speech import words_from_json, words_to_json
from domain.wording import Words, say
from storage import admissions as stored_admissions
from storage import people, schools
from storage.database import Transaction

# More brothers and sisters than these register in a second round.
_CHILDREN = 6
# Mail before web chat, which tells nobody that something is there; after a chat that does.
_FIRST, _SECOND = "first", "second"
_NUMBER = re.compile(r"(?:出席番号)?\s*(\d{1,2})\s*番?")
_HIGHEST_NUMBER = 60


@flow("register", version=2, idle=timedelta(days=2))
def register(given: Given) -> Script:  # noqa: ARG001 - every script has it
    found = yield from _found()
    if "code" in found:
        done = yield Do("register", partial(_register_by_code, found["code"]), lasting=True)
    else:
        done = yield from _registered(found)
    if words := refused(done):
        yield Finish(words)
    yield Say(_done_words(done))
    proved = yield from _mail()
    joined = yield Do("joined", joined_schools)
    end = say("register.finish_waiting")
    if joined:
        end = say("register.finish", schools=schools_and_groups(joined))
    yield Finish(end, then=wait_for_mail(proved))


def _registered(school: Json) -> Part[Json]:
    """Register at the school, or ask it to admit: what came of it."""
    groups = yield Do("groups", partial(_groups, school["id"]))
    if not groups["classes"]:
        yield Finish(say("register.no_classes", school=school["name"]))
    adds = yield from _after_the_first(school)
    children, clubs = yield from _confirmed(school, groups)
    effect = partial(_register, school["id"], children, clubs, adds)
    return (yield Do("register", effect, lasting=True))


def _done_words(done: Json) -> Words:
    if "waiting" in done:
        return say("register.waiting")
    return say("register.again" if done["again"] else "register.done")


# The school.


def _found() -> Part[Json]:
    """The school of an ID, or the child of a code, after a yes."""
    while True:
        text = yield Ask("id", say("register.ask_id"), _read_id)
        found = yield Do("find", partial(_find, text))
        words = refused(found)
        if words and not found["again"]:
            yield Finish(words)
        if words:
            yield Say(words)
            yield Retry(("id", "find"))
            continue
        sure = yield yes_or_no("sure", _sure_words(found))
        if sure == YES:
            return found
        yield Retry(("id", "find", "sure"))


def _sure_words(found: Json) -> Words:
    if "code" not in found:
        return say("register.sure", school=found["name"])
    child = say("register.child", class_name=found["class"], number=found["number"])
    return say("register.sure_child", school=found["name"], child=child)


def _read_id(text: str) -> Json:
    return text if looks_like_school_id(text) else Misread(say("register.no_id"))


def _find(text: str, tx: Transaction, scene: Scene) -> Json:
    found = registration.find_school(tx, scene.contact_id, text)
    if isinstance(found, Refusal):
        return {
            "refused": words_to_json(found.words),
            "again": found.code in ("wrong_school_id", "needs_child_code"),
        }
    if isinstance(found, registration.FoundChild):
        child = {"class": found.class_name, "number": found.number}
        return {"code": found.code_id, "name": found.school_name, **child}
    return {"id": found.id, "name": found.name}


def _after_the_first(school: Json) -> Part[bool]:
    """Whether what is asked now adds to what waits for the school's yes already."""
    waiting = yield Do("waiting", partial(_waiting, school["id"]))
    if waiting is None:
        return False
    answer = yield Choose(
        "waiting.what",
        say("register.waiting_already", children=words_from_json(waiting)),
        Option("add", say("register.waiting.add")),
        Option("replace", say("register.waiting.replace")),
        Option("withdraw", say("register.waiting.withdraw")),
        Option("keep", say("register.waiting.keep")),
    )
    if answer == "withdraw":
        yield Do("withdraw", partial(_withdraw, school["id"]), lasting=True)
        yield Finish(say("register.withdrawn", school=school["name"]))
    if answer == "keep":
        yield Finish(say("register.finish_waiting"))
    return bool(answer == "add")


def _waiting(school_id: int, tx: Transaction, scene: Scene) -> Json:
    row = stored_admissions.waiting_of(tx, scene.contact_id, school_id)
    return words_to_json(children_words(tx, row)) if row else None


def _withdraw(school_id: int, tx: Transaction, scene: Scene) -> Json:
    return admissions.withdraw(tx, scene.contact_id, school_id)


def _groups(school_id: int, tx: Transaction, scene: Scene) -> Json:  # noqa: ARG001 - an effect
    groups = schools.groups_of(tx, school_id)
    classes = [group for group in groups if group.kind == schools.CLASS]
    clubs = [group for group in groups if group.joinable]
    return {
        kind: [{"id": group.id, "name": group.name} for group in found]
        for kind, found in {"classes": classes, "clubs": clubs}.items()
    }


# The children.


def _confirmed(school: Json, groups: Json) -> Part[tuple[list[Json], list[int]]]:
    while True:
        children = yield from _children(groups["classes"])
        clubs = yield from _clubs(groups["clubs"])
        summary = _summary(school, groups, children, clubs)
        answer = yield Choose(
            "confirm",
            say("register.confirm", summary=summary),
            Option(YES, say("register.confirm.yes")),
            Option("change", say("register.confirm.change")),
            Option(NO, say("register.confirm.no")),
        )
        if answer == YES:
            return children, clubs
        if answer == NO:
            yield Finish(say("register.not_done"))
        yield Retry(_keys_of_children(len(groups["clubs"])))


def _keys_of_children(clubs: int) -> tuple[str, ...]:
    asked = ("grade", "class", "number", "more")
    of_children = [f"{key}.{n}" for n in range(_CHILDREN) for key in asked]
    return (*of_children, *(f"club.{n}" for n in range(clubs)), "confirm")


def _children(classes: Sequence[Json]) -> Part[list[Json]]:
    children: list[Json] = []
    for n in range(_CHILDREN):
        class_id = yield from choose_class(str(n), classes)
        number = yield Choose(
            f"number.{n}",
            say("register.ask_number"),
            Option(NO, say("register.skip_number"), also="bot.word.skip"),
            read=_read_number,
            numbered=False,
        )
        children.append({"class": class_id, "number": None if number == NO else number})
        if n + 1 == _CHILDREN:
            break
        more = yield yes_or_no(f"more.{n}", say("register.more"))
        if more == NO:
            break
    return children


def _read_number(text: str) -> Json:
    found = _NUMBER.fullmatch(fold_word(text))
    number = int(found[1]) if found else 0
    fits = 1 <= number <= _HIGHEST_NUMBER
    return number if fits else Misread(say("register.number_unclear"))


def _clubs(clubs: Sequence[Json]) -> Part[list[int]]:
    if not clubs:
        return []
    options = [Option(club["id"], _named(club["name"])) for club in clubs]
    done = Option(DONE, say("register.clubs_done"), also="bot.word.done")
    return (yield from pick_several("club", say("register.ask_clubs"), done, options))


def _named(name: str) -> Words:
    return say("bot.name", name=name)


def _summary(school: Json, groups: Json, children: Sequence[Json], clubs: Sequence[int]) -> Words:
    names = {group["id"]: group["name"] for group in (*groups["classes"], *groups["clubs"])}
    return lines(
        [
            _named(school["name"]),
            *(_child(names[child["class"]], child["number"]) for child in children),
            *(say("bot.bullet", words=names[club]) for club in clubs),
        ]
    )


def _child(class_name: str, number: int | None) -> Words:
    if number is None:
        return say("bot.bullet", words=class_name)
    return say("register.child", class_name=class_name, number=number)


def _register(
    school_id: int,
    children: Sequence[Json],
    clubs: Sequence[int],
    adds: bool,
    tx: Transaction,
    scene: Scene,
) -> Json:
    new = [registration.NewChild(child["class"], child["number"]) for child in children]
    return _outcome(admissions.apply(tx, scene.contact_id, school_id, new, clubs, adds=adds), scene)


def _register_by_code(code_id: int, tx: Transaction, scene: Scene) -> Json:
    return _outcome(registration.register_by_code(tx, scene.contact_id, code_id), scene)


def _outcome(done: registration.Registered | admissions.Waiting | Refusal, scene: Scene) -> Json:
    if isinstance(done, Refusal):
        return {"refused": words_to_json(done.words)}
    if isinstance(done, admissions.Waiting):
        scene.memory[STAYS] = "register.stays_waiting"
        return {"waiting": True}
    scene.memory[STAYS] = "register.stays"
    return {"again": done.again}


# Mail as a second way.


def _mail() -> Part[Json]:
    """What was proved of a mailbox, if one was added."""
    wanted = yield Do("mail.wanted", _wants_mail)
    if wanted is None:
        return None
    words = say("register.ask_mail" if wanted == _FIRST else "register.ask_mail_too")
    proved = yield from prove_mail(words, "register.ask_pin", _ask_mail, _prove_mail)
    if proved is not None:
        yield Say(say("register.mail_done"))
    return proved


def _wants_mail(tx: Transaction, scene: Scene) -> Json:
    channel = people.contact(tx, scene.contact_id).channel
    if channel == people.MAIL:
        return None
    return _SECOND if channel in CHATS else _FIRST


def _ask_mail(text: str, tx: Transaction, scene: Scene) -> Json:
    asked = mail_proof.ask_mail(tx, scene.contact_id, text)
    return {"refused": words_to_json(asked.words)} if isinstance(asked, Refusal) else True


def _prove_mail(pin: str, tx: Transaction, scene: Scene) -> Json:
    proof = mail_proof.prove_mail(tx, scene.contact_id, pin)
    if isinstance(proof, Refusal):
        return {"refused": words_to_json(proof.words), "again": proof.code == "wrong_pin"}
    return {"mail": proof.contact_id}
