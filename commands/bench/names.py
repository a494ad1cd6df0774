"""What the measurements are called, and which of them are compared with which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from commands.bench.stage import Row

SOURCE = "smtp-source -d"
NODEMAILER = "Nodemailer, pool"
LIBRARY = "smtplib + EmailMessage"
RELAY = "Postfix as a relay"
SENDER = "sender alone"
SOURCE_INTO_POSTFIX = "smtp-source -d into Postfix"
SENDER_INTO_POSTFIX = "sender into Postfix"
# How much cheaper a recipient of a small fan-out may be: cost at most 10 % higher.
SAME_COST = 0.909
_WHOLE = "whole path"
_OF_SOURCE = {"SQLite": 1.2, "PostgreSQL": 0.6}


def whole_name(database: str, recipients: int) -> str:
    return f"{_WHOLE}, {database}, {recipients:,}"


def signed_name(processes: int) -> str:
    return f"sender with DKIM, {processes} process{'es' * (processes > 1)}"


def openssl_name(processes: int) -> str:
    return f"openssl speed rsa2048, {processes} process{'es' * (processes > 1)}"


def rows_of(measured: Mapping[str, Row]) -> list[Row]:
    """Every measurement beside each of its peers that was measured as well."""
    return [row for name in measured for row in _beside(measured, name)]


def _beside(measured: Mapping[str, Row], name: str) -> Iterator[Row]:
    mine = measured[name]
    peers = [(peer, target) for peer, target in _peers(measured, name) if peer in measured]
    if not peers:
        yield mine
    for peer, target in peers:
        wanted = {"target": target} if target is not None else {}
        ratio = round(mine.rate / measured[peer].rate, 3)
        yield Row(
            name, mine.messages, mine.seconds, mine.rate, peer, ratio, {**mine.more, **wanted}
        )


def _peers(measured: Mapping[str, Row], name: str) -> list[tuple[str, float | None]]:
    """What to compare with, and the ratio that is wanted where one is."""
    if name == SENDER:
        return [(SOURCE, 2.0), (NODEMAILER, None), (LIBRARY, None)]
    if name in (NODEMAILER, LIBRARY, RELAY):
        return [(SOURCE, None)]
    if name == SENDER_INTO_POSTFIX:
        return [(SOURCE_INTO_POSTFIX, 1.0)]
    if name.startswith(_WHOLE):
        return _peers_of_whole(measured, name)
    return [(openssl_name(each), 0.9) for each in (1, 2) if name == signed_name(each)]


def _peers_of_whole(measured: Mapping[str, Row], name: str) -> list[tuple[str, float | None]]:
    database = name.split(", ")[1]
    small = whole_name(database, _fewest(measured, database))
    same = [(small, SAME_COST)] if small != name else []
    return [(SOURCE, _OF_SOURCE[database]), (NODEMAILER, 10.0), (LIBRARY, None), *same]


def _fewest(measured: Mapping[str, Row], database: str) -> int:
    start = f"{_WHOLE}, {database}, "
    return min(row.messages for name, row in measured.items() if name.startswith(start))
