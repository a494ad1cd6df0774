"""How a person is named to others."""

from __future__ import annotations

from domain.wording import Plain, Words, say

# What a name ends with that is said without さん: a title, or the bracket of a place of work.
_TITLES = "先生 校長 教頭 園長 主任 主事 課長 部長 所長 様 さん ） )"


def addressed(name: str) -> Words:
    """A name as one says it: 「山田さん」, but 「山田 先生」 and 「佐藤 校長」 as they are."""
    return Plain(name) if name.endswith(tuple(_TITLES.split())) else say("bot.addressed", name=name)
