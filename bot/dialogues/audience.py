"""Choosing whom a broadcast is for: by taps through a few pages, or typed at any of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from bot.dialogues.audience_choice import (
    AGAIN,
    EXCEPT,
    WHOLE_BUT,
    Choice,
    after,
    answer_of,
    choice_from_json,
    group_value,
    may_leave_out,
    may_pick,
    parts_of,
    without,
)
from bot.dialogues.audience_offer import (
    TOP,
    WHOLE,
    Offer,
    across,
    back_to_top,
    is_page,
    school_kind,
)
from bot.dialogues.audience_reading import read_audience
from bot.phrases import DONE, lines
from bot.steps import Choose, Do, Json, Option, Retry, Scene
from bot.steps import Part as Script
from domain.audience import OF_BROADCAST, Part, parts_to_json
from domain.wording import Words, say
from storage import audiences, groups, schools
from storage.database import Transaction

# The place of what is written for the city; schools have their own numbers.
CITY_PLACE = 0
_FIXED = "audience.fixed"
_OFFER = "audience.offer"
_SO_FAR = "audience.so_far"
# After so many answers they are kept as one, so that no log grows with a long search.
_ROUNDS = 8
# More names than these are counted instead of told.
_TOLD = 12


def choose_audience(place: int) -> Script[list[Json]]:
    """Ask whom a broadcast is for; the value is its parts, as domain.audience writes them.

    What continues an earlier broadcast goes to those whom that one had: nobody is asked.
    """
    fixed: list[Json] = yield Do(_FIXED, _nothing_fixed)
    if fixed:
        return fixed
    listed = yield Do(_OFFER, partial(_listed, place))
    choice = yield from _chosen(place, Offer(listed, is_city=place == CITY_PLACE))
    return parts_to_json(parts_of(place, choice))


def answers_for(place: int, parts: Iterable[Part]) -> list[tuple[str, Json]]:
    """The answers that an audience stands for: the log that choosing it would have left."""
    parts = tuple(parts)
    if any(part.kind in OF_BROADCAST for part in parts):
        return [(_FIXED, parts_to_json(parts))]
    return [(_FIXED, []), ("audience.0", answer_of(place, parts))]


def keys_of() -> tuple[str, ...]:
    """The keys to forget so that the audience is asked anew."""
    return (_OFFER, _SO_FAR, *_keys_of_rounds())


def _keys_of_rounds() -> list[str]:
    return [key for n in range(_ROUNDS) for key in (f"audience.{n}", f"audience.families.{n}")]


# The rounds.


def _chosen(place: int, offer: Offer) -> Script[Choice]:
    while True:
        choice = choice_from_json((yield Do(_SO_FAR, partial(_kept, Choice()))))
        for n in range(_ROUNDS):
            choice = yield from _round(place, offer, choice, n)
            if choice.done:
                return choice
        yield Retry((_SO_FAR, *_keys_of_rounds()))
        yield Do(_SO_FAR, partial(_kept, choice))


def _round(place: int, offer: Offer, choice: Choice, n: int) -> Script[Choice]:
    heading = _heading(offer, choice)
    if choice.picked:
        parts = parts_to_json(parts_of(place, choice))
        families = yield Do(f"audience.families.{n}", partial(_families, parts))
        heading = _so_far(offer, choice, families)
    read = partial(read_audience, offer, choice)
    options = _options(offer, choice)
    answer = yield Choose(f"audience.{n}", heading, *options, read=read, several=True)
    return after(offer, choice, answer)


def _options(offer: Offer, choice: Choice) -> list[Option]:
    """What this page offers, then what ends the choosing or changes its way."""
    options: list[Option] = []
    allowed = may_leave_out(offer, choice) if choice.leaving_out else may_pick(offer, choice)
    on_page = offer.page(choice.page, allowed)
    if not choice.picked and choice.page == TOP:
        options.append(Option(WHOLE, offer.words(WHOLE)))
    for option in on_page:
        leaves_out = choice.leaving_out and not is_page(option.value)
        options.append(Option(without(option.value), option.words) if leaves_out else option)
    if choice.page != TOP:
        options.append(back_to_top())
    return [*options, *_after_page(offer, choice)]


def _after_page(offer: Offer, choice: Choice) -> list[Option]:
    if not choice.picked:
        but = "audience.city_but" if offer.is_city else "audience.whole_but"
        can = choice.page == TOP and len(offer.nodes) > 1
        return [Option(WHOLE_BUT, say(but))] if can else []
    options = [Option(DONE, say("compose.audience_done"), also="bot.word.done")]
    if choice.leaving_out:
        # Nothing can be added to the whole.
        if may_pick(offer, choice):
            options.append(Option(EXCEPT, say("audience.pick_more")))
    elif may_leave_out(offer, choice):
        options.append(Option(EXCEPT, say("audience.except"), also="audience.word.except"))
    return [*options, Option(AGAIN, say("audience.again"))]


# What is said.


def _heading(offer: Offer, choice: Choice) -> Words:
    if choice.page == TOP:
        return say("audience.ask_city" if offer.is_city else "compose.ask_audience")
    return say("audience.ask_page")


def _so_far(offer: Offer, choice: Choice, families: int) -> Words:
    chosen = lines([*_told(offer, choice.picked, "bot.bullet"), *_left_out(offer, choice)])
    key = "audience.ask_except" if choice.leaving_out else "audience.ask_more"
    return say("audience.picked", chosen=chosen, families=families, ask=say(key))


def _left_out(offer: Offer, choice: Choice) -> list[Words]:
    return _told(offer, choice.left_out, "audience.left_out")


def _told(offer: Offer, values: Sequence[Json], key: str) -> list[Words]:
    """The names of what was chosen, with one name for all schools of a kind."""
    left = list(values)
    told: list[Words] = []
    for bundle in offer.bundles.values():
        if set(bundle.members) <= set(left):
            told.append(say(key, words=bundle.words))
            left = [value for value in left if value not in bundle.members]
    told += [say(key, words=offer.words(value)) for value in left[:_TOLD]]
    if len(left) > _TOLD:
        told.append(say("audience.more", count=len(left) - _TOLD))
    return told


# Effects.


def _nothing_fixed(tx: Transaction, scene: Scene) -> Json:  # noqa: ARG001 - an effect
    return []


def _kept(choice: Choice, tx: Transaction, scene: Scene) -> Json:  # noqa: ARG001 - an effect
    return choice.to_json()


def _families(parts: Json, tx: Transaction, scene: Scene) -> Json:
    return audiences.count_families(tx, scene.board_id, parts)


def _listed(place: int, tx: Transaction, scene: Scene) -> Json:
    """All that an audience can be made of here, each with what it hangs beneath or is made of."""
    made_of = groups.parts_by_group(tx, scene.board_id)
    if place != CITY_PLACE:
        return [
            {
                "id": row.id,
                "name": row.name,
                "kind": row.kind,
                "above": row.parent_id,
                "parts": made_of.get(row.id, []),
            }
            for row in schools.groups_of(tx, place)
        ]
    return [*_schools(tx, scene), *_across(tx, scene, made_of)]


def _schools(tx: Transaction, scene: Scene) -> list[Json]:
    return [
        {
            "id": row.id,
            "name": row.name,
            "kind": school_kind(row.kind),
            "above": None,
            "parts": [],
        }
        for row in schools.schools_of(tx, scene.board_id)
    ]


def _across(tx: Transaction, scene: Scene, made_of: dict[int, list[int]]) -> list[Json]:
    """The groups across schools; one that is made of whole schools holds those."""
    rows = groups.across_schools(tx, scene.board_id)
    known = {row.id: group_value(CITY_PLACE, row.id) for row in rows}
    known |= groups.schools_of_roots(tx, scene.board_id)
    return [
        {
            "id": known[row.id],
            "name": row.name,
            "kind": across(),
            "above": known.get(row.parent_id) if row.parent_id else None,
            "parts": [known[part] for part in made_of.get(row.id, []) if part in known],
        }
        for row in rows
    ]
