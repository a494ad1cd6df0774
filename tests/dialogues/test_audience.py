"""Choosing whom a broadcast is for: in a large school, in the city, by taps and typed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import schools
from bot.asking import read_typed
from bot.dialogues.audience import CITY_PLACE, answers_for, choose_audience, keys_of
from bot.replay import Stand, replay
from bot.steps import Do, Finish, Flow, Given, Misread, Retry, Script, flow
from domain.audience import Part, parts_from_json
from domain.roles import Role
from domain.wording import LANGUAGES, render, say
from storage import groups as stored_groups
from storage import schools as stored_schools
from storage.tables import Group
from tests.dialogues.kit import LONGEST_LOG, Bot, Person, Town

SCHOOL = 7


def chooser(place: int) -> Flow:
    """A dialogue that only chooses; what it ends with is the JSON of the parts."""

    @flow("choose", version=1, idle=timedelta(days=1))
    def script(given: Given) -> Script:
        parts = yield from choose_audience(place)
        yield Finish(say("bot.name", name=json.dumps(parts)))

    return script


class Talk:
    """Choosing at a place with these groups, without a database."""

    def __init__(self, place: int, listed: Sequence[Any]) -> None:
        self.flow, self.listed = chooser(place), listed
        self.log: tuple[tuple[str, Any], ...] = ()
        self.stand = self._stands()

    def answers(self, value: list[Any]) -> None:
        assert self.stand.question
        self.log = (*self.stand.log, (self.stand.question.key, value))
        self.stand = self._stands()
        assert len(self.stand.log) < LONGEST_LOG / 2

    def says(self, text: str) -> str:
        """Type something; why it is not understood, or the question that follows."""
        assert self.stand.question
        value = read_typed(self.stand.question, text)
        if isinstance(value, Misread):
            return render(value.words, "ja")
        self.answers(value)
        return self.asked()

    def asked(self) -> str:
        return render(self.stand.question.words, "ja") if self.stand.question else ""

    def offered(self) -> list[str]:
        assert self.stand.question
        for language in LANGUAGES:
            [render(each.words, language) for each in self.stand.question.options]
        return [render(each.words, "ja") for each in self.stand.question.options]

    def parts(self) -> tuple[Part, ...]:
        assert self.stand.finish
        assert self.stand.finish.words
        return parts_from_json(json.loads(render(self.stand.finish.words, "ja")))

    def _stands(self) -> Stand:
        return replay(self.flow, {}, self.log, self._perform)

    def _perform(self, step: Do) -> Any:
        if step.key == "audience.offer":
            return self.listed
        if step.key.startswith("audience.families"):
            return 1
        return step.effect(None, None)  # type: ignore[arg-type]


def group(value: Any, name: str, kind: str, above: Any = None, parts: Any = ()) -> dict[str, Any]:
    return {"id": value, "name": name, "kind": kind, "above": above, "parts": list(parts)}


def large_school() -> list[dict[str, Any]]:
    """Six grades of three classes, ten clubs, four routes; a bus route is made of two of them."""
    listed = []
    for grade in range(1, 7):
        listed.append(group(grade, f"{grade}年", "grade", 1000))
        for number in range(1, 4):
            listed.append(group(grade * 10 + number, f"{grade}年{number}組", "class", grade))
    names = "サッカー部 野球部 合唱部 陸上部 美術部 水泳部 卓球部 科学部 剣道部 茶道部"
    listed += [group(100 + n, name, "club", 1000) for n, name in enumerate(names.split())]
    listed += [group(200 + n, f"{n}班", "route", 1000) for n in range(1, 5)]
    return [*listed, group(300, "バス1号車", "route", 1000, (11, 201))]


def city() -> list[dict[str, Any]]:
    primary = [group(n, f"第{n}小学校", "school:primary") for n in range(1, 31)]
    junior = [group(n, f"第{n - 30}中学校", "school:junior_high") for n in range(31, 46)]
    return [*primary, *junior, group("group:900", "PTA連合会", "across", None, (1, 31))]


@pytest.fixture
def talk() -> Talk:
    return Talk(SCHOOL, large_school())


def named(*ids: int) -> list[Part]:
    return [Part("group", each) for each in ids]


def left_out(*ids: int) -> list[Part]:
    return [Part("group", each, excluded=True) for each in ids]


def test_a_large_school_fits_on_a_telephone(talk: Talk) -> None:
    seen, pages = set(), [talk.log]
    for log in pages:
        talk.log = log
        talk.stand = talk._stands()
        assert len(talk.offered()) <= 13
        assert talk.stand.question
        for option in talk.stand.question.options:
            value = str(option.value)
            if value.startswith("page:") and value not in seen:
                seen.add(value)
                pages.append((*talk.stand.log, (talk.stand.question.key, [option.value])))
            seen.add(value)
    assert {str(each["id"]) for each in large_school()} <= seen


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("学校全体", [Part("school", SCHOOL)]),
        ("5年", named(5)),
        ("５年生", named(5)),
        ("5年2組", named(52)),
        ("５の２", named(52)),
        ("5-2です", named(52)),
        ("サッカー部", named(100)),
        ("1年と2年", named(1, 2)),
        ("1年、5年2組、サッカー部", named(1, 52, 100)),
        ("2,5", named(1, 4)),
        ("5年、ただし5年2組を除く", [*named(5), *left_out(52)]),
        ("5年 5年2組を除く", [*named(5), *left_out(52)]),
        ("5年（2組以外）", [*named(5), *left_out(52)]),
        ("5年(2組と3組を除く)", [*named(5), *left_out(52, 53)]),
        ("5年のうち5年2組以外", [*named(5), *left_out(52)]),
        ("全校、6年を除く", [Part("school", SCHOOL), *left_out(6)]),
        ("バス1号車（1年1組以外）", [*named(300), *left_out(11)]),
        ("1年と2年、2年1組を除く", [*named(1, 2), *left_out(21)]),
        ("5年 except 5年2組", [*named(5), *left_out(52)]),
        ("1年、1年2組", named(1)),
    ],
)
def test_what_is_typed_is_understood(talk: Talk, typed: str, parts: list[Part]) -> None:
    asked = talk.says(typed)
    if talk.stand.finish is None:
        assert "選んだもの（1家庭）" in asked, asked
        talk.says("完了")
    assert sorted(talk.parts()) == sorted(parts)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("バレー部", "「バレー部」というグループは見つかりません"),
        ("5年、バレー部", "「バレー部」というグループは見つかりません"),
        ("5年、ただし6年2組を除く", "選んだ宛先に含まれる"),
        ("5年2組以外", "選んだ宛先に含まれる"),
        ("5年2組から5年2組を除く", "選んだ宛先に含まれる"),
        ("お願いできますか", "見つかりません"),
    ],
)
def test_what_is_not_plain_is_asked_back(talk: Talk, typed: str, answer: str) -> None:
    assert answer in talk.says(typed)
    assert talk.log == ()


def test_by_taps_with_an_exception(talk: Talk) -> None:
    assert talk.offered()[0] == "学校全体"
    talk.says("クラスから選ぶ…")
    assert "5年から選ぶ…" in talk.offered()
    talk.says("5年から選ぶ…")
    talk.says("5年2組")
    talk.says("ほかから選ぶ…")
    assert "・5年2組" in talk.says("6年")
    talk.says("一部を除く…")
    assert talk.offered()[:5] == ["5年2組", "6年", "6年1組", "6年2組", "6年3組"]
    assert "（除く）6年3組" in talk.says("6年3組")
    assert "（除く）6年1組" in talk.says("6の1")
    talk.says("完了")
    assert sorted(talk.parts()) == sorted([*named(6, 52), *left_out(61, 63)])


def test_a_wider_group_takes_the_place_of_what_lies_in_it(talk: Talk) -> None:
    talk.says("5年2組")
    talk.says("5年")
    talk.says("選び直す")
    talk.says("5年2組と6年")
    talk.says("学校全体")
    assert talk.parts() == (Part("school", SCHOOL),)


def test_the_city_by_kinds_schools_and_groups_across_them() -> None:
    talk = Talk(CITY_PLACE, city())
    assert talk.offered()[:3] == ["市内全校", "小学校すべて", "中学校すべて"]
    assert "・小学校すべて" in talk.says("小学校すべて")
    talk.says("一部を除く…")
    talk.says("第3小学校")
    talk.says("完了")
    assert talk.parts() == tuple(Part("school", n) for n in range(1, 31) if n != 3)
    talk = Talk(CITY_PLACE, city())
    talk.says("中学校すべて、第4中学校を除く")
    talk.says("完了")
    assert talk.parts() == tuple(Part("school", n) for n in range(31, 46) if n != 34)
    talk = Talk(CITY_PLACE, city())
    talk.says("市内全校、第3小学校を除く")
    talk.says("完了")
    assert set(talk.parts()) == {Part("city"), Part("school", 3, excluded=True)}
    talk = Talk(CITY_PLACE, city())
    talk.says("PTA連合会")
    talk.says("第2小学校")
    talk.says("完了")
    assert set(talk.parts()) == {Part("group", 900), Part("school", 2)}


# Whatever is chosen, and however.


@st.composite
def offers(draw: st.DrawFn) -> tuple[int, list[dict[str, Any]]]:
    """A place with groups beneath each other, some of them made of earlier ones."""
    place = draw(st.sampled_from([CITY_PLACE, SCHOOL]))
    kinds = ["grade", "class", "club", "route"] if place else ["school:primary", "school:other"]
    listed: list[dict[str, Any]] = []
    for n in range(1, draw(st.integers(1, 14)) + 1):
        is_across = not place and draw(st.booleans())
        earlier = [each["id"] for each in listed]
        own = [each for each in earlier if place or isinstance(each, str)]
        above = draw(st.sampled_from([None, *own])) if place or is_across else None
        parts = draw(st.lists(st.sampled_from(earlier), max_size=2)) if earlier else []
        kind = "across" if is_across else draw(st.sampled_from(kinds))
        value = f"group:{n}" if is_across else n
        listed.append(group(value, f"{n}年", kind, above, parts if place or is_across else ()))
    return place, listed


@given(offers(), st.data())
def test_every_audience_has_the_answers_that_make_it_again(
    offer: tuple[int, list[dict[str, Any]]], data: st.DataObject
) -> None:
    place, listed = offer
    talk = Talk(place, listed)
    for _ in range(data.draw(st.integers(1, 20))):
        if talk.stand.finish:
            break
        assert talk.stand.question
        offered = [option.value for option in talk.stand.question.options]
        talk.answers(data.draw(st.lists(st.sampled_from(offered), min_size=1, max_size=3)))
    if talk.stand.finish is None:
        talk.answers(["whole"])
    if talk.stand.finish is None:
        talk.answers(["done"])
    parts = talk.parts()
    assert any(not part.excluded for part in parts)
    again = Talk(place, listed)
    again.log = tuple(answers_for(place, parts))
    again.stand = again._stands()
    assert again.parts() == parts
    assert {key for key, _ in again.stand.log} - {"audience.fixed"} <= set(keys_of())


def test_choosing_it_anew_begins_with_nothing() -> None:
    @flow("again", version=1, idle=timedelta(days=1))
    def script(given: Given) -> Script:
        for _ in range(2):
            parts = yield from choose_audience(SCHOOL)
            yield Retry(keys_of())
        yield Finish(say("bot.name", name=json.dumps(parts)))

    talk = Talk(SCHOOL, large_school())
    talk.flow = script
    talk.says("5年2組")
    talk.says("完了")
    assert talk.stand.finish is None
    assert "だれに送りますか" in talk.asked()


def test_an_audience_with_a_group_that_is_gone_is_asked_for_again() -> None:
    talk = Talk(SCHOOL, large_school())
    talk.log = tuple(answers_for(SCHOOL, [Part("group", 4000)]))
    talk.stand = talk._stands()
    assert talk.stand.question


# Over the real engine.


def test_a_teacher_composes_for_a_grade_but_one_class(
    town: Town, teacher: Person, principal: Person
) -> None:
    del principal
    town.families()
    with town.database.writing() as tx:
        for grade in (1, 2, 5):
            above = schools.add_group(tx, town.school_id, f"{grade}年", "grade").id
            for n in (1, 2, 3):
                schools.add_group(tx, town.school_id, f"{grade}年{n}組", "class", above)
    bot = Bot(teacher)
    teacher.says("作成")
    teacher.says("行事の中止・変更")
    bot.answers("1 学校全体", "2 1年", "クラスから選ぶ…", "部活・通学班などから選ぶ…")
    teacher.says("５年（2組以外）と3年")
    bot.answers("見つかりませんでした")
    teacher.says("3年1組、5年")
    bot.answers("選んだもの（6家庭）", "・3年1組", "・5年")
    teacher.says("5年2組を除く")
    bot.answers("（除く）5年2組")
    teacher.says("完了")
    for words in ("遠足", "延期します。", "なし", "いますぐ"):
        teacher.says(words)
    bot.answers("5年（5年2組を除く）", "6家庭")
    teacher.says("修正する")
    teacher.says("宛先")
    bot.answers("だれに送りますか")
    teacher.says("4年1組")
    teacher.says("戻る")
    bot.answers("だれに送りますか")


def test_the_centre_chooses_schools_and_groups_across_them(town: Town) -> None:
    town.families()
    with town.database.writing() as tx:
        root = stored_schools.root_of(tx, town.school_id).id
        across = stored_groups.add(
            tx, Group(board_id=town.board_id, name="PTA連合会", kind="other")
        )
        stored_groups.set_parts(tx, across, [root])
        town.opens_school(tx, "第二小学校", ["1年1組"], [])
    centre = town.staff("センター", Role.CENTRE)
    bot = Bot(centre)
    centre.says("作成")
    centre.says("行事の中止・変更")
    bot.answers("1 市内全校", "小学校すべて", "第一小学校", "PTA連合会")
    centre.says("PTA連合会")
    bot.answers("選んだもの（6家庭）")
