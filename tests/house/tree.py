"""The repository's own files, for the tests that guard the whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
STOREYS = (
    "domain",
    "storage",
    "channels",
    "actions",
    "delivery",
    "bot",
    "intake",
    "web",
    "commands",
    "standins",
)


@cache
def sources() -> tuple[Path, ...]:
    """Every module of the program, generated migrations left out."""
    found = [ROOT / "app.py", ROOT / "settings.py"]
    for storey in STOREYS:
        found += sorted((ROOT / storey).rglob("*.py"))
    return tuple(path for path in found if "versions" not in path.parts)


@cache
def all_tests() -> tuple[Path, ...]:
    return tuple(sorted((ROOT / "tests").rglob("*.py")))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imports(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found
