"""Many seals under one key are what one seal at a time is."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given, settings
from hypothesis import strategies as st

from domain import deliveries, paths, tokens
from domain.keyed_hash import KeyedHash

KEY = b"a key of the tests"


@settings(max_examples=60)
@given(st.binary(max_size=150), st.binary(max_size=70), st.binary(max_size=70))
def test_it_is_hmac(key: bytes, prefix: bytes, message: bytes) -> None:
    expected = hmac.new(key, prefix + message, hashlib.sha256).digest()
    keyed = KeyedHash(key, prefix)
    assert [keyed.digest(message), keyed.digest(message)] == [expected, expected]


def test_what_is_in_the_field_stays_valid() -> None:
    """Made by version 0.3.0: links and Message-IDs that went out must not change."""
    assert tokens.seal(KEY, "page", 7, 300_000, extra=b"x") == "B-CnEsleTNUxM0SJYrtoVV5yYYU"
    assert deliveries.message_id(KEY, 3, 20_001, "a.jp") == "6ff979f959cd0d2ead7980c41c97637a@a.jp"


def test_many_paths_are_made_as_one_is() -> None:
    for school_id in (None, 12):
        links = paths.Personal(KEY, school_id)
        for number in (0, 127, 128, 20_001, 2**40):
            assert links.message(number) == paths.message(KEY, number)
            assert links.leave(number) == paths.leave(KEY, number, school_id)
