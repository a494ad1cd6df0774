"""What stands around a broadcast's text in every copy, alike on every channel."""

from __future__ import annotations

from channels.base import Bulk, Button
from domain.cards import CardVerb, label
from domain.wording import render


def text(bulk: Bulk) -> str:
    """The text, beneath what it corrects or replaces."""
    return paragraphs(bulk.lead, bulk.text.strip())


def with_foot(bulk: Bulk, *above: str) -> str:
    """A chat's copy: what is `above`, how to confirm, and the signature at the very end."""
    return paragraphs(*above, bulk.how_to_confirm, bulk.signature)


def paragraphs(*parts: str) -> str:
    """All that is not empty, one paragraph each."""
    return "\n\n".join(part for part in parts if part)


def confirm_buttons(bulk: Bulk) -> tuple[Button, ...]:
    """The button 確認しました where people are asked to press it."""
    if not bulk.confirm_token:
        return ()
    words = render(label(CardVerb.CONFIRM), bulk.language)
    return (Button(words, bulk.confirm_token, lasting=True),)
