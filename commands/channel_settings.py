"""From the settings to what each channel needs to be on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from email.utils import parseaddr
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

from click import ClickException

from channels.base import Channel
from channels.registry import (
    ChannelSettings,
    DkimSettings,
    LineAccount,
    LineSettings,
    MailSettings,
    TelegramSettings,
    open_channels,
)
from commands.printing import fail
from domain.addresses import envelope_form, normalise_mail
from settings import PREFIX, Settings

LINE = "line"
_ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
# A host's name (RFC 1123 section 2.1), and an address in its place (RFC 5321 section 4.1.3).
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_LITERAL = re.compile(r"\[(?P<six>IPv6:)?(?P<address>[0-9A-Fa-f.:]+)\]")
_KNOWN = {"name", "channel_secret", "channel_access_token", "channel_id"}


def channel_settings(settings: Settings) -> ChannelSettings:
    """What is set, channel by channel; says plainly what is wrong with an accounts file."""
    return ChannelSettings(mail_settings(settings), _line(settings), _telegram(settings))


def open_sound(settings: Settings) -> tuple[dict[str, Channel], dict[str, str]]:
    """The channels that can be opened, and for each other one that is set why it cannot."""
    opened: dict[str, Channel] = {}
    faults: dict[str, str] = {}
    for name, read in _PARTS.items():
        try:
            opened |= open_channels(ChannelSettings(**{name: read(settings)}))
        except ClickException as error:
            faults[name] = error.message
        except ValueError as error:
            faults[name] = str(error)
    return opened, faults


def half_set(settings: Settings) -> Iterator[tuple[str, str]]:
    """Channels that are off although something of theirs is set, and what is missing."""
    for name, part, missing in _GOES_WITH:
        given = [each for each in part if getattr(settings, each) is not None]
        if given and all(getattr(settings, each) is None for each in missing):
            lacks = " or ".join(_variable(each) for each in missing)
            yield name, f"{_variable(given[0])} is set, but not {lacks}"


def is_direct(settings: Settings) -> bool:
    """Whether mail goes straight to the exchangers of each domain."""
    urls = settings.smtp_url.get_secret_value() if settings.smtp_url else ""
    return any(url.strip().lower().startswith("mx://") for url in urls.split(","))


def webhook_url(settings: Settings, channel: str, account: str = "") -> str:
    """Where a provider is to send what comes in; the first account needs no name."""
    return "/".join(filter(None, (settings.public_url, "webhooks", channel, account)))


def _variable(field: str) -> str:
    return f"{PREFIX}{field.upper()}"


def mail_settings(settings: Settings) -> MailSettings | None:
    """How mail is sent, None where it is off; raises ClickException for settings that are wrong."""
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    relays = settings.smtp_url.get_secret_value()
    return MailSettings(
        relays,
        _sender(settings.mail_from),
        settings.mail_connections,
        ehlo_name=_ehlo_name(settings.mail_ehlo_name),
        dns_servers=settings.dns_servers,
        dkim=_dkim(settings),
    )


def _sender(mail_from: str) -> str:
    """The sender as it is set; its address has to be one that headers can hold, which are ASCII."""
    written = parseaddr(mail_from)[1]
    address = normalise_mail(written)
    if address is None:
        raise fail(f"{_variable('mail_from')} is no mail address")
    meant = envelope_form(address)
    if written.lower() != meant.lower():
        raise fail(f"{_variable('mail_from')}: write its address as {meant}")
    return mail_from


def _ehlo_name(name: str) -> str:
    if name and not _HOST_NAME.fullmatch(name) and not _is_literal(name):
        raise fail(
            f"{_variable('mail_ehlo_name')} is a host's name (letters, digits, hyphens and dots) "
            "or an address in brackets"
        )
    return name


def _is_literal(name: str) -> bool:
    literal = _LITERAL.fullmatch(name)
    if literal is None:
        return False
    try:
        is_six = isinstance(ip_address(literal["address"]), IPv6Address)
    except ValueError:
        return False
    return is_six == bool(literal["six"])


def _dkim(settings: Settings) -> DkimSettings | None:
    """Half a signature stops mail: unsigned it would be refused, or thrown away in silence."""
    if settings.dkim_key_file is None:
        return None
    if settings.dkim_domain is None or settings.dkim_selector is None:
        raise fail(
            f"{_variable('dkim_key_file')} needs {_variable('dkim_domain')} and "
            f"{_variable('dkim_selector')} beside it"
        )
    return DkimSettings(settings.dkim_domain, settings.dkim_selector, settings.dkim_key_file)


def _telegram(settings: Settings) -> TelegramSettings | None:
    if settings.telegram_bot_token is None:
        return None
    secret = settings.telegram_webhook_secret
    return TelegramSettings(
        bot_token=settings.telegram_bot_token.get_secret_value(),
        webhook_secret=secret.get_secret_value() if secret else "",
        api_url=settings.telegram_api_url.rstrip("/"),
    )


def _line(settings: Settings) -> LineSettings | None:
    if settings.line_accounts_file is not None:
        accounts = _accounts(settings.line_accounts_file)
    elif settings.line_channel_secret is not None:
        accounts = (_only_account(settings),)
    else:
        return None
    return LineSettings(accounts, settings.line_api_url.rstrip("/"))


def _only_account(settings: Settings) -> LineAccount:
    secret, token = settings.line_channel_secret, settings.line_channel_access_token
    return _checked(
        LineAccount(
            name=LINE,
            channel_secret=secret.get_secret_value() if secret else "",
            access_token=token.get_secret_value() if token else "",
            channel_id=settings.line_channel_id or "",
        ),
        "RENRAKUMO_LINE_CHANNEL_SECRET",
    )


def _accounts(path: Path) -> tuple[LineAccount, ...]:
    """The accounts of a file; its values are secrets, so no message quotes them."""
    try:
        listed = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise fail(f"{path} cannot be read as JSON ({type(error).__name__})") from None
    if not isinstance(listed, list) or not listed:
        raise fail(f"{path}: a list of accounts is expected")
    accounts = tuple(_account(path, entry) for entry in listed)
    if len({account.name for account in accounts}) < len(accounts):
        raise fail(f"{path}: two accounts have one name")
    return accounts


def _account(path: Path, entry: Any) -> LineAccount:
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        raise fail(f"{path}: each account is an object of texts")
    if unknown := set(entry) - _KNOWN:
        raise fail(f"{path}: unknown {', '.join(sorted(unknown))}")
    account = LineAccount(
        name=entry.get("name", ""),
        channel_secret=entry.get("channel_secret", ""),
        access_token=entry.get("channel_access_token", ""),
        channel_id=entry.get("channel_id", ""),
    )
    if not _ACCOUNT_NAME.fullmatch(account.name):
        raise fail(f"{path}: a name is made of a-z, 0-9 and -")
    return _checked(account, str(path))


def _checked(account: LineAccount, where: str) -> LineAccount:
    if not account.channel_secret or not (account.access_token or account.channel_id):
        raise fail(
            f"{where}: the LINE account {account.name} needs its channel secret, and an access "
            "token or the channel ID"
        )
    return account


_PARTS: Mapping[str, Callable[[Settings], Any]] = {
    "email": mail_settings,
    "line": _line,
    "telegram": _telegram,
}
# Of what is set alone nothing comes: a channel, settings of it, and those one of which it needs.
_GOES_WITH = (
    ("mail", ("smtp_url",), ("mail_from",)),
    ("mail", ("mail_from",), ("smtp_url",)),
    ("mail intake", ("mail_in_listen",), ("mail_in_domain",)),
    ("mail intake", ("mail_in_domain",), ("mail_in_listen",)),
    (
        "LINE",
        ("line_channel_access_token", "line_channel_id"),
        ("line_channel_secret", "line_accounts_file"),
    ),
    ("Telegram", ("telegram_webhook_secret",), ("telegram_bot_token",)),
)
