"""Every text a person sees: in both languages, with the same parameters, and none unused."""

import re
import string
from pathlib import Path

import pytest

from domain.wording import LANGUAGES, TEXTS, catalogue
from tests.house.tree import ROOT, name, sources

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
# Where Japanese is data, not a text for people: what people type, and the made-up city.
READS_JAPANESE = ("domain/", "bot/words.py", "commands/", "settings.py")


def _parameters(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


def test_every_language_has_every_text() -> None:
    japanese, english = (set(catalogue(language)) for language in LANGUAGES)
    assert japanese - english == set(), "missing in English"
    assert english - japanese == set(), "missing in Japanese"


@pytest.mark.parametrize("key", sorted(catalogue("ja")))
def test_both_languages_take_the_same_parameters(key: str) -> None:
    assert _parameters(catalogue("ja")[key]) == _parameters(catalogue("en")[key])


def test_the_same_files_in_every_language() -> None:
    files = [sorted(path.name for path in (TEXTS / lang).glob("*.po")) for lang in LANGUAGES]
    assert files[0] == files[1]


def test_every_text_is_used() -> None:
    """A key, or the stem from which code makes it ("purpose." + code), stands in the code."""
    code = "\n".join(path.read_text() for path in sources())
    code += "\n".join(path.read_text() for path in (ROOT / "web" / "templates").rglob("*.html"))
    unused = [key for key in catalogue("ja") if not _is_named(key, code)]
    assert unused == []


def _is_named(key: str, code: str) -> bool:
    parts = key.split(".")
    stems = (".".join(parts[:n]) + "." for n in range(1, len(parts)))
    return f'"{key}"' in code or f"'{key}'" in code or any(f'"{stem}{{' in code for stem in stems)


def test_no_text_for_people_stands_in_code() -> None:
    ours = [path for path in sources() if not name(path).startswith(READS_JAPANESE)]
    texts = {
        name(path): [text for text in _strings(path) if JAPANESE.search(text)] for path in ours
    }
    assert {path: found for path, found in texts.items() if found} == {}


def _strings(path: Path) -> list[str]:
    """The string literals, but for raw ones: those are patterns of what people type."""
    return re.findall(r'(?<![rR"\w])"[^"\n]*"', _without_comments(path))


def _without_comments(path: Path) -> str:
    text = re.sub(r'"""(?:.|\n)*?"""', "", path.read_text())
    return re.sub(r"#.*", "", text)
