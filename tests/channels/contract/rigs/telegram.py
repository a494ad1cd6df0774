"""Telegram: people who started one bot, in a time that only passes when somebody waits."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.telegram.channel import TelegramChannel
from channels.telegram.client import Timeouts
from domain.outcomes import Outcome, Refused
from tests.channels.contract.providers import TELEGRAM_SECRET as SECRET
from tests.channels.contract.rig import Call, Shown, Tap
from tests.telegram_standin import TelegramStandin

_HOOK = "/webhooks/telegram"
_HEADER = "X-Telegram-Bot-Api-Secret-Token"
_LATE = 1.0
# Nobody types faster; so the one message a second to one chat is no hindrance to them.
_BETWEEN = 2.0


@dataclass
class TelegramRig:
    """Telegram refuses what is for somebody who has blocked the bot."""

    standin: TelegramStandin
    name: str = "telegram"
    blocked: Outcome = Refused("blocked")  # noqa: RUF009 - frozen
    headlines: bool = True
    shows_choices_once: bool = False
    checks_pictures: bool = True
    to_nonsense: int = 200
    _seconds: float = 0.0
    _number: int = 5_000_000_000
    _labels: dict[str, str] = field(default_factory=dict)

    def channel(self, patience: float = 10) -> TelegramChannel:
        url = self.standin.url.removesuffix("/bot")
        quick = Timeouts(connect=10, write=10, read=patience, pool=10, whole=20, media=20)
        return TelegramChannel(
            self.standin.token,
            SECRET,
            url,
            monotonic=lambda: self._seconds,
            wait=self.waits,
            timeouts=quick,
        )

    def waits(self, seconds: float) -> None:
        """Time passes, here and at the stand-in."""
        self._seconds += seconds
        self.standin.advance(seconds)

    def addresses(self, count: int) -> list[str]:
        return self.standin.people(count=count)

    def person(self, number: int) -> str:
        return self.standin.people(1000 + number)[0]

    def shown(self, address: str) -> list[Shown]:
        found = []
        for entry in self.standin.chat(address):
            mine = entry["from"] == "person"
            found += [self._shown(message, mine) for message in entry["messages"]]
        return found

    def _shown(self, message: dict[str, Any], mine: bool) -> Shown:
        if "data" in message:
            # Telegram shows nothing of a press; the brackets say that it was none of their words.
            return Shown(f"［{self._labels.get(message['data'], '')}］", mine=mine)
        rows = message.get("reply_markup", {}).get("inline_keyboard", ())
        taps = [_tap(button) for row in rows for button in row]
        self._labels.update({tap.token: tap.label for tap in taps})
        text = message.get("text", message.get("caption", ""))
        return Shown(text, tuple(taps), int("photo" in message), mine)

    def reached(self, text: str) -> Counter[str]:
        return Counter(self.standin.received(text))

    def refused_address(self) -> str:
        return self.standin.people(77, started=False)[0]

    def throttles(self) -> None:
        self.standin.fault(
            method="^send",
            status=429,
            description="Too Many Requests: retry after 3",
            parameters={"retry_after": 3},
        )

    def falls_silent(self, *, accepting: bool) -> None:
        self.standin.fault(method="^send", delay=_LATE, drop="" if accepting else "before")

    def recovers(self) -> None:
        self.standin.end_faults()

    def blocks(self, address: str) -> None:
        self.standin.act(address, "block", silent=True)

    def says(self, address: str, text: str) -> None:
        self._acts(address, "says", text=text)

    def presses(self, address: str, tap: Tap) -> None:
        self.waits(_BETWEEN)
        done = self.standin.act(address, "presses", data=tap.token)
        assert (done["status"], done["answered"]) == (200, True)

    def sends_picture(self, address: str, picture: bytes) -> None:
        self._acts(address, "sends-picture", picture=base64.b64encode(picture).decode())

    def sends_sticker(self, address: str) -> None:
        self._acts(address, "sends-sticker")

    def repeats(self) -> None:
        self.standin.disturb(duplicates=1.0)

    def opens(self, address: str) -> None:
        self._acts(address, "follow")

    def leaves(self, address: str) -> None:
        self._acts(address, "block")

    def comes_back(self, address: str) -> None:
        self._acts(address, "unblock")

    def _acts(self, address: str, act: str, **order: Any) -> None:
        self.waits(_BETWEEN)
        assert self.standin.act(address, act, **order)["status"] == 200

    def forgeries(self, address: str) -> Sequence[Call]:
        body = self.text_event(address, "x").body
        wrong = ("", "wrong", SECRET.upper(), SECRET + "x", SECRET[:-1])
        return [Call(_HOOK, body), *(Call(_HOOK, body, {_HEADER: each}) for each in wrong)]

    def signed(self, address: str, body: bytes) -> Call:
        return Call(_HOOK, body, {_HEADER: SECRET})

    def text_event(self, address: str, text: str) -> Call:
        return self.signed(address, _update(address, "message", text=text))

    def unheard_of(self, address: str) -> Call:
        return self.signed(address, _update(address, "telepathy", thought="?"))


def _tap(button: dict[str, Any]) -> Tap:
    return Tap(button["text"], button.get("callback_data", ""), button.get("url", ""), True)


def _update(address: str, kind: str, **more: Any) -> bytes:
    who = {"id": int(address), "is_bot": False, "first_name": "x"}
    chat = {"id": int(address), "type": "private", "first_name": "x"}
    content = {"message_id": 1, "date": 1_922_000_000, "from": who, "chat": chat, **more}
    return json.dumps({"update_id": 10_000_001, kind: content}).encode()
