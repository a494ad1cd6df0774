"""Folding what was typed, and cutting it into marks; a text not wholly understood is doubted."""

import re
from collections.abc import Callable, Iterable

from domain.folding import DASHES, fold
from domain.when_words import (
    MONTH_NAMES,
    WEEKDAY_LETTERS,
    WORDS,
    After,
    Clock,
    Date,
    Day,
    Doubt,
    Mark,
    Marks,
    Month,
    Week,
    Weekday,
)

# A send time with every courtesy fits easily; anything longer is a message in the wrong place.
LONGEST = 200

_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_DIGITS = "〇一二三四五六七八九"


def fold_when(text: str) -> str:
    """One spelling for what is typed in many: case, kana, numerals, dashes and stray spaces."""
    if len(text) > LONGEST:
        raise Doubt("too_long")
    kana = fold(text).lower().replace("∶", ":").translate(_HIRAGANA)
    numerals = re.sub(r"(?<!\d)[零〇一二三四五六七八九十]+(?![\d斉昨])", _numeral, kana)
    dashes = re.sub(rf"(?<=\d)[{re.escape(DASHES)}](?=\d)", "-", numerals)
    halves = re.sub(r"(?<![a-z])([ap])\. ?m\.?", r"\1m", dashes)
    return _without_stray_spaces(halves)


def _numeral(found: re.Match[str]) -> str:
    run = found[0].replace("零", "〇")
    if ten := re.fullmatch("([一二三四五六七八九]?)十([一二三四五六七八九]?)", run):
        return str(_DIGITS.index(ten[1] or "一") * 10 + _DIGITS.index(ten[2] or "〇"))
    # 二三日 is two or three days, not the 23rd; left as it is, it will not be understood.
    if "十" in run or (len(run) == 2 and run in _DIGITS):
        return found[0]
    return "".join(str(_DIGITS.index(letter)) for letter in run)


def _without_stray_spaces(text: str) -> str:
    joined = re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", text)
    return re.sub(r" ?([:/]) ?", r"\1", joined)


def cut(folded: str) -> Marks:
    marks: list[Mark] = []
    position = 0
    while position < len(folded):
        found, read = _first_fit(folded, position, marks)
        marks.extend(read(found))
        position = found.end()
    return tuple(marks)


Read = Callable[[re.Match[str]], Marks]


def _first_fit(text: str, position: int, before: list[Mark]) -> tuple[re.Match[str], Read]:
    for pattern, read in _RULES:
        if found := pattern.match(text, position):
            return found, read
    # 11/25水 and 来週水 are common; a lone 水 elsewhere could be anything.
    beside_a_day = bool(before) and isinstance(before[-1], Date | Day | Week | Month)
    if beside_a_day and (found := _LONE_WEEKDAY.match(text, position)):
        return found, _weekday_letter
    raise Doubt("not_understood")


def _clock(found: re.Match[str]) -> Marks:
    said = found.groupdict()
    hour = int(found["hour"])
    minute = 30 if said.get("half") else int(said.get("minute") or said.get("short") or 0)
    second = int(said.get("second") or 0)
    exact = found["hour"].startswith("0") or hour > 12
    return (Clock(hour, minute, second, colon=":" in found[0], exact=exact),)


def _clock_of_half(found: re.Match[str]) -> Marks:
    return (*WORDS[found["half_day"]], *_clock(found))


def _compact_clock(found: re.Match[str]) -> Marks:
    return (Clock(int(found["hour"]), int(found["minute"]), exact=True, compact=True),)


def _noon(_: re.Match[str]) -> Marks:
    return (Clock(12, exact=True),)


def _date(found: re.Match[str]) -> Marks:
    said = {name: int(digits) for name, digits in found.groupdict().items() if digits}
    return (Date(said["day"], said.get("month"), said.get("year")),)


def _separated_date(found: re.Match[str]) -> Marks:
    return (Date(int(found["day"]), int(found["month"]), int(found["year"])),)


def _reiwa_date(found: re.Match[str]) -> Marks:
    year = 1 if found["year"] == "元" else int(found["year"])
    return (Date(int(found["day"]), int(found["month"]), 2018 + year),)


def _english_date(found: re.Match[str]) -> Marks:
    year = int(found["year"]) if found["year"] else None
    return (Date(int(found["day"]), MONTH_NAMES[found["name"]], year),)


def _after(found: re.Match[str]) -> Marks:
    said = found.groupdict()
    minutes = 30 if said.get("half") else int(said.get("minutes") or 0)
    return (After(int(said.get("hours") or 0) * 60 + minutes),)


def _days_after(found: re.Match[str]) -> Marks:
    said = found.groupdict()
    return (Day(int(said.get("days") or 0) + 7 * int(said.get("weeks") or 0), counted=True),)


def _weekday_letter(found: re.Match[str]) -> Marks:
    return (Weekday(WEEKDAY_LETTERS.index(found["letter"])),)


def _word(found: re.Match[str]) -> Marks:
    return WORDS[found[0]]


