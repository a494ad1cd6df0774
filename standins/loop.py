"""The event loop that every stand-in runs on."""

from __future__ import annotations

import asyncio


def loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop's loop where there is one: it about doubles what is answered per second."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
