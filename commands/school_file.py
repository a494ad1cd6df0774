"""Reading a file of schools: `code,name,kind`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from actions import schools
from commands.tables import BadRow, Column, Row, both, read_table
from storage.database import Transaction
from storage.schools import school_by_code

COLUMNS = (
    Column("code", ("学校コード", "コード", "学校")),
    Column("name", ("学校名", "名前", "名称")),
    Column("kind", ("種別", "種類")),
)
KINDS = {
    "primary": "primary",
    "junior_high": "junior_high",
    "other": "other",
    "小学校": "primary",
    "小": "primary",
    "中学校": "junior_high",
    "中": "junior_high",
    "その他": "other",
}
CODE = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


@dataclass(slots=True)
class Imported:
    """What came of a file."""

    opened: int = 0
    unchanged: int = 0
    bad: list[BadRow] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        bad = [each.as_dict() for each in self.bad]
        return {"opened": self.opened, "unchanged": self.unchanged, "bad": bad}


def import_schools(tx: Transaction, board_id: int, raw: bytes) -> Imported:
    """Open every school in a file that is not there yet; bad rows stop no other."""
    rows, bad = read_table(raw, COLUMNS)
    done = Imported(bad=bad)
    for row in rows:
        _take(tx, board_id, row, done)
    done.bad.sort(key=lambda each: each.line)
    return done


def _take(tx: Transaction, board_id: int, row: Row, done: Imported) -> None:
    cells = {**row.cells, "kind": KINDS.get(row.cells["kind"].casefold(), "")}
    reason = _fault(cells, row.cells["kind"]) or _conflict(tx, board_id, cells)
    if reason:
        done.bad.append(BadRow(row.line, reason))
    elif school_by_code(tx, board_id, cells["code"]):
        done.unchanged += 1
    else:
        schools.open_school(tx, board_id, cells["code"], cells["name"], cells["kind"])
        done.opened += 1


def _fault(cells: dict[str, str], kind: str) -> str | None:
    if not CODE.fullmatch(cells["code"]):
        return both(
            "学校コードは半角の英数字と - _ で32文字までです",
            "code: 1 to 32 letters, digits, - or _",
        )
    if not 1 <= len(cells["name"]) <= 100:
        return both("学校名は1〜100文字にしてください", "name: 1 to 100 characters")
    if not cells["kind"]:
        return both(
            f"種別「{kind[:20]}」がわかりません（小学校、中学校、その他）",
            f"kind: {kind[:20]!r} is none of primary, junior_high, other",
        )
    return None


def _conflict(tx: Transaction, board_id: int, cells: dict[str, str]) -> str | None:
    there = school_by_code(tx, board_id, cells["code"])
    if there is not None and (there.name, there.kind) != (cells["name"], cells["kind"]):
        code = cells["code"]
        return both(
            f"学校コード{code}は{there.name}（{there.kind}）が使っています",
            f"the code {code} is taken by {there.name} ({there.kind})",
        )
    return None
