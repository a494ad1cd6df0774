"""How a process that sends for months uses its memory."""

from __future__ import annotations

import ctypes
import gc
import sys

# mallopt's parameters (glibc's malloc.h).
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
_ONE_MIB = 1024 * 1024
# So many new objects are made before the youngest are looked through: a chunk makes some
# thousands that live until it is recorded, and hardly anything of ours is a cycle.
_YOUNG = 20_000


def tune() -> None:
    """Once at the start, before there are threads.

    asyncio reads each time into a fresh buffer of 256 KiB: glibc would map and unmap memory for
    every one, which halves what leaves in a second.  And each thread would keep a heap of its own.
    """
    if sys.platform == "linux":
        try:
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(_MMAP_THRESHOLD, _ONE_MIB)
            libc.mallopt(_ARENA_MAX, 2)
        except (OSError, AttributeError):
            pass  # another C library, with other habits
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
