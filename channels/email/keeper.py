"""What a session says to whoever keeps it, and waits for (channels.email.route.Route)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from channels.email.loads import Parcel
from channels.email.verdicts import Phase

if TYPE_CHECKING:
    from channels.email.session import Session


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered, and to what."""

    phase: Phase
    code: int
    text: str


class Keeper(Protocol):
    """Who keeps sessions."""

    def accepted(self, parcel: Parcel, text: str) -> None:
        """The server took a parcel, with these words."""

    def settled(self, parcel: Parcel, reply: Reply | None) -> None:
        """This is another answer to a parcel, or None if none came after its body left."""

    def elsewhere(self, session: Session, parcel: Parcel, reply: Reply) -> bool:
        """Whether the parcel, refused by this server, is to be offered to another one."""

    def ready(self, session: Session) -> None:
        """The session has something to send, or nothing to do."""

    def ended(self, session: Session, unsent: list[Parcel], reset: bool) -> None:
        """The connection is gone, and these have not left; `reset`: the other side cut it off."""

    def advance(self, session: Session) -> None:
        """Have the session send what it has to send."""

    def misspelt(self, parcel: Parcel) -> bool:
        """Whether the parcel is to be offered once more, by another spelling of its address."""
