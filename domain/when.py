"""Reads the send time a teacher types; what could reasonably be meant otherwise is asked back."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.when_cut import cut, fold_when
from domain.when_days import day_meant
from domain.when_words import (
    DEAD_OF_NIGHT,
    MORNING,
    NIGHT,
    After,
    Clock,
    Date,
    Doubt,
    Marks,
    Now,
    Part,
)

TOKYO = ZoneInfo("Asia/Tokyo")

# Whoever types 7:00 at 18:30 may mean in half an hour; at 10:00 nobody means the evening.
SAME_FACE_SOON = timedelta(hours=2)
# Whoever types 15:00 at 15:03 was perhaps only slow, and tomorrow would be a bad surprise.
JUST_MISSED = timedelta(minutes=10)
# Nothing is planned further ahead: it would be a slip of the year.
FURTHEST = timedelta(days=366)
# 25時 to 30時 are the hours after midnight, in the manner of television listings.
LAST_HOUR_ANYONE_WRITES = 30
# 1時 to 5時 are as well said of the afternoon as of the morning.
FIRST_MORNING_HOUR = 6

_ISO = re.compile(
    r"(?:19|20|21)\d\d-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:\.\d{3})?)? ?(?:z|[+-]\d\d:?\d\d)?"
)


class Verdict(StrEnum):
    OK = "ok"
    PAST = "past"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: `at` is the moment, past or to come, and None where it is asked back.

    `reason` is the suffix of a text key: the verdict itself, or what makes the text unclear.
    """

    at: datetime | None
    verdict: Verdict
    reason: str


def read_when(text: str, now: datetime, zone: ZoneInfo = TOKYO) -> Reading:
    if now.utcoffset() is None:
        raise ValueError("now must carry its zone")
    here = now.astimezone(zone)
    try:
        return _judged(_moment(text, here), here)
    except Doubt as doubt:
        return Reading(None, Verdict.UNCLEAR, doubt.reason)


def _judged(at: datetime, here: datetime) -> Reading:
    if _until(at, here) > FURTHEST:
        raise Doubt("too_far")
    verdict = Verdict.PAST if _passed(at, here) else Verdict.OK
    return Reading(at, verdict, verdict.value)


def _moment(text: str, here: datetime) -> datetime:
    folded = fold_when(text)
    if not folded:
        raise Doubt("empty")
    if _ISO.fullmatch(folded):
        return _iso(folded, here)
    marks = cut(folded)
    if any(isinstance(mark, Now | After) for mark in marks):
        return _soon(marks, here)
    return _dated(marks, here)


def _iso(folded: str, here: datetime) -> datetime:
    try:
        said = datetime.fromisoformat(folded.upper().replace(" ", "T", 1).replace(" ", ""))
    except ValueError:
        raise Doubt("no_such_time") from None
    return said.astimezone(here.tzinfo) if said.tzinfo else _existing(said, here)


def _soon(marks: Marks, here: datetime) -> datetime:
    waits = [mark for mark in marks if isinstance(mark, After)]
    if len(waits) > 1 or not all(isinstance(mark, Now | After) for mark in marks):
        raise Doubt("two_times")
    wait = timedelta(minutes=sum(mark.minutes for mark in waits))
    return (here.astimezone(UTC) + wait).astimezone(here.tzinfo)


def _dated(marks: Marks, here: datetime) -> datetime:
    clock = _only_clock(marks)
    hours = _hours_meant(clock, marks)
    day = day_meant(marks, here)
    if day is None:
        _doubt_a_date(clock, here)
        return _next_time(clock, hours, here)
    _doubt_midnight(clock, marks, day, here)
    return _on_the_day(clock, hours, day, here)


def _only_clock(marks: Marks) -> Clock:
    clocks = {mark for mark in marks if isinstance(mark, Clock)}
    if len(clocks) > 1:
        raise Doubt("two_times")
    if not clocks:
        raise Doubt("no_time" if marks else "not_understood")
    return clocks.pop()


def _hours_meant(clock: Clock, marks: Marks) -> list[int]:
    """The hour as written, and the other one of the same clock face if it is possible."""
    if clock.minute > 59 or clock.second > 59 or clock.hour > LAST_HOUR_ANYONE_WRITES:
        raise Doubt("no_such_time")
    if clock.hour > 24 or (clock.hour == 24 and (clock.minute or clock.second)):
        raise Doubt("late_night_hour")
    parts = [mark for mark in marks if isinstance(mark, Part)]
    if parts:
        return [_hour_within(parts, clock.hour)]
    return [clock.hour] if clock.exact else [clock.hour, clock.hour + 12]


