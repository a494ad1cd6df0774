"""The same words typed at different moments; each row is a decision."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.when import TOKYO, Reading, Verdict, read_when

SUNDAY_EVENING = datetime(2026, 11, 22, 20, 0, tzinfo=TOKYO)
MONDAY_MORNING = datetime(2026, 11, 23, 6, 30, tzinfo=TOKYO)
WEDNESDAY_10 = datetime(2026, 11, 25, 10, 0, tzinfo=TOKYO)
WEDNESDAY_1830 = datetime(2026, 11, 25, 18, 30, tzinfo=TOKYO)
THURSDAY_0030 = datetime(2026, 11, 26, 0, 30, tzinfo=TOKYO)
DECEMBER_20 = datetime(2026, 12, 20, 15, 0, tzinfo=TOKYO)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


AT_OTHER_MOMENTS = [
    # At 10:00 the evening is left of 8時; 9:00 is written as in a timetable and rolls over.
    (WEDNESDAY_10, "8時", "am_or_pm", None),
    (WEDNESDAY_10, "今日8時", "am_or_pm", None),
    (WEDNESDAY_10, "11/25 8時", "am_or_pm", None),
    (WEDNESDAY_10, "9:00", "ok", "2026-11-26 09:00"),
    (WEDNESDAY_10, "今日9:00", "past", "2026-11-25 09:00"),
    (WEDNESDAY_10, "今日09:00", "past", "2026-11-25 09:00"),
    (WEDNESDAY_10, "09:00", "ok", "2026-11-26 09:00"),
    (WEDNESDAY_10, "朝8時", "ok", "2026-11-26 08:00"),
    (WEDNESDAY_10, "午前9時", "ok", "2026-11-26 09:00"),
    (WEDNESDAY_10, "今朝8時", "past", "2026-11-25 08:00"),
    (WEDNESDAY_10, "11時", "ok", "2026-11-25 11:00"),
    (WEDNESDAY_10, "11:00", "ok", "2026-11-25 11:00"),
    (WEDNESDAY_10, "12時", "ok", "2026-11-25 12:00"),
    (WEDNESDAY_10, "正午", "ok", "2026-11-25 12:00"),
    (WEDNESDAY_10, "今日3時", "am_or_pm", None),
    (WEDNESDAY_10, "今日の15時", "ok", "2026-11-25 15:00"),
    (WEDNESDAY_10, "今夜8時", "ok", "2026-11-25 20:00"),
    # At 18:30 somebody who types 7:00 may mean in half an hour.
    (WEDNESDAY_1830, "7時", "am_or_pm", None),
    (WEDNESDAY_1830, "7:00", "am_or_pm", None),
    (WEDNESDAY_1830, "今日7:00", "am_or_pm", None),
    (WEDNESDAY_1830, "07:00", "ok", "2026-11-26 07:00"),
    (WEDNESDAY_1830, "朝7時", "ok", "2026-11-26 07:00"),
    (WEDNESDAY_1830, "明日7時", "ok", "2026-11-26 07:00"),
    # Weeks seen from a Wednesday.
    (WEDNESDAY_10, "金曜8時", "ok", "2026-11-27 08:00"),
    (WEDNESDAY_10, "火曜8時", "ok", "2026-12-01 08:00"),
    (WEDNESDAY_10, "水曜8時", "today_or_next_week", None),
    (WEDNESDAY_10, "水曜15時", "today_or_next_week", None),
    (WEDNESDAY_10, "今週金曜8時", "ok", "2026-11-27 08:00"),
    (WEDNESDAY_10, "今週の日曜8時", "ok", "2026-11-29 08:00"),
    (WEDNESDAY_10, "今週月曜8時", "past", "2026-11-23 08:00"),
    (WEDNESDAY_10, "来週月曜8時", "ok", "2026-11-30 08:00"),
    (WEDNESDAY_10, "来週の月曜日の朝８時に送って", "ok", "2026-11-30 08:00"),
    (WEDNESDAY_10, "来週水 8:00", "ok", "2026-12-02 08:00"),
    (WEDNESDAY_10, "来週土曜8時", "ok", "2026-12-05 08:00"),
    (WEDNESDAY_10, "来週日曜8時", "which_week", None),
    (WEDNESDAY_10, "再来週月曜8時", "ok", "2026-12-07 08:00"),
    (WEDNESDAY_10, "先週金曜8時", "past", "2026-11-20 08:00"),
    (WEDNESDAY_10, "来週11/30(月)8時", "ok", "2026-11-30 08:00"),
    (WEDNESDAY_10, "来週11/27 8時", "days_clash", None),
    (WEDNESDAY_10, "次の月曜8時", "ok", "2026-11-30 08:00"),
    (WEDNESDAY_10, "next Monday 8:00", "ok", "2026-11-30 08:00"),
    (WEDNESDAY_10, "次の水曜8時", "ok", "2026-12-02 08:00"),
    (WEDNESDAY_10, "次の金曜8時", "which_week", None),
    (WEDNESDAY_10, "今度の日曜8時", "which_week", None),
    # An early riser's Monday.
    (MONDAY_MORNING, "7:00", "ok", "2026-11-23 07:00"),
    (MONDAY_MORNING, "7時", "ok", "2026-11-23 07:00"),
    (MONDAY_MORNING, "今朝7時", "ok", "2026-11-23 07:00"),
    (MONDAY_MORNING, "月曜7時", "today_or_next_week", None),
    # Whoever is still awake at half past midnight may call the coming morning 明日.
    (THURSDAY_0030, "明日7時", "after_midnight", None),
    (THURSDAY_0030, "明朝7時", "after_midnight", None),
    (THURSDAY_0030, "明日(木)7時", "ok", "2026-11-26 07:00"),
    (THURSDAY_0030, "明日11/27 7時", "ok", "2026-11-27 07:00"),
    (THURSDAY_0030, "今日7時", "ok", "2026-11-26 07:00"),
    (THURSDAY_0030, "7時", "ok", "2026-11-26 07:00"),
    (THURSDAY_0030, "3日後の7時", "ok", "2026-11-29 07:00"),
    # A clock that struck a moment ago: only slow, or tomorrow?
    (WEDNESDAY_10 + timedelta(minutes=3), "10:00", "just_missed", None),
    (WEDNESDAY_10 + timedelta(minutes=10), "10:00", "just_missed", None),
    (WEDNESDAY_10 + timedelta(minutes=11), "10:00", "ok", "2026-11-26 10:00"),
    (WEDNESDAY_10 + timedelta(minutes=3), "今日10:00", "past", "2026-11-25 10:00"),
    # The same minute has not passed.
    (WEDNESDAY_10 + timedelta(seconds=30), "今日10:00", "ok", "2026-11-25 10:00"),
    # Dates without a year, around its turn.
    (DECEMBER_20, "1/8 7:00", "ok", "2027-01-08 07:00"),
    (DECEMBER_20, "12/19 7:00", "past", "2026-12-19 07:00"),
    (DECEMBER_20, "10/1 7:00", "past", "2026-10-01 07:00"),
    (DECEMBER_20, "5日7時", "which_month", None),
    (DECEMBER_20, "1日7時", "ok", "2027-01-01 07:00"),
    (at("2026-12-28 10:00"), "5日7時", "ok", "2027-01-05 07:00"),
    (at("2027-03-31 10:00"), "1/8 7:00", "past", "2027-01-08 07:00"),
    (at("2027-01-10 10:00"), "12/20 7:00", "past", "2026-12-20 07:00"),
    (at("2027-02-10 10:00"), "12/20 7:00", "which_year", None),
    (at("2027-04-08 10:00"), "12/20 7:00", "ok", "2027-12-20 07:00"),
    (at("2026-12-02 10:00"), "30日7時", "which_month", None),
    (at("2026-12-05 10:00"), "30日7時", "ok", "2026-12-30 07:00"),
    (at("2027-12-20 10:00"), "2/29 7:00", "ok", "2028-02-29 07:00"),
    (at("2028-03-05 10:00"), "2/29 7:00", "past", "2028-02-29 07:00"),
]


@pytest.mark.parametrize(("now", "text", "reason", "expected"), AT_OTHER_MOMENTS)
def test_depends_on_the_moment(now: datetime, text: str, reason: str, expected: str | None) -> None:
    reading = read_when(text, now)
    assert reading.reason == reason
    assert reading.at == (at(expected) if expected else None)


def test_now_is_the_moment_itself() -> None:
    now = SUNDAY_EVENING.replace(second=17, microsecond=42)
    assert read_when("今すぐ", now) == Reading(now, Verdict.OK, "ok")


def test_answers_in_the_zone_whatever_zone_now_is_in() -> None:
    reading = read_when("明日7時", SUNDAY_EVENING.astimezone(UTC))
    assert reading == Reading(at("2026-11-23 07:00"), Verdict.OK, "ok")
    assert reading.at is not None
    assert reading.at.isoformat() == "2026-11-23T07:00:00+09:00"


def test_refuses_a_moment_without_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        read_when("明日7時", datetime(2026, 11, 22, 20, 0))  # noqa: DTZ001 -- what is refused


NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("now", "text", "reason"),
    [
        # The night of 14 March 2027 has no 2:30, that of 7 November has two of 1:30.
        ("2027-03-13T20:00:00-05:00", "2027-03-14 02:30", "no_such_time"),
        ("2027-03-13T20:00:00-05:00", "2027-03-14T02:30", "no_such_time"),
        ("2027-11-06T20:00:00-04:00", "2027-11-07 01:30", "no_such_time"),
        ("2027-03-13T20:00:00-05:00", "2027-03-14 03:30", "ok"),
    ],
)
def test_summer_time(now: str, text: str, reason: str) -> None:
    assert read_when(text, datetime.fromisoformat(now), NEW_YORK).reason == reason


def test_in_eight_hours_is_eight_hours_over_a_change_of_the_clock() -> None:
    now = datetime.fromisoformat("2027-03-13T20:00:00-05:00")
    reading = read_when("8時間後", now, NEW_YORK)
    assert reading.at == now + timedelta(hours=8)
    assert reading.at is not None
    assert reading.at.hour == 5
