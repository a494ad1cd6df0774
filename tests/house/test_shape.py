"""The shape of the code: short files, imports that go downwards, the project's own words."""

import re
from pathlib import Path

from tests.house.tree import ROOT, all_tests, functions, imports, name, sources

LONGEST_FILE = 400
LONGEST_FUNCTION = 50
NOT_OUR_WORDS = re.compile(r"\b(notifications?|campaigns?|helpers?|utils?)\b", re.IGNORECASE)


def test_no_file_is_too_long() -> None:
    lengths = {name(p): len(p.read_text().splitlines()) for p in [*sources(), *all_tests()]}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    long = [
        f"{name(path)}:{function.lineno} {function.name}"
        for path in sources()
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_one_word_per_thing() -> None:
    found = {name(path): NOT_OUR_WORDS.findall(_our_words(path)) for path in sources()}
    assert {path: words for path, words in found.items() if words} == {}


def _our_words(path: Path) -> str:
    """The file without its import lines: a library's names are what they are."""
    lines = path.read_text().splitlines()
    return "\n".join(line for line in lines if not re.match(r"\s*(from|import) ", line))


def test_app_and_settings_keep_their_place() -> None:
    """import-linter does not look into single modules, so this test does."""
    assert {m.split(".")[0] for m in imports(ROOT / "settings.py")} <= {
        "__future__",
        "base64",
        "email",
        "pathlib",
        "pydantic",
        "pydantic_settings",
        "re",
        "secrets",
        "typing",
    }
    assert "standins" not in {m.split(".")[0] for m in imports(ROOT / "app.py")}


def test_only_settings_reads_the_environment() -> None:
    reads = re.compile(r"os\.(environ\[|environ\.get|getenv)")
    readers = [name(path) for path in sources() if reads.search(path.read_text())]
    assert readers == []


def test_the_repository_stands_alone() -> None:
    """Nothing points at files that are not in it."""
    outside = [
        name(path)
        for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *sources()]
        if "shared/" in path.read_text()
    ]
    assert outside == []
