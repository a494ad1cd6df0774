"""Going on after a restore: what is sent again, what is held, and who must hear of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from actions import audit, boards
from actions.previews import card, moment_of, preview
from actions.telling import approvers_of, everyone_concerned, tell
from domain.broadcasts import State
from domain.moments import moment
from domain.outcomes import Accepted
from domain.roles import CITY_ROLES
from domain.speech import Speech
from domain.wording import Text, Words, say
from storage import audiences, broadcasts, resuming, staff, troubles
from storage import boards as stored
from storage.database import Transaction
from storage.tables import Broadcast


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a restore made of the work that was under way.

    `known` deliveries were accepted after the backup, as a journal says; `doubtful` ones are sent
    again and may arrive twice. `held` broadcasts wait for another approval, `scheduled` ones still
    go out at their time; `voided` codes can be used no more.
    """

    known: int
    doubtful: int
    held: int
    scheduled: int
    voided: int


def backed_up(tx: Transaction) -> None:
    """Note that a backup was made, so that it is known how old the last one is."""
    for board_id in troubles.boards(tx):
        chain = audit.chain_of(board_id, None)
        audit.record(tx, chain, audit.SYSTEM, "back_up", f"board:{board_id}")


def resume(tx: Transaction, taken_at: datetime, accepted: Mapping[int, Accepted]) -> Resumed:
    """Make a database that was restored to `taken_at` fit to go on from now."""
    known = resuming.take_known(tx, accepted)
    doubtful = resuming.doubt(tx)
    resuming.forget_workers(tx)
    resuming.forget_dialogues(tx)
    voided = resuming.void_codes(tx)
    rows = [broadcasts.broadcast(tx, number) for number in resuming.undecided(tx)]
    approved = [row for row in rows if row.state == State.APPROVED.value]
    held = [row for row in approved if row.due_at is None or row.due_at <= tx.now]
    scheduled = [row for row in approved if row not in held]
    for row in rows:
        if row in scheduled:
            _warn(tx, row, taken_at)
        else:
            _ask(tx, row, taken_at, again=row in held)
    done = Resumed(known, doubtful, len(held), len(scheduled), voided)
    for board_id in troubles.boards(tx):
        _tell_of(tx, board_id, taken_at, done)
    return done


def _ask(tx: Transaction, row: Broadcast, taken_at: datetime, *, again: bool) -> None:
    """Have somebody decide who can find out what became of it; old cards of it are dead."""
    if again:
        families = row.approved_families
        if families is None:
            families = audiences.count_families(tx, row.board_id, row.audience)
        broadcasts.ask_again(tx, row, families)
        _record(tx, row)
    settings = boards.settings(tx, row.board_id)
    asked = approvers_of(tx, row, row.submitted_by, settings.self_approval)
    why = say("trouble.held", time=moment_of(tx, row, taken_at))
    shown = card(tx, preview(tx, row.id))
    tell(tx, asked, replace(shown, words=(why, *shown.words)))
    subject = say("trouble.restored.subject")
    others = everyone_concerned(tx, row) - set(asked)
    tell(tx, others, Speech(words=(_named(row), why), subject=subject))


def _record(tx: Transaction, row: Broadcast) -> None:
    chain = audit.chain_of(row.board_id, row.school_id)
    details = {"version": row.version}
    audit.record(tx, chain, audit.SYSTEM, "hold", f"broadcast:{row.id}", details)


def _named(row: Broadcast) -> Text:
    return say("trouble.held.named", subject=row.subject)


def _warn(tx: Transaction, row: Broadcast, taken_at: datetime) -> None:
    """It goes out as approved; whoever called it off since must do so again."""
    words = say(
        "trouble.still_scheduled",
        time=moment_of(tx, row, taken_at),
        subject=row.subject,
        due=moment_of(tx, row, row.due_at or tx.now),
    )
    subject = say("trouble.restored.subject")
    tell(tx, everyone_concerned(tx, row), Speech(words=(words,), subject=subject))


def _tell_of(tx: Transaction, board_id: int, taken_at: datetime, done: Resumed) -> None:
    chain = audit.chain_of(board_id, None)
    details = {"taken_at": taken_at.isoformat(), **asdict(done)}
    audit.record(tx, chain, audit.SYSTEM, "restore", f"board:{board_id}", details)
    time = moment(taken_at, stored.board(tx, board_id).zone)
    numbers = {"doubtful": done.doubtful, "held": done.held, "voided": done.voided}
    words: Iterable[Words] = (
        say("trouble.restored", time=time),
        say("trouble.restored.what", **numbers),
        say("trouble.restored.next"),
    )
    heard_by = staff.holders(tx, board_id, CITY_ROLES, None)
    tell(tx, heard_by, Speech(words=tuple(words), subject=say("trouble.restored.subject")))
