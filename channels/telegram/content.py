"""What is said, as the requests that say it: plain text, photos, and one row per button.

Limits are those of sendMessage, sendPhoto, sendMediaGroup and InlineKeyboardButton
(https://core.telegram.org/bots/api).  Lengths are counted in UTF-16 units, which is never less
than Telegram counts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from channels import copies
from channels.base import Bulk, Button, Message, Picture, Recipient
from domain.graphemes import units
from domain.splitting import first_units, split
from domain.wording import render, say

TEXT_UNITS = 4096
CAPTION_UNITS = 1024
ALBUM = 10
CALLBACK_BYTES = 64
# No limit of a label's length is documented; longer ones are cut short on phones anyway.
LABEL_UNITS = 60


@dataclass(frozen=True, slots=True)
class Step:
    """One request: a text; or a photo with the text as its caption; or an album."""

    text: str = ""
    pictures: tuple[Picture, ...] = ()
    buttons: tuple[Button, ...] = ()

    @property
    def messages(self) -> int:
        """As how many messages it counts: each photo of an album is one."""
        return len(self.pictures) or 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests that together say one thing; `key` names it however often it is tried."""

    key: Hashable
    steps: tuple[Step, ...]


def of_messages(messages: Sequence[Message]) -> tuple[Step, ...]:
    """An answer of several bubbles."""
    return tuple(
        step
        for message in messages
        for step in _steps(message.text, message.pictures, message.buttons)
    )


def of_bulk(bulk: Bulk, recipient: Recipient) -> tuple[Step, ...]:
    """A broadcast as one person gets it; the pictures of one told by headline are on its page."""
    page = recipient.page_url or bulk.page_url
    sender = bulk.sender_name or bulk.board
    text = copies.with_foot(
        bulk,
        render(say("telegram.head", sender=sender, subject=bulk.subject), bulk.language),
        "" if bulk.headline_only else copies.text(bulk),
        render(say("telegram.page", page=page), bulk.language) if page else "",
    )
    confirm = copies.confirm_buttons(bulk)
    if not bulk.headline_only:
        return _steps(text, bulk.pictures, confirm)
    label = render(say("telegram.open"), bulk.language)
    opens = (Button(label, bulk.open_token),) if bulk.open_token else ()
    return _steps(text, (), (*opens, *confirm))


def _steps(
    text: str, pictures: tuple[Picture, ...], buttons: tuple[Button, ...]
) -> tuple[Step, ...]:
    """Photos first, then the text, whose last part carries the buttons."""
    pressable = tuple(each for each in map(_button, buttons) if each)
    if len(pictures) == 1 and units(text) <= CAPTION_UNITS:
        return (Step(text.strip(), pictures, pressable),)
    photos = [
        Step(pictures=pictures[start : start + ALBUM]) for start in range(0, len(pictures), ALBUM)
    ]
    # Buttons need something to stand under.
    texts = split(text, TEXT_UNITS) or split("\n".join(b.label for b in pressable), TEXT_UNITS)
    said = [Step(part) for part in texts]
    if said:
        said[-1] = Step(said[-1].text, (), pressable)
    return (*photos, *said)


def _button(button: Button) -> Button | None:
    """A button that Telegram takes: any other would make it refuse the whole message.

    The text says the same as the buttons do, so that nothing is lost with one.
    """
    label = first_units(" ".join(button.label.split()), LABEL_UNITS)
    if button.url:
        # Addresses of this machine are refused ("Wrong HTTP URL"), and ours in public are https.
        return Button(label, url=button.url) if button.url.startswith("https://") else None
    fits = 0 < len(button.token.encode()) <= CALLBACK_BYTES
    return Button(label, button.token) if label and fits else None
