"""The mail listener: takes in what families send to us over SMTP.

For now that is one thing, leaving by mail: `leave-<token>@<domain>`, the address in every
List-Unsubscribe header.  The token is the right to leave, so a forged From changes nothing.
Every other recipient is refused in the SMTP dialogue, politely and at once, so that its
sender hears of it and nothing is ever answered by mail to a stranger.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import datetime

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from channels.base import Incoming
from domain import paths, tokens

log = structlog.get_logger()

MAX_BYTES = 256 * 1024
LEAVE = re.compile(r"leave-([A-Za-z0-9_-]{16,64})", re.ASCII)

Store = Callable[[Incoming], bool]


class Handler:
    """What aiosmtpd asks at each step of an SMTP dialogue; `store` keeps what was accepted."""

    def __init__(
        self, domain: str, secret: bytes, store: Store, clock: Callable[[], datetime]
    ) -> None:
        self._domain = domain.lower()
        self._secret = secret
        self._store = store
        self._clock = clock

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if self.leave_token(address) is None:
            # SMTP speaks ASCII (RFC 5321 section 4.2): no Japanese here.
            return "550 5.1.1 No such address here; please contact the school."
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time, please."
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        incoming = self._incoming(envelope.rcpt_tos[0])
        try:
            # The database is asked on a thread: one slow commit must not stall the others.
            await asyncio.to_thread(self._store, incoming)
        except Exception:
            log.exception("mail_not_stored")
            return "451 4.3.0 Please try again later."
        return "250 2.0.0 OK"

    def leave_token(self, address: str) -> str | None:
        """The token in a leave address that we gave out, or None for any other address."""
        local, _, domain = address.rpartition("@")
        found = LEAVE.fullmatch(local)
        if found is None or domain.lower() != self._domain:
            return None
        token = found.group(1)
        return token if tokens.unseal(self._secret, paths.LEAVE, token) else None

    def _incoming(self, address: str) -> Incoming:
        """Each mail is an event of its own: who came back may leave again."""
        token = self.leave_token(address) or ""
        name = hashlib.sha256(token.encode()).hexdigest()
        return Incoming(
            channel="email",
            account="email",
            event_id=f"leave:{secrets.token_hex(16)}",
            sender=f"leave:{name}",
            kind="leave",
            at=self._clock(),
            token=token,
        )


def server_factory(handler: Handler, hostname: str) -> Callable[[], SMTP]:
    """One SMTP conversation per connection, with its size bounded."""
    return lambda: SMTP(
        handler, data_size_limit=MAX_BYTES, hostname=hostname, ident="Renrakumo", timeout=60
    )


async def listen(host: str, port: int, factory: Callable[[], SMTP], stop: asyncio.Event) -> None:
    """Serve until `stop` is set."""
    server = await asyncio.get_running_loop().create_server(factory, host, port)
    async with server:
        log.info("intake_listens", port=server.sockets[0].getsockname()[1])
        await stop.wait()
