"""docs/bench.md and its picture: what was measured, between two marks in the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from commands.bench import plot
from commands.bench.stage import Row

DOCS = Path(__file__).resolve().parents[2] / "docs"
_FROM, _TO = "<!-- measured: by `make bench` -->", "<!-- /measured -->"
WHOLE_COLUMNS = (
    "us_per_recipient",
    "first_after_share",
    "memory_start_mb",
    "memory_middle_mb",
    "memory_end_mb",
    "memory_peak_mb",
    "lost",
    "doubled",
)
_HEADINGS = (
    "µs each",
    "to the first",
    "MB at start",
    "half-way",
    "at the end",
    "peak",
    "lost",
    "doubled",
)


class MarksMissing(Exception):
    """The page has no place for what was measured."""


def write(
    rows: Sequence[Row],
    facts: Sequence[tuple[str, str]],
    notes: Sequence[str],
    docs: Path = DOCS,
) -> None:
    """Put the tables into the page and draw the picture.  Raises MarksMissing."""
    page = docs / "bench.md"
    text = page.read_text()
    before, start, rest = text.partition(_FROM)
    _, end, after = rest.partition(_TO)
    if not start or not end:
        raise MarksMissing(str(page))
    measured = "\n".join(_measured(rows, facts, notes))
    page.write_text(f"{before}{_FROM}\n\n{measured}\n\n{_TO}{after}")
    (docs / "bench.svg").write_text(plot.drawn(rows))


def _measured(
    rows: Sequence[Row], facts: Sequence[tuple[str, str]], notes: Sequence[str]
) -> Iterator[str]:
    yield from _table(("", ""), facts)
    yield ""
    headings = ("measured", "messages", "seconds", "per second", "compared with", "ratio", "wanted")
    yield from _table(headings, list(map(_cells, rows)))
    whole = {row.name: row for row in rows if "us_per_recipient" in row.more}
    if whole:
        yield ""
        cells = [(name, *map(str, _whole(row))) for name, row in whole.items()]
        yield from _table(("whole path", *_HEADINGS), cells)
    for note in notes:
        yield ""
        yield f"*{note}*"


def _cells(row: Row) -> tuple[str, ...]:
    target = row.more.get("target")
    alone = row.peer == row.name
    return (
        row.name,
        f"{row.messages:,}",
        f"{row.seconds:.2f}",
        f"{row.rate:,.0f}",
        "" if alone else row.peer,
        "" if alone else f"{row.ratio:.2f}",
        "" if target is None else f"{target:.2f} {'✓' if row.ratio >= target else '✗'}",
    )


def _whole(row: Row) -> list[object]:
    cells = [row.more[name] for name in WHOLE_COLUMNS]
    cells[1] = f"{cells[1]:.0%}"
    return cells


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
