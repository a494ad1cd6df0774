"""A crowd of made-up people who all talk with the bot at once: the storm of webhooks.

Each says the lines of a script, one after the other, the next when the bot has answered the one
before.  What the bot says to them is heard, measured and forgotten.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from array import array
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from standins.line_account import Account, Entry
from standins.line_garbage import GARBAGE
from standins.line_webhooks import Event, Webhooks

_TICK = 0.01
_BUNDLE_SECONDS = 0.05
_EXAMPLES = 5
_UNSPOKEN = {"action", "actions", "defaultAction", "quickReply"}


@dataclass(frozen=True, slots=True)
class Order:
    """What a crowd does.

    `script` holds lines, and choices: {"when": [[needle, line] ...], "end": needle} says the line
    of the first needle that is in the bot's newest words, until `end` is in them.  A line may
    hold `{n}`, the person's number from 0, and the names in that person's entry of `values`.
    `rate` is how many people come each second; no more than `at_once` are unfinished at a time
    (0: no limit).  `duplicates` and `garbage` are shares of the webhook calls, `several` the
    share that carries two or three people.  A call that fails is made again `redeliver` times,
    first after `pause` seconds.  Who has heard nothing new for `patience` seconds is stuck.
    `connections` bounds the calls under way.
    """

    people: int
    script: list[Any]
    rate: float
    at_once: int = 0
    duplicates: float = 0.0
    garbage: float = 0.0
    several: float = 0.05
    redeliver: int = 0
    pause: float = 0.5
    patience: float = 30.0
    connections: int = 200
    values: list[dict[str, str]] = field(default_factory=list)

    def check(self) -> None:
        """Raises ValueError if the script cannot be played."""
        if not self.script or not isinstance(self.script[0], str) or self.rate <= 0:
            raise ValueError("a script begins with a line, and a rate is above 0")
        for entry in self.script:
            if not isinstance(entry, str) and not (entry["end"] and entry["when"]):
                raise ValueError("a choice has `when` and `end`")
        if self.values and len(self.values) < self.people:
            raise ValueError("`values` has an entry for each person")


@dataclass(slots=True)
class Member:
    """One made-up person: where in the script they are, and since when they wait."""

    id: str
    number: int
    place: int = 0
    said: str = ""
    heard: str = ""
    sent_at: float = 0.0
    moved_at: float = 0.0
    finished: bool = False


class Crowd:
    """Plays one order at a time."""

    def __init__(self, account: Account, webhooks: Webhooks) -> None:
        self._account, self._webhooks = account, webhooks
        self._tasks: set[asyncio.Task[None]] = set()
        self._begin(Order(0, [""], 1))

    def start(self, order: Order) -> None:
        """Let the people come; whoever came before leaves."""
        order.check()
        self.clear()
        self._begin(order)
        self._spawn(self._come())

    def clear(self) -> None:
        """Send everybody home."""
        for task in self._tasks:
            task.cancel()
        for member in self._members:
            if member.id in self._account.people:
                self._account.people[member.id].heard = None
        self._begin(Order(0, [""], 1))

    def report(self) -> dict[str, Any]:
        """How it goes; times in milliseconds, `seconds` up to the last who finished."""
        now = time.perf_counter()
        waiting = [member for member in self._members if not member.finished]
        stuck = [one for one in waiting if now - one.moved_at > self._order.patience]
        started = len(self._members)
        return {
            "started": started,
            "finished": started - len(waiting),
            "stuck": len(stuck),
            "done": started == self._order.people and len(waiting) == len(stuck),
            "webhooks": self._acknowledged_calls,
            "refused": self._refused,
            "duplicates": self._duplicates,
            "garbage": {"sent": sum(self._garbage.values()), "statuses": dict(self._garbage)},
            "acknowledgement": _figures(self._acknowledgements),
            "reply": _figures(self._replies),
            "replies_by": {"reply": 0, "push": 0} | dict(self._replies_by),
            "seconds": round((self._last if not waiting else now) - self._began, 3),
            "examples": [
                {"id": one.id, "said": one.said, "heard": one.heard} for one in stuck[:_EXAMPLES]
            ],
        }

    def _begin(self, order: Order) -> None:
        self._order = order
        self._members: list[Member] = []
        self._began = self._last = time.perf_counter()
        self._finished = self._acknowledged_calls = self._refused = self._duplicates = 0
        self._acknowledgements, self._replies = array("d"), array("d")
        self._replies_by: Counter[str] = Counter()
        self._garbage: Counter[str] = Counter()
        self._bundle: list[tuple[Member, Event]] = []
        self._bundle_size = 0
        self._free = asyncio.Semaphore(order.connections)

    async def _come(self) -> None:
        order = self._order
        while len(self._members) < order.people:
            due = min(order.people, int((time.perf_counter() - self._began) * order.rate) + 1)
            if order.at_once:
                due = min(due, self._finished + order.at_once)
            for number in range(len(self._members), due):
                self._join(number)
            await asyncio.sleep(_TICK)

    def _join(self, number: int) -> None:
        member = Member("U" + secrets.token_hex(16), number)
        self._members.append(member)
        self._account.add(member.id).heard = lambda entry: self._hear(member, entry)
        self._say(member, self._order.script[0])

    def _hear(self, member: Member, entry: Entry) -> None:
        """The bot has said something to this person."""
        member.heard = " ".join(_spoken(entry.messages))
        member.moved_at = time.perf_counter()
        if member.sent_at:
            self._replies.append(entry.arrived - member.sent_at)
            self._replies_by[entry.via] += 1
            member.sent_at = 0.0
        if isinstance(self._order.script[member.place], str):
            member.place += 1
        self._go_on(member)

    def _go_on(self, member: Member) -> None:
        """Say what comes next, if the bot's words ask for it."""
        script = self._order.script
        while member.place < len(script):
            entry = script[member.place]
            if isinstance(entry, str):
                self._say(member, entry)
                return
            if entry["end"] not in member.heard:
                lines = (line for needle, line in entry["when"] if needle in member.heard)
                if (line := next(lines, None)) is not None:
                    self._say(member, line)
                return
            member.place += 1
        self._finish(member)

    def _finish(self, member: Member) -> None:
        member.finished = True
        self._finished += 1
        self._last = time.perf_counter()
        self._account.people[member.id].heard = None

    def _say(self, member: Member, line: str) -> None:
        values = self._order.values[member.number] if self._order.values else {}
        for name, value in (("n", str(member.number)), *values.items()):
            line = line.replace(f"{{{name}}}", value)
        member.said, member.moved_at = line, time.perf_counter()
        message = {"type": "text", "id": self._account.next_message_id(), "text": line}
        event = self._webhooks.event("message", member.id, message=message)
        self._bundle.append((member, event))
        if len(self._bundle) >= self._bundle_size:
            self._send_bundle()
            if random.random() < self._order.several:
                self._bundle_size = random.choice((2, 3))
                asyncio.get_running_loop().call_later(_BUNDLE_SECONDS, self._send_bundle)

    def _send_bundle(self) -> None:
        """Send what is gathered; most calls carry one event."""
        bundle, self._bundle, self._bundle_size = self._bundle, [], 0
        if bundle:
            self._spawn(self._call(bundle))

    async def _call(self, bundle: Sequence[tuple[Member, Event]]) -> None:
        order, events = self._order, [event for _member, event in bundle]
        async with self._free:
            began = time.perf_counter()
            for member, _event in bundle:
                member.sent_at = began
            status = await self._webhooks.post(*self._webhooks.sealed(events))
        self._acknowledgements.append(time.perf_counter() - began)
        self._acknowledged_calls += 1
        if random.random() < order.duplicates:
            await self._again(events)
        if random.random() < order.garbage:
            await self._litter()
        if status is None or status >= 300:
            self._refused += 1
            await self._insist(events)

    async def _again(self, events: Sequence[Event]) -> int | None:
        self._duplicates += 1
        again = [self._webhooks.again(event) for event in events]
        return await self._webhooks.post(*self._webhooks.sealed(again))

    async def _litter(self) -> None:
        kind = random.choice(sorted(GARBAGE))
        status = await self._webhooks.post(*GARBAGE[kind](self._webhooks))
        self._garbage[f"{kind}:{status}"] += 1

    async def _insist(self, events: Sequence[Event]) -> None:
        for number in range(self._order.redeliver):
            await asyncio.sleep(self._order.pause * 2**number)
            if await self._again(events) in range(200, 300):
                return

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _spoken(value: object) -> Iterator[str]:
    """The words that a person reads: no labels of buttons, which may name what is not asked."""
    if isinstance(value, dict):
        for name, content in value.items():
            if name in ("text", "altText") and isinstance(content, str):
                yield content
            elif name not in _UNSPOKEN:
                yield from _spoken(content)
    elif isinstance(value, list):
        for content in value:
            yield from _spoken(content)


def _figures(seconds: array[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    if not ordered:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    figures = {"p50": p50, "p99": p99, "max": ordered[-1]}
    return {name: round(value * 1000, 2) for name, value in figures.items()}
