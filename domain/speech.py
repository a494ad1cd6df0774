"""What the system says to one person: texts by key, choices and pictures, in no language yet.

A speech is stored and rendered only when it leaves, in the language its reader has then. Every
choice is printed as well as offered as a button, because LINE on a PC and mail show no buttons:
numbered ones with their numbers, cards with the words that do the same when typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain import wording
from domain.wording import Plain, Text, Words, say


@dataclass(frozen=True, slots=True)
class SpeechButton:
    """One choice and its token; `typed` is what may be typed instead (cards only)."""

    words: Words
    token: str
    typed: Words | None = None


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
    label: str
    token: str


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


def render(speech: Speech, language: str) -> RenderedSpeech:
    """Put a speech into a language, its choices printed beneath the text."""
    paragraphs = [wording.render(words, language) for words in speech.words]
    printed = [_printed(speech, index, language) for index in range(len(speech.buttons))]
    choices = "\n".join(line for line in printed if line)
    return RenderedSpeech(
        text="\n\n".join([*paragraphs, choices] if choices else paragraphs),
        buttons=tuple(_rendered(b, language) for b in speech.buttons),
        picture_ids=speech.picture_ids,
        subject=wording.render(speech.subject, language) if speech.subject else "",
    )


def _rendered(button: SpeechButton, language: str) -> RenderedButton:
    return RenderedButton(wording.render(button.words, language), button.token)


def _printed(speech: Speech, index: int, language: str) -> str:
    button = speech.buttons[index]
    if button.typed is not None:
        key = "speech.typed_label" if button.typed == button.words else "speech.typed"
        words = say(key, label=button.words, typed=button.typed)
        return wording.render(words, language)
    if speech.numbered:
        return f"{index + 1} {wording.render(button.words, language)}"
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
    typed = words_to_json(button.typed) if button.typed else None
    return {"words": words_to_json(button.words), "token": button.token, "typed": typed}


def _button_from_json(value: Mapping[str, Any]) -> SpeechButton:
    typed = words_from_json(value["typed"]) if value["typed"] else None
    return SpeechButton(words_from_json(value["words"]), value["token"], typed)
