"""What /demo needs to show somebody's phone in LINE's and Telegram's look."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.error import HTTPError

from commands.demo.outside import Outside
from commands.demo.reading import Entry, entries
from commands.demo.stage import Stage
from web.services import DemoPhone, MailSeen


@dataclass(frozen=True, slots=True)
class OutsideLook:
    """A person's app at a stand-in, as a visitor uses it (web.services.DemoPhone)."""

    outside: Outside
    person: str

    def entries(self) -> list[Entry]:
        return entries(self.outside.name, self.outside.chat(self.person))

    def says(self, text: str) -> None:
        self.outside.does(self.person, "says", text=text)

    def presses(self, token: str, label: str) -> None:
        self.outside.does(self.person, "presses", data=token, label=label)

    def sends_picture(self, picture: bytes) -> None:
        encoded = base64.b64encode(picture).decode()
        self.outside.does(self.person, "sends-picture", picture=encoded)

    def file(self, name: str) -> tuple[bytes, str] | None:
        try:
            return self.outside.file(name)
        except HTTPError as error:
            if error.code == 404:
                return None
            raise


def looks(stage: Stage) -> dict[str, dict[str, DemoPhone]]:
    """Everybody's apps by channel."""
    places = [Outside(name, *ports) for name, ports in stage.outside.items()]
    return {
        phone: {place.name: OutsideLook(place, ids[place.name]) for place in places}
        for phone, ids in stage.phones.items()
    }


def mails(stage: Stage) -> dict[str, Callable[[], Sequence[MailSeen]]]:
    """What gives the mails of those who have an address."""
    box = stage.mailbox()
    return {phone: partial(box.all_to, address) for phone, address in stage.mails_to.items()}
