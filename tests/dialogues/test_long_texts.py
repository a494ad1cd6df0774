"""However long and odd a text is: it is read in little work, and nothing breaks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot import steps
from bot.asking import LONGEST, read_typed
from bot.dialogues import audience_offer
from bot.dialogues.audience import CITY_PLACE
from bot.dialogues.audience_choice import Choice
from bot.dialogues.audience_offer import Offer
from bot.dialogues.audience_reading import read_audience
from bot.steps import Misread
from domain import wording
from domain.wording import Words
from storage import dialogues
from storage.tables import Dialogue
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_audience import SCHOOL, Talk, city, large_school
from tests.dialogues.test_compose import SHORT, composes

ODD = (
    "明日の遠足は雨のため中止とします。 持ち物は通常授業のとおり、お弁当は必要です。\n",
    *(
        "1年 ",
        "山田、",
        "あ ",
        "と",
        "から",
        "以外の",
        "a except ",
        "5年(",
        "お願いします、",
        "1-",
        "A・",
    ),
)
ENDS = ("", "を除く", "除く)", "から")


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[Words | str]:
    """Every name that was put into words to compare it with what was typed."""
    done: list[Words | str] = []

    def render(words: Words | str, language: str) -> str:
        done.append(words)
        return wording.render(words, language)

    for module in (steps, audience_offer):
        monkeypatch.setattr(module, "render", render)
    return done


@pytest.mark.parametrize(("place", "listed"), [(SCHOOL, large_school), (CITY_PLACE, city)])
def test_each_name_is_spelled_once_however_much_is_typed(
    place: int, listed: Callable[[], list[object]], rendered: list[Words | str]
) -> None:
    talk = Talk(place, listed())
    question = talk.stand.question
    assert question
    for text in ODD:
        for end in ENDS:
            for length in (LONGEST - len(end), 5000):
                read_typed(question, (text * 5000)[:length] + end)
    offer = Offer(talk.listed, is_city=place == CITY_PLACE)
    names = len(offer.nodes) + len(offer.bundles) + len(question.options)
    assert 0 < len(rendered) <= 2 * names


def test_what_is_too_long_is_not_looked_at(rendered: list[Words | str]) -> None:
    offer = Offer(large_school(), is_city=False)
    known = "1年、" * (LONGEST // 3)
    assert isinstance(read_audience(offer, Choice(), known + "2年"), Misread)
    assert rendered == []
    assert read_audience(offer, Choice(), known[: 3 * 40]) == [1] * 40
    assert isinstance(read_audience(offer, Choice(), known[: 3 * 41]), Misread)


@pytest.mark.parametrize(
    "text", ["5年から5年2組を除く", "5年(ただし、5年2組を除く)", "5年 except 5年2組"]
)
def test_taking_apart_reads_as_before(text: str) -> None:
    assert read_audience(Offer(large_school(), is_city=False), Choice(), text) == [5, "not:52"]


def test_the_notice_pasted_too_early_is_asked_again(town: Town, teacher: Person) -> None:
    for word in ("作成", "4"):
        teacher.says(word)
    teacher.says((ODD[0] * 200)[:5000])
    Bot(teacher).answers("というグループは見つかりませんでした")
    assert (teacher.dialogue(), town.parked()) == ("compose", 0)


# Dialogues above each other.


def waiting(town: Town, person: Person) -> list[str]:
    """The dialogue that is open, and those that wait below it."""
    with town.database.reading() as tx:
        rows = {
            row.id: row
            for row in tx.session.query(Dialogue).filter_by(contact_point_id=person.contact_id)
        }
        (row,) = (row for row in rows.values() if row.active)
        found = [row.flow]
        while row.below_id is not None:
            row = rows[row.below_id]
            found.append(row.flow)
    return found


def test_cards_pressed_again_and_again_do_not_pile_up(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    for _ in range(2):
        composes(teacher, *SHORT, "承認を依頼")
    principal.says("作成")
    for _ in range(3):
        for words in ("差し戻し 1-1", "却下 2-1", "緊急", "言語"):
            principal.says(words)
    assert waiting(town, principal) == ["language", "emergency", "compose"]


def test_what_has_waited_longest_ends_where_too_much_waits(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    with town.database.writing() as tx:
        below = None
        for flow in ("compose", "staff", "reports", "scheduled"):
            until = tx.now + timedelta(days=1)
            below = dialogues.start(tx, principal.contact_id, flow, 1, {}, until, below)
    principal.says("差し戻し 1-1")
    Bot(principal).answers("いちばん前のものは終わりにしました", "直してほしいところ")
    assert waiting(town, principal) == ["decide", "scheduled", "reports", "staff"]
