"""What `doctor` says of troubles: those seen at this moment, and those that are not over yet."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator

from actions import troubles as actions
from commands.findings import Finding
from commands.house import House
from delivery.troubles import signs_of
from domain.mail_checks import Subject
from domain.troubles import Kind, Sign
from domain.wording import render
from storage import mail_checks, troubles
from storage.database import Transaction
from storage.troubles import OpenTrouble

# What each check looks for, and what it says where it finds nothing.
_CHECKS = {
    "disk": (Kind.DISK_FULL, Kind.DISK_UNWRITABLE),
    "sending": (Kind.WORKER_GONE, Kind.DELIVERIES_WAITING, Kind.CHANNEL_FAILING),
    "lanes": (Kind.LANE_STOPPED,),
    "answers": (Kind.INBOX_WAITING, Kind.REPLIES_WAITING, Kind.REPLIES_FAILING),
    "quota": (Kind.QUOTA,),
    "approvers": (Kind.NO_APPROVER,),
    "backup": (Kind.BACKUP_OLD,),
    "admissions": (Kind.ADMISSION_STUCK,),
    # A check that slipped is told of by its own name (commands.mail_doctor).
    "mail gate": (Kind.MAIL_HELD, Kind.MAIL_ACCEPTANCE_ENDS),
}
_OF_SENDER = frozenset({Kind.MAIL_HELD, Kind.MAIL_ACCEPTANCE_ENDS, Kind.MAIL_SLIPPED})
_WELL = {
    "sending": "nothing is late, and no channel fails",
    "lanes": "no destination of mail is stopped",
    "answers": "nobody waits for an answer",
    "quota": "no account is near its end of this month",
    "approvers": "every school with staff has somebody who can approve",
    "admissions": "what schools decided of registrations is done",
    "mail gate": "nothing holds mail back",
}


def check_troubles(house: House, subject: Subject | None = None) -> Iterator[Finding]:
    """Everything that the watch looks for, and whom it told.

    Of the sender's checks those of `subject` count: a worker that came last with other settings
    must not contradict what is said of these.
    """
    seen = [sign for sign in signs_of(house.database, [house.settings.var_dir]) if not sign.faint]
    with house.database.reading() as tx:
        if subject is not None:
            seen = [sign for sign in seen if sign.kind not in _OF_SENDER]
            seen += mail_checks.signs(tx, subject)
        well = {**_WELL, "disk": _space(house), "backup": _last_backup(tx)}
        named = _named(tx)
        opened = troubles.open_ones(tx)
    for check, kinds in _CHECKS.items():
        found = [sign for sign in seen if sign.kind in kinds]
        if not found:
            yield Finding(check, False, well[check])
        for words in dict.fromkeys(_words(sign) for sign in found):
            yield Finding(check, True, words + (named if check == "approvers" else ""))
    yield from _not_over(opened, seen)


def _words(sign: Sign) -> str:
    return " ".join(render(words, "en") for words in actions.explained(sign))


def _not_over(opened: Iterable[OpenTrouble], seen: Iterable[Sign]) -> Iterator[Finding]:
    """What is not seen any more, and was not away for long enough to be over."""
    keys = {sign.key for sign in seen}
    for trouble in opened:
        since = f"since {trouble.opened_at:%Y-%m-%d %H:%M} UTC"
        told = "the centre was told" if trouble.told_at else "not told yet"
        if trouble.sign.key in keys:
            yield Finding("troubles", True, f"{trouble.sign.kind.value} {since}; {told}")
        else:
            what = render(actions.wrong(trouble.sign), "en")
            last = f"last seen {trouble.seen_at:%H:%M} UTC"
            yield Finding("troubles", True, f"{what} {since}, {last}; {told}, it may be over soon")


def _space(house: House) -> str:
    free = shutil.disk_usage(house.settings.var_dir).free
    return f"{free // 1_000_000:,} MB free in {house.settings.var_dir}"


def _named(tx: Transaction) -> str:
    codes = [code for _, code in troubles.schools_without_approver(tx)]
    return f" ({', '.join(codes)})" if codes else ""


def _last_backup(tx: Transaction) -> str:
    lasts = [troubles.last_backup(tx, board) for board in troubles.boards(tx)]
    found = [last for last in lasts if last is not None]
    if not found:
        return "none made by `renrakumo backup` yet"
    return f"made {min(found):%Y-%m-%d %H:%M} UTC"
