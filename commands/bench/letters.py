"""What is sent in the bench: the same notice for everybody, with something of each one's own."""

from __future__ import annotations

from uuid import uuid4

from channels.base import Bulk, Recipient, SendChunk
from channels.email.message import Sender, template
from storage.database import system_clock

SENDER = "renraku@midori.example"
SUBJECT = "【連絡】本日の運動会は中止します"
BODY = "本日の運動会は、雨のため中止します。児童は通常どおり登校してください。\n" * 8
# Recipients of one chunk, as in the ledger.
_CHUNK = 500


def address(number: int) -> str:
    return f"family{number}@au.example"


def page_url(number: int) -> str:
    """As long as the real ones."""
    return f"https://renraku.midori.example/m/{number:032d}"


def leave_url(number: int) -> str:
    return f"https://renraku.midori.example/u/{number:032d}"


def bulk() -> Bulk:
    return Bulk(
        board="みどり市教育委員会",
        sender_name="さくら小学校",
        list_id="S01.midori.example",
        subject=SUBJECT,
        text=BODY,
        language="ja",
        date=system_clock(),
    )


def recipient(number: int) -> Recipient:
    return Recipient(
        delivery_id=number,
        address=address(number),
        message_id=f"bench-{number}@midori.example",
        page_url=page_url(number),
        leave_url=leave_url(number),
    )


def chunks(numbers: range) -> list[SendChunk]:
    """A broadcast to these people, as the ledger would hand it out."""
    shared = bulk()
    return [_chunk(shared, numbers[at : at + _CHUNK]) for at in range(0, len(numbers), _CHUNK)]


def _chunk(shared: Bulk, numbers: range) -> SendChunk:
    people = tuple(map(recipient, numbers))
    return SendChunk(numbers.start, "email", "other", shared, people, uuid4())


def size() -> int:
    """How long our mail is on the wire, in bytes: what the peers' mails are made as long as."""
    return len(template(bulk(), Sender(SENDER, "")).wire(recipient(1), address(1)))
