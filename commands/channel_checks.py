"""What `doctor` looks at of the channels: what is on, whether anything comes in and goes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from actions import boards
from channels.base import Channel, Webhook, Webhooked
from commands.channel_settings import half_set, open_sound, webhook_url
from commands.findings import Finding, title
from commands.house import House
from commands.plainly import plainly
from storage import replies

if TYPE_CHECKING:
    from channels.line.channel import LineChannel


def check_channels(house: House) -> Iterator[Finding]:
    """A channel that is off is no fault; one that is half set, or on and not answering, is."""
    channels, faults = open_sound(house.settings)
    wrong = [*half_set(house.settings), *((title(name), words) for name, words in faults.items())]
    said = {name for name, _ in wrong}
    try:
        yield from (Finding(name, True, words) for name, words in wrong)
        yield from (one for one in _each(house, channels) if one.check not in said)
        yield from _public_address(house, channels)
    finally:
        for channel in channels.values():
            channel.close()


def _each(house: House, channels: Mapping[str, Channel]) -> Iterator[Finding]:
    yield from _mail(house)
    yield from _line(house, channels.get("line"))
    yield from _telegram(house, channels.get("telegram"))
    yield Finding("web chat", False, f"on at {house.settings.public_url}/chat/")


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


# LINE.


def _line(house: House, channel: Channel | None) -> Iterator[Finding]:
    if channel is None:
        yield Finding("LINE", False, "off: set RENRAKUMO_LINE_CHANNEL_SECRET and an access token")
        return
    from channels.line.channel import LineChannel

    assert isinstance(channel, LineChannel)
    for account in channel.accounts:
        hook = channel.webhook(account)
        if isinstance(hook, Webhook):
            yield _line_quota(house, channel, account)
            yield _line_webhook(house, channel, account, hook)
            yield _line_menus(channel, account)
        else:
            words = plainly("LINE", house.settings.line_api_url, hook)
            yield Finding(f"LINE {account}", True, f"on, but {words}")


def _line_quota(house: House, channel: LineChannel, account: str) -> Finding:
    """Answers to what came in are free; what is pushed waits when the month is used up."""
    name, quota = f"LINE {account}", channel.quota(account)
    if quota is None:
        return Finding(name, True, "on, but LINE does not say what was sent this month")
    if quota.limit is None:
        return Finding(name, False, f"on; {quota.used} sent this month, without limit")
    words = f"on; {quota.used} of {quota.limit} sent this month"
    if quota.used < quota.limit:
        return Finding(name, False, words)
    return Finding(name, True, f"{words}: used up{_waiting(house, channel.name)}")


def _waiting(house: House, channel: str) -> str:
    """How many answers wait, as the end of a sentence."""
    try:
        with house.database.reading() as tx:
            count = replies.put_off_count(tx, channel)
    except Exception:
        # The check of the database says what is wrong with it.
        return ""
    return f"; {count} answers wait"


def _line_webhook(house: House, channel: LineChannel, account: str, hook: Webhook) -> Finding:
    name = f"LINE {account} webhook"
    meant = [webhook_url(house.settings, channel.name, account)]
    if account == channel.accounts[0]:
        meant.insert(0, webhook_url(house.settings, channel.name))
    if hook.url not in meant:
        words = f"LINE sends to {hook.url or 'nowhere'}: set {meant[0]} in LINE Developers"
        return Finding(name, True, words)
    if not hook.active:
        return Finding(name, True, "*Use webhook* is off in LINE Developers: nothing comes in")
    return Finding(name, False, f"LINE sends to {hook.url}")


def _line_menus(channel: LineChannel, account: str) -> Finding:
    from channels.line import menus

    found = channel.account(account)
    there = found is not None and menus.were_brought(found)
    words = "there" if there else "never brought to LINE: run `renrakumo line menu sync`"
    return Finding(f"LINE {account} rich menus", False, words)


# Telegram.


def _telegram(house: House, channel: Channel | None) -> Iterator[Finding]:
    settings = house.settings
    if channel is None:
        yield Finding("Telegram", False, "off: set RENRAKUMO_TELEGRAM_BOT_TOKEN")
        return
    if settings.telegram_mode == "webhook" and settings.telegram_webhook_secret is None:
        yield Finding("Telegram", True, "no RENRAKUMO_TELEGRAM_WEBHOOK_SECRET: nothing comes in")
        return
    assert isinstance(channel, Webhooked)
    hook = channel.webhook("")
    if not isinstance(hook, Webhook):
        words = plainly("Telegram", settings.telegram_api_url, hook)
        yield Finding("Telegram", True, f"on, but {words}")
    elif not _board_allows(house, "telegram"):
        yield Finding("Telegram", False, "ready; the board has not turned it on: see `board set`")
    elif settings.telegram_mode == "polling":
        yield _telegram_polling(hook)
    else:
        yield _telegram_webhook(webhook_url(settings, "telegram"), hook)


def _telegram_polling(hook: Webhook) -> Finding:
    if hook.url:
        words = f"Telegram sends to {hook.url}, so polling gets nothing: run `{_SYNC}`"
        return Finding("Telegram", True, words)
    return Finding("Telegram", False, f"on, by polling; {hook.pending} wait")


def _telegram_webhook(meant: str, hook: Webhook) -> Finding:
    """An error that Telegram tells of may be long past: it counts while something waits."""
    if hook.url != meant:
        words = f"Telegram sends to {hook.url or 'nowhere'}, not to {meant}: run `{_SYNC}`"
        return Finding("Telegram", True, words)
    words = f"on, by webhook; {hook.pending} wait"
    if hook.error:
        at = f"{hook.error_at:%Y-%m-%d %H:%M %Z}" if hook.error_at else "at some time"
        words += f"; last error {at}: {hook.error}"
    return Finding("Telegram", bool(hook.pending and hook.error), words)


_SYNC = "renrakumo telegram sync"


def _board_allows(house: House, channel: str) -> bool:
    try:
        with house.database.reading() as tx:
            return boards.settings(tx, house.board_id).allows(channel)
    except Exception:
        # The check of the database says what is wrong with it.
        return False


# What all share.


def _public_address(house: House, channels: Mapping[str, Channel]) -> Iterator[Finding]:
    """A public address on loopback is worth a word; who calls our webhooks asks for https."""
    settings = house.settings
    secure = settings.public_url.startswith("https://")
    local = "127.0.0.1" in settings.public_url or "localhost" in settings.public_url
    asking = [title(name) for name, one in channels.items() if isinstance(one, Webhooked)]
    if not secure and asking:
        yield Finding("public address", True, f"not https: {' and '.join(asking)} ask for it")
    elif not secure and not local:
        yield Finding("public address", True, "not https: links could be read on the way")
    elif "public_url" not in settings.model_fields_set:
        yield Finding("public address", False, "loopback only: set RENRAKUMO_PUBLIC_URL")
