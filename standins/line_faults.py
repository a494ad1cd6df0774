"""Faults on order: which of LINE's answers come wrong, late or not at all."""

from __future__ import annotations

import json
import random
import re
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Fault:
    """One order.

    `path` is searched for in the request's path.  A `status` is answered in place of doing what
    was asked, with `body` (JSON).  `drop` hangs up without an answer, "before" or "after" the
    request is accepted.  `delay`, in seconds, comes before the answer or the hanging up: what is
    asked has been done by then, unless a status or "before" takes its place.  `share` is how
    many of the requests it strikes, `times` ends it.
    """

    path: re.Pattern[str]
    status: int = 0
    body: Any = None
    share: float = 1.0
    times: int | None = None
    delay: float = 0.0
    drop: str = ""

    def strikes(self, path: str) -> bool:
        """Whether it strikes now; each strike counts."""
        if self.times == 0 or not self.path.search(path):
            return False
        if self.share < 1 and random.random() >= self.share:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def described(self) -> dict[str, Any]:
        return asdict(self) | {"path": self.path.pattern}


def fault_from(body: bytes) -> Fault:
    """Read an order; raises ValueError or TypeError if it is none."""
    order = json.loads(body)
    try:
        path = re.compile(order.get("path", ""))
    except re.error as error:
        raise ValueError(f"no pattern: {error}") from error
    fault = Fault(**{**order, "path": path})
    if fault.drop not in ("", "before", "after") or not 0 <= fault.status < 600:
        raise ValueError("no such way to drop, or no such status")
    return fault
