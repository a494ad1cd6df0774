"""The name of an answer, the same however often it is tried."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from uuid import UUID, uuid5


def answer_key(secret: bytes, reply_id: int, created_at: datetime) -> UUID:
    """The key of the answer that begins with this reply.

    A UUID, because LINE takes nothing else as X-Line-Retry-Key (Messaging API, "Retry failed API
    requests"). Made from our secret, so that two installations that share an account never
    name two answers alike, and with the time, so that a restored database does not either.
    """
    namespace = UUID(bytes=hmac.digest(secret, b"renrakumo answer 1", "sha256")[:16])
    return uuid5(namespace, f"{reply_id} {created_at.astimezone(UTC).isoformat()}")
