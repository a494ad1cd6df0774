"""What `doctor` looks at of the channels: what is on, and whether the provider answers."""

from __future__ import annotations

from collections.abc import Iterator

from actions import boards
from channels.base import Metered, Quota
from commands.findings import Finding
from commands.house import House

_PROBE = "0"


def check_channels(house: House) -> Iterator[Finding]:
    """A channel that is off is no fault; one that is on and does not answer is."""
    yield from _mail(house)
    yield from _line(house)
    yield _telegram(house)
    yield Finding("web chat", False, f"on at {house.settings.public_url}/chat/")
    yield from _public_address(house)


def _mail(house: House) -> Iterator[Finding]:
    settings = house.settings
    mail = "on" if settings.mail_is_on else "off: set RENRAKUMO_SMTP_URL and RENRAKUMO_MAIL_FROM"
    yield Finding("mail", False, mail)
    intake_on = settings.mail_in_listen is not None and settings.mail_in_domain is not None
    yield Finding(
        "mail intake",
        False,
        "on" if intake_on else "off: set RENRAKUMO_MAIL_IN_LISTEN and RENRAKUMO_MAIL_IN_DOMAIN",
    )


def _line(house: House) -> Iterator[Finding]:
    channel = house.channels.get("line")
    if channel is None:
        yield Finding("LINE", False, "off: set RENRAKUMO_LINE_CHANNEL_SECRET and an access token")
        return
    assert isinstance(channel, Metered)
    for account in channel.accounts:
        quota = channel.quota(account)
        words = _quota(quota) if quota else "on, but LINE does not answer, or refuses the token"
        yield Finding(f"LINE {account}", quota is None, words)


def _quota(quota: Quota) -> str:
    if quota.limit is None:
        return f"on; {quota.used} sent this month, without limit"
    return f"on; {quota.used} of {quota.limit} sent this month"


def _telegram(house: House) -> Finding:
    channel, settings = house.channels.get("telegram"), house.settings
    if channel is None:
        return Finding("Telegram", False, "off: set RENRAKUMO_TELEGRAM_BOT_TOKEN")
    if settings.telegram_mode == "webhook" and settings.telegram_webhook_secret is None:
        return Finding("Telegram", True, "no RENRAKUMO_TELEGRAM_WEBHOOK_SECRET: nothing comes in")
    if channel.link(channel.accounts[0], _PROBE) is None:
        return Finding("Telegram", True, "on, but Telegram does not answer, or refuses the token")
    if not _board_allows(house, "telegram"):
        return Finding("Telegram", False, "ready; the board has not turned it on: see `board set`")
    return Finding("Telegram", False, f"on, by {settings.telegram_mode}")


def _board_allows(house: House, channel: str) -> bool:
    try:
        with house.database.reading() as tx:
            return boards.settings(tx, house.board_id).allows(channel)
    except Exception:
        # The check of the database says what is wrong with it.
        return False


def _public_address(house: House) -> Iterator[Finding]:
    """A public address on loopback is worth a word; chat providers ask for https."""
    settings = house.settings
    secure = settings.public_url.startswith("https://")
    local = "127.0.0.1" in settings.public_url or "localhost" in settings.public_url
    asked_for = {"line", "telegram"} & set(house.channels)
    if not secure and asked_for:
        yield Finding("public address", True, "not https: LINE and Telegram ask for it")
    elif not secure and not local:
        yield Finding("public address", True, "not https: links could be read on the way")
    elif "public_url" not in settings.model_fields_set:
        yield Finding("public address", False, "loopback only: set RENRAKUMO_PUBLIC_URL")
