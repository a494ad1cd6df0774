"""The words of a send time, and the marks they stand for."""

from dataclasses import dataclass


class Doubt(Exception):
    """The text cannot be read in one way only; `reason` says why, as the suffix of a text key."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Clock:
    hour: int
    minute: int = 0
    second: int = 0
    # 7:00 is written as in a timetable, 7時 as one speaks, where it may well be the evening.
    colon: bool = False
    # 07:00, 15時 and 正午 leave no question of morning or evening.
    exact: bool = False
    # 1125 may be a time or a date.
    compact: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the day: the hours it can name, and whether it is 午前 or 午後."""

    hours: range
    half: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    offset: int
    # 3日後 is counted on the calendar; 明日 is felt, and after midnight it is felt differently.
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Week:
    offset: int


@dataclass(frozen=True, slots=True)
class Month:
    offset: int


@dataclass(frozen=True, slots=True)
class Year:
    offset: int


@dataclass(frozen=True, slots=True)
class Weekday:
    number: int


@dataclass(frozen=True, slots=True)
class NextOne:
    """次の or 今度の, before a weekday."""


@dataclass(frozen=True, slots=True)
class Date:
    day: int
    month: int | None = None
    year: int | None = None


@dataclass(frozen=True, slots=True)
class After:
    minutes: int


@dataclass(frozen=True, slots=True)
class Now:
    pass


Mark = Clock | Part | Day | Week | Month | Year | Weekday | NextOne | Date | After | Now
Marks = tuple[Mark, ...]

MORNING = Part(range(4, 12))
AFTERNOON = Part(range(12, 18))
EVENING = Part(range(16, 23))
NIGHT = Part(range(18, 24))
# 深夜1時 belongs to the evening before for some people and to the morning after for others, so
# these words name no hour at all.
DEAD_OF_NIGHT = Part(range(0))

_NOW = (
    "今 いま 今すぐ いますぐ 今直ぐ すぐ 直ぐ ただちに 直ちに 即 即時 即座 ただいま 只今 今から"
    " いまから now immediately"
)
# Words that carry no time. から and 頃 are not among them, for they are harmless only behind a
# clock: 明日から7時 is every day from tomorrow on.
_UNSAID = (
    "の に を は で です ます お願いします お願い致します お願いいたします おねがいします"
    " お願い おねがい よろしく 宜しく ください 下さい 頼みます でいいです がいいです 送って"
    " 送る 送ります 送りたい 送信 配信 発信 流して 出して おいて おきたい 予約 予定 希望 設定"
    " 指定 せっと して します する したい ほしい ほしいです ちょうど 丁度 めーる お知らせ 連絡"
    " 一斉 保護者 日時 時刻 時間 日時: 時刻: 時間: at on the send it please around about"
)
_SPELLINGS: tuple[tuple[Marks, str], ...] = (
    ((), _UNSAID),
    ((Now(),), _NOW),
    ((Day(-2),), "一昨日 おととい"),
    ((Day(-1),), "昨日 きのう yesterday"),
    ((Day(0),), "今日 本日 きょう today"),
    ((Day(1),), "明日 あした あす 翌日 次の日 tomorrow"),
    ((Day(2),), "明後日 あさって"),
    ((Day(3),), "明明後日 明々後日 しあさって"),
    ((Day(-1), NIGHT), "昨夜 昨晩"),
    ((Day(0), MORNING), "今朝 けさ"),
    ((Day(0), NIGHT), "今夜 今晩 こんや こんばん tonight"),
    ((Day(1), MORNING), "明朝 翌朝"),
    ((Day(1), NIGHT), "明晩"),
    ((Week(-1),), "先週"),
    ((Week(0),), "今週 こんしゅう this"),
    ((Week(1),), "来週 らいしゅう 次週"),
    ((Week(2),), "再来週 さらいしゅう"),
    ((Month(-1),), "先月"),
    ((Month(0),), "今月"),
    ((Month(1),), "来月"),
    ((Month(2),), "再来月"),
    ((Year(-1),), "昨年 去年"),
    ((Year(0),), "今年"),
    ((Year(1),), "来年"),
    ((NextOne(),), "次の 今度の next"),
    ((Weekday(0),), "月曜日 月曜 げつようび げつよう monday mon"),
    ((Weekday(1),), "火曜日 火曜 かようび かよう tuesday tues tue"),
    ((Weekday(2),), "水曜日 水曜 すいようび すいよう wednesday wed"),
    ((Weekday(3),), "木曜日 木曜 もくようび もくよう thursday thurs thu"),
    ((Weekday(4),), "金曜日 金曜 きんようび きんよう friday fri"),
    ((Weekday(5),), "土曜日 土曜 どようび どよう saturday sat"),
    ((Weekday(6),), "日曜日 日曜 にちようび にちよう sunday sun"),
    ((MORNING,), "朝 あさ morning"),
    ((Part(range(4, 9)),), "早朝"),
    ((Part(range(12), half=True),), "午前 ごぜん am"),
    ((Part(range(11, 16)),), "お昼 昼 おひる ひる"),
    ((AFTERNOON,), "afternoon"),
    ((Part(range(12, 24), half=True),), "午後 ごご pm"),
    ((Part(range(15, 20)),), "夕方 ゆうがた"),
    ((EVENING,), "evening"),
    ((NIGHT,), "夜 晩 よる ばん night"),
    ((DEAD_OF_NIGHT,), "深夜 真夜中 夜中 夜更け 未明 midnight"),
)
WORDS: dict[str, Marks] = {
    **{word: marks for marks, words in _SPELLINGS for word in words.split()},
    "right now": (Now(),),
    "in an hour": (After(60),),
    "in half an hour": (After(30),),
    "the day after tomorrow": (Day(2),),
    "next week": (Week(1),),
    "this morning": (Day(0), MORNING),
    "in the morning": (MORNING,),
    "in the afternoon": (AFTERNOON,),
    "in the evening": (EVENING,),
}
WEEKDAY_LETTERS = "月火水木金土日"
MONTH_NAMES: dict[str, int] = {
    "january": 1,
    "february": 2,
    "march": 3,
    "april": 4,
    "may": 5,
    "june": 6,
    "july": 7,
    "august": 8,
    "september": 9,
    "october": 10,
    "november": 11,
    "december": 12,
}
MONTH_NAMES |= {name[:3]: number for name, number in MONTH_NAMES.items()} | {"sept": 9}
