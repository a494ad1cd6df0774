"""A guardian's new phone takes over by a code, and an absence written here is not lost."""

from __future__ import annotations

import re

from commands.demo.chapters.admission import PHONE
from commands.demo.phone import words_of
from commands.demo.telling import Telling

_CODE = re.compile(r"\bC[0-9A-Z]{3}-[0-9A-Z]{4}-[0-9A-Z]{2}\b")


def play(tell: Telling) -> None:
    old, new = tell.people.family, tell.people.new_phone
    tell.says(old, "機種変更")
    tell.taps(old, "new_phone.old")
    code = old.waits(lambda: _shown_code(tell), "the code")
    tell.says(new, code, "new_phone.sure.retires")
    tell.taps(new, "bot.yes", "new_phone.done")
    tell.says(new, "今日は熱があるので欠席します", PHONE)
    tell.says(new, "ありがとうございます！", "kind.thanks")


def _shown_code(tell: Telling) -> str | None:
    family = tell.people.family
    family.looks()
    found = [_CODE.search(words_of(entry)) for entry in family.entries.values()]
    return next((match[0] for match in reversed(found) if match), None)
