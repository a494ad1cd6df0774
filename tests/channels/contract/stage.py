"""The stage of the dialogues: a board, its people, and everything between provider and engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

from actions import boards, schools, staff
from bot.turns import TurnLoop
from channels.base import Channel
from delivery.replies import Replies
from domain.outcomes import Outcome
from domain.roles import Role
from storage import inbox, people, replies
from storage.database import Database, Transaction
from tests.channels.contract.providers import Providers
from tests.channels.contract.rig import PUBLIC_URL, Call, Sends, Shown, Talks, Tap
from tests.channels.contract.wire import Answered, ask
from tests.databases import SECRET, Clock
from tests.dialogues.kit import Town
from web.application import create_web
from web.security import limiter
from web.services import Services

_LINKING = "ボタンでページを開き、「LINEで確認する」を押して、LINEの画面で連携する。"
_BROWSER = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}


@dataclass
class Stage:
    """Codes are always the same ones, so that a conversation can be written down."""

    providers: Providers
    database: Database
    clock: Clock
    channels: Mapping[str, Channel]
    rigs: Mapping[str, Sends]
    town: Town
    school_code: str
    turns: TurnLoop
    replies: Replies
    _dice: Random = field(default_factory=lambda: Random(7))

    @property
    def board_id(self) -> int:
        return self.town.board_id

    def goes_on(self) -> None:
        """Take every turn that is due and say every answer."""
        self.turns.run_once()
        while self._has_answers() and self.replies.run_once():
            pass

    def _has_answers(self) -> bool:
        """Claiming takes longer than looking, and mostly there is nothing left to claim."""
        with self.database.reading() as tx:
            return any(replies.any_due(tx, name) for name in self.channels)

    def passes(self, **amount: float) -> None:
        """Time goes by, everywhere."""
        before = self.clock.now
        self.clock.forward(**amount)
        self.providers.pass_time((self.clock.now - before).total_seconds())

    def calls(self, call: Call) -> Answered:
        """A request from outside."""
        return ask(self.providers.server, call)

    def browses(self, url: str) -> Answered:
        """Open an address as a browser does; public names lead to our web server."""
        parts = urlsplit(url)
        ours = f"{parts.scheme}://{parts.netloc}" == PUBLIC_URL
        server = self.providers.server if ours else f"{parts.scheme}://{parts.netloc}"
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return ask(server, Call(path, b""), "GET")

    def invites(self, role: Role, name: str) -> str:
        """A code for a member of staff."""
        place = None if role in (Role.BOARD, Role.CENTRE) else self.town.school_id
        with self.database.writing() as tx:
            invited = staff.invite(tx, self.board_id, role, place, name, choose=self._dice.choice)
        assert isinstance(invited, staff.Invited)
        return invited.code

    def new_school_id(self, tx: Transaction, school_id: int) -> str:
        return schools.new_school_id(tx, school_id, choose=self._dice.choice).id

    def talks(self, name: str) -> Talks:
        """The rig of a channel by which people talk to us."""
        rig = self.rigs[name]
        assert isinstance(rig, Talks)
        return rig

    def staff(self, rig: Talks, number: int, role: Role, name: str) -> Actor:
        """A member of staff who has signed on."""
        actor = Actor(self, rig, rig.person(number))
        actor.signs_on(self.invites(role, name))
        return actor

    def waiting(self) -> int:
        """How many items lie in the inbox, not taken yet."""
        with self.database.reading() as tx:
            return inbox.count(tx, "new")

    def parked(self) -> int:
        with self.database.reading() as tx:
            return inbox.count(tx, "parked")

    def state(self, channel: str, address: str) -> str:
        """Whether somebody can be reached."""
        with self.database.writing() as tx:
            account = self.channels[channel].accounts[0]
            return people.contact_point(tx, self.board_id, channel, account, address).state


@dataclass
class Actor:
    """Somebody with a telephone: what they do with it, and what they see on it."""

    stage: Stage
    rig: Talks
    address: str
    newest: list[Shown] = field(default_factory=list)
    # What happened outside the chat, by the place of the bubble that came next.
    notes: dict[int, str] = field(default_factory=dict)
    _seen: int = 0

    def says(self, *texts: str) -> None:
        for text in texts:
            self._does(lambda text=text: self.rig.says(self.address, text))  # type: ignore[misc]

    def taps(self, label: str) -> None:
        """Press the newest button of this label that can be pressed still."""
        tap = self.tap(label)
        self._does(lambda: self.rig.presses(self.address, tap))

    def presses(self, tap: Tap) -> None:
        """Press this very button, as one can on an old telephone."""
        self._does(lambda: self.rig.presses(self.address, tap))

    def sends_picture(self, picture: bytes) -> None:
        self._does(lambda: self.rig.sends_picture(self.address, picture))

    def sends_sticker(self) -> None:
        self._does(lambda: self.rig.sends_sticker(self.address))

    def signs_on(self, code: str) -> None:
        """Type an invitation code, and follow the link where one is asked for."""
        self.says(code)
        links = [tap.url for each in self.newest for tap in each.taps if "/link/" in tap.url]
        if links:
            self.notes[self._seen] = (
                "ボタンでページを開き、「LINEで確認する」を押すと、LINEの画面で連携します。"
            )
            self._does(lambda: self.proves(links[0]))

    def proves(self, url: str, follower: str = "") -> None:
        """Press the button of our page, and let the provider's page do the rest.

        `follower` is whose provider's account the browser is signed in with, if not theirs.
        """
        assert self.stage.browses(url).status == 200
        path = urlsplit(url).path
        answer = self.stage.calls(Call(path, b"", _BROWSER))
        assert answer.status == 303
        elsewhere = f"&as={follower}" if follower else ""
        page = self.stage.browses(answer.location + elsewhere)
        assert page.status == (403 if follower else 200)

    def _does(self, act: Callable[[], None]) -> None:
        self.looks()
        act()
        self.stage.goes_on()
        self.looks()

    def looks(self) -> None:
        """See what has come since they last looked."""
        shown = self.rig.shown(self.address)
        self.newest = [each for each in shown[self._seen :] if not each.mine]
        self._seen = len(shown)

    def tap(self, label: str) -> Tap:
        """A button; without one the test fails with what there is to see."""
        shown = self.rig.shown(self.address)
        for age, each in enumerate(reversed(shown)):
            for tap in each.taps:
                fresh = tap.lasting or age == 0 or not self.rig.shows_choices_once
                if tap.label == label and fresh:
                    return tap
        raise AssertionError(f"no button {label!r}:\n{_drawn(shown[-3:])}")

    def hears(self, *parts: str) -> None:
        """All of this is in what came last."""
        text = self.text
        for part in parts:
            assert part in text, f"{part!r} was not said, but:\n{_drawn(self.newest)}"

    def does_not_hear(self, *parts: str) -> None:
        for part in parts:
            assert part not in self.text, f"{part!r} was said:\n{_drawn(self.newest)}"

    def sees(self, *labels: str) -> None:
        """These can be pressed."""
        for label in labels:
            self.tap(label)

    @property
    def text(self) -> str:
        return "\n\n".join(each.text for each in self.newest)

    @property
    def pictures(self) -> int:
        return sum(each.pictures for each in self.newest)


def _drawn(shown: Sequence[Shown]) -> str:
    lines = []
    for each in shown:
        taps = " ".join(f"[{tap.label}]" for tap in each.taps)
        lines.append(f"{'>' if each.mine else '<'} {each.text} {taps}".rstrip())
    return "\n".join(lines)


@contextmanager
def open_stage(
    providers: Providers, database: Database, clock: Clock, rigs: Sequence[Sends]
) -> Iterator[Stage]:
    """Found the board, open every channel, and let the web server serve it."""
    channels = {rig.name: rig.channel() for rig in rigs}
    town = Town(database, clock).opens()
    with database.writing() as tx:
        boards.change_settings(tx, town.board_id, telegram=True)
        code = schools.new_school_id(tx, town.school_id, choose=Random(5).choice).id
    stage = Stage(
        providers=providers,
        database=database,
        clock=clock,
        channels=channels,
        rigs={rig.name: rig for rig in rigs},
        town=town,
        school_code=code,
        turns=TurnLoop(database, fetch=_fetching(channels), sleep=lambda _: None),
        replies=Replies(database, channels, lambda: 0.0, PUBLIC_URL),
    )
    providers.door.app = create_web(_services(stage)).wsgi_app
    limiter.reset()
    try:
        yield stage
    finally:
        providers.door.app = None
        for channel in channels.values():
            channel.close()


def _services(stage: Stage) -> Services:
    return Services(
        database=stage.database,
        channels=stage.channels,
        public_url=PUBLIC_URL,
        board_id=stage.board_id,
        secret=SECRET,
    )


def _fetching(channels: Mapping[str, Channel]) -> Callable[[str, str, str], bytes | Outcome]:
    return lambda channel, account, media: channels[channel].fetch(account, media)
