"""The hash that an approval binds to: the same for the same, another for anything else."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audience import Part, parts_from_json, parts_to_json, tidy
from domain.broadcasts import Purpose
from domain.content import (
    Content,
    Variant,
    clean_line,
    clean_text,
    content_hash,
    image_digest,
    privacy_of,
    read_variant,
    variant,
    with_privacy,
)

AT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
CONTENT = Content(
    purpose=Purpose.EVENT,
    subject="遠足の延期",
    body="雨のため、明日に延期します。",
    audience=(Part("group", 3), Part("group", 5)),
    send_at=AT,
    images=("a" * 64, "b" * 64),
    options={"confirm": True},
)
CHANGES: dict[str, Any] = {
    "purpose": Purpose.OTHER,
    "subject": "遠足の中止",
    "body": "雨のため、中止します。",
    "audience": (Part("group", 3),),
    "send_at": AT + timedelta(seconds=1),
    "valid_until": AT + timedelta(days=1),
    "images": ("b" * 64, "a" * 64),
    "options": {"confirm": False},
}


def test_every_field_of_a_content_has_a_change_here() -> None:
    assert {field.name for field in fields(Content)} == set(CHANGES)


@pytest.mark.parametrize("name", CHANGES)
def test_any_change_is_another_hash(name: str) -> None:
    changed = replace(CONTENT, **{name: CHANGES[name]})
    assert content_hash(1, changed) != content_hash(1, CONTENT)


def test_the_sending_school_is_part_of_the_hash() -> None:
    hashes = {content_hash(school_id, CONTENT) for school_id in (1, 2, None)}
    assert len(hashes) == 3


def test_the_same_moment_and_audience_spelled_otherwise_are_the_same() -> None:
    tokyo = AT.astimezone(timezone(timedelta(hours=9)))
    turned = replace(CONTENT, send_at=tokyo, audience=CONTENT.audience[::-1])
    assert content_hash(1, turned) == content_hash(1, CONTENT)


def test_a_part_of_one_field_cannot_pass_for_another() -> None:
    moved = replace(CONTENT, subject="", body=CONTENT.subject + CONTENT.body)
    assert content_hash(1, moved) != content_hash(1, CONTENT)


def test_an_image_is_its_data_and_its_preview() -> None:
    same = image_digest("image/png", b"data", b"preview")
    assert same == image_digest("image/png", b"data", b"preview")
    assert same != image_digest("image/png", b"data", b"other")
    assert same != image_digest("image/png", b"datap", b"review")


def test_privacy_is_in_the_hash_only_where_it_was_chosen() -> None:
    plain = replace(CONTENT, options=with_privacy(CONTENT.options, "full"))
    assert content_hash(1, plain) == content_hash(1, CONTENT)
    headline = replace(CONTENT, options=with_privacy(CONTENT.options, "headline"))
    assert content_hash(1, headline) != content_hash(1, CONTENT)
    assert privacy_of(headline.options) == "headline"
    back = replace(CONTENT, options=with_privacy(headline.options, "full"))
    assert content_hash(1, back) == content_hash(1, CONTENT)
    assert privacy_of(back.options) == "full"


@pytest.mark.parametrize(
    ("channel", "privacy", "name"),
    [
        ("line", "full", "ja"),
        ("line", "headline", "ja+headline"),
        ("telegram", "headline", "ja+headline"),
        ("email", "headline", "ja"),
        ("webchat", "headline", "ja"),
    ],
)
def test_a_variant_names_its_language_and_what_a_chat_shows(
    channel: str, privacy: str, name: str
) -> None:
    assert variant("ja", channel, privacy) == name
    assert read_variant(name) == Variant("ja", headline_only=name.endswith("headline"))


def test_a_subject_stays_one_line() -> None:
    assert clean_line(" 延期\r\nBcc: evil@example.jp ") == "延期 Bcc: evil@example.jp"


@given(st.text())
def test_cleaned_text_can_always_be_stored(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode()
    assert "\0" not in cleaned
    assert clean_text(cleaned) == cleaned


PARTS = st.builds(Part, st.sampled_from(["group", "school", "city"]), st.integers(0, 5))


@given(st.lists(PARTS))
def test_an_audience_has_one_spelling(parts: list[Part]) -> None:
    assert tidy(parts) == tidy(parts[::-1]) == parts_from_json(parts_to_json(parts))


def test_an_unknown_kind_of_part_is_refused() -> None:
    with pytest.raises(ValueError, match="family"):
        parts_from_json([{"kind": "family", "id": 1}])
