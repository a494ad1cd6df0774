"""A wrong time went out: taken back, its page emptied, and put right for whoever was reached."""

from __future__ import annotations

import re
from collections import Counter

from commands.demo.chapters.admission import SECONDS_MAIL
from commands.demo.chapters.composing import Notice, approve, send, submit
from commands.demo.phone import words_of
from commands.demo.telling import Telling, fixed
from commands.demo.theatre import PUBLIC_URL

_WRONG = "本日は午前11時に下校します。"
_NOTICE = Notice("本日の下校時刻", _WRONG)
_CORRECTION = f"【訂正】{_NOTICE.subject}"
_PAGE = re.compile(rf"{re.escape(PUBLIC_URL)}/m/[\w-]+")
_VERIFY = re.compile(rf"{re.escape(PUBLIC_URL)}/verify/[\w-]+")


def play(tell: Telling) -> None:
    page, first = _wrong_time(tell)
    _withdrawn(tell, page)
    _corrected(tell)
    second = _verify_link(words_of(tell.hears(tell.people.new_phone, _CORRECTION)))
    _exactly_those(tell)
    _which_is_real(tell, first, second)


def _wrong_time(tell: Telling) -> tuple[str, str]:
    """Send it; the personal page that came with the mail, and where to ask whether it is real."""
    people = tell.people
    with tell.briefly("先生が書き、校長が承認。時刻が間違っていました / sent, with a wrong time"):
        send(tell, people.teacher, people.principal, _NOTICE)
        tell.wait_until_sent()
    tell.hears(people.new_phone, _WRONG)
    mail = tell.gets_mail(people.second, SECONDS_MAIL, _WRONG)
    found = _PAGE.search(mail.text)
    assert found is not None
    return found[0], _verify_link(mail.text)


def _verify_link(text: str) -> str:
    found = _VERIFY.search(text)
    assert found is not None
    return found[0]


def _withdrawn(tell: Telling, page: str) -> None:
    teacher = tell.people.teacher
    tell.expect(_WRONG in tell.opens(page)[1], "the message on its page")
    tell.says(teacher, "取消")
    tell.says(teacher, "1", "recall.ask.reason")
    tell.says(teacher, "時刻の誤り")
    tell.taps(teacher, "bot.yes", "recall.done")
    status, text = tell.opens(page)
    is_empty = status == 200 and _WRONG not in text and _NOTICE.subject not in text
    tell.shows(is_empty, "本文のページは空になりました / the message page is empty at once")


def _corrected(tell: Telling) -> None:
    teacher = tell.people.teacher
    tell.taps(teacher, "broadcast.card.correct")
    tell.says(teacher, "本日は午後1時に下校します。")
    tell.taps(teacher, "bot.yes", "【正】")
    submit(tell, teacher)
    approve(tell, tell.people.principal, _CORRECTION)


def _exactly_those(tell: Telling) -> None:
    """Compare what LINE and Telegram delivered of both; by mail it is the same statement."""
    tell.wait_until_sent()
    corrected, all_of_it = Counter[str](), Counter[str]()
    for outside in (tell.scene.line, tell.scene.telegram):
        corrected += outside.received(_CORRECTION)[0]
        all_of_it += outside.received(_NOTICE.subject)[0]
    first = all_of_it - corrected
    tell.shows(
        bool(first) and first.keys() == corrected.keys(),
        f"訂正は、届いた{len(first)}人だけに / corrected: exactly who was reached in a chat",
    )


def _which_is_real(tell: Telling, first: str, second: str) -> None:
    taken_back, real = tell.opens(first)[1], tell.opens(second)[1]
    tell.shows(
        fixed("verify.withdrawn") in taken_back and fixed("verify.withdrawn") not in real,
        "/verify：訂正は本物、前の連絡は撤回済み / the correction is real, the first taken back",
    )
    status, text = tell.opens(f"{PUBLIC_URL}/verify/2222-2222")
    is_false = status == 404 and fixed("verify.not_ours") in text
    tell.shows(is_false, "/verify：うその番号は「送っていません」 / a made-up code is none of ours")
