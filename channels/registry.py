"""Which channels there are.  Adding one is its folder and one line here.

A provider's library is imported only when its channel is on, so that a city without LINE
never loads LINE's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from channels.base import Channel


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What the mail channel needs: relays as SMTP URLs, and the sender's address."""

    relays: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What each channel needs to be on; a part that is None leaves its channel off."""

    email: MailSettings | None


Part = TypeVar("Part")


def _email(settings: MailSettings) -> Channel:
    from channels.email.channel import EmailChannel

    return EmailChannel(relays=settings.relays, mail_from=settings.mail_from)


def _webchat(_settings: object) -> Channel:
    from channels.webchat.channel import WebchatChannel

    return WebchatChannel()


def open_channels(settings: ChannelSettings) -> dict[str, Channel]:
    """Every channel that is on, by name; web chat is always on."""
    wanted: Mapping[str, tuple[Callable[..., Channel], object | None]] = {
        "email": (_email, settings.email),
        "webchat": (_webchat, True),
    }
    return {name: make(part) for name, (make, part) in wanted.items() if part is not None}
