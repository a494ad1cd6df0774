"""More than one path: who blocked a channel is reached by mail, and some choose every way."""

from __future__ import annotations

from commands.demo.chapters.admission import FOURTHS_MAIL, SECONDS_MAIL, THIRDS_MAIL
from commands.demo.chapters.composing import Notice, send
from commands.demo.telling import Telling

_NOTICE = Notice("5年生の体操服について", "明日は体操服で登校してください。", ("5年",))


def play(tell: Telling) -> None:
    people = tell.people
    tell.says(people.third, "受け取り方")
    tell.taps(people.third, "contacts.do.every", "contacts.done.every")
    _they_block(tell)
    with tell.briefly("先生が5年へ作り、校長が承認 / written to grade 5, approved"):
        send(tell, people.teacher, people.principal, _NOTICE)
    tell.gets_mail(people.second, SECONDS_MAIL, _NOTICE.subject)
    tell.gets_mail(people.fourth, FOURTHS_MAIL, _NOTICE.subject)
    tell.hears(people.third, _NOTICE.subject)
    tell.gets_mail(people.third, THIRDS_MAIL, _NOTICE.subject)
    tell.wait_until_sent()
    tell.says(people.teacher, "状況", "report.which")
    tell.says(people.teacher, "1", "report.families")


def _they_block(tell: Telling) -> None:
    """LINE tells us of it at once; Telegram only when the next message is refused."""
    second, fourth = tell.people.second, tell.people.fourth
    second.does("block")
    tell.did(second, "（LINEで連絡網をブロック / blocks us on LINE）")
    fourth.does("block", silent=True)
    tell.did(fourth, "（Telegramで連絡網をブロック / blocks us on Telegram, unnoticed）")
