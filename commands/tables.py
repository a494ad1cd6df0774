"""Files of rows as schools have them: CSV from Excel or from another system.

UTF-8 with or without a byte order mark, Shift_JIS (cp932), and UTF-16 as Excel writes it, there
with tabs; columns in any order, named in English or Japanese. What is wrong is said in Japanese
first, because a school's clerk reads it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from domain.folding import fold
from domain.refusals import Refusal
from domain.wording import render

_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not taken: its line in the file, and why."""

    line: int
    reason: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its English name, and what else it may be called."""

    name: str
    also: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row by the names of their columns, folded; a column left out is empty."""

    line: int
    cells: Mapping[str, str] = field(repr=False)


class NotATable(Exception):
    """What was given cannot be read as such a table at all; says where and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.bad = BadRow(line, reason)


def both(japanese: str, english: str) -> str:
    return f"{japanese} / {english}"


def refusal_reason(refusal: Refusal) -> str:
    return both(render(refusal.words, "ja"), render(refusal.words, "en"))


def read_table(raw: bytes, columns: Sequence[Column]) -> tuple[list[Row], list[BadRow]]:
    """The rows of a file, and those that have more cells than the file has columns."""
    try:
        return _read(raw, columns)
    except NotATable as error:
        return [], [error.bad]


def _read(raw: bytes, columns: Sequence[Column]) -> tuple[list[Row], list[BadRow]]:
    lines = _lines(_decoded(raw))
    _, header = next(lines, (1, []))
    names = _names(header, columns)
    rows: list[Row] = []
    bad: list[BadRow] = []
    try:
        for line, cells in lines:
            if len(cells) > len(names):
                bad.append(BadRow(line, _too_long(len(cells), len(names))))
            elif any(cells):
                given = dict(zip(names, cells, strict=False))
                rows.append(Row(line, {each.name: given.get(each.name, "") for each in columns}))
    except NotATable as error:
        bad.append(error.bad)
    return rows, bad


def _decoded(raw: bytes) -> str:
    marked = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise NotATable(
        1,
        both(
            "文字コードが読めません。UTF-8かShift_JISで保存してください",
            "the file is neither UTF-8, Shift_JIS nor UTF-16",
        ),
    )


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it begins on; one may go over several lines in quotes."""
    first = text.partition("\n")[0]
    delimiter = "\t" if "\t" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = both("ここから先が表として読めません", f"not readable from here on: {error}")
            raise NotATable(line, reason) from None
        yield line, [fold(cell) for cell in cells]


def _names(header: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """The columns in their order; trailing empty ones, which Excel leaves, are passed over."""
    cells = list(header)
    while cells and not cells[-1]:
        cells.pop()
    known = {spelling.casefold(): each.name for each in columns for spelling in _spellings(each)}
    names = [known.get(cell.casefold(), "") for cell in cells]
    missing = [each for each in columns if each.required and each.name not in names]
    unknown = [cell for cell, name in zip(cells, names, strict=True) if not name]
    twice = len(set(names)) < len(names)
    if not names or missing or unknown or twice:
        raise NotATable(1, _wrong_header(columns, unknown))
    return names


def _spellings(column: Column) -> tuple[str, ...]:
    return (column.name, *column.also)


def _wrong_header(columns: Sequence[Column], unknown: Sequence[str]) -> str:
    english = ",".join(each.name for each in columns)
    japanese = ",".join(each.also[0] for each in columns)
    stranger = unknown[0][:_SHOWN] if unknown else ""
    needless = f"（「{stranger}」は不要です）" if stranger else ""
    return both(
        f"1行目は「{japanese}」にしてください{needless}",
        f"the first line must be {english}" + (f", not {stranger}" if stranger else ""),
    )


def _too_long(cells: int, expected: int) -> str:
    return both(f"列が{cells}個あります（{expected}個まで）", f"{cells} cells, expected {expected}")
