"""The way to one set of mail servers: what waits for them, and the connections to them."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from functools import lru_cache

import structlog

from channels.email.desk import Desk
from channels.email.keeper import Reply
from channels.email.lane import Lane
from channels.email.loads import Parcel, Queue
from channels.email.opening import CannotOpen
from channels.email.routing import Site, Target
from channels.email.session import Session
from channels.email.verdicts import verdict
from domain.breaker import LANE_STOPPED
from domain.lanes import OTHER, RELAY, lane_of
from domain.outcomes import Outcome, Refused, TryLater, Unknown

# A message whose connection broke so often before its body was complete waits for another day.
_TRIES = 3
_STOPPED = TryLater(LANE_STOPPED, timedelta(minutes=10))
# A chunk of the ledger's lane of all other domains goes to many sites, and one that is slow must
# not hold up the rest: what waited so long, in seconds, goes back to the ledger and comes again.
_PATIENCE = 30.0
# So long, in seconds, the routes that have all connections of a lane keep them while another waits
# for one: not a connection for each message.
_TURN = 1.0
# Where no rate limits a lane, loads take turns after so many parcels: what leaves together is
# written down together, and each load has its own lines in the journal.
_RUN = 25
# What a server says that has had too much of us (domain.pacing).
_THROTTLES = frozenset({"too_busy", "temporary", "blocked_us"})
# What it says that will take no mail of ours whatever, though about one message.
_UNWILLING = frozenset({"relay_denied", "relay_needs_login", "no_tls"})

_lane_of = lru_cache(10_000)(lane_of)
log = structlog.get_logger()


class Route:
    """What waits for one set of servers, urgent loads first, and loads taking turns."""

    def __init__(self, desk: Desk, lane: Lane, site: Site) -> None:
        self.lane = lane
        self.site = site
        self.timer: asyncio.TimerHandle | None = None
        self._desk = desk
        self._touched = desk.touched
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
        self._desk.used(self)
        (self._urgent if queue.load.urgent else self._ordinary).append(queue)
        self.pump()

    def waiting(self) -> int:
        return sum(len(queue.parcels) for queues in self._queues() for queue in queues)

    def is_busy(self) -> bool:
        """Whether anything waits."""
        return bool(self._urgent or self._ordinary)

    def is_used(self) -> bool:
        """Whether anything waits, is on its way, or could be at once."""
        return bool(self._sessions or self._opening) or self.is_busy()

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
            self._not_made(parcel, error)
            return None
        if parcel.domain in self.lane.unquoted:
            parcel.form = len(parcel.forms) - 1
        return parcel

    def _not_made(self, parcel: Parcel, error: Exception) -> None:
        """What cannot be made for one recipient must not keep it from the others."""
        if parcel.load.can_be_made():
            # The exception's words may hold the address.
            log.error("message_not_made", delivery=parcel.number, reason=type(error).__name__)
            self._desk.told(parcel, Refused("bad_address"))
        else:
            parcel.load.fail(error)
            parcel.load.drop(1)

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
        spent = surplus or session.spent or session.carried >= self.lane.pace.per_connection
        may = not spent and session.may_offer() and self._may_begin()
        parcel = self._take() if may else None
        if parcel is not None:
            self.lane.begin()
            self._touched.add(self.lane)
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
        self._touched.add(self.lane)
        if parcel.form:
            self.lane.unquoted.add(parcel.domain)
        self._desk.told(parcel, verdict("dot", 250, text))

    def settled(self, parcel: Parcel, reply: Reply | None) -> None:
        if reply is None:
            outcome: Outcome = Unknown("no_answer")
            self._heed(parcel, TryLater("too_busy"))
        else:
            outcome = _verdict(parcel, reply)
            self._heed(parcel, outcome)
        self._desk.told(parcel, outcome)

    def _heed(self, parcel: Parcel, outcome: Outcome) -> None:
        """What came of a parcel means for the pace of the lane, and for whether it goes on."""
        if isinstance(outcome, TryLater) and outcome.reason in _THROTTLES:
            self.lane.throttled(self._desk.now())
        elif not parcel.load.answer:
            self.lane.answer(outcome, parcel.domain)
            self._touched.add(self.lane)

    def elsewhere(self, session: Session, parcel: Parcel, reply: Reply) -> bool:
        """A server that answers and takes nothing of ours gives way to the next, if there is one.

        After MAIL no recipient was named yet: what only defers then is about us.
        """
        outcome = _verdict(parcel, reply)
        if not isinstance(outcome, TryLater):
            return False
        if reply.phase != "mail" and outcome.reason not in _UNWILLING:
            return False
        self._desk.opener.avoid(session.target)
        if parcel.tries + 1 >= _TRIES or not self._desk.opener.has_another(self.site):
            return False
        if self.site.name != RELAY:
            # The next exchanger is the same operator's, and says the same of our pace.
            self._heed(parcel, outcome)
        self._leave(session.target)
        self._again(parcel)
        return True

    def _leave(self, target: Target) -> None:
        """Offer nothing more on the connections to this server."""
        for session in self._sessions:
            session.spent = session.spent or session.target == target
        for session in [each for each in self._idle if each.spent]:
            self._idle.remove(session)
            session.quit()

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

    def sweep(self, now: float) -> None:
        """End what waits too long, and drop what may not leave any more."""
        for session in [each for each in self._sessions if each.is_late(now)]:
            if session in self._idle and not session.leaving:
                self._idle.remove(session)
                session.quit()
            else:
                session.give_up()
        for session in [each for each in self._sessions if _is_in_vain(each)]:
            session.abort()
        for queues in self._queues():
            over = [each for each in queues if each.load.halted or self._is_late(each, now)]
            for queue in over:
                queues.remove(queue)
                self._drop(queue)

    def _is_late(self, queue: Queue, now: float) -> bool:
        """Behind a relay, all that waits waits for the same one."""
        late = queue.load.lane == OTHER and now - queue.since > _PATIENCE
        return late and self.site.name != RELAY

    def close(self) -> None:
        """Say goodbye where nothing is on its way, and open nothing more."""
        self._closed = True
        self.spare(self.connections)

    def cut(self) -> None:
        """Hang up, whatever is on its way."""
        for session in list(self._sessions):
            session.abort()


def _verdict(parcel: Parcel, reply: Reply) -> Outcome:
    return verdict(reply.phase, reply.code, reply.text, _lane_of(parcel.domain))


def _is_in_vain(session: Session) -> bool:
    """Whether it waits only to be told that a body may come which must not leave any more."""
    offered = session.offered
    return session.sent is None and offered is not None and offered.load.halted
