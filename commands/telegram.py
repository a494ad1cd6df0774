"""`telegram`: telling Telegram how this installation is reached."""

from __future__ import annotations

import click

from commands.channel_settings import webhook_url
from commands.house import House
from commands.plainly import plainly
from commands.printing import fail
from domain.outcomes import Accepted, Outcome


@click.group()
def telegram() -> None:
    """The Telegram bot."""


@telegram.command("sync")
@click.pass_obj
def sync_command(house: House) -> None:
    """Set the webhook (or, for polling, take it away) and the commands of the bot's menu."""
    outcome = sync(house)
    if not isinstance(outcome, Accepted):
        raise fail(plainly("Telegram", house.settings.telegram_api_url, outcome))
    mode = house.settings.telegram_mode
    click.echo("webhook set" if mode == "webhook" else "webhook taken away: the intake polls")


def sync(house: House) -> Outcome:
    """Set up the bot as the settings say; what Telegram answered."""
    from channels.telegram.channel import TelegramChannel

    settings, channel = house.settings, house.channels.get("telegram")
    if not isinstance(channel, TelegramChannel):
        raise fail("Telegram is off: set RENRAKUMO_TELEGRAM_BOT_TOKEN")
    if settings.telegram_mode == "webhook" and settings.telegram_webhook_secret is None:
        raise fail("set RENRAKUMO_TELEGRAM_WEBHOOK_SECRET, or RENRAKUMO_TELEGRAM_MODE=polling")
    if settings.telegram_mode == "webhook":
        outcome = channel.set_webhook(webhook_url(settings, channel.name))
    else:
        outcome = channel.delete_webhook()
    return channel.set_commands() if isinstance(outcome, Accepted) else outcome
