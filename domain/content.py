"""What people receive, and the one hash that an approval binds to."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from domain.audience import Part, parts_to_json
from domain.broadcasts import Purpose
from domain.canonical import canonical_json
from domain.channels import CHATS

SUBJECT_LIMIT = 200
BODY_LIMIT = 20_000
IMAGES_LIMIT = 4

HEADLINE = "headline"
# How a family's mail may be written: in ISO-2022-JP where every character fits (old handsets), or
# without any URL (filters that refuse mail with one), or both.  Empty is UTF-8 with links.
JIS, PLAIN, JIS_PLAIN = "jis", "plain", "jis-plain"
MAIL_FORMS = ("", JIS, PLAIN, JIS_PLAIN)
_PRIVACY = "privacy"
_EMERGENCY = "emergency"
_CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that changes what anyone receives.

    `images` are digests in the order shown.  `options` are the choices that need no column
    of their own (language variants, confirm button, privacy mode, public posting …): all of
    them are hashed, whatever they are, so that a new one cannot be forgotten here.
    """

    purpose: Purpose
    subject: str
    body: str
    audience: tuple[Part, ...]
    send_at: datetime | None = None
    valid_until: datetime | None = None
    images: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def content_hash(school_id: int | None, content: Content) -> str:
    """SHA-256 over the canonical JSON of a content and of the school that sends it."""
    value = {
        "school": school_id,
        "purpose": content.purpose.value,
        "subject": content.subject,
        "body": content.body,
        "audience": parts_to_json(content.audience),
        "send_at": _moment(content.send_at),
        "valid_until": _moment(content.valid_until),
        "images": list(content.images),
        "options": dict(content.options),
    }
    return hashlib.sha256(canonical_json(value)).hexdigest()


def image_digest(media_type: str, data: bytes, preview: bytes) -> str:
    """A digest of an image as people see it: its data and its preview."""
    parts = (media_type.encode(), data, preview)
    joined = b"".join(hashlib.sha256(part).digest() for part in parts)
    return hashlib.sha256(joined).hexdigest()


def is_emergency(options: Mapping[str, Any]) -> bool:
    """Whether it goes first, and also to those who left the school's ordinary broadcasts."""
    return bool(options.get(_EMERGENCY))


def wants_confirmation(options: Mapping[str, Any]) -> bool:
    """Whether guardians are asked to press 確認しました."""
    return bool(options.get(_CONFIRM))


def with_emergency(options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, _EMERGENCY: True}


def without_emergency(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != _EMERGENCY}


def with_confirmation(options: Mapping[str, Any], wanted: bool) -> dict[str, Any]:
    """Options that ask for a confirmation, or do not; only the first leaves a trace."""
    others = {name: value for name, value in options.items() if name != _CONFIRM}
    return {**others, _CONFIRM: True} if wanted else others


def with_privacy(options: Mapping[str, Any], privacy: str) -> dict[str, Any]:
    """Options with the board's privacy in chat, which stands there only if it is not `full`.

    So a board that never chose it has the hashes that it had before there was a choice.
    """
    others = {name: value for name, value in options.items() if name != _PRIVACY}
    return {**others, _PRIVACY: privacy} if privacy == HEADLINE else others


def privacy_of(options: Mapping[str, Any]) -> str:
    """What a chat shows of a broadcast: `full`, or `headline` and a button to read the text."""
    return HEADLINE if options.get(_PRIVACY) == HEADLINE else "full"


@dataclass(frozen=True, slots=True)
class Variant:
    """One rendering: its language, whether chats show the headline only, and a mail's form."""

    language: str
    headline_only: bool = False
    mail_form: str = ""


def variant(language: str, channel: str, privacy: str, mail_form: str = "") -> str:
    """The name of a rendering ("ja", "en+headline", "ja+jis" …): what a chunk's recipients share.

    Mail and web chat always bring the full text: there nothing pops up on a locked screen.
    """
    headline = HEADLINE if privacy == HEADLINE and channel in CHATS else ""
    what = headline or mail_form
    return f"{language}+{what}" if what else language


def read_variant(name: str) -> Variant:
    """What a rendering's name says."""
    language, _, what = name.partition("+")
    if what == HEADLINE:
        return Variant(language, headline_only=True)
    return Variant(language, mail_form=what)


def clean_line(text: str) -> str:
    """A subject on one line: a line break in it could add headers to a mail."""
    return " ".join(clean_text(text).split())


def clean_text(text: str) -> str:
    """Take out what no screen shows and no database holds (controls, lone surrogates)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or _is_shown(c)).strip()


# Bidirectional overrides and isolates: they can make a text read backwards, or hide in a link.
_TURNS = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def _is_shown(character: str) -> bool:
    return character not in _TURNS and unicodedata.category(character) not in ("Cc", "Cs")


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None
