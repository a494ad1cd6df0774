"""What a route says to the engine that it belongs to (channels.email.engine.Engine)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from channels.email.loads import Parcel
from channels.email.opening import Opener
from channels.email.session import Session
from domain.outcomes import Outcome

if TYPE_CHECKING:
    from channels.email.lane import Lane
    from channels.email.route import Route


class Desk(Protocol):
    """Where a route tells what happens, to be written down together.

    `touched` are the lanes of which something was begun or answered since the last writing.
    """

    opener: Opener
    touched: set[Lane]

    def used(self, route: Route) -> None: ...

    def told(self, parcel: Parcel, outcome: Outcome) -> None: ...

    def listed(self, session: Session) -> None: ...

    def now(self) -> float: ...

    def later(self, seconds: float, route: Route) -> None: ...
