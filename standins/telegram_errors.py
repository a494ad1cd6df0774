"""How the Bot API says no."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request that is answered with `ok: false`.

    core.telegram.org/bots/api#making-requests: `error_code`, a `description` for people, and
    with some errors `parameters` (ResponseParameters) that a program may act on.
    """

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters

    def answer(self) -> dict[str, Any]:
        """The body of the answer."""
        body = {"ok": False, "error_code": self.code, "description": self.description}
        return body | ({"parameters": self.parameters} if self.parameters else {})


def bad(description: str, **parameters: Any) -> Refused:
    """A 400; the words are those of the Bot API's server (tdlib/telegram-bot-api, Client.cpp)."""
    return Refused(400, f"Bad Request: {description}", **parameters)