def _nothing(_: re.Match[str]) -> Marks:
    return ()


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_LETTER = "[月火水木金土日]"
_LONE_WEEKDAY = re.compile(rf"(?P<letter>{_LETTER})(?![曜末])")
# 7時から is a time to send from; 7時から25日 is the beginning of something else.
_TAIL = r"(?:頃|ころ|ごろ|くらい|ぐらい|ちょうど|丁度|きっかり|ぴったり|じゃすと)?(?:から(?!.*\d))?"
_YEAR = r"(?P<year>(?:19|20|21)\d\d)"
_REIWA = r"(?:令和|r) ?(?P<year>元|\d{1,2})"
_MONTH_DAY = r"(?P<month>\d{1,2})月(?P<day>\d{1,2})日"
_SEPARATED = r"(?P<mark>[/.-])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?![\d/.-])"
_NAMED_MONTH = rf"(?P<name>{_any_of(MONTH_NAMES)})\.?"
_NAMED_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_NAMED_YEAR = r"(?:,? ?(?P<year>20\d\d))?(?![\d:a-z])"
_MINUTE = "(?:分|ふん|ぷん)"
_MINUTES = rf"(?P<minutes>\d{{1,4}}){_MINUTE}間?"
_HOURS = (
    rf"(?P<hours>\d{{1,3}})(?:時間|じかん)(?:(?P<half>半|はん)|(?P<minutes>\d{{1,2}}){_MINUTE})?"
)
_ENGLISH_MINUTES = r"(?P<minutes>\d{1,4}) ?(?:minutes?|mins?)"
_ENGLISH_HOURS = r"(?P<hours>\d{1,3}) ?(?:hours?|hrs?)"
_SPAN_RULES: list[tuple[str, Read]] = [
    (rf"(?:あと)?{_HOURS}(?:後|あと){_TAIL}", _after),
    (rf"(?:あと)?{_MINUTES}(?:後|あと){_TAIL}", _after),
    (rf"あと{_HOURS}で?", _after),
    (rf"あと{_MINUTES}で?", _after),
    (r"(?P<days>\d{1,3})日後", _days_after),
    (r"(?P<weeks>\d{1,2})週間?後", _days_after),
    (rf"in {_ENGLISH_MINUTES}(?![a-z])", _after),
    (rf"in {_ENGLISH_HOURS}(?![a-z])", _after),
    (r"in (?P<days>\d{1,3}) days?(?![a-z])", _days_after),
    (rf"{_ENGLISH_MINUTES} (?:later|from now)(?![a-z])", _after),
    (rf"{_ENGLISH_HOURS} (?:later|from now)(?![a-z])", _after),
]
_DATE_RULES: list[tuple[str, Read]] = [
    (rf"{_YEAR}年{_MONTH_DAY}", _date),
    (rf"{_YEAR}{_SEPARATED}", _separated_date),
    (rf"{_REIWA}年{_MONTH_DAY}", _reiwa_date),
    (rf"{_REIWA}{_SEPARATED}", _reiwa_date),
    (rf"{_YEAR}(?P<month>\d\d)(?P<day>\d\d)t?(?=(?:\d{{4}})?(?!\d))", _date),
    (_MONTH_DAY, _date),
    (r"(?P<month>\d{1,2})/(?P<day>\d{1,2})(?![\d/.-])", _date),
    (rf"{_NAMED_MONTH} ?{_NAMED_DAY}{_NAMED_YEAR}", _english_date),
    (rf"{_NAMED_DAY} ?{_NAMED_MONTH}{_NAMED_YEAR}", _english_date),
    (r"(?P<day>\d{1,2})日", _date),
    (rf"\((?P<letter>{_LETTER})(?:曜日?)?(?:・?祝日?)?\)", _weekday_letter),
]
_CLOCK_RULES: list[tuple[str, Read]] = [
    (
        rf"(?P<hour>\d{{1,2}})(?:時|じ)(?!間|かん)(?:(?P<minute>\d{{1,2}}){_MINUTE}"
        rf"|(?P<half>半|はん)|(?P<short>\d\d)(?![\d年月日時分:/]))?{_TAIL}",
        _clock,
    ),
    (rf"(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?![\d:]){_TAIL}", _clock),
    (r"(?P<hour>\d{1,2})(?= ?[ap]m(?![a-z]))", _clock),
    (r"(?P<hour>\d{1,2}) ?o'clock", _clock),
    (r"(?P<half_day>[ap]m) ?(?P<hour>\d{1,2})(?![\d:/年月日時じ])", _clock_of_half),
    # 2026 looks like a year before it looks like 20:26.
    (rf"(?!20)(?P<hour>\d\d)(?P<minute>\d\d)(?![\d年月日時分:/.-]){_TAIL}", _compact_clock),
    (rf"(?:正午|noon){_TAIL}", _noon),
]
_WORD_RULES: list[tuple[str, Read]] = [
    (_any_of(word for word in WORDS if not word.isascii()), _word),
    (rf"(?:{_any_of(word for word in WORDS if word.isascii())})(?![a-z])", _word),
    (r"[ ,()!、。]|\.$", _nothing),
]
# The first rule that fits wins: 1時間後 must be tried before 1時, and 10日 before 日.
_RULES = [
    (re.compile(pattern), read)
    for pattern, read in _SPAN_RULES + _DATE_RULES + _CLOCK_RULES + _WORD_RULES
]
