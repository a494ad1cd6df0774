"""The lower half of an SMTP connection: bytes in, replies out, TLS, and ways to hang up."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from typing import cast

from standins.smtp_offers import Offers

_HANDSHAKE = 10
# SO_LINGER with no time: closing sends a reset instead of a farewell.
_NO_LINGER = struct.pack("ii", 1, 0)


class Wire(asyncio.Protocol):
    """Gathers replies and sends them in one go (RFC 2920), or in `pieces` of so many bytes."""

    def __init__(self, offers: Offers, pieces: int) -> None:
        self._offers = offers
        self._pieces = pieces
        self._buffer = bytearray()
        self._replies: list[str] = []
        self._out = bytearray()
        self._held = self._closing = self._resetting = False
        self.secure = offers.at_once
        self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else ""

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._out.clear()

    def _say(self, reply: str) -> None:
        self._replies.append(self._offers.spoken(reply))
        # RFC 5321 section 3.8: who says 421 hangs up; so does Postfix after 521.
        self._closing |= reply.startswith(("421", "521"))

    def _flush(self) -> None:
        if self._replies:
            self._send("".join(f"{r}\r\n" for r in self._replies).encode())
            self._replies.clear()
        if self._resetting:
            # What was written before is to leave first.
            asyncio.get_running_loop().call_soon(self._abort)
        elif self._closing and not self._out:
            self._transport.close()

    def _send(self, data: bytes) -> None:
        if not self._pieces:
            self._transport.write(data)
            return
        is_idle = not self._out
        self._out += data
        if is_idle:
            self._pump()

    def _pump(self) -> None:
        """One piece per turn of the loop, so that each is a segment of its own."""
        self._transport.write(bytes(self._out[: self._pieces]))
        del self._out[: self._pieces]
        if self._out:
            asyncio.get_running_loop().call_soon(self._pump)
        elif self._closing:
            self._transport.close()

    def _abort(self) -> None:
        where = self._transport.get_extra_info("socket")
        if where is not None and where.fileno() >= 0:
            with socket.socket(fileno=os.dup(where.fileno())) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    def _encrypt(self, context: ssl.SSLContext) -> None:
        """What came in clear after STARTTLS is forgotten: somebody may have put it there."""
        self._transport.pause_reading()
        self._buffer.clear()
        self._held = True
        self._encrypting = asyncio.get_running_loop().create_task(self._encrypted(context))

    async def _encrypted(self, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(
                self._transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE,
            )
        except OSError:  # ssl.SSLError and time-outs are such
            self._transport.abort()
            return
        assert transport is not None
        self._transport = transport
        self.secure, self._held = True, False
