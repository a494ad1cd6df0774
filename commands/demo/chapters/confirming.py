"""A picture, an approval, 確認しました, the report by class, and a reminder for the others."""

from __future__ import annotations

from commands.demo.chapters.composing import Notice, approve, submit, write
from commands.demo.drawing import weather_poster
from commands.demo.telling import Telling

SUBJECT = "運動会の延期について"
_BODY = "本日の運動会は、雨のため明日に延期します。\nお弁当と水筒を持たせてください。"


def play(tell: Telling) -> None:
    _teacher_composes(tell)
    _nobody_approves_their_own(tell)
    approve(tell, tell.people.principal, SUBJECT)
    _family_confirms(tell)
    _others_are_reminded(tell)


def _teacher_composes(tell: Telling) -> None:
    teacher = tell.people.teacher
    notice = Notice(SUBJECT, _BODY, ("3年",), "event", picture=weather_poster())
    write(tell, teacher, notice)
    tell.taps(teacher, "compose.next.edit")
    tell.taps(teacher, "compose.part.confirm")
    tell.taps(teacher, "bot.yes", "broadcast.preview.confirm")
    submit(tell, teacher)


def _nobody_approves_their_own(tell: Telling) -> None:
    row = tell.newest()
    tell.says(tell.people.teacher, f"承認 {row.id}-{row.version}", "refusal.own_broadcast")


def _family_confirms(tell: Telling) -> None:
    family = tell.people.family
    # On LINE, where this guardian reads: mail only takes its place should LINE fail.
    tell.hears(family, SUBJECT)
    tell.taps(family, "broadcast.card.confirm", "confirmation.done")


def _others_are_reminded(tell: Telling) -> None:
    teacher, principal = tell.people.teacher, tell.people.principal
    tell.wait_until_sent()
    tell.says(teacher, "状況", "report.which")
    tell.says(teacher, "1", "「確認しました」：1家庭")
    tell.taps(teacher, "broadcast.card.remind", "confirmation.reminded")
    subject = f"【再連絡】{SUBJECT}"
    approve(tell, principal, subject)
    tell.wait_until_sent()
    got, _ = tell.scene.line.received(subject)
    tell.shows(
        not got[tell.people.family.person],
        "再連絡は、確認した家庭には届いていません / whoever confirmed is not reminded",
    )
