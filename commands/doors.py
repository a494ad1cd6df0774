"""Links into the conversations, ready before a page needs them.

A link names our own account, which only the provider can tell.  A page must never ask it: while
one provider hangs, a few readers of one page would hold every thread of the web server.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Thread
from time import sleep

from channels.base import Channel

# Any short code: what is asked for is the account's name.
_PROBE = "0"
_AGAIN = 60.0


class Doors:
    """Asks each provider once, in a thread of its own, until it has answered."""

    def __init__(self, channels: Mapping[str, Channel]) -> None:
        self._channels = channels
        self._known: set[str] = set()

    def start(self) -> list[Thread]:
        threads = [
            Thread(target=self._ask, args=(name,), name=f"door-{name}", daemon=True)
            for name in self._channels
        ]
        for thread in threads:
            thread.start()
        return threads

    def link(self, name: str, text: str) -> str | None:
        """A link that opens a channel with this text; None while its name is not known."""
        channel = self._channels.get(name)
        if channel is None or name not in self._known:
            return None
        return channel.link(channel.accounts[0], text)

    def look(self, name: str) -> bool:
        """Ask now, however long it takes."""
        channel = self._channels[name]
        if channel.link(channel.accounts[0], _PROBE) is None:
            return False
        self._known.add(name)
        return True

    def _ask(self, name: str) -> None:
        while not self.look(name):
            sleep(_AGAIN)
