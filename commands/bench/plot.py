"""The picture of a measurement: bars, drawn as SVG that is legible on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from commands.bench.names import (
    LIBRARY,
    NODEMAILER,
    RELAY,
    SENDER,
    SENDER_INTO_POSTFIX,
    SOURCE,
    SOURCE_INTO_POSTFIX,
)
from commands.bench.stage import Row

_WIDTH, _LABELS, _BARS, _LINE, _TOP = 860, 260, 480, 26, 30
# Names by what they begin with; each group has a scale of its own.
_GROUPS = (
    (
        "mail into the sink, messages a second",
        (LIBRARY, RELAY, NODEMAILER, SOURCE, "whole path", SENDER),
    ),
    ("with DKIM, RSA-2048 signatures a second", ("openssl speed", "sender with DKIM")),
    ("into a real Postfix, messages a second", (SOURCE_INTO_POSTFIX, SENDER_INTO_POSTFIX)),
)
_OURS = (SENDER, "whole path", "sender with", SENDER_INTO_POSTFIX)
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.peer { fill: #8c959f }
.ours { fill: #0969da }
.wanted { stroke: #bc4c00; stroke-width: 2 }
.note { fill: #bc4c00 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .peer { fill: #6e7681 }
  .ours { fill: #4493f8 }
  .wanted { stroke: #f0883e }
  .note { fill: #f0883e }
}"""


def drawn(rows: Sequence[Row]) -> str:
    """An SVG document: a bar for each measurement, a stroke where the wanted ratio would be."""
    parts: list[str] = []
    top = _TOP
    for title, names in _GROUPS:
        group = _group(rows, names)
        if group:
            parts += _bars(title, group, top)
            top += _LINE * (len(group) + 2)
    parts.append(f'<text class="note" x="10" y="{top}">| what was wanted</text>')
    size = f'width="{_WIDTH}" height="{top + 16}" viewBox="0 0 {_WIDTH} {top + 16}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _group(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The first row of each measurement that belongs here, in the order of these names."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.name, row)
    exact = {name for group in _GROUPS for name in group[1]}
    found = []
    for name in names:
        theirs = [row for row in first.values() if row.name.startswith(name)]
        found += [row for row in theirs if row.name == name or row.name not in exact]
    return found


def _bars(title: str, rows: Sequence[Row], top: int) -> Iterator[str]:
    highest = max(max(row.rate, _wanted(row) or 0) for row in rows)
    yield f'<text class="title" x="10" y="{top}">{escape(title)}</text>'
    for number, row in enumerate(rows):
        y = top + 12 + number * _LINE
        long = max(1.0, row.rate / highest * _BARS)
        kind = "ours" if row.name.startswith(_OURS) else "peer"
        yield f'<text x="10" y="{y + 13}">{escape(row.name)}</text>'
        yield f'<rect class="{kind}" x="{_LABELS}" y="{y}" width="{long:.1f}" height="17" rx="2"/>'
        wanted = _wanted(row)
        if wanted is not None:
            x = _LABELS + wanted / highest * _BARS
            yield f'<line class="wanted" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{y + 20}"/>'
        at = _LABELS + max(long, (wanted or 0) / highest * _BARS) + 8
        yield f'<text x="{at:.1f}" y="{y + 13}">{row.rate:,.0f}</text>'


def _wanted(row: Row) -> float | None:
    target: float | None = row.more.get("target")
    return row.rate / row.ratio * target if target is not None and row.ratio else None
