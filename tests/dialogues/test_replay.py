"""Keyed replay by itself, without a database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.replay import Barrier, ScriptBroken, Stand, replay, without_last_answer
from bot.steps import Ask, Choose, Do, Finish, Flow, Given, Json, Option, Retry, Say, Script, flow
from domain.wording import Plain

_HOUR = timedelta(hours=1)


def _nothing(*_: object) -> Json:
    return None


@flow("order", version=1, idle=_HOUR)
def order(given: Given) -> Script:
    name = yield Ask("name", Plain("name?"), str)
    yield Say(Plain(f"hello {name}"))
    while True:
        code = yield Ask("code", Plain("code?"), str)
        found = yield Do("find", _nothing)
        if found:
            break
        yield Say(Plain(f"no {code}"))
        yield Retry(("code", "find"))
    yield Say(Plain("found"))
    yield Do("pay", _nothing, lasting=True)
    more = yield Choose("more", Plain("more?"), Option("yes", Plain("yes")))
    yield Finish(Plain(f"{name} {more} {given.get('end', '')}"))


def stand_at(*log: tuple[str, Json], found: Json = "it", played: Flow = order) -> Stand:
    return replay(played, {}, log, lambda step: found if step.key == "find" else {"n": (1, 2)})


def said(stand: Stand) -> list[str]:
    return [each.words.words for each in stand.said]  # type: ignore[union-attr]


def asked(stand: Stand) -> str:
    assert stand.question
    return stand.question.key


def test_the_first_key_without_an_entry_is_asked() -> None:
    assert asked(stand_at()) == "name"
    assert asked(stand_at(("name", "Hana"))) == "code"


def test_entries_are_matched_by_key_and_not_by_position() -> None:
    stand = stand_at(("more", "yes"), ("code", "A"), ("unknown", 1), ("name", "Hana"))
    assert stand.finish
    assert stand.finish.words == Plain("Hana yes ")


def test_only_what_is_new_is_said() -> None:
    first = stand_at(("name", "Hana"))
    assert said(first) == ["hello Hana"]
    second = stand_at(*first.log, ("code", "A"))
    assert said(second) == ["found"]
    assert said(stand_at(*second.log)) == []


def test_results_are_kept_as_they_will_be_read_back() -> None:
    stand = stand_at(("name", "Hana"), ("code", "A"))
    assert stand.log == (("name", "Hana"), ("code", "A"), ("find", "it"), ("pay", {"n": [1, 2]}))


def test_effects_run_once() -> None:
    log = stand_at(("name", "Hana"), ("code", "A")).log
    again = replay(order, {}, log, lambda step: pytest.fail(step.key))
    assert asked(again) == "more"


def test_a_retried_question_leaves_nothing_in_the_log() -> None:
    log: tuple[tuple[str, Json], ...] = (("name", "Hana"),)
    for wrong in ("A", "B", "C"):
        stand = stand_at(*log, ("code", wrong), found=None)
        assert (asked(stand), said(stand)) == ("code", [f"no {wrong}"])
        assert stand.log == log


def test_back_forgets_the_last_answer_and_what_came_of_it() -> None:
    stand = stand_at(("name", "Hana"))
    assert without_last_answer(stand) == ()
    assert without_last_answer(stand_at()) is None


def test_back_stops_at_a_lasting_effect() -> None:
    stand = stand_at(("name", "Hana"), ("code", "A"))
    with pytest.raises(Barrier):
        without_last_answer(stand)


def test_what_is_given_is_there_from_the_start() -> None:
    log = stand_at(("name", "Hana"), ("code", "A")).log
    stand = replay(order, {"end": "!"}, [*log, ("more", "yes")], _nothing)
    assert stand.finish
    assert stand.finish.words == Plain("Hana yes !")


def test_an_upgraded_script_asks_for_what_is_new() -> None:
    @flow("order", version=2, idle=_HOUR)
    def newer(given: Given) -> Script:
        yield Ask("consent", Plain("may we?"), str)
        yield from order.play(given)

    stand = stand_at(("name", "Hana"), played=newer)
    assert asked(stand) == "consent"
    assert asked(stand_at(*stand.log, ("consent", "yes"), played=newer)) == "code"


def test_a_script_without_an_end_is_an_error() -> None:
    @flow("endless", version=1, idle=_HOUR)
    def endless(given: Given) -> Script:
        while True:
            yield Say(Plain("and"))

    @flow("unfinished", version=1, idle=_HOUR)
    def unfinished(given: Given) -> Script:
        yield Say(Plain("and"))

    for broken in (endless, unfinished):
        with pytest.raises(ScriptBroken):
            stand_at(played=broken)
