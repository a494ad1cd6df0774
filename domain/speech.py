"""What the system says to one person: texts by key, choices and pictures, in no language yet.

A speech is stored and rendered only when it leaves, in the language its reader has then. Every
choice is printed as well as offered as a button, because LINE on a PC and mail show no buttons:
numbered ones with their numbers, cards with the words that do the same when typed, and pages of
ours with their addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain import wording
from domain.wording import Plain, Text, Words, say


@dataclass(frozen=True, slots=True)
class SpeechButton:
    """One choice and its token; `typed` is what may be typed instead (cards only).

    A `lasting` one works at any later time (a card), others only until the next question. With
    a `path` it opens that page of ours and sends nothing back, so its token is empty.
    """

    words: Words
    token: str
    typed: Words | None = None
    lasting: bool = False
    path: str = ""


@dataclass(frozen=True, slots=True)
class Speech:
    """One message. `words` are its paragraphs; `numbered` prints "1 はい" for each button."""

    words: tuple[Words, ...]
    buttons: tuple[SpeechButton, ...] = ()
    picture_ids: tuple[int, ...] = ()
    subject: Words | None = None
    numbered: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "words": [words_to_json(words) for words in self.words],
            "buttons": [_button_to_json(button) for button in self.buttons],
            "picture_ids": list(self.picture_ids),
            "subject": words_to_json(self.subject) if self.subject else None,
            "numbered": self.numbered,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Speech:
        subject = value["subject"]
        return cls(
            words=tuple(words_from_json(words) for words in value["words"]),
            buttons=tuple(_button_from_json(button) for button in value["buttons"]),
            picture_ids=tuple(value["picture_ids"]),
            subject=words_from_json(subject) if subject else None,
            numbered=value["numbered"],
        )


@dataclass(frozen=True, slots=True)
class RenderedButton:
    """A choice in one language; `url` is the whole address of the page it opens, if it does."""

    label: str
    token: str
    lasting: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class RenderedSpeech:
    """A speech in one language; `text` is complete even where no button is shown."""

    text: str
    buttons: tuple[RenderedButton, ...]
    picture_ids: tuple[int, ...]
    subject: str


def speak(*words: Words, picture_ids: Sequence[int] = ()) -> Speech:
    """A speech without choices."""
    return Speech(words=words, picture_ids=tuple(picture_ids))


def open_page(words: Words, path: str) -> SpeechButton:
    """A button that opens a page of ours."""
    return SpeechButton(words, token="", path=path)


def render(speech: Speech, language: str, base_url: str = "") -> RenderedSpeech:
    """Put a speech into a language, its choices printed beneath the text.

    `base_url` is where our pages are, without a slash at its end.
    """
    paragraphs = [wording.render(words, language) for words in speech.words]
    buttons = tuple(_rendered(button, language, base_url) for button in speech.buttons)
    printed = [_printed(speech, index, buttons[index], language) for index in range(len(buttons))]
    choices = "\n".join(line for line in printed if line)
    return RenderedSpeech(
        text="\n\n".join([*paragraphs, choices] if choices else paragraphs),
        buttons=buttons,
        picture_ids=speech.picture_ids,
        subject=wording.render(speech.subject, language) if speech.subject else "",
    )


def _rendered(button: SpeechButton, language: str, base_url: str) -> RenderedButton:
    label = wording.render(button.words, language)
    url = f"{base_url}{button.path}" if button.path else ""
    return RenderedButton(label, button.token, button.lasting, url)


def _printed(speech: Speech, index: int, rendered: RenderedButton, language: str) -> str:
    button = speech.buttons[index]
    if rendered.url:
        return f"{rendered.label}\n{rendered.url}"
    if button.typed is not None:
        key = "speech.typed_label" if button.typed == button.words else "speech.typed"
        words = say(key, label=button.words, typed=button.typed)
        return wording.render(words, language)
    if speech.numbered:
        return f"{index + 1} {rendered.label}"
    return ""


def words_to_json(words: Words) -> Any:
    """Texts as JSON: a plain text is a string, a keyed one an array of key and parameters."""
    if isinstance(words, Plain):
        return words.words
    return [words.key, {name: _param_to_json(value) for name, value in words.params.items()}]


def words_from_json(value: Any) -> Words:
    if isinstance(value, str):
        return Plain(value)
    key, params = value
    return Text(key, {name: _param_from_json(param) for name, param in params.items()})


def _param_to_json(value: object) -> Any:
    if isinstance(value, Text):
        return {"text": words_to_json(value)}
    if isinstance(value, Plain):
        return value.words
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a text has no parameter of type {type(value).__name__}")


def _param_from_json(value: Any) -> object:
    return words_from_json(value["text"]) if isinstance(value, dict) else value


def _button_to_json(button: SpeechButton) -> dict[str, Any]:
    return {
        "words": words_to_json(button.words),
        "token": button.token,
        "typed": words_to_json(button.typed) if button.typed else None,
        "lasting": button.lasting,
        "path": button.path,
    }


def _button_from_json(value: Mapping[str, Any]) -> SpeechButton:
    """What an earlier version stored knows neither `lasting` nor `path`."""
    return SpeechButton(
        words=words_from_json(value["words"]),
        token=value["token"],
        typed=words_from_json(value["typed"]) if value["typed"] else None,
        lasting=value.get("lasting", False),
        path=value.get("path", ""),
    )
