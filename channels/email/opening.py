"""Opening a connection: greeting, EHLO, STARTTLS and AUTH, one step at a time."""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass
from functools import cached_property

import structlog

from channels.email.keeper import Keeper, Reply
from channels.email.refusal_texts import Phase
from channels.email.routing import Site, Target
from channels.email.session import Session, Timeouts
from channels.email.verdicts import verdict
from domain.outcomes import Outcome, Refused, TryLater

# A server that could not be reached is asked last for this long, in seconds.
_AVOIDED = 60.0
# Where encryption was offered and failed, mail goes without for this long, as it would where none
# is offered: such a server would never get any (RFC 7435 section 3).
_IN_CLEAR = 3600.0

log = structlog.get_logger()


class CannotOpen(Exception):
    """Not one of the servers could be used; `outcome` is what that means for what waits."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class _Turned(Exception):
    """A server turned us away with this reply, or lacks what must be there."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Offers:
    """What a server said that it can do (RFC 5321 section 4.1.1.1)."""

    words: frozenset[str]
    logins: frozenset[str]

    @classmethod
    def of(cls, reply: Reply) -> _Offers:
        lines = [line.upper().split() for line in reply.text.split("\n")[1:]]
        logins = (word for line in lines if line[:1] == ["AUTH"] for word in line[1:])
        return cls(frozenset(line[0] for line in lines if line), frozenset(logins))


class Opener:
    """Opens sessions to the first server of a site that takes us, those that failed lately last."""

    def __init__(self, ehlo_name: str, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self._name = ehlo_name
        self._failed_at: dict[tuple[str, int], float] = {}
        self._no_tls_since: dict[tuple[str, int], float] = {}

    @cached_property
    def _trusting_nobody(self) -> ssl.SSLContext:
        """For servers that have to prove who they are; read once, because it takes 20 ms."""
        return ssl.create_default_context()

    @cached_property
    def _trusting_anybody(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    async def open(self, site: Site, keeper: Keeper) -> Session:
        """A session that is ready for MAIL; raises CannotOpen."""
        outcome: Outcome = TryLater("no_relay")
        for target in sorted(site.targets, key=self._is_avoided):
            session = Session(keeper, self.timeouts, target)
            try:
                async with asyncio.timeout(self.timeouts.connect):
                    await self._open(target, site.egress, session)
                return session
            except _Turned as turned:
                outcome = turned.outcome
            except asyncio.CancelledError:
                session.abort()
                raise
            except Exception as error:
                reason = type(error).__name__
                log.warning("relay_unreachable", host=target.host, port=target.port, reason=reason)
            session.abort()
            self.avoid(target)
        raise CannotOpen(outcome)

    def avoid(self, target: Target) -> None:
        """Ask this server last for a while."""
        loop = asyncio.get_running_loop()
        self._failed_at[target.address, target.port] = loop.time()

    def _is_avoided(self, target: Target) -> bool:
        failed_at = self._failed_at.get((target.address, target.port))
        return failed_at is not None and asyncio.get_running_loop().time() - failed_at < _AVOIDED

    async def _open(self, target: Target, egress: str, session: Session) -> None:
        loop = asyncio.get_running_loop()
        at_once = self._trusting_nobody if target.tls == "at once" else None
        await loop.create_connection(
            lambda: session,
            target.address,
            target.port,
            ssl=at_once,
            server_hostname=target.host if at_once else None,
            local_addr=(egress, 0) if egress else None,
        )
        _expect(await session.reply(), 220, "connect")
        offers = await self._hello(session)
        if target.tls != "at once" and await self._start_tls(target, session, offers):
            offers = await self._hello(session)
        if target.user:
            await _log_in(target, session, offers)
        session.begin(pipelining="PIPELINING" in offers.words, sizes="SIZE" in offers.words)

    async def _hello(self, session: Session) -> _Offers:
        reply = await session.ask(f"EHLO {self._name}")
        if reply.code != 250:
            # RFC 5321 section 4.1.4: a server of old knows HELO only, and offers nothing.
            _expect(await session.ask(f"HELO {self._name}"), 250, "ehlo")
            return _Offers(frozenset(), frozenset())
        return _Offers.of(reply)

    async def _start_tls(self, target: Target, session: Session, offers: _Offers) -> bool:
        """Encrypt where possible.  Only "required" can also insist on a good certificate.

        To refuse a self-signed certificate where no encryption at all would do would only mean
        that the mail goes in clear (RFC 7435).
        """
        required = target.tls == "required"
        offered = "STARTTLS" in offers.words and (required or not self._failed_tls(target))
        if not offered or (await session.ask("STARTTLS")).code != 220:
            if required:
                raise _Turned(TryLater("no_tls"))
            return False
        try:
            context = self._trusting_nobody if required else self._trusting_anybody
            await session.encrypt(context, target.host)
        except OSError:  # ssl.SSLError is such
            self._no_tls_since[target.address, target.port] = asyncio.get_running_loop().time()
            raise
        return True

    def _failed_tls(self, target: Target) -> bool:
        since = self._no_tls_since.get((target.address, target.port))
        return since is not None and asyncio.get_running_loop().time() - since < _IN_CLEAR


async def _log_in(target: Target, session: Session, offers: _Offers) -> None:
    """RFC 4616 where offered, else the LOGIN of older servers."""
    if "PLAIN" in offers.logins or not offers.logins:
        secret = f"\0{target.user}\0{target.password}".encode()
        reply = await session.ask(f"AUTH PLAIN {base64.b64encode(secret).decode()}")
    else:
        reply = await session.ask("AUTH LOGIN")
        for word in (target.user, target.password):
            if reply.code == 334:
                reply = await session.ask(base64.b64encode(word.encode()).decode())
    if reply.code != 235:
        log.warning("relay_login_refused", host=target.host, port=target.port, code=reply.code)
        raise _Turned(TryLater("relay_needs_login"))


def _expect(reply: Reply, code: int, phase: Phase) -> None:
    if reply.code == code:
        return
    outcome = verdict(phase, reply.code, reply.text)
    # Nobody's address was named yet: whatever was said is about us.
    raise _Turned(TryLater("no_relay") if isinstance(outcome, Refused) else outcome)
