"""Which day a teacher means, given the marks of the text and the day it was typed on."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from domain.when_words import Date, Day, Doubt, Mark, Marks, Month, NextOne, Week, Weekday, Year

SUNDAY = 6
# Someone still awake at two in the morning may call the coming daylight 明日.
SMALL_HOURS_END = 4

# How old a date without a year, or a day without a month, may be and still be a date just
# passed; and how near the next one must be to be meant instead. Between them one asks.
JUST_PASSED_DAYS = 92
JUST_PASSED_IN_JANUARY_DAYS = 31
COMING_DAYS = 183
JUST_PASSED_DAY_OF_MONTH = 7
JUST_PASSED_AT_MONTH_START = 3
COMING_DAY_OF_MONTH = 14


def day_meant(marks: Marks, now: datetime) -> date | None:
    """The one day the text names, or none if it names no day."""
    if not any(isinstance(m, Date | Day | Week | Month | Year | Weekday | NextOne) for m in marks):
        return None
    candidates, doubt = _named(marks, now)
    fitting = [day for day in candidates if _fits_the_rest(day, marks, now)]
    if not fitting:
        raise Doubt(_clash(marks))
    if len(fitting) > 1:
        raise Doubt(doubt)
    return fitting[0]


def _named(marks: Marks, now: datetime) -> tuple[set[date], str]:
    """Every day that the most telling mark can mean, and the doubt if they are several."""
    today = now.date()
    for mark in marks:
        if isinstance(mark, Date):
            return {_date(mark, marks, today)}, "days_clash"
    for mark in marks:
        if isinstance(mark, Day):
            return _around(mark, now), "after_midnight"
    for mark in marks:
        if isinstance(mark, Weekday):
            return _weekdays(mark, marks, today)
    raise Doubt("which_day")


def _around(mark: Day, now: datetime) -> set[date]:
    day = now.date() + timedelta(days=mark.offset)
    if now.hour < SMALL_HOURS_END and mark.offset > 0 and not mark.counted:
        return {day - timedelta(days=1), day}
    return {day}


def _weekdays(mark: Weekday, marks: Marks, today: date) -> tuple[set[date], str]:
    week = next((m for m in marks if isinstance(m, Week)), None)
    if week:
        _doubt_on_sunday(today)
        return _in_week(mark, week, today), "which_week"
    ahead = (mark.number - today.weekday()) % 7
    if any(isinstance(m, NextOne) for m in marks):
        first = today + timedelta(days=ahead or 7)
        return {first} | _in_week(mark, Week(1), today), "which_week"
    coming = today + timedelta(days=ahead)
    # Nobody says 月曜 on a Monday for that very day, yet it is not clearly the next one either.
    return {coming} if ahead else {coming, coming + timedelta(days=7)}, "today_or_next_week"


def _doubt_on_sunday(today: date) -> None:
    # For some the week begins on Sunday, for others it ends there: on a Sunday they differ.
    if today.weekday() == SUNDAY:
        raise Doubt("next_week_on_sunday")


def _in_week(mark: Weekday, week: Week, today: date) -> set[date]:
    days = {day for day in _week(week, today) if day.weekday() == mark.number}
    # 今週の日曜 on a Wednesday is the coming one, for nobody sends into the past.
    return {day for day in days if day >= today} or days if week.offset == 0 else days


def _week(week: Week, today: date) -> set[date]:
    """The days of the week, whether it begins on Sunday or on Monday."""
    monday = today - timedelta(days=today.weekday()) + timedelta(weeks=week.offset)
    aheads = range(13) if today.weekday() == SUNDAY else range(-1, 7)
    return {monday + timedelta(days=ahead) for ahead in aheads}


def _fits_the_rest(day: date, marks: Marks, now: datetime) -> bool:
    return all(_fits(day, mark, marks, now) for mark in marks)


def _fits(day: date, mark: Mark, marks: Marks, now: datetime) -> bool:
    match mark:
        case Date():
            return _date(mark, marks, now.date()) == day
        case Day():
            return day in _around(mark, now)
        case Week():
            return day in _week(mark, now.date())
        case Month():
            return (day.year, day.month) == _month(now.date(), mark.offset)
        case Year():
            return day.year == now.year + mark.offset
        case Weekday():
            return day.weekday() == mark.number
    return True


def _clash(marks: Marks) -> str:
    return "weekday_clash" if any(isinstance(mark, Weekday) for mark in marks) else "days_clash"


def _date(mark: Date, marks: Marks, today: date) -> date:
    if mark.year is not None and mark.month is not None:
        return _existing(mark.year, mark.month, mark.day)
    if mark.month is not None:
        year = next((m for m in marks if isinstance(m, Year)), None)
        if year:
            return _existing(today.year + year.offset, mark.month, mark.day)
        return _nearest_in_years(mark.month, mark.day, today)
    month = next((m for m in marks if isinstance(m, Month)), None)
    if month:
        return _existing(*_month(today, month.offset), mark.day)
    return _nearest_in_months(mark.day, today)


def _existing(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise Doubt("no_such_date") from None


def _only_existing(days: Iterable[tuple[int, int, int]]) -> Iterator[date]:
    for year, month, day in days:
        try:
            yield date(year, month, day)
        except ValueError:
            continue


def _month(today: date, offset: int) -> tuple[int, int]:
    months = today.year * 12 + today.month - 1 + offset
    return months // 12, months % 12 + 1


def _neighbours(days: list[date], today: date) -> tuple[date, int, date, int]:
    """The last such day and the coming one, and how many days away each is."""
    if not days:
        raise Doubt("no_such_date")
    last = max((day for day in days if day < today), default=date.min)
    coming = min((day for day in days if day >= today), default=date.max)
    return last, (today - last).days, coming, (coming - today).days


def _nearest_in_years(month: int, day: int, today: date) -> date:
    """A date just passed is past; 1月8日 typed in December is the coming one."""
    years = (today.year - 1, today.year, today.year + 1)
    days = list(_only_existing((year, month, day) for year in years))
    last, since, coming, until = _neighbours(days, today)
    this_year = coming.year == today.year
    if until and since <= (JUST_PASSED_IN_JANUARY_DAYS if this_year else JUST_PASSED_DAYS):
        return last
    if until <= COMING_DAYS or (this_year and since > JUST_PASSED_DAYS):
        return coming
    raise Doubt("which_year")


def _nearest_in_months(day: int, today: date) -> date:
    """25日: the one of this month, or of the next if it is near; just passed is past."""
    months = (_month(today, offset) for offset in (-1, 0, 1, 2))
    days = list(_only_existing((year, month, day) for year, month in months))
    last, since, coming, until = _neighbours(days, today)
    this_month = (coming.year, coming.month) == (today.year, today.month)
    if this_month and (not until or since > JUST_PASSED_AT_MONTH_START):
        return coming
    if not this_month and since <= JUST_PASSED_DAY_OF_MONTH:
        return last
    if not this_month and until <= COMING_DAY_OF_MONTH:
        return coming
    raise Doubt("which_month")
