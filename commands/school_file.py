"""Reading a file of schools: `code,name,kind`, in UTF-8 or Shift_JIS as Excel writes it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from actions import schools
from domain.folding import fold
from storage.database import Transaction
from storage.schools import school_by_code

COLUMNS = ("code", "name", "kind")
KINDS = ("primary", "junior_high", "other")
CODE = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not taken: its line in the file, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Imported:
    """What came of a file."""

    opened: int = 0
    unchanged: int = 0
    bad: list[BadRow] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def import_schools(tx: Transaction, board_id: int, raw: bytes) -> Imported:
    """Open every school in a file that is not there yet; bad rows stop no other."""
    done = Imported()
    text = decode(raw)
    if text is None:
        done.bad.append(BadRow(1, "neither UTF-8 nor Shift_JIS"))
        return done
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="more")
    if [fold(name or "") for name in reader.fieldnames or ()] != list(COLUMNS):
        done.bad.append(BadRow(1, f"the first line must be {','.join(COLUMNS)}"))
        return done
    for row in reader:
        _take(tx, board_id, row, reader.line_num, done)
    return done


def decode(raw: bytes) -> str | None:
    """Japanese Excel writes Shift_JIS (cp932), or UTF-8 with a byte order mark."""
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _take(tx: Transaction, board_id: int, row: dict[str, Any], line: int, done: Imported) -> None:
    cells = {name: fold(str(row.get(name) or "")) for name in COLUMNS}
    reason = _fault(row, cells) or _conflict(tx, board_id, cells)
    if reason:
        done.bad.append(BadRow(line, reason))
    elif school_by_code(tx, board_id, cells["code"]):
        done.unchanged += 1
    else:
        schools.open_school(tx, board_id, cells["code"], cells["name"], cells["kind"])
        done.opened += 1


def _fault(row: dict[str, Any], cells: dict[str, str]) -> str | None:
    if row.get("more"):
        return f"{len(COLUMNS) + len(row['more'])} cells, expected {len(COLUMNS)}"
    if not CODE.fullmatch(cells["code"]):
        return "code: 1 to 32 letters, digits, - or _"
    if not 1 <= len(cells["name"]) <= 100:
        return "name: 1 to 100 characters"
    if cells["kind"] not in KINDS:
        return f"kind: {cells['kind']!r} is none of {', '.join(KINDS)}"
    return None


def _conflict(tx: Transaction, board_id: int, cells: dict[str, str]) -> str | None:
    there = school_by_code(tx, board_id, cells["code"])
    if there is not None and (there.name, there.kind) != (cells["name"], cells["kind"]):
        return f"the code {cells['code']} is taken by {there.name} ({there.kind})"
    return None
