"""Which channels there are.  Adding one is its folder and one line here.

A provider's library is imported only when its channel is on, so that a city without LINE
never loads LINE's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from channels.base import Channel


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What the mail channel needs: relays as SMTP URLs, and the sender's address."""

    relays: str = field(repr=False)
    mail_from: str
    connections: int = 8


@dataclass(frozen=True, slots=True)
class LineAccount:
    """One LINE official account: a long-lived `access_token`, or a `channel_id` for stateless
    ones.
    """

    name: str
    channel_secret: str = field(repr=False)
    access_token: str = field(default="", repr=False)
    channel_id: str = ""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """What LINE needs: its accounts, the first one meant where none is named."""

    accounts: tuple[LineAccount, ...]
    api_url: str = "https://api.line.me"


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """What Telegram needs; without `webhook_secret` nothing is taken by webhook."""

    bot_token: str = field(repr=False)
    webhook_secret: str = field(default="", repr=False)
    api_url: str = "https://api.telegram.org"


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What each channel needs to be on; a part that is None leaves its channel off."""

    email: MailSettings | None = None
    line: LineSettings | None = None
    telegram: TelegramSettings | None = None


Part = TypeVar("Part")


def _email(settings: MailSettings) -> Channel:
    from channels.email.channel import EmailChannel

    return EmailChannel(
        relays=settings.relays, mail_from=settings.mail_from, slots=settings.connections
    )


def _line(settings: LineSettings) -> Channel:
    from channels.line.channel import LineChannel

    return LineChannel(settings.accounts, settings.api_url)


def _telegram(settings: TelegramSettings) -> Channel:
    from channels.telegram.channel import TelegramChannel

    return TelegramChannel(settings.bot_token, settings.webhook_secret, settings.api_url)


def _webchat(_settings: object) -> Channel:
    from channels.webchat.channel import WebchatChannel

    return WebchatChannel()


def open_channels(settings: ChannelSettings) -> dict[str, Channel]:
    """Every channel that is on, by name; web chat is always on."""
    wanted: Mapping[str, tuple[Callable[..., Channel], object | None]] = {
        "email": (_email, settings.email),
        "line": (_line, settings.line),
        "telegram": (_telegram, settings.telegram),
        "webchat": (_webchat, True),
    }
    return {name: make(part) for name, (make, part) in wanted.items() if part is not None}
