"""登録案内: making the codes of classes, and a link to the slips ready to be printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from actions import audit, child_codes, staff
from bot.dialogues.own_schools import actor_at, choose_school
from bot.phrases import NO, YES, pick_several, refused
from bot.steps import (
    Choose,
    Do,
    Finish,
    Given,
    Json,
    Misread,
    Option,
    Part,
    Scene,
    Script,
    Show,
    flow,
)
from domain import slip_links
from domain.folding import fold_word
from domain.refusals import refuse
from domain.roles import may_write
from domain.speech import Speech, SpeechButton, open_page, words_to_json
from domain.wording import say
from storage import schools
from storage.database import Transaction

_ALL = "all"
_KNOWN = "known"
_MOST = 60
_CLASSES_A_FILE = 8
_NUMBER = re.compile(r"(?:1番?[-~〜から]+)?(\d{1,2})[番人]?(?:まで)?")


@flow("slips", version=1, idle=timedelta(hours=12))
def slips(given: Given) -> Script:  # noqa: ARG001 - every script has it
    school = yield from choose_school(may_write)
    classes = yield Do("classes", partial(_classes, school["id"]))
    if not classes:
        yield Finish(say("slip.no_classes", school=school["name"]))
    chosen = yield from _chosen(classes)
    highest = yield from _highest(chosen)
    renew = yield from _renews(chosen)
    ids = [each["id"] for each in chosen]
    effect = partial(_make, school["id"], ids, highest, renew)
    made = yield Do("make", effect, lasting=True)
    if words := refused(made):
        yield Finish(words)
    yield Show(Speech.from_json(made["speech"]))
    yield Finish()


def link_to(tx: Transaction, scene: Scene, school_id: int, class_ids: Sequence[int]) -> str:
    """The page of these classes' slips, or of the poster, for whoever is talking."""
    actor = staff.actor_of(tx, scene.contact_id)
    assert actor is not None, "asked for by staff only"
    return slip_links.path(tx.secret, actor.staff_id, school_id, class_ids, tx.now)


def _chosen(classes: Sequence[Json]) -> Part[list[Json]]:
    if len(classes) == 1:
        return list(classes)
    options = [Option(each["id"], say("bot.name", name=each["name"])) for each in classes]
    everything = Option(_ALL, say("slip.all_classes"))
    done = Option("done", say("slip.classes_done"), also="bot.word.done")
    first = say("slip.which_classes")
    picked = yield from pick_several(
        "class", first, done, [everything, *options], least=1, whole=_ALL
    )
    return [each for each in classes if _ALL in picked or each["id"] in picked]


def _highest(classes: Sequence[Json]) -> Part[int]:
    """Up to which number there are children; 0 for those that are known."""
    unknown = [each["name"] for each in classes if not each["highest"]]
    known = Option(_KNOWN, say("slip.as_known"))
    answer = yield Choose(
        "highest",
        say("slip.ask_highest"),
        *(() if unknown else (known,)),
        read=_read_number,
        numbered=False,
    )
    return 0 if answer == _KNOWN else int(answer)


def _read_number(text: str) -> Json:
    found = _NUMBER.fullmatch(fold_word(text))
    number = int(found[1]) if found else 0
    return number if 1 <= number <= _MOST else Misread(say("slip.number_unclear", most=_MOST))


def _renews(classes: Sequence[Json]) -> Part[bool]:
    """Whether slips handed out before are to stop working: asked only where there are any."""
    if not any(each["has_codes"] for each in classes):
        return False
    answer = yield Choose(
        "renew",
        say("slip.ask_renew"),
        Option(NO, say("slip.keep")),
        Option(YES, say("slip.renew")),
    )
    return bool(answer == YES)


def _classes(school_id: int, tx: Transaction, scene: Scene) -> Json:  # noqa: ARG001 - an effect
    groups = schools.classes_of(tx, school_id)
    ids = [group.id for group in groups]
    highest = child_codes.highest_numbers(tx, ids)
    coded = {each.name for each in child_codes.of_classes(tx, ids) if each.codes}
    return [
        {
            "id": group.id,
            "name": group.name,
            "highest": highest.get(group.id, 0),
            "has_codes": group.name in coded,
        }
        for group in groups
    ]


def _make(
    school_id: int,
    class_ids: Sequence[int],
    highest: int,
    renew: bool,
    tx: Transaction,
    scene: Scene,
) -> Json:
    actor = actor_at(tx, scene, school_id, may_write)
    there = {group.id for group in schools.classes_of(tx, school_id)}
    if actor is None or not there.issuperset(class_ids):
        code = "not_allowed" if actor is None else "class_gone"
        return {"refused": words_to_json(refuse(code).words)}
    numbers, who = range(1, highest + 1), audit.staff(actor.staff_id)
    made = child_codes.make(tx, school_id, class_ids, numbers, who, renew=renew)
    words = say("slip.made", children=made.children, new=made.new)
    buttons = _buttons(tx, scene, school_id, class_ids)
    return {"speech": Speech(words=(words,), buttons=buttons).to_json()}


def _buttons(
    tx: Transaction, scene: Scene, school_id: int, class_ids: Sequence[int]
) -> tuple[SpeechButton, ...]:
    """A link for all, or several: drawing a large school at once would keep a browser waiting."""
    if len(class_ids) <= _CLASSES_A_FILE:
        return (open_page(say("slip.open"), link_to(tx, scene, school_id, class_ids)),)
    names = {group.id: group.name for group in schools.classes_of(tx, school_id)}
    starts = range(0, len(class_ids), _CLASSES_A_FILE)
    parts = [class_ids[start : start + _CLASSES_A_FILE] for start in starts]
    return tuple(
        open_page(
            say("slip.open_part", first=names[part[0]], last=names[part[-1]]),
            link_to(tx, scene, school_id, part),
        )
        for part in parts
    )
