"""緊急: five taps, out at once and by every way; the report is acknowledged afterwards.

That an unacknowledged one reaches the board after half an hour is not shown: no clock is moved.
"""

from __future__ import annotations

from commands.demo.chapters.admission import FAMILYS_MAIL
from commands.demo.telling import Telling

_SUBJECT = "【緊急】地震：全員無事です"


def play(tell: Telling) -> None:
    people = tell.people
    tell.says(people.teacher, "緊急")
    tell.taps(people.teacher, "emergency.purpose.earthquake")
    tell.taps(people.teacher, "compose.whole_school")
    tell.taps(people.teacher, "preset.earthquake.all_safe.name")
    tell.taps(people.teacher, "emergency.reason.safety", "emergency.confirm")
    tell.taps(people.teacher, "emergency.send", "emergency.sent")
    tell.hears(people.new_phone, _SUBJECT)
    tell.gets_mail(people.new_phone, FAMILYS_MAIL, _SUBJECT)
    tell.hears(people.principal, "emergency.card.heading")
    tell.taps(people.principal, "broadcast.card.acknowledge", "emergency.acknowledged")
    tell.hears(people.teacher, "emergency.told.acknowledged")
