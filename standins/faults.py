"""Faults on order: which answers the stand-in gives wrongly, late or not at all."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

PHASES = ("connect", "mail", "rcpt", "data", "dot")
_DROPS = ("", "before", "after", "reset before", "reset after")
_LINE = re.compile(r"[2-5]\d\d([ -])[^\r\n]*")


@dataclass(slots=True)
class Fault:
    """One order.

    `match` is searched for in the recipient (at "mail" in the sender; at "connect" it should
    be empty).  `reply` takes the place of the right one; a 2xx at "dot" thus drops a message
    silently, as carriers' filters do.  It may have several lines, "550-first\\n550 last".
    `drop` hangs up without a reply, "before" or "after" the message is counted; "reset before"
    and "reset after" do so by a TCP reset.  `delay` holds the reply back, in seconds.  The
    first `skip` that it would strike are spared, and `times` ends it.
    """

    match: re.Pattern[str]
    phase: str
    reply: str = ""
    share: float = 1.0
    times: int | None = None
    drop: str = ""
    delay: float = 0.0
    skip: int = 0

    def strikes(self, phase: str, subjects: Sequence[str]) -> bool:
        """Whether it strikes now; each strike counts."""
        if phase != self.phase or self.times == 0 or not any(map(self.match.search, subjects)):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.share < 1 and random.random() >= self.share:
            return False
        if self.times is not None:
            self.times -= 1
        return True


def fault_from(body: bytes) -> Fault:
    """Read an order; raises ValueError, TypeError or re.error if it is none."""
    order = json.loads(body)
    drop = {True: "before", False: ""}.get(order.get("drop", ""), order.get("drop", ""))
    fault = Fault(**{**order, "match": re.compile(order.get("match", "")), "drop": drop})
    if fault.phase not in PHASES or fault.drop not in _DROPS:
        raise ValueError("no such phase, or no such way to drop")
    if fault.reply:
        fault.reply = _as_lines(fault.reply)
    return fault


def _as_lines(reply: str) -> str:
    lines = reply.split("\n")
    matches = [_LINE.fullmatch(line) for line in lines]
    marks = "".join(match[1] if match else "?" for match in matches)
    if marks != "-" * (len(lines) - 1) + " " or len({line[:3] for line in lines}) > 1:
        raise ValueError("a reply is one line with a code, or several with the same")
    return "\r\n".join(lines)
