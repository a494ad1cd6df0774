"""The report by class, the list to phone by, and what staff are shown of both."""

from __future__ import annotations

from datetime import timedelta

from actions import confirmations, phone_lists, reports, statuses
from domain.audience import Part
from domain.cards import CardVerb, label
from domain.speech import render
from domain.tokens import unseal
from storage.database import Database
from storage.tables import Broadcast
from tests.actions import city as scene
from tests.actions.school_day import SchoolDay, school_day
from tests.databases import SECRET, Clock
from tests.delivery.city import counting


def counts(database: Database, day: SchoolDay) -> list[tuple[object, ...]]:
    with database.reading() as tx:
        return [tuple(each.as_dict().values()) for each in reports.by_class(tx, day.id)]


def test_families_by_class(database: Database) -> None:
    """A family in two classes counts in both, and once in the total."""
    day = school_day(database)
    with database.writing() as tx:
        confirmations.confirm(tx, day.id, day.points["guardian1"])
        confirmations.confirm(tx, day.id, day.points["singer"])
    # School, class, and of its families: all, confirmed, accepted, waiting, not reached.
    expected: list[tuple[object, ...]] = [
        ("第一小学校", "1年1組", 6, 1, 2, 1, 3),
        ("第一小学校", "1年2組", 1, 1, 1, 0, 0),
        ("", "", 1, 1, 1, 0, 0),
    ]
    assert counts(database, day) == expected
    with database.reading() as tx:
        families = reports.report(tx, day.id).families
    assert (families.total, families.reached, families.waiting, families.not_reached) == (
        7,
        3,
        1,
        3,
    )


def test_only_the_classes_that_were_meant(database: Database) -> None:
    day = school_day(database)

    def rows(*parts: Part) -> list[object]:
        with database.writing() as tx:
            tx.session.get_one(Broadcast, day.id).audience = [
                {"kind": part.kind, "id": part.id, "excluded": part.excluded} for part in parts
            ]
        return [row[1] for row in counts(database, day)]

    first, second = Part("group", day.city.class_a), Part("group", day.city.class_b, excluded=True)
    assert rows(first) == ["1年1組", ""]
    assert rows(Part("school", day.city.school), second) == ["1年1組", ""]
    # A club's members are found by whatever class they sit in.
    assert rows(Part("group", day.city.club)) == ["1年1組", "1年2組", ""]
    assert rows(first, Part("group", day.city.club)) == ["1年1組", "1年2組", ""]


def test_the_statements_are_few_however_many_families_there_are(sqlite_database: Database) -> None:
    day = school_day(sqlite_database)
    with counting(sqlite_database) as said, sqlite_database.reading() as tx:
        reports.by_class(tx, day.id)
        reports.report(tx, day.id)
    assert len(said) < 12


def test_the_list_to_phone_by(database: Database) -> None:
    day = school_day(database)
    with database.reading() as tx:
        row = tx.session.get_one(Broadcast, day.id)
        missing = phone_lists.phone_list(tx, row, "not_reached")
        unsure = phone_lists.phone_list(tx, row, "not_accepted")
        unconfirmed = phone_lists.phone_list(tx, row, "unconfirmed")
    (one,) = missing.classes
    assert (one.name, missing.families) == ("1年1組", 3)
    why = [(call.numbers, _said(call)) for call in one.calls]
    assert why == [
        ((3,), "ウェブチャット：ブロックされている"),
        ((4,), ""),
        ((6,), "ウェブチャット：届いたかどうか不明"),
    ]
    assert [call.numbers for call in unsure.classes[0].calls] == [(3,), (4,), (5,), (6,)]
    assert [(each.name, len(each.calls)) for each in unconfirmed.classes] == [
        ("1年1組", 6),
        ("1年2組", 1),
        ("", 1),
    ]
    assert unconfirmed.families == 7


def _said(call: phone_lists.Call) -> str:
    return scene.in_japanese(map(phone_lists.tried_words, call.tried))


def test_the_status_shows_what_can_be_done(sqlite_database: Database, clock: Clock) -> None:
    day = school_day(sqlite_database)
    clock.forward(minutes=10)
    with sqlite_database.reading() as tx:
        shown = render(statuses.status(tx, day.cast.principal, day.id), "ja", "https://r.jp")
        listed = statuses.newest(tx, day.cast.teacher, 10)
    assert [row.id for row in listed] == [day.id]
    for part in (
        "7家庭のうち3家庭",
        "「確認しました」：0家庭（まだ：7家庭）",
        "届いていない家庭：3",
    ):
        assert part in shown.text
    assert "・1年1組：6家庭のうち6家庭" in shown.text
    assert "・その他（クラス未登録）：1家庭のうち1家庭" in shown.text
    # No worker runs here, so there is no way by which anybody could be reached now.
    verbs = (CardVerb.REMIND, CardVerb.WITHDRAW, CardVerb.CORRECT)
    labels = [scene.in_japanese([label(verb)]) for verb in verbs]
    assert [button.label for button in shown.buttons[:3]] == labels
    url = shown.buttons[3].url
    assert url in shown.text
    numbers = unseal(SECRET, "phone-list", url.rpartition("/")[2])
    assert numbers is not None
    with sqlite_database.reading() as tx:
        assert phone_lists.opened(tx, numbers) is not None
    clock.forward(hours=25)
    with sqlite_database.reading() as tx:
        assert phone_lists.opened(tx, numbers) is None


def test_a_list_of_very_many_classes_is_cut_for_a_chat(sqlite_database: Database) -> None:
    classes = tuple(
        reports.ClassCounts("第一小学校", f"{n}組", n, 0, 0, 0, n) for n in range(1, 41)
    )
    words = scene.in_japanese(statuses.worst_classes(classes, by_confirmation=False))
    assert "・40組：40家庭のうち40家庭" in words
    assert "ほか32クラス" in words
    assert words.count("組：") == 8
    assert timedelta(days=1) == phone_lists.LASTS
