"""How a guardian is reached 受け取り方: the order, what is off, what is added and given up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from actions import contacts as actions
from actions import handing_over, mail_proof
from bot.dialogues.mail_form import wait_for_mail
from bot.dialogues.mail_pin import prove_mail
from bot.phrases import YES, lines, refused, yes_or_no
from bot.steps import Choose, Do, Finish, Given, Json, Option, Part, Say, Scene, Script, Show, flow
from domain import paths
from domain.refusals import Refusal
from domain.speech import Speech, open_page, words_from_json, words_to_json
from domain.wording import Words, say
from storage.database import Transaction

Change = Callable[[Transaction, int, int], Refusal | None]
"""Does to a way of a guardian what they chose, from the contact point where they are."""


@flow("contacts", version=1, idle=timedelta(days=1))
def contacts(given: Given) -> Script:  # noqa: ARG001 - every script has it
    mine = yield Do("ways", own_ways)
    if words := refused(mine):
        yield Finish(words)
    offers = [Option(each, say(f"contacts.do.{each}")) for each in _offered(mine)]
    chosen = yield Choose("do", say("contacts.here_are", ways=shown(mine)), *offers)
    yield from _DO[chosen](mine)


def own_ways(tx: Transaction, scene: Scene) -> Json:
    """Effect: the contact points of the guardian who speaks, or why they cannot be shown."""
    found = actions.own_ways(tx, scene.contact_id)
    if isinstance(found, Refusal):
        return {"refused": words_to_json(found.words)}
    return {"ways": ways_json(found.ways), "every": found.every_way}


def ways_json(ways: Sequence[actions.OwnWay]) -> list[Json]:
    return [
        {
            "id": way.contact_id,
            "name": words_to_json(way.name),
            "off": way.off,
            "here": way.is_here,
        }
        for way in ways
    ]


def shown(mine: Json) -> Words:
    """The ways in their order, and whether all of them are used each time."""
    listed = [
        say("contacts.way", place=place, way=way_words(way))
        for place, way in enumerate(mine["ways"], 1)
    ]
    several = [say("contacts.every" if mine["every"] else "contacts.first_only")]
    return lines([*listed, *(several if len(listed) > 1 else [])])


def way_words(way: Json) -> Words:
    words = words_from_json(way["name"])
    words = say("contacts.is_here", way=words) if way["here"] else words
    return say("contacts.is_off", way=words) if way["off"] else words


def _offered(mine: Json) -> list[str]:
    """What can be done with the ways that there are."""
    ways, several = mine["ways"], len(mine["ways"]) > 1
    fits = {
        "order": several and not mine["every"],
        "first_only": several and mine["every"],
        "every": several and not mine["every"],
        "off": any(not way["off"] for way in ways),
        "on": any(way["off"] for way in ways),
        "drop": several,
        "mail": True,
        "chat": True,
        "hand_over": True,
        "done": True,
    }
    return [name for name, fit in fits.items() if fit]


# What is done.


def _order(mine: Json) -> Script:
    yield from _change(mine["ways"][1:], "order", actions.put_first)


def _off(mine: Json) -> Script:
    on = [way for way in mine["ways"] if not way["off"]]
    yield from _change(on, "off", partial(actions.turn, off=True))


def _on(mine: Json) -> Script:
    off = [way for way in mine["ways"] if way["off"]]
    yield from _change(off, "on", partial(actions.turn, off=False))


def _drop(mine: Json) -> Script:
    yield from _change(mine["ways"], "drop", actions.drop, sure=True)


def _change(ways: Sequence[Json], what: str, change: Change, *, sure: bool = False) -> Script:
    """Have one way chosen, unless there is but one, and change it."""
    way = ways[0] if len(ways) == 1 else (yield from pick_way(ways, say(f"contacts.which.{what}")))
    if sure and (yield yes_or_no("sure", say("contacts.sure", way=way_words(way)))) != YES:
        yield Finish(say("contacts.not_done"))
    done = yield Do("change", partial(_do, change, way["id"]), lasting=True)
    yield Finish(
        refused(done) or say(f"contacts.done.{what}", way=way_words({**way, "off": False}))
    )


def pick_way(ways: Sequence[Json], words: Words) -> Part[Json]:
    options = [Option(way["id"], way_words(way)) for way in ways]
    chosen = yield Choose("way", words, *options)
    return next(way for way in ways if way["id"] == chosen)


def _do(change: Change, way_id: int, tx: Transaction, scene: Scene) -> Json:
    done = change(tx, scene.contact_id, way_id)
    return {"refused": words_to_json(done.words)} if done else True


def _every(mine: Json) -> Script:  # noqa: ARG001 - as every choice
    yield from _choose_every(True)


def _first_only(mine: Json) -> Script:  # noqa: ARG001 - as every choice
    yield from _choose_every(False)


def _choose_every(every: bool) -> Script:
    done = yield Do("change", partial(_set_every, every), lasting=True)
    yield Finish(refused(done) or say("contacts.done.every" if every else "contacts.done.first"))


def _set_every(every: bool, tx: Transaction, scene: Scene) -> Json:
    done = actions.choose_every_way(tx, scene.contact_id, every)
    return {"refused": words_to_json(done.words)} if done else True


def _mail(mine: Json) -> Script:  # noqa: ARG001 - as every choice
    done = yield from prove_mail(
        say("contacts.ask_mail"), "register.ask_pin", _ask_mail, _prove_mail
    )
    if done is None:
        yield Finish(say("contacts.not_done"))
    now = yield Do("ways.now", own_ways)
    words = refused(now) or say("contacts.done.mail", ways=shown(now))
    yield Finish(words, then=wait_for_mail(done))


def _ask_mail(text: str, tx: Transaction, scene: Scene) -> Json:
    asked = mail_proof.ask_mail(tx, scene.contact_id, text)
    return {"refused": words_to_json(asked.words)} if isinstance(asked, Refusal) else True


def _prove_mail(pin: str, tx: Transaction, scene: Scene) -> Json:
    proof = mail_proof.prove_mail(tx, scene.contact_id, pin)
    if isinstance(proof, Refusal):
        return {"refused": words_to_json(proof.words), "again": proof.code == "wrong_pin"}
    return {"mail": proof.contact_id}


def _chat(mine: Json) -> Script:  # noqa: ARG001 - as every choice
    yield from issue("contacts.code")


def hand_over(mine: Json) -> Script:  # noqa: ARG001 - as every choice
    """Give a code for the new telephone, which takes the place of this conversation."""
    yield from issue("contacts.code.hand_over", retires=True)


def _done(mine: Json) -> Script:  # noqa: ARG001 - as every choice
    yield Finish(say("contacts.unchanged"))


def issue(key: str, *, retires: bool = False) -> Script:
    """Show a code, with the page that leads to the city's other channels."""
    issued = yield Do("code", partial(_issue, retires), lasting=True)
    if words := refused(issued):
        yield Finish(words)
    code = issued["code"]
    yield Say(say(key, minutes=issued["minutes"]))
    page = open_page(say("contacts.open_page"), paths.join(code))
    yield Show(Speech(words=(say("bot.name", name=code),), buttons=(page,)))
    yield Finish()


def _issue(retires: bool, tx: Transaction, scene: Scene) -> Json:
    issued = handing_over.issue_code(tx, scene.contact_id, retires=retires)
    if isinstance(issued, Refusal):
        return {"refused": words_to_json(issued.words)}
    return {"code": issued.code, "minutes": issued.minutes}


_DO: Mapping[str, Callable[[Json], Script]] = {
    "order": _order,
    "every": _every,
    "first_only": _first_only,
    "off": _off,
    "on": _on,
    "drop": _drop,
    "mail": _mail,
    "chat": _chat,
    "hand_over": hand_over,
    "done": _done,
}
