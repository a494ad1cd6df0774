"""Every text a person sees, by key, in Japanese and English.

Code never holds such a text: it names a key and its parameters (`Text`), and the edge that
knows the reader's language renders it.  The words stand in `domain/texts/<language>/*.po`,
in gettext's format, so that translators can use the tools they know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from babel.messages.pofile import read_po

LANGUAGES = ("ja", "en")
TEXTS = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True)
class Text:
    """A text not yet put into a language; parameters may be texts themselves."""

    key: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plain:
    """Words that a person wrote (a subject, a school's name): the same in every language."""

    words: str


Words = Text | Plain


def say(key: str, **params: object) -> Text:
    """Name a text of the catalogue."""
    return Text(key, params)


@lru_cache(maxsize=8)
def catalogue(language: str) -> Mapping[str, str]:
    """All texts of one language; a key that stands in two files is an error."""
    texts: dict[str, str] = {}
    for path in sorted((TEXTS / language).glob("*.po")):
        for key, words in _read(path).items():
            if key in texts:
                raise ValueError(f"{path}: the key {key} stands in another file already")
            texts[key] = words
    return texts


def _read(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        messages = read_po(file)
    return {str(m.id): str(m.string) for m in messages if m.id and m.string}


def render(words: Words | str, language: str) -> str:
    """Put a text into a language; an unknown language reads Japanese.

    Raises KeyError for a key that no catalogue has, which is a bug and never a user's fault.
    """
    if isinstance(words, str):
        return words
    if isinstance(words, Plain):
        return words.words
    language = language if language in LANGUAGES else "ja"
    params = {name: _param(value, language) for name, value in words.params.items()}
    return catalogue(language)[words.key].format_map(params)


def _param(value: object, language: str) -> object:
    return render(value, language) if isinstance(value, Text | Plain) else value
