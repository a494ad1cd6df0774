"""Reading a file of groups: `school,group,kind,above,joinable`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actions import audit
from actions import groups as groups_action
from actions.groups import NewGroup
from commands.tables import BadRow, Column, Row, both, read_table, refusal_reason
from domain.folding import fold_word
from domain.groups import JOINABLE_AT_FIRST, GroupKind
from storage import groups, schools
from storage.database import Transaction
from storage.tables import Group

COLUMNS = (
    Column("school", ("学校", "学校コード")),
    Column("group", ("グループ", "グループ名")),
    Column("kind", ("種別", "種類")),
    Column("above", ("上位", "上のグループ"), required=False),
    Column("joinable", ("参加", "参加可"), required=False),
)
KINDS = {
    **{kind.value: kind for kind in GroupKind if kind is not GroupKind.SCHOOL},
    "学年": GroupKind.GRADE,
    "クラス": GroupKind.CLASS,
    "学級": GroupKind.CLASS,
    "組": GroupKind.CLASS,
    "部活": GroupKind.CLUB,
    "クラブ": GroupKind.CLUB,
    "通学班": GroupKind.ROUTE,
    "バス": GroupKind.ROUTE,
    "委員会": GroupKind.COMMITTEE,
    "役員": GroupKind.COMMITTEE,
    "その他": GroupKind.OTHER,
}
_YES = frozenset({"yes", "y", "true", "1", "はい", "可", "○", "〇", "◯"})
_NO = frozenset({"no", "n", "false", "0", "いいえ", "不可", "×", "x"})


@dataclass(slots=True)
class GroupsImported:
    """What came of a file."""

    added: int = 0
    unchanged: int = 0
    bad: list[BadRow] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        bad = [each.as_dict() for each in self.bad]
        return {"added": self.added, "unchanged": self.unchanged, "bad": bad}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A row that can be read; `school_id` is None for a group across schools."""

    line: int
    school_id: int | None
    name: str
    kind: GroupKind
    above: str
    joinable: bool


def import_groups(tx: Transaction, board_id: int, raw: bytes) -> GroupsImported:
    """Add every group of a file that is not there yet, those above before those beneath."""
    rows, bad = read_table(raw, COLUMNS)
    done = GroupsImported(bad=bad)
    waiting: list[_Wanted] = []
    for row in rows:
        wanted = _read(tx, board_id, row)
        if isinstance(wanted, str):
            done.bad.append(BadRow(row.line, wanted))
        else:
            waiting.append(wanted)
    added = _add_all(tx, board_id, waiting, done)
    for school_id, ids in added.items():
        details = {"groups": ids, "file": audit.digest(tx, hashlib.sha256(raw).hexdigest())}
        chain = audit.chain_of(board_id, school_id)
        audit.record(tx, chain, audit.SYSTEM, "import_groups", f"board:{board_id}", details)
    done.bad.sort(key=lambda each: each.line)
    return done


def _add_all(
    tx: Transaction, board_id: int, waiting: Sequence[_Wanted], done: GroupsImported
) -> Mapping[int | None, list[int]]:
    added: dict[int | None, list[int]] = {}
    while waiting:
        names = {(each.school_id, fold_word(each.name)) for each in waiting}
        ready = [each for each in waiting if (each.school_id, fold_word(each.above)) not in names]
        for each in ready or waiting:
            row = _taken(tx, board_id, each, done) if ready else None
            if row is not None:
                added.setdefault(each.school_id, []).append(row.id)
            elif not ready:
                reason = both("上のグループが輪になっています", "above: lies beneath this one")
                done.bad.append(BadRow(each.line, reason))
        waiting = [each for each in waiting if ready and each not in ready]
    return added


def _taken(tx: Transaction, board_id: int, wanted: _Wanted, done: GroupsImported) -> Group | None:
    above = groups.named(tx, board_id, wanted.school_id, wanted.above) if wanted.above else None
    if wanted.above and above is None:
        reason = both(f"上のグループ「{wanted.above}」はありません", f"above: no {wanted.above}")
        done.bad.append(BadRow(wanted.line, reason))
        return None
    there = groups.named(tx, board_id, wanted.school_id, wanted.name)
    if there is not None:
        _compare(tx, there, wanted, above, done)
        return None
    new = NewGroup(wanted.name, wanted.kind, above.id if above else None, wanted.joinable)
    refused = groups_action.refused_group(tx, board_id, wanted.school_id, new)
    if refused:
        done.bad.append(BadRow(wanted.line, refusal_reason(refused)))
        return None
    done.added += 1
    return groups_action.made(tx, board_id, wanted.school_id, new)


def _compare(
    tx: Transaction, there: Group, wanted: _Wanted, above: Group | None, done: GroupsImported
) -> None:
    """A group that is there stays as it is; one that is another by the same name is named."""
    root = schools.root_of(tx, there.school_id).id if there.school_id is not None else None
    parent = above.id if above else root
    now = (there.kind, there.parent_id, there.joinable)
    if now == (wanted.kind.value, parent, wanted.joinable):
        done.unchanged += 1
        return
    reason = both(
        "同じ名前のグループが、別の内容ですでにあります",
        "a group of this name is there, but differs",
    )
    done.bad.append(BadRow(wanted.line, reason))


def _read(tx: Transaction, board_id: int, row: Row) -> _Wanted | str:
    cells = row.cells
    kind = KINDS.get(cells["kind"].casefold())
    if kind is None:
        return both(
            f"種別「{cells['kind'][:20]}」がわかりません（学年、クラス、部活、通学班、委員会、その他）",
            "kind: none of grade, class, club, route, committee, other",
        )
    joinable = _joinable(cells["joinable"].casefold(), kind)
    if joinable is None:
        return both("参加は はい か いいえ です", "joinable: yes or no")
    school_id = None
    if cells["school"]:
        school = schools.school_by_code(tx, board_id, cells["school"])
        if school is None:
            code = cells["school"]
            return both(f"学校コード「{code}」はありません", f"there is no school {code}")
        school_id = school.id
    return _Wanted(row.line, school_id, cells["group"], kind, cells["above"], joinable)


def _joinable(cell: str, kind: GroupKind) -> bool | None:
    if not cell:
        return kind in JOINABLE_AT_FIRST
    return True if cell in _YES else False if cell in _NO else None
