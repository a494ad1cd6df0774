"""Whether anything comes in by another way than our own web server."""

from __future__ import annotations

from settings import Settings


def takes_in(settings: Settings) -> bool:
    return settings.mail_in_listen is not None or polls(settings)


def polls(settings: Settings) -> bool:
    return settings.telegram_bot_token is not None and settings.telegram_mode == "polling"
