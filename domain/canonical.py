"""One spelling of a value as JSON, for everything that is hashed or sealed."""

from __future__ import annotations

import json


def canonical_json(value: object) -> bytes:
    """Keys sorted, no spaces, UTF-8; raises ValueError for what JSON cannot hold exactly."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()
