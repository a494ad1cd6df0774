"""The engine: one thread with one event loop that sends all mail of this process.

Whatever happens on its connections within one turn of the loop is written down together: first
what was answered, then what is about to leave, and only then the bodies leave.  So tens of
thousands of messages a second cost the journal a few hundred writes.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace

import structlog

from channels.base import LaneState
from channels.email.lane import Lane
from channels.email.loads import Load, Parcel, Queue
from channels.email.opening import Opener
from channels.email.route import Route
from channels.email.routes import Routes
from channels.email.routing import Router
from channels.email.session import Session, Timeouts
from domain.lanes import LaneRule
from domain.outcomes import Outcome

# How often waiting is looked after: withdrawn loads, connections that wait too long.
_SWEEP = 0.1
# One part in so many of what a destination bears is for answers.
_ANSWERS = 4

log = structlog.get_logger()


class Engine:
    """Takes loads from any thread; its own starts with the first one.

    `ehlo_name` is what servers are told we are, "" for this machine's name.  `account` names
    what `lanes` tells of.  One for `answers` keeps to a small part of what a destination bears,
    for it works beside one for broadcasts.
    """

    def __init__(
        self,
        make_router: Callable[[], Router],
        *,
        account: str,
        ehlo_name: str = "",
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        answers: bool = False,
    ) -> None:
        self.opener = Opener(ehlo_name or own_name(), timeouts)
        self._make_router = make_router
        self._answers = answers
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        # The lanes of which something was begun or answered in this turn of the loop.
        self.touched: set[Lane] = set()
        self._routes = Routes(self, account, self._part)
        self._loads: set[Load] = set()
        self._told: defaultdict[Load, list[tuple[int, Outcome]]] = defaultdict(list)
        self._listed: list[Session] = []
        self._flushing = False

    # What other threads call.

    def carry(self, load: Load, parcels: Sequence[Parcel]) -> None:
        """Take a load over; its `done` is called in any case, on the engine's thread.

        Raises RuntimeError once closed, and ValueError where nobody can be asked for servers.
        """
        load.left = len(parcels)
        with self._lock:
            self._running().call_soon_threadsafe(self._admit, load, parcels)

    def lanes(self) -> list[LaneState]:
        """Every destination that was sent to lately, as it is at this moment."""
        return self._routes.states()

    def set_lanes(self, known: Iterable[LaneState]) -> None:
        """Take over what the ledger knows of lanes."""
        states = list(known)
        self._routes.learn(states)
        with self._lock:
            if self._loop is not None and not self._closed:
                for state in states:
                    self._loop.call_soon_threadsafe(self._routes.adopt, state)

    def close(self) -> None:
        """Say goodbye and end the thread; what waits keeps no outcome."""
        with self._lock:
            self._closed = True
            thread, loop = self._thread, self._loop
        if thread is not None and loop is not None and thread.is_alive():
            ended: Future[None] = asyncio.run_coroutine_threadsafe(self._close(), loop)
            ended.result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        """Start with the first load; where that fails, with the next one.  For who has the lock."""
        if self._closed:
            raise RuntimeError("the engine is closed")
        if self._loop is None:
            self._router = self._make_router()
            self._loop = _new_loop()
            self._loop.call_soon(self._begin)
            self._thread = threading.Thread(
                target=self._run, args=(self._loop,), name="mail", daemon=True
            )
            self._thread.start()
        return self._loop

    # The thread.

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.close()

    def _begin(self) -> None:
        self._sweep()
        self._warming = asyncio.get_running_loop().create_task(self._warm())

    async def _warm(self) -> None:
        """Ask beforehand where most families' mail goes: the first broadcast need not wait."""
        try:
            await self._router.warm()
        except Exception:
            log.exception("warming_failed")

    async def _close(self) -> None:
        for load in self._loads:
            load.halted = True
        for route in self._routes.all():
            route.close()
        # The goodbyes leave with the next turn of the loop; nobody waits for their answers.
        await asyncio.sleep(0.01)
        for route in self._routes.all():
            route.cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self._flush()
        for load in [each for each in self._loads if each.left]:
            load.drop(load.left)

    def now(self) -> float:
        """The loop's clock, in seconds."""
        assert self._loop is not None
        return self._loop.time()

    # Taking in.

    def _admit(self, load: Load, parcels: Sequence[Parcel]) -> None:
        if self._closed:
            load.drop(len(parcels))
            return
        self._loads.add(load)
        by_domain: defaultdict[str, list[Parcel]] = defaultdict(list)
        for parcel in parcels:
            by_domain[parcel.domain].append(parcel)
        unknown: dict[str, list[Parcel]] = {}
        together: defaultdict[Route, list[Parcel]] = defaultdict(list)
        for domain, theirs in by_domain.items():
            routes = self._routes.known(domain, self.now())
            if routes:
                together[min(routes, key=_burden)].extend(theirs)
            else:
                unknown[domain] = theirs
        for route, theirs in together.items():
            route.put(Queue(load, theirs, self.now()))
        for domain, theirs in unknown.items():
            asyncio.get_running_loop().create_task(self._ask(load, domain, theirs))

    async def _ask(self, load: Load, domain: str, parcels: Sequence[Parcel]) -> None:
        """Find out where the mail of a domain goes, and send it on its way."""
        try:
            sites = await self._router.sites(domain)
        except Exception as error:
            load.fail(error)
            load.drop(len(parcels))
            return
        if not isinstance(sites, tuple):
            for parcel in parcels:
                self.told(parcel, sites)
            return
        routes = self._routes.to(domain, sites, self.now())
        min(routes, key=_burden).put(Queue(load, parcels, self.now()))

    def _part(self, rule: LaneRule) -> LaneRule:
        """Our part of what a destination bears: a quarter is for answers.

        What is stated holds for both together.  One connection is not divided: whoever has no
        more than that makes one engine for everything.
        """
        few = max(1, rule.connections // _ANSWERS)
        if self._answers:
            part, connections = 1 / _ANSWERS, few
        elif rule.stated and rule.connections > 1:
            part, connections = 1 - 1 / _ANSWERS, rule.connections - few
        else:
            return rule
        rate = rule.per_second * part if rule.per_second is not None else None
        return replace(rule, connections=connections, per_second=rate)

    # What routes tell.

    def used(self, route: Route) -> None:
        """Look after a route until it has neither connections nor anything that waits."""
        self._routes.use(route)

    def told(self, parcel: Parcel, outcome: Outcome) -> None:
        """Note an outcome, to be written down at the end of this turn of the loop."""
        self._told[parcel.load].append((parcel.number, outcome))
        self._flush_soon()

    def listed(self, session: Session) -> None:
        """Note a session that has something to send, or nothing to do."""
        if not session.listed:
            session.listed = True
            self._listed.append(session)
            self._flush_soon()

    def later(self, seconds: float, route: Route) -> None:
        """Have a route look again at what waits."""
        if route.timer is None:
            route.timer = asyncio.get_running_loop().call_later(seconds, self._pump, route)

    @staticmethod
    def _pump(route: Route) -> None:
        route.timer = None
        route.pump()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Write down what was answered, then what leaves, then have it leave."""
        self._flushing = False
        told, self._told = self._told, defaultdict(list)
        for load, outcomes in told.items():
            load.tell(outcomes)
        sessions, self._listed = self._listed, []
        stopped = self._intend(sessions)
        for session in sessions:
            session.listed = False
            if not session.open:
                continue
            try:
                if session.granted and session.offered and session.offered.load in stopped:
                    session.abort()
                else:
                    session.keeper.advance(session)
            except Exception:
                # One connection less: the others have something to send as well.
                log.exception("session_failed")
                session.abort()
        now = self.now()
        while self.touched:
            self.touched.pop().count(now)
        self._loads = {load for load in self._loads if load.left} if told else self._loads

    def _intend(self, sessions: Sequence[Session]) -> set[Load]:
        """Write down which bodies are about to leave; return the loads of which none may."""
        leaving: defaultdict[Load, list[int]] = defaultdict(list)
        for session in sessions:
            if session.granted and session.offered is not None:
                leaving[session.offered.load].append(session.offered.number)
        return {load for load, numbers in leaving.items() if not load.intend(numbers)}

    def _sweep(self) -> None:
        """What is withdrawn, or waited for too long, is dropped."""
        # First of all: time-outs must not end with whatever fails here.
        asyncio.get_running_loop().call_later(_SWEEP, self._sweep)
        for load in list(self._loads):
            load.look()
        now = self.now()
        for route in list(self._routes.used):
            try:
                route.sweep(now)
                route.pump()
            except Exception:
                log.exception("sweep_failed")
        self._routes.tend(now)
        self._loads = {load for load in self._loads if load.left}


def _burden(route: Route) -> float:
    """How long what waits would take, to choose between several addresses of ours."""
    return (route.waiting() + 1) / max(route.lane.pace.connections, 1)


def _new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's loop where there is one: it about doubles what leaves in a second."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def own_name() -> str:
    """A name for EHLO; a literal where this machine has no full one (RFC 5321 4.1.4)."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"
