"""Telegram as a channel, by its Bot API (https://core.telegram.org/bots/api, version 10.0)."""
