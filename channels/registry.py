"""Which channels there are.  Adding one is its folder and one line here.

A provider's library is imported only when its channel is on, so that a city without LINE
never loads LINE's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from channels.base import Channel


@dataclass(frozen=True, slots=True)
class DkimSettings:
    """What mail is signed with: a domain, which key of it (`selector`), and that key in PEM."""

    domain: str
    selector: str
    key_file: Path


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What the mail channel needs: relays as SMTP URLs, and the sender's address.

    `ehlo_name` is what we greet servers with, and `dns_servers` are asked where mail goes; empty,
    both are the machine's own.  Without `dkim` we sign nothing.
    """

    relays: str = field(repr=False)
    mail_from: str
    connections: int = 40
    ehlo_name: str = ""
    dns_servers: str = ""
    dkim: DkimSettings | None = None


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
    from channels.email.channel import EmailChannel, MailWays
    from channels.email.dkim import read_signer

    ways = MailWays(
        settings.relays,
        settings.connections,
        dns_servers=settings.dns_servers,
        ehlo_name=settings.ehlo_name,
    )
    key = settings.dkim
    signer = read_signer(key.domain, key.selector, key.key_file) if key else None
    return EmailChannel(ways, settings.mail_from, signer)


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
