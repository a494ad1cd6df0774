"""What a channel's author writes for the contract suite: one rig.

A rig knows one channel and the stand-in of its provider, and tells the suite in words that no
provider owns what a person sees and does.  `Sends` is for every channel; `Fails` for one whose
provider can refuse, throttle and fall silent; `Talks` for one by which people talk to us;
`Leaves` for one whose provider says who blocked us; `Counts` for one whose provider has a quota.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from channels.base import Channel
from domain.outcomes import Outcome

# Under this name the world finds our pages; the stand-ins map it to loopback.
PUBLIC_URL = "https://renraku.example.jp"


@dataclass(frozen=True)
class Tap:
    """A button as a person sees it; `lasting` ones can be pressed at any later time."""

    label: str
    token: str = ""
    url: str = ""
    lasting: bool = False


@dataclass(frozen=True)
class Shown:
    """One bubble of a chat, or one mail, with how many pictures; `mine` is what they did."""

    text: str
    taps: tuple[Tap, ...] = ()
    pictures: int = 0
    mine: bool = False


@dataclass(frozen=True)
class Call:
    """A request that reaches our web server, made by hand."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Sends(Protocol):
    """Every channel: `patience` is for how many seconds it waits for an answer."""

    name: str

    def channel(self, patience: float = 10) -> Channel: ...

    def addresses(self, count: int) -> list[str]:
        """So many people who can be written to."""

    def shown(self, address: str) -> list[Shown]:
        """All that a person's chat or mailbox holds, in its order."""


class Fails(Sends, Protocol):
    """A channel with a provider.

    `blocked` is the outcome for somebody who has blocked us (for `Accepted` the provider takes
    the message and drops it); `headlines` says whether it knows Bulk.headline_only.
    """

    blocked: Outcome
    headlines: bool

    def reached(self, text: str) -> Counter[str]:
        """How often each person got a message with this text."""

    def refused_address(self) -> str:
        """Somebody whom the provider refuses, for good."""

    def throttles(self) -> None:
        """From now on the provider says that it is too much."""

    def falls_silent(self, *, accepting: bool) -> None:
        """From now on it does not answer in time, having accepted the message or not."""

    def recovers(self) -> None:
        """All faults are over."""

    def blocks(self, address: str) -> None:
        """Somebody blocks us, and nobody tells us."""


@runtime_checkable
class Talks(Sends, Protocol):
    """A channel by which people talk to us, by way of its provider and our web server.

    `shows_choices_once` says that choices vanish with the next message, `checks_pictures` that
    nobody can send a picture that is none, and `to_nonsense` is what is answered to a request that
    is proven but makes no sense: 200, where it would come again otherwise.
    """

    shows_choices_once: bool
    checks_pictures: bool
    to_nonsense: int

    def person(self, number: int) -> str:
        """The address of one person, the same for the same number."""

    def says(self, address: str, text: str) -> None: ...

    def presses(self, address: str, tap: Tap) -> None: ...

    def sends_picture(self, address: str, picture: bytes) -> None: ...

    def sends_sticker(self, address: str) -> None:
        """Something that is neither a text, a button nor a picture."""

    def repeats(self) -> None:
        """From now on everything comes to us twice."""

    def forgeries(self, address: str) -> Sequence[Call]:
        """Requests like those of the provider, without its proof or with a wrong one."""

    def signed(self, address: str, body: bytes) -> Call:
        """Any body, with the provider's proof."""

    def text_event(self, address: str, text: str) -> Call:
        """Somebody's text as it comes to us, always under the same event ID."""


class Counts(Talks, Fails, Protocol):
    """A channel whose provider counts what is sent in a month, but for prompt answers."""

    def uses_up_quota(self) -> None:
        """From now on only answers are free."""

    def gets_quota(self) -> None:
        """There is enough again."""


class Leaves(Talks, Protocol):
    """A channel whose provider tells who opened, blocked and unblocked the conversation."""

    def opens(self, address: str) -> None: ...

    def leaves(self, address: str) -> None: ...

    def comes_back(self, address: str) -> None: ...

    def unheard_of(self, address: str) -> Call:
        """An event of a kind that nobody knows yet, with the provider's proof."""
