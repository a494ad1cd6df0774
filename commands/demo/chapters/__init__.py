"""The chapters of the demo's story, in the order of a school year."""

from commands.demo.chapters import (
    admission,
    city_wide,
    confirming,
    emergency,
    groups,
    guardians,
    paths,
    scheduling,
    staff,
    withdrawing,
)
from commands.demo.chapters.chapter import Chapter

SIGNING_ON = Chapter(
    "教職員が招待コードで登録し、校長が新しい先生を任命します / staff",
    "Staff sign on with invitation codes; the principal names a new teacher in the chat.",
    staff.play,
)
WHOLE_CITY = Chapter(
    "市全体へ：センターが書き、委員会が承認します / the whole city",
    "The centre writes to everybody, the board approves; a backup is made while it goes out.",
    city_wide.play,
)
CHAPTERS = (
    SIGNING_ON,
    Chapter(
        "保護者が登録します：自由・承認・登録コード / admission",
        "Guardians register alone, after a teacher's tap, or by the code on a child's slip.",
        admission.play,
    ),
    Chapter(
        "グループ：バス路線、部活、「5年2組を除く」 / groups",
        "A bus route made of classes, a club joined by a guardian, an audience with an exception.",
        groups.play,
    ),
    Chapter(
        "写真つきの連絡に「確認しました」をもらいます / approval and confirmation",
        "A teacher writes, the principal approves; whoever has not confirmed is asked once more.",
        confirming.play,
    ),
    Chapter(
        "予約を一覧から変え、取り消します / scheduled, changed, undone",
        "A scheduled broadcast is changed and called off; another is undone with one tap.",
        scheduling.play,
    ),
    Chapter(
        "届かないときは、別の方法で届けます / more than one path",
        "Guardians who blocked us get the same broadcast by mail; one has chosen all ways.",
        paths.play,
    ),
    Chapter(
        "保護者の機種変更と、欠席の電話 / guardians' own matters",
        "A new phone takes over by a code; who writes of an absence hears whom to call.",
        guardians.play,
    ),
    Chapter(
        "緊急：承認を待たずに、すべての方法で / emergency",
        "A few taps, out at once and by every way; the principal takes note afterwards.",
        emergency.play,
    ),
    Chapter(
        "間違いを撤回し、届いた家庭に訂正します / withdrawn and corrected",
        "The page is emptied at once; a ready correction goes to exactly those who were reached.",
        withdrawing.play,
    ),
    WHOLE_CITY,
)

__all__ = ["CHAPTERS", "SIGNING_ON", "WHOLE_CITY", "Chapter"]