def _hour_within(parts: list[Part], hour: int) -> int:
    halved = any(part.half for part in parts)
    if halved and hour == 12:
        raise Doubt("noon_or_midnight")
    # 午後15時 is 15:00, or a slip for 午後5時.
    fitting = [] if halved and hour > 12 else [hour, hour + 12]
    for candidate in fitting:
        if all(candidate in part.hours for part in parts):
            return candidate
    raise Doubt(_clash(parts, hour))


def _clash(parts: list[Part], hour: int) -> str:
    past_midnight = NIGHT in parts and hour % 12 < MORNING.hours.start
    return "midnight_which_day" if past_midnight or DEAD_OF_NIGHT in parts else "part_of_day_clash"


def _doubt_a_date(clock: Clock, here: datetime) -> None:
    """1125 alone is the time 11:25 or the date 11/25."""
    if not clock.compact:
        return
    try:
        date(here.year, clock.hour, clock.minute)
    except ValueError:
        return
    raise Doubt("time_or_date")


def _doubt_midnight(clock: Clock, marks: Marks, day: date, here: datetime) -> None:
    """明日0時 and 明日24時 are said of both ends of tomorrow; 11月25日0時 is exact."""
    exact = any(isinstance(mark, Date | Part) for mark in marks)
    if (clock.hour == 0 and not exact) or (clock.hour == 24 and day != here.date()):
        raise Doubt("midnight_which_day")


def _next_time(clock: Clock, hours: list[int], here: datetime) -> datetime:
    """A bare clock means today while it is still ahead, and then tomorrow."""
    if len(hours) > 1 and clock.hour < FIRST_MORNING_HOUR:
        raise Doubt("am_or_pm")
    today = _told_apart(clock, [_at(here.date(), hour, clock, here) for hour in hours], here)
    if not _passed(today, here):
        return today
    if -_until(today, here) <= JUST_MISSED:
        raise Doubt("just_missed")
    return _at(here.date() + timedelta(days=1), hours[0], clock, here)


def _on_the_day(clock: Clock, hours: list[int], day: date, here: datetime) -> datetime:
    readings = [_at(day, hour, clock, here) for hour in hours]
    # 明日6時 is said of the evening as well; who writes 6:00 for the evening writes 18:00.
    first_morning_hour = FIRST_MORNING_HOUR if clock.colon else FIRST_MORNING_HOUR + 1
    ahead = any(_until(at, here) > timedelta() for at in readings)
    if len(readings) > 1 and ahead and clock.hour < first_morning_hour:
        raise Doubt("am_or_pm")
    return _told_apart(clock, readings, here)


def _told_apart(clock: Clock, readings: list[datetime], here: datetime) -> datetime:
    """7時 is the morning, unless only the evening is left of that day."""
    written, other = readings[0], readings[-1]
    wait = _until(other, here)
    if len(readings) == 1 or not _passed(written, here) or wait <= timedelta():
        return written
    if clock.colon and wait > SAME_FACE_SOON:
        return written
    raise Doubt("am_or_pm")


def _at(day: date, hour: int, clock: Clock, here: datetime) -> datetime:
    midnight = datetime.combine(day, time())
    since = timedelta(hours=hour, minutes=clock.minute, seconds=clock.second)
    return _existing(midnight + since, here)


def _existing(wall: datetime, here: datetime) -> datetime:
    """The moment of this wall clock, unless summer time skips it or strikes it twice."""
    at = wall.replace(tzinfo=here.tzinfo)
    if at.utcoffset() != at.replace(fold=1).utcoffset():
        raise Doubt("no_such_time")
    return at


def _passed(at: datetime, here: datetime) -> bool:
    return _until(at, here) < timedelta()


def _until(at: datetime, here: datetime) -> timedelta:
    """How far ahead, to the minute: what is due in this very minute has not passed."""
    # Moments of one zone are compared by their wall clocks; only UTC is right in summer time.
    minute = here.replace(second=0, microsecond=0)
    return at.astimezone(UTC) - minute.astimezone(UTC)
