"""Reading a file of families: `school,class,number,channel,address,groups`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actions.imports import FamiliesImported, FamilyRow, Fault, import_families
from actions.registration import NUMBERS
from commands.tables import BadRow, Column, Row, both, read_table
from domain.addresses import ChatAddress, MailAddress, normalise_mail
from storage.database import Transaction

COLUMNS = (
    Column("school", ("学校", "学校コード")),
    Column("class", ("クラス", "組", "学級")),
    Column("number", ("番号", "出席番号"), required=False),
    Column("channel", ("経路", "連絡方法", "方法"), required=False),
    Column("address", ("アドレス", "メールアドレス", "宛先", "連絡先"), required=False),
    Column("groups", ("グループ", "所属"), required=False),
)
_MAIL = "email"
CHANNELS = {
    "": _MAIL,
    "email": _MAIL,
    "mail": _MAIL,
    "e-mail": _MAIL,
    "メール": _MAIL,
    "line": "line",
    "ライン": "line",
    "telegram": "telegram",
    "テレグラム": "telegram",
}
# What the providers name people by.
_ADDRESSES = {
    "line": re.compile(r"U[0-9a-f]{32}", re.ASCII),
    "telegram": re.compile(r"[1-9]\d{0,18}", re.ASCII),
}
_NUMBER = re.compile(r"(\d{1,3})番?", re.ASCII)

_FAULTS = {
    "unknown_school": ("学校コード「{school}」はありません", "there is no school {school}"),
    "unknown_class": (
        "クラス「{name}」はありません（--create をつけると作ります）",
        "there is no class {name} (--create makes it)",
    ),
    "unknown_group": (
        "グループ「{name}」はありません（--create をつけると作ります）",
        "there is no group {name} (--create makes it)",
    ),
    "left": (
        "ご本人が退会したアドレスのため、取り込みません",
        "whoever has this address has left, and is not brought back",
    ),
    "too_many_children": (
        "ひとつのアドレスで登録できるお子さんは{most}人までです",
        "one address stands for {most} children at most",
    ),
    "too_many_guardians": (
        "ひとりのお子さんに登録できる保護者は{most}人までです",
        "a child has {most} guardians at most",
    ),
    "nobody_for_groups": (
        "保護者がまだいないため、グループには入れていません（お子さんは取り込みました）",
        "nobody is registered for this child yet, so no group was joined (the child was taken)",
    ),
}


@dataclass(frozen=True, slots=True)
class FamilyFile:
    """The rows of a file that can be read, those that cannot, and a digest of it all."""

    rows: Sequence[FamilyRow]
    bad: Sequence[BadRow]
    digest: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a file."""

    counts: Mapping[str, int]
    bad: Sequence[BadRow]

    def as_dict(self) -> dict[str, Any]:
        return {**self.counts, "bad": [each.as_dict() for each in self.bad]}


def read_families(raw: bytes, accounts: Mapping[str, str]) -> FamilyFile:
    """Read a file; `accounts` names the account of each chat channel that is on."""
    rows, bad = read_table(raw, COLUMNS)
    good: list[FamilyRow] = []
    for row in rows:
        read = _read(row, accounts)
        if isinstance(read, str):
            bad.append(BadRow(row.line, read))
        else:
            good.append(read)
    return FamilyFile(good, bad, hashlib.sha256(raw).hexdigest())


def take_families(tx: Transaction, board_id: int, file: FamilyFile, *, create: bool) -> Outcome:
    done: FamiliesImported = import_families(
        tx, board_id, file.rows, create=create, digest=file.digest
    )
    bad = [*file.bad, *(BadRow(fault.line, _words(fault)) for fault in done.faults)]
    return Outcome(done.counts(), sorted(bad, key=lambda each: each.line))


def _words(fault: Fault) -> str:
    return both(*(words.format_map(fault.params) for words in _FAULTS[fault.code]))


def _read(row: Row, accounts: Mapping[str, str]) -> FamilyRow | str:
    """What a row says, or why it says nothing that can be used."""
    cells = row.cells
    if not cells["class"]:
        return both("クラスがありません", "class: empty")
    number = _number(cells["number"])
    if isinstance(number, str):
        return number
    address = _address(cells, accounts)
    if isinstance(address, str):
        return address
    if address is None and number is None:
        return both("番号もアドレスもありません", "neither a number nor an address")
    groups = re.split(r"[;、]", cells["groups"])
    named = tuple(dict.fromkeys(name.strip() for name in groups if name.strip()))
    return FamilyRow(row.line, cells["school"], cells["class"], number, address, named)


def _number(cell: str) -> int | str | None:
    if not cell:
        return None
    found = _NUMBER.fullmatch(cell)
    if found and int(found[1]) in NUMBERS:
        return int(found[1])
    most = NUMBERS[-1]
    return both(f"番号は1〜{most}の数字にしてください", f"number: 1 to {most}, or nothing")


def _address(
    cells: Mapping[str, str], accounts: Mapping[str, str]
) -> MailAddress | ChatAddress | str | None:
    text = cells["address"]
    if not text:
        return None
    channel = CHANNELS.get(cells["channel"].casefold())
    if channel is None:
        return both("経路は email、line、telegram のどれかです", "channel: email, line or telegram")
    if channel == _MAIL:
        return normalise_mail(text) or both(
            "メールアドレスとして読めません", "address: not a mail address"
        )
    if channel not in accounts:
        return both(f"{channel}は設定されていません", f"channel: {channel} is off here")
    if not _ADDRESSES[channel].fullmatch(text):
        return both(f"{channel}のIDとして読めません", f"address: not an ID of {channel}")
    return ChatAddress(channel, accounts[channel], text)
