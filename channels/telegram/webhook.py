"""Telling Telegram where updates go and which commands its menu shows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from telegram import Bot, BotCommand, BotCommandScopeAllPrivateChats

from channels.base import Webhook
from channels.telegram.client import Client
from channels.telegram.updates import SERVED
from channels.telegram.verdicts import verdict
from domain.outcomes import Accepted, Outcome
from domain.wording import render, say

# How many requests Telegram makes at once; its own default (setWebhook).
_CONNECTIONS = 40
# What the menu beside the text field offers; what they do, domain/texts knows (bot.word.*,
# menu.word.*).
COMMANDS = ("menu", "register", "status", "leave", "language", "help", "cancel")


def set_webhook(client: Client, url: str, secret: str) -> Outcome:
    """Have updates sent to an https address, with our secret in each request's header."""
    return _asked(
        client,
        lambda bot: bot.set_webhook(
            url,
            secret_token=secret,
            allowed_updates=list(SERVED),
            max_connections=_CONNECTIONS,
        ),
    )


def told(client: Client) -> Webhook | Outcome:
    """What Telegram says of the webhook (getWebhookInfo); its last error stays until the next
    setWebhook.
    """
    try:
        info = client.call(lambda bot: bot.get_webhook_info())
    except Exception as error:
        return verdict(error)
    return Webhook(
        url=info.url,
        pending=info.pending_update_count,
        error=info.last_error_message or "",
        error_at=info.last_error_date,
    )


def delete_webhook(client: Client) -> Outcome:
    """Have updates kept for getUpdates; those that wait stay."""
    return _asked(client, lambda bot: bot.delete_webhook(drop_pending_updates=False))


def set_commands(client: Client) -> Outcome:
    """Show the commands: English to phones set to English, Japanese to all others."""
    outcome = _set_commands(client, "ja", "")
    return _set_commands(client, "en", "en") if isinstance(outcome, Accepted) else outcome


def _set_commands(client: Client, language: str, language_code: str) -> Outcome:
    commands = [
        BotCommand(name, render(say(f"telegram.command.{name}"), language)) for name in COMMANDS
    ]
    return _asked(
        client,
        lambda bot: bot.set_my_commands(
            commands,
            scope=BotCommandScopeAllPrivateChats(),
            language_code=language_code or None,
        ),
    )


def _asked(client: Client, ask: Callable[[Bot], Coroutine[Any, Any, bool]]) -> Outcome:
    try:
        client.call(ask)
    except Exception as error:
        return verdict(error)
    return Accepted()
