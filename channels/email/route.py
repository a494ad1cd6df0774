"""The way to one set of mail servers: what waits for them, and the connections to them."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from datetime import timedelta
from functools import lru_cache
from typing import Protocol

from channels.email.keeper import Reply
from channels.email.lane import Lane
from channels.email.loads import Load, Parcel, Queue
from channels.email.opening import CannotOpen, Opener
from channels.email.routing import Site
from channels.email.session import Session
from channels.email.verdicts import verdict
from domain.breaker import LANE_STOPPED
from domain.lanes import OTHER, lane_of
from domain.outcomes import Outcome, TryLater, Unknown

# A message whose connection broke so often before its body was complete waits for another day.
_TRIES = 3
_STOPPED = TryLater(LANE_STOPPED, timedelta(minutes=10))
# In the lane of all other domains, one that is slow must not hold up the rest of its chunk: what
# waited so long, in seconds, goes back to the ledger and comes again.
_PATIENCE = 30.0
# So long, in seconds, the routes that have all connections of a lane keep them while another waits
# for one: not a connection for each message.
_TURN = 1.0
# Where no rate limits a lane, loads take turns after so many parcels: what leaves together is
# written down together, and each load has its own lines in the journal.
_RUN = 25
# What a server says that has had too much of us (domain.pacing).
_THROTTLES = frozenset({"too_busy", "temporary", "blocked_us"})

_lane_of = lru_cache(10_000)(lane_of)


class Desk(Protocol):
    """Where a route tells what happens, to be written down together (channels.email.engine)."""

    opener: Opener

    def told(self, parcel: Parcel, outcome: Outcome) -> None: ...

    def listed(self, session: Session) -> None: ...

    def now(self) -> float: ...

    def later(self, seconds: float, route: Route) -> None: ...


class Route:
    """What waits for one set of servers, urgent loads first, and loads taking turns."""

    def __init__(self, desk: Desk, lane: Lane, site: Site) -> None:
        self.lane = lane
        self.site = site
        self.timer: asyncio.TimerHandle | None = None
        self._desk = desk
        self._urgent: deque[Queue] = deque()
        self._ordinary: deque[Queue] = deque()
        self._sessions: set[Session] = set()
        self._idle: list[Session] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False
        self._waits_since: float | None = None
        lane.routes.append(self)

    @property
    def connections(self) -> int:
        return len(self._sessions) + len(self._opening)

    @property
    def staying(self) -> int:
        """How many connections have not said goodbye."""
        return self.connections - sum(session.leaving for session in self._sessions)

    # What waits.

    def put(self, queue: Queue) -> None:
        """Take parcels in; they leave as connections and pace allow."""
        (self._urgent if queue.load.urgent else self._ordinary).append(queue)
        self.pump()

    def waiting(self) -> int:
        return sum(len(queue.parcels) for queues in self._queues() for queue in queues)

    def is_busy(self) -> bool:
        """Whether anything waits."""
        return bool(self._urgent or self._ordinary)

    def _queues(self) -> tuple[deque[Queue], deque[Queue]]:
        return self._urgent, self._ordinary

    def _put_back(self, parcel: Parcel) -> None:
        queue = Queue(parcel.load, [parcel], self._desk.now())
        (self._urgent if parcel.load.urgent else self._ordinary).appendleft(queue)

    def _take(self) -> Parcel | None:
        """The next parcel, made ready; of several loads each gives one in turn."""
        for queues in self._queues():
            while queues:
                parcel = self._take_of(queues)
                if parcel is not None:
                    return parcel
        return None

    def _take_of(self, queues: deque[Queue]) -> Parcel | None:
        queue = queues[0]
        if queue.load.halted:
            self._drop(queues.popleft())
            return None
        parcel = queue.parcels.popleft()
        queue.taken += 1
        if not queue.parcels:
            queues.popleft()
        elif self.lane.pace.rate is not None or queue.taken % _RUN == 0:
            queues.rotate(-1)
        return self._composed(parcel)

    def _composed(self, parcel: Parcel) -> Parcel | None:
        try:
            parcel.compose()
        except Exception as error:
            parcel.load.fail(error)
            parcel.load.drop(1)
            return None
        if parcel.domain in self.lane.unquoted:
            parcel.form = len(parcel.forms) - 1
        return parcel

    @staticmethod
    def _drop(queue: Queue) -> None:
        """What may not leave any more stays without an outcome."""
        count = len(queue.parcels)
        queue.parcels.clear()
        if count:
            queue.load.drop(count)

    def refuse_all(self, outcome: Outcome) -> None:
        """Nothing that waits here can leave now."""
        for queues in self._queues():
            while queues:
                for parcel in queues.popleft().parcels:
                    self._desk.told(parcel, outcome)

    # What the engine asks for.

    def pump(self) -> None:
        """Have idle connections work, and open more where there is more to do."""
        if self.lane.stopped:
            self.refuse_all(_STOPPED)
        waiting = self.waiting()
        if not waiting or self._closed:
            return
        now = self._desk.now()
        if not self.lane.may_begin(now):
            self._desk.later(max(self.lane.pace.wait(now), 0.005), self)
            return
        for _ in range(min(waiting, len(self._idle))):
            self._desk.listed(self._idle.pop())
        self._open_more(waiting)

    def _open_more(self, waiting: int) -> None:
        room = self.lane.pace.connections - self.lane.connections
        if room <= 0 and not self.connections:
            self._ask_for_room()
            return
        self._waits_since = None
        for _ in range(min(room, waiting - len(self._opening))):
            task = asyncio.get_running_loop().create_task(self._open())
            self._opening.add(task)

    def _ask_for_room(self) -> None:
        """Other routes of the lane have all connections: idle ones go, the others after a turn."""
        now = self._desk.now()
        if self._waits_since is None:
            self._waits_since = now
        over = bool(self._urgent) or now - self._waits_since >= _TURN
        self.lane.shrink(room=1, needed=over)
        self._desk.later(0.05, self)

    def spare(self, count: int) -> int:
        """Give up so many connections that carry nothing; return how many of them there are not.

        Those that are only being opened first: a server may not want them at all.
        """
        while count and self._opening:
            self._opening.pop().cancel()
            count -= 1
        while count and self._idle:
            self._idle.pop().quit()
            count -= 1
        return count

    async def _open(self) -> None:
        """Open one connection; where none can be, and none is, what waits is put off."""
        task = asyncio.current_task()
        try:
            session = await self._desk.opener.open(self.site, self)
        except CannotOpen as refused:
            self._opening.discard(task)
            self._not_opened(refused.outcome)
            return
        self._opening.discard(task)
        self._sessions.add(session)
        self._desk.listed(session)

    def _not_opened(self, outcome: Outcome) -> None:
        reason = getattr(outcome, "reason", "")
        if reason in _THROTTLES or self._sessions:
            # Who has some connections of ours and takes no other has enough of them.
            self.lane.throttled(self._desk.now())
        if not self._sessions and not self._opening:
            self.refuse_all(outcome)

    def advance(self, session: Session) -> None:
        """Send what the session has to send, and give it the next parcel if there is one."""
        # What was only just opened carries something, or two routes would make room for each other
        # for ever.
        surplus = self.lane.surplus > 0 and session.carried > 0
        spent = surplus or session.carried >= self.lane.pace.per_connection
        may = not spent and session.may_offer() and self._may_begin()
        parcel = self._take() if may else None
        if parcel is not None:
            self.lane.begin()
            session.advance(parcel)
            return
        leaves = spent and session.may_offer()
        session.advance(None, last=leaves)
        if leaves and self.lane.surplus:
            self.lane.surplus -= 1
        if session.is_idle() and not session.leaving:
            self._idle.append(session)

    def _may_begin(self) -> bool:
        """Without a look at the clock where no rate limits the lane."""
        lane = self.lane
        if lane.pace.rate is None and not (lane.stopped or lane.resting):
            return True
        return lane.may_begin(self._desk.now())

    # What sessions tell (session.Keeper).

    def ready(self, session: Session) -> None:
        self._desk.listed(session)

    def accepted(self, parcel: Parcel, text: str) -> None:
        self.lane.accept()
        if parcel.form:
            self.lane.unquoted.add(parcel.domain)
        self._desk.told(parcel, verdict("dot", 250, text))

    def settled(self, parcel: Parcel, reply: Reply | None) -> None:
        if reply is None:
            outcome: Outcome = Unknown("no_answer")
            self._heed(TryLater("too_busy"))
        else:
            outcome = verdict(reply.phase, reply.code, reply.text, _lane_of(parcel.domain))
            self._heed(outcome)
        self._desk.told(parcel, outcome)

    def _heed(self, outcome: Outcome) -> None:
        """What an answer means for the pace of the lane, and for whether it goes on."""
        if isinstance(outcome, TryLater) and outcome.reason in _THROTTLES:
            self.lane.throttled(self._desk.now())
        else:
            self.lane.answer(outcome)

    def misspelt(self, parcel: Parcel) -> bool:
        """Some servers refuse a quoted local part that is right, and take it without quotes."""
        if parcel.form + 1 >= len(parcel.forms):
            return False
        parcel.form += 1
        self._put_back(parcel)
        return True

    def ended(self, session: Session, unsent: list[Parcel], reset: bool) -> None:
        self._sessions.discard(session)
        if session in self._idle:
            self._idle.remove(session)
        if reset:
            self.lane.throttled(self._desk.now())
            if session.carried <= 1:
                # It took our greetings and no mail: the next server may do better.
                self._desk.opener.avoid(session.target)
        for parcel in reversed(unsent):
            self._again(parcel)
        # Where one connection is all that the lane bears, its routes have it in turn.
        self.lane.routes.remove(self)
        self.lane.routes.append(self)
        for route in sorted(self.lane.routes, key=lambda each: each.connections):
            route.pump()

    def _again(self, parcel: Parcel) -> None:
        parcel.tries += 1
        if parcel.load.halted:
            parcel.load.drop(1)
        elif parcel.tries >= _TRIES:
            self._desk.told(parcel, TryLater("connection_lost"))
        else:
            self._put_back(parcel)

    # Now and then.

    def sweep(self, now: float, loads: set[Load]) -> None:
        """End what waits too long, and drop what may not leave any more (`loads`)."""
        for session in [each for each in self._sessions if each.is_late(now)]:
            if session in self._idle and not session.leaving:
                self._idle.remove(session)
                session.quit()
            else:
                session.give_up()
        longest = _PATIENCE if self.site.rule.name == OTHER else math.inf
        for queues in self._queues():
            over = [each for each in queues if each.load in loads or now - each.since > longest]
            for queue in over:
                queues.remove(queue)
                self._drop(queue)

    def close(self) -> None:
        """Say goodbye where nothing is on its way, and open nothing more."""
        self._closed = True
        self.spare(self.connections)

    def cut(self) -> None:
        """Hang up, whatever is on its way."""
        for session in list(self._sessions):
            session.abort()
