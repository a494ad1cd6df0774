"""Faults on order: which of the Bot API's answers are wrong, late or never come."""

from __future__ import annotations

import json
import random
import re
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Fault:
    """One order.

    `method` and `match` are searched for in the method's name (a download's is "file",
    and takes a status only) and in the chat's ID.  `status`
    with `body` (as it is) or `description` and `parameters` takes the place of the right answer.
    `delay` holds the answer back, in seconds.  `drop` hangs up without an answer, "before" or
    "after" the method is carried out.  `times` ends it.
    """

    method: re.Pattern[str]
    match: re.Pattern[str]
    status: int = 0
    body: str | None = None
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    share: float = 1.0
    times: int | None = None
    delay: float = 0.0
    drop: str = ""

    def strikes(self, method: str, chat: str) -> bool:
        """Whether it strikes now; each strike counts."""
        if self.times == 0 or not (self.method.search(method) and self.match.search(chat)):
            return False
        if self.share < 1 and random.random() >= self.share:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def text(self) -> bytes:
        """The body of the wrong answer."""
        if self.body is not None:
            return self.body.encode()
        wrong: dict[str, Any] = {"ok": False, "error_code": self.status}
        wrong["description"] = self.description
        if self.parameters:
            wrong["parameters"] = self.parameters
        return json.dumps(wrong).encode()

    def described(self) -> dict[str, Any]:
        """As it is listed."""
        patterns = {"method": self.method.pattern, "match": self.match.pattern}
        return asdict(self) | patterns


def fault_from(order: dict[str, Any]) -> Fault:
    """Read an order; raises ValueError, TypeError or re.error if it is none."""
    patterns = {
        "method": re.compile(order.get("method", ""), re.IGNORECASE),
        "match": re.compile(str(order.get("match", ""))),
    }
    fault = Fault(**{**order, **patterns})
    if fault.drop not in ("", "before", "after"):
        raise ValueError("no such way to drop")
    if not (fault.drop or fault.delay or 100 <= fault.status <= 599):
        raise ValueError("an order needs a status, a delay or a drop")
    return fault
