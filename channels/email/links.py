"""A mail without any URL, for those whose carrier refuses mail with one.

SoftBank's and au's filters of that kind come even before the list of senders that the family
allowed, so for these families nothing else helps.  A mail address is no URL, and stays.
"""

from __future__ import annotations

import re

from domain.wording import render, say

_REST = r"[A-Za-z0-9%/?#&=~._+:;,@!$'()*-]*"
# Words with dots are taken for a domain only where they end in one of these.
_ENDINGS = (
    "jp|com|net|org|info|biz|edu|gov|tv|me|io|ai|co|app|dev|page|link|site|online|shop|xyz|ly|be|gl"
    "|gle|cc|to|eu|us|uk|kr|cn|tw"
)
_LINK = re.compile(
    rf"[a-z]{{2,10}}://{_REST}"
    rf"|www\.{_REST}"
    rf"|(?<![a-z0-9_.@-])(?:[a-z0-9-]+\.)+(?:{_ENDINGS})(?![a-z0-9_@-])(?:[/:?#]{_REST})?",
    re.IGNORECASE | re.ASCII,
)
# What ends a sentence or a bracket after an address is not part of it.
_AFTER = ".,;:!?')"


def without_links(text: str, language: str) -> str:
    """The text with a short note in the place of every address of a page."""
    while _LINK.search(text):  # again: what stood before one can be another without it
        text = _LINK.sub(lambda found: _note(found[0], language), text)
    return text


def without_link_lines(text: str) -> str:
    """The text less every line that holds a link: of our own lines, nothing else is on it."""
    return "\n".join(line for line in text.split("\n") if not _LINK.search(line))


def _note(link: str, language: str) -> str:
    after = link[len(link.rstrip(_AFTER)) :]
    return render(say("mail.plain.link"), language) + after
