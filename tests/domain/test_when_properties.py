"""What holds for every send time, whatever is typed and whenever."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.when import FURTHEST, TOKYO, Verdict, read_when

PIECES = (
    "今日 明日 あさって 来週 今週 次の 来月 月曜 (水) 日曜 朝 夜 午前 午後 昼 深夜 7時 3時"
    " 12時 25時 7:00 03:00 19時半 0時 24:00 正午 11/25 2/29 25日 31日 2026年11月25日 R8.11.25"
    " 0700 1125 30分後 1時間半後 3日後 今すぐ すぐ から に の で 、 送って お願いします 頃"
    " じゃなくて 〜 七時半 二十日 pm next tomorrow Nov 年 月 日 時 分 : / - 1 2 0 9"
)
moments = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 -- hypothesis wants them naive
    max_value=datetime(2035, 12, 31),  # noqa: DTZ001 -- hypothesis wants them naive
    timezones=st.just(TOKYO),
)
minutes_ahead = st.integers(min_value=0, max_value=364 * 24 * 60)
texts = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(PIECES.split()), max_size=6).map("".join),
    st.lists(st.sampled_from(PIECES.split()), max_size=6).map(" ".join),
    st.text(alphabet="0123456789/:-. 年月日時分半後前", max_size=20),
)


def widened(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


def to_the_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


@given(texts, moments)
def test_a_verdict_says_what_the_moment_is(text: str, now: datetime) -> None:
    reading = read_when(text, now)
    if reading.verdict is Verdict.UNCLEAR:
        assert reading.at is None
        assert reading.reason not in ("ok", "past")
        return
    assert reading.at is not None
    assert reading.reason == reading.verdict.value
    assert reading.at.tzinfo is TOKYO
    ahead = reading.at - to_the_minute(now)
    if reading.verdict is Verdict.OK:
        assert timedelta() <= ahead <= FURTHEST
    else:
        assert ahead < timedelta()


@given(texts, moments)
def test_width_and_spaces_around_change_nothing(text: str, now: datetime) -> None:
    reading = read_when(text, now)
    assert read_when(widened(text), now) == reading
    assert read_when(f"\u3000{text} ", now) == reading


@given(moments, minutes_ahead)
def test_a_full_date_reads_back(now: datetime, ahead: int) -> None:
    due = to_the_minute(now) + timedelta(minutes=ahead)
    era = due.year - 2018
    forms = (
        f"{due:%Y-%m-%d %H:%M}",
        f"{due:%Y/%m/%d %H:%M}",
        f"{due:%Y-%m-%dT%H:%M:%S%z}",
        due.isoformat(),
        f"{due.year}年{due.month}月{due.day}日{due:%H}時{due.minute}分",
        f"{due.year}年{due.month}月{due.day}日({'月火水木金土日'[due.weekday()]}){due:%H:%M}",
        f"令和{era}年{due.month}月{due.day}日{due:%H}時{due:%M}分に送ってください",
        f"R{era}.{due.month}.{due.day} {due:%H:%M}",
        f"{due:%B} {due.day}, {due.year} {due:%H:%M}",
    )
    for form in forms:
        assert read_when(form, now).at == due, form


@given(moments, st.integers(min_value=0, max_value=180 * 24 * 60))
def test_a_date_of_the_coming_half_year_needs_no_year(now: datetime, ahead: int) -> None:
    due = to_the_minute(now) + timedelta(minutes=ahead)
    for form in (
        f"{due.month}/{due.day} {due:%H:%M}",
        f"{due.month}月{due.day}日{due:%H}時{due:%M}分",
    ):
        assert read_when(form, now).at == due, form


@given(moments, minutes_ahead)
def test_morning_and_evening_read_back(now: datetime, ahead: int) -> None:
    due = to_the_minute(now) + timedelta(minutes=ahead)
    half = "午後" if due.hour >= 12 else "午前"
    form = f"{due.year}年{due.month}月{due.day}日{half}{due.hour % 12}時{due.minute}分"
    assert read_when(form, now).at == due


@given(moments, st.integers(min_value=1, max_value=9999))
def test_a_wait_is_counted_from_now(now: datetime, minutes: int) -> None:
    assert read_when(f"{minutes}分後", now).at == now + timedelta(minutes=minutes)


@given(moments, st.integers(min_value=0, max_value=23), st.integers(min_value=0, max_value=59))
def test_a_bare_clock_is_the_next_such_time_or_asked_back(
    now: datetime, hour: int, minute: int
) -> None:
    reading = read_when(f"{hour:02}:{minute:02}", now)
    if reading.at is None:
        assert reading.reason in ("just_missed", "am_or_pm")
        return
    assert (reading.at.hour, reading.at.minute) == (hour, minute)
    assert timedelta() <= reading.at - to_the_minute(now) < timedelta(days=1)
