"""How the LINE stand-in says no, and the checks that every kind of object shares.

Sources, all under https://developers.line.biz/en/: reference/messaging-api/#error-responses
(message, details, property), #status-codes, and docs/messaging-api/text-character-count/.  Where
LINE publishes a status but no wording for it, the wording here is the stand-in's own: a client
may rely on the status, the property and the messages quoted in the documentation only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeGuard

URL_LENGTH = 2000

_JOINERS = {"\u200d", "\ufe0e", "\ufe0f", "\u20e3"}
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?")


class Refusal(Exception):
    """What LINE answers in place of doing what was asked."""

    def __init__(
        self,
        status: int,
        message: str,
        details: Sequence[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"message": message} | (more or {})
        if details is not None:
            self.body["details"] = list(details)


class Findings:
    """What is wrong with one body, each with the place where it stands.

    LINE names a place as `messages[0].text`, but inside a Flex message as
    `/body/contents/0/text` (`slashes`).
    """

    def __init__(self, *, slashes: bool = False) -> None:
        self.slashes = slashes
        self.details: list[dict[str, str]] = []

    def at(self, place: str, step: str | int) -> str:
        """The name of what stands under `step` at a place."""
        if self.slashes:
            return f"{place}/{step}"
        if isinstance(step, int):
            return f"{place}[{step}]"
        return f"{place}.{step}" if place else step

    def wrong(self, place: str, message: str) -> None:
        self.details.append({"message": message, "property": place})

    def refuse(self) -> None:
        """Raises the documented 400 if anything is wrong."""
        if self.details:
            count = len(self.details)
            raise Refusal(400, f"The request body has {count} error(s)", self.details)

    def text(
        self,
        owner: dict[str, Any],
        name: str,
        place: str,
        most: int,
        *,
        required: bool = True,
        count: Callable[[str], int] = len,
    ) -> None:
        """A string of 1 to `most` characters."""
        value, here = owner.get(name), self.at(place, name)
        if value is None or value == "":
            if required:
                self.wrong(here, "must be non-empty text" if self.slashes else "May not be empty")
        elif not isinstance(value, str):
            self.wrong(here, "Must be a string")
        elif count(value) > most:
            self.wrong(here, f"Length must be between 0 and {most}")

    def https(self, owner: dict[str, Any], name: str, place: str, *, required: bool = True) -> None:
        """A URL that phones fetch: "Protocol: HTTPS", at most 2,000 characters."""
        value, here = owner.get(name), self.at(place, name)
        if value is None and not required:
            return
        if not isinstance(value, str) or not value.isascii() or not value.startswith("https://"):
            self.wrong(here, "Must be a valid HTTPS URL")
        elif len(value) > URL_LENGTH:
            self.wrong(here, f"Length must be between 0 and {URL_LENGTH}")

    def choice(
        self,
        owner: dict[str, Any],
        name: str,
        place: str,
        values: Collection[str],
        *,
        required: bool = False,
    ) -> bool:
        """One of some words; whether it is (or is rightly missing)."""
        value = owner.get(name)
        fine = (value is None and not required) or (isinstance(value, str) and value in values)
        if not fine:
            listed = ", ".join(sorted(values))
            self.wrong(self.at(place, name), f"Must be one of the following values: [{listed}]")
        return fine

    def objects(
        self, owner: dict[str, Any], name: str, place: str, least: int, most: int
    ) -> list[tuple[str, dict[str, Any]]]:
        """The objects of a list, each with its place; none if the list is no such list."""
        values, here = owner.get(name), self.at(place, name)
        if not isinstance(values, list) or not least <= len(values) <= most:
            self.wrong(here, f"Size must be between {least} and {most}")
            return []
        pairs = [(self.at(here, number), value) for number, value in enumerate(values)]
        return [(where, value) for where, value in pairs if self.is_object(value, where)]

    def member(self, owner: dict[str, Any], name: str, place: str) -> dict[str, Any] | None:
        """An object under a name; None, and a finding, if it is none."""
        value = owner.get(name)
        return value if self.is_object(value, self.at(place, name)) else None

    def is_object(self, value: object, place: str) -> TypeGuard[dict[str, Any]]:
        if isinstance(value, dict):
            return True
        self.wrong(place, "Must be an object")
        return False

    def colour(self, owner: dict[str, Any], name: str, place: str) -> None:
        """`#RRGGBB` or `#RRGGBBAA`, where there is one."""
        value = owner.get(name)
        if value is not None and not (isinstance(value, str) and _COLOUR.fullmatch(value)):
            self.wrong(self.at(place, name), "invalid property")


def utf16_units(text: str) -> int:
    """Length as LINE counts the text of a message (docs, "Character counting in a text")."""
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def graphemes(text: str) -> int:
    """About the grapheme clusters that a label is counted in (docs, same page)."""
    count = 0
    joined = flag = False
    for character in text:
        extends = _extends(character)
        pairs = flag and _is_flag(character)
        if not (extends or joined or pairs):
            count += 1
        joined = character == "\u200d"
        flag = _is_flag(character) and not pairs
    return count


def _extends(character: str) -> bool:
    return (
        character in _JOINERS
        or ord(character) in _SKIN_TONES
        or unicodedata.category(character) in ("Mn", "Me")
    )


def _is_flag(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF
