"""Whether a message is really the school's: asked by anybody who has its verify code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from actions import registration, tries
from actions.previews import sender_name
from domain.broadcasts import Relation, State
from domain.moments import moment
from domain.refusals import Refusal
from domain.verification import REAL, fold_verify_code
from domain.wording import Words, say
from storage import boards, broadcasts, people, schools
from storage.database import Transaction

# Somebody who holds a false message tries its code once or twice; each wrong one is counted.
_WRONG_AN_HOUR = 20
_FOLLOWS = (Relation.CORRECTION, Relation.REPLACEMENT)
_OUT = (State.SENDING, State.SENT)


@dataclass(frozen=True, slots=True)
class Genuine:
    """A message of ours; `subject` is empty for one that was withdrawn.

    `followed_by` says whether a correction or replacement went out; `zone` is where its times are
    read.
    """

    code: str
    sender: str
    subject: str
    sent_at: datetime
    zone: str
    followed_by: Relation | None = None

    @property
    def words(self) -> tuple[Words, ...]:
        """What is answered, in paragraphs."""
        time = moment(self.sent_at, self.zone)
        said: list[Words] = [say("verify.real", sender=self.sender, time=time)]
        said.append(
            say("verify.subject", subject=self.subject) if self.subject else say("verify.withdrawn")
        )
        if self.followed_by is not None:
            said.append(say(f"verify.followed.{self.followed_by.value}"))
        return tuple(said)


@dataclass(frozen=True, slots=True)
class NotOurs:
    """Nothing of ours has this code; `phones` are the schools to call, by name and number."""

    phones: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> tuple[Words, ...]:
        numbers = (say("verify.phone", school=name, phone=phone) for name, phone in self.phones)
        return say("verify.not_ours"), *numbers


def looks_like_code(text: str) -> bool:
    """Whether somebody who answers no question typed a verify code."""
    return fold_verify_code(text) is not None


def find(tx: Transaction, board_id: int, text: str) -> Genuine | None:
    """What a code stands beneath; None if nothing that began to be sent has it."""
    code = fold_verify_code(text)
    row = broadcasts.by_verify_code(tx, board_id, code) if code else None
    if code is None or row is None or State(row.state) not in REAL:
        return None
    following = next(iter(broadcasts.follow_ups_of(tx, row.id, _FOLLOWS, _OUT)), None)
    return Genuine(
        code=code,
        sender=sender_name(tx, row),
        subject="" if row.state == State.WITHDRAWN else row.subject,
        sent_at=row.frozen_at or row.updated_at,
        zone=boards.board(tx, board_id).zone,
        followed_by=Relation(following.relation) if following else None,
    )


def asked_in_chat(tx: Transaction, contact_id: int, text: str) -> Genuine | NotOurs | Refusal:
    """Answer whoever asks in a conversation; wrong codes are counted and limited."""
    point = people.lock_contact(tx, contact_id)
    limits = {f"verify:contact:{contact_id}": _WRONG_AN_HOUR}
    if kept_out := tries.blocked(tx, point.board_id, contact_id, limits):
        return kept_out
    found = find(tx, point.board_id, text)
    if found is not None:
        return found
    tries.wrong(tx, point.board_id, contact_id, "unknown_broadcast", limits)
    return NotOurs(_phones(tx, contact_id))


def _phones(tx: Transaction, contact_id: int) -> tuple[tuple[str, str], ...]:
    """Of the schools whose messages come here, as far as they gave a number."""
    joined = (schools.school(tx, each.school_id) for each in registration.joined(tx, contact_id))
    return tuple((school.name, school.phone) for school in joined if school.phone)
