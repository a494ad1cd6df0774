"""Answers as the tests of every channel make them."""

from __future__ import annotations

from uuid import UUID, uuid4

from channels.base import Answer, Message


def answer(
    address: str,
    *messages: Message | str,
    account: str = "",
    key: UUID | None = None,
    token: str = "",
) -> Answer:
    """One person's answer of these messages, plain texts among them."""
    whole = tuple(Message(each) if isinstance(each, str) else each for each in messages)
    return Answer(account, address, whole, key or uuid4(), token)
