"""Opening a connection: greeting, EHLO, STARTTLS and AUTH, one step at a time."""

from __future__ import annotations

import asyncio
import base64
import random
import ssl
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import structlog

from channels.email.keeper import Keeper, Reply
from channels.email.refusal_texts import Phase
from channels.email.routing import Site, Target
from channels.email.session import Session, Timeouts
from channels.email.verdicts import verdict
from domain.outcomes import Outcome, Refused, TryLater

# Who names dozens of servers, none of which answers, must not keep a connection busy for an hour.
_MOST, _MOST_OF_ONE_HOST = 4, 2
# A server that could not be reached is asked last for this long, in seconds.
_AVOIDED = 60.0
# Where encryption was offered and failed, mail goes without for this long, as it would where none
# is offered: such a server would never get any (RFC 7435 section 3).
_IN_CLEAR = 3600.0

log = structlog.get_logger()


class _Lately:
    """At which servers something happened not longer than `seconds` ago."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at: dict[tuple[str, int], float] = {}

    def note(self, target: Target) -> None:
        self._at.pop((target.address, target.port), None)
        self._at[target.address, target.port] = now = asyncio.get_running_loop().time()
        # The oldest stand first.
        while now - self._at[oldest := next(iter(self._at))] >= self._seconds:
            del self._at[oldest]

    def __contains__(self, target: Target) -> bool:
        at = self._at.get((target.address, target.port))
        return at is not None and asyncio.get_running_loop().time() - at < self._seconds


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
        self._avoided = _Lately(_AVOIDED)
        self._without_tls = _Lately(_IN_CLEAR)

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
        targets = _few(self.in_order(site))
        for target in targets:
            session = Session(keeper, self.timeouts, target)
            try:
                await self._connect(target, site.egress, session)
                await self._greet(target, session, is_last=target is targets[-1])
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

    def in_order(self, site: Site) -> list[Target]:
        """The servers as they are to be tried; each time another one of equal ones comes first.

        RFC 5321 section 5.1 has the sender spread its load so.
        """

        def key(target: Target) -> tuple[bool, int, float]:
            return target in self._avoided, target.preference, random.random()  # noqa: S311 - no secret

        return sorted(site.targets, key=key)

    def avoid(self, target: Target) -> None:
        """Ask this server last for a while."""
        self._avoided.note(target)

    def has_another(self, site: Site) -> bool:
        """Whether a server of the site is not to be asked last."""
        return any(target not in self._avoided for target in site.targets)

    async def _connect(self, target: Target, egress: str, session: Session) -> None:
        at_once = self._trusting_nobody if target.tls == "at once" else None
        handshake = self.timeouts.handshake if at_once else 0.0
        async with asyncio.timeout(self.timeouts.connect + handshake):
            await asyncio.get_running_loop().create_connection(
                lambda: session,
                target.address,
                target.port,
                ssl=at_once,
                server_hostname=target.host if at_once else None,
                local_addr=(egress, 0) if egress else None,
            )

    async def _greet(self, target: Target, session: Session, *, is_last: bool) -> None:
        """All that comes before the first MAIL."""
        patience = self.timeouts.greeting if is_last else self.timeouts.connect
        _expect(await session.reply(patience), 220, "connect")
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
        offered = "STARTTLS" in offers.words and (required or target not in self._without_tls)
        if not offered or (await session.ask("STARTTLS")).code != 220:
            if required:
                raise _Turned(TryLater("no_tls"))
            return False
        try:
            context = self._trusting_nobody if required else self._trusting_anybody
            await session.encrypt(context, target.host)
        except OSError:
            self._without_tls.note(target)
            raise
        return True


def _few(targets: Iterable[Target]) -> list[Target]:
    """The first ones, of each host two at most: one that is down must not hide the next."""
    found: list[Target] = []
    hosts: Counter[tuple[str, int]] = Counter()
    for target in targets:
        hosts[target.host, target.port] += 1
        if hosts[target.host, target.port] <= _MOST_OF_ONE_HOST:
            found.append(target)
    return found[:_MOST]


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
