"""Replies: answers within a conversation, encrypted until they have left.

What one turn says to one person is queued in one transaction and leaves as one answer.  What a
provider's used-up quota put off holds up nobody: it comes along with the person's next answer that
is free, or by itself once there is quota again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, or_, select, text, update
from sqlalchemy.orm import aliased

from domain.answers import answer_key
from domain.channels import FETCHED
from domain.speech import Speech
from storage.database import Transaction
from storage.tables import ContactPoint, Inbox, Reply
from storage.vault import SealBroken

_ADDRESS = "contact_points.address"
_PURPOSE = "replies.payload"
_TOKEN = "replies.token"  # noqa: S105 - the purpose of a seal
# Any fixed number will do: it names this lock among PostgreSQL's advisory locks.
_CLAIM_LOCK = 7_266_001
# What browsers fetch is never due to be sent, so it stays out of the search for what is.
_NEVER = timedelta(days=365 * 100)
# The state of what waits for quota; `new` is what waits for its turn or is on its way.
_NO_QUOTA = "no_quota"
_OPEN = ("new", _NO_QUOTA)
# So many of those are shown to a sender with one answer: no provider's leave holds more.
_MOST_WAITING = 5


@dataclass(frozen=True, slots=True)
class WaitingReply:
    """One that a used-up quota put off, and that may come along with a free answer."""

    id: int
    speech: Speech = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClaimedAnswer:
    """All that one turn says to one person, handed to one sender until `hold` is over.

    `key` names it however often it is tried. `token` is the provider's leave to answer at once
    what came in at `received_at`; both are empty where nothing came in.  `waiting` is what was put
    off for want of quota before, the oldest first: with a token it may come along.
    """

    ids: tuple[int, ...]
    contact_point_id: int
    channel: str
    account: str
    address: str = field(repr=False)
    language: str
    tries: int
    key: UUID
    token: str = field(repr=False)
    received_at: datetime | None
    speeches: tuple[Speech, ...] = field(repr=False)
    waiting: tuple[WaitingReply, ...] = ()
    mail_form: str = ""


def queue(
    tx: Transaction,
    contact_point_id: int,
    speech: Speech,
    inbox_id: int | None = None,
    token: str = "",
) -> None:
    """Put a reply where the replies thread (or the web chat page) finds it.

    `inbox_id` is what it answers, and `token` the provider's leave to answer that.  What answers
    nothing waits behind what waits for quota already.
    """
    contact = tx.session.get_one(ContactPoint, contact_point_id)
    is_fetched = contact.channel in FETCHED
    waits_until = None if is_fetched or inbox_id else _waits_until(tx, contact_point_id)
    tx.session.add(
        Reply(
            board_id=contact.board_id,
            contact_point_id=contact_point_id,
            inbox_id=inbox_id,
            token_cipher=tx.vault.seal_text(token, _TOKEN) if token else None,
            payload_cipher=tx.vault.seal_json(speech.to_json(), _PURPOSE),
            state=_NO_QUOTA if waits_until else "new",
            not_before=tx.now + _NEVER if is_fetched else waits_until or tx.now,
            created_at=tx.now,
        )
    )
    # At once, so that the replies to one person get their IDs in the order of speaking.
    tx.session.flush()


def open_speech(tx: Transaction, reply: Reply) -> Speech:
    """What a stored reply says; raises SealBroken."""
    return _open_payload(tx, reply.payload_cipher)


_ANY_OPEN = (
    select(Reply.__table__.c.id).where(Reply.__table__.c.state.in_(("new", _NO_QUOTA))).limit(1)
)


def claim(tx: Transaction, channel: str, hold: timedelta, limit: int = 20) -> list[ClaimedAnswer]:
    """Take the oldest answers that are due on a channel, and keep others off them.

    One that is neither settled, put off nor kept within `hold` becomes due again. A person's
    answers keep their order: only the oldest that is not settled is ever taken, but for what
    waits for quota.
    """
    _one_claim_at_a_time(tx)
    some_wait = _bring_back(tx)
    heads = tx.session.execute(_due(tx, channel).limit(limit)).all()
    if not heads:
        return []
    members = _members(tx, heads)
    waiting = _waiting(tx, heads) if some_wait else {}
    answers = [
        _answer(tx, head, members.get(head.id, []), waiting.get(head.id, ())) for head in heads
    ]
    taken = [answer for answer in answers if answer is not None]
    _hold(tx, [number for answer in taken for number in answer.ids], hold)
    _let_wait(tx, [each.id for answer in taken for each in answer.waiting], tx.now + hold)
    return taken


def any_due(tx: Transaction, channel: str) -> bool:
    """Whether a claim would get something; asked without the write lock.

    Ten times a second, so the usual answer is to cost next to nothing: nothing waits at all.
    """
    if tx.session.connection().execute(_ANY_OPEN).first() is None:
        return False
    if tx.session.execute(_due(tx, channel).limit(1)).first() is not None:
        return True
    longest = _longest_waiting(tx)
    return longest is not None and longest <= tx.now


def keep(tx: Transaction, reply_ids: Collection[int], hold: timedelta) -> None:
    """Go on keeping others off replies that take longer than `hold`."""
    _change(tx, reply_ids, not_before=tx.now + hold)


def settle(
    tx: Transaction, reply_ids: Collection[int], state: Literal["done", "refused", "unknown"]
) -> None:
    """Record what became of replies; the leave to answer is used up."""
    _change(tx, reply_ids, state=state, token_cipher=None)


def put_off(
    tx: Transaction, reply_ids: Collection[int], until: datetime, *, keeps_token: bool = False
) -> None:
    """Let replies be tried again at a later time; with their token if it cannot be used up."""
    spent = {} if keeps_token else {"token_cipher": None}
    _change(tx, reply_ids, not_before=until, **spent)


def wait_for_quota(tx: Transaction, answer: ClaimedAnswer, until: datetime) -> None:
    """Put an answer off that a used-up quota keeps from leaving; its token is used up.

    What else this person was to hear unprompted waits with it, and keeps its order.
    """
    waits = {"state": _NO_QUOTA, "not_before": until}
    _change(tx, answer.ids, **waits, token_cipher=None)
    unprompted = update(Reply).where(
        Reply.contact_point_id == answer.contact_point_id,
        Reply.state == "new",
        Reply.inbox_id.is_(None),
    )
    tx.session.execute(unprompted.values(waits).execution_options(synchronize_session=False))


def put_off_count(tx: Transaction, channel: str) -> int:
    """How many replies of a channel wait for quota."""
    query = (
        select(func.count())
        .select_from(Reply)
        .join(ContactPoint, ContactPoint.id == Reply.contact_point_id)
        .where(Reply.state == _NO_QUOTA, ContactPoint.channel == channel)
    )
    return tx.session.scalar(query) or 0


def give_back(tx: Transaction, reply_ids: Collection[int]) -> None:
    """Let another sender take replies that were claimed and not tried."""
    _change(tx, reply_ids, not_before=tx.now, tries=Reply.tries - 1)


def note_blocked(tx: Transaction, contact_point_id: int) -> None:
    """The provider says that this person does not want to hear from us any more."""
    open_one = (ContactPoint.id == contact_point_id) & (ContactPoint.state == "active")
    blocked = update(ContactPoint).where(open_one).values(state="blocked", state_at=tx.now)
    tx.session.execute(blocked)


def _change(tx: Transaction, reply_ids: Collection[int], **values: object) -> None:
    if not reply_ids:
        return
    still_open = update(Reply).where(Reply.id.in_(reply_ids), Reply.state.in_(_OPEN))
    tx.session.execute(still_open.values(**values).execution_options(synchronize_session=False))


def _hold(tx: Transaction, reply_ids: Collection[int], hold: timedelta) -> None:
    _change(tx, reply_ids, not_before=tx.now + hold, tries=Reply.tries + 1)


def _one_claim_at_a_time(tx: Transaction) -> None:
    # Two claims that skip each other's locked rows could take one person's replies out of order.
    if tx.session.get_bind().dialect.name == "postgresql":
        tx.session.execute(text(f"SELECT pg_advisory_xact_lock({_CLAIM_LOCK})"))


def _waits_until(tx: Transaction, contact_point_id: int) -> datetime | None:
    waiting = (Reply.contact_point_id == contact_point_id, Reply.state == _NO_QUOTA)
    return tx.session.scalar(select(func.max(Reply.not_before)).where(*waiting))


def _longest_waiting(tx: Transaction) -> datetime | None:
    """When the first of those that wait for quota is to be tried again, if any waits."""
    return tx.session.scalar(select(func.min(Reply.not_before)).where(Reply.state == _NO_QUOTA))


def _bring_back(tx: Transaction) -> bool:
    """Let what has waited long enough for quota be tried again; whether any waited."""
    longest = _longest_waiting(tx)
    if longest is not None and longest <= tx.now:
        due = (Reply.state == _NO_QUOTA, Reply.not_before <= tx.now)
        back = update(Reply).where(*due).values(state="new")
        tx.session.execute(back.execution_options(synchronize_session=False))
    return longest is not None


def _waiting(tx: Transaction, heads: Sequence[Row[Any]]) -> dict[int, Sequence[WaitingReply]]:
    """By its first reply's ID, what may come along with each answer that has a token."""
    heads_of = {head.contact_point_id: head.id for head in heads if head.token_cipher}
    query = (
        select(Reply.contact_point_id, Reply.id, Reply.payload_cipher)
        .where(Reply.state == _NO_QUOTA, Reply.contact_point_id.in_(heads_of))
        .order_by(Reply.id)
    )
    found: dict[int, list[WaitingReply]] = {}
    for contact_id, number, payload in tx.session.execute(query).tuples():
        head = heads_of[contact_id]
        of_head = found.setdefault(head, [])
        if number < head and len(of_head) < _MOST_WAITING and (speech := _read(tx, payload)):
            of_head.append(WaitingReply(number, speech))
    return dict(found)


def _let_wait(tx: Transaction, reply_ids: Collection[int], until: datetime) -> None:
    """While they may be on their way with another answer, these are not brought back."""
    if not reply_ids:
        return
    sooner = update(Reply).where(Reply.id.in_(reply_ids), Reply.not_before < until)
    values = sooner.values(not_before=until)
    tx.session.execute(values.execution_options(synchronize_session=False))


_Member = tuple[int, bytes]


def _due(tx: Transaction, channel: str) -> Select[Any]:
    """The first reply of each answer that may leave, the longest due first.

    In the order of the index, so that a long queue is not read to its end for every claim.
    """
    earlier = aliased(Reply)
    held_up = exists().where(
        earlier.contact_point_id == Reply.contact_point_id,
        earlier.id < Reply.id,
        earlier.state == "new",
    )
    return (
        select(
            Reply.id,
            Reply.contact_point_id,
            Reply.inbox_id,
            Reply.tries,
            Reply.created_at,
            Reply.token_cipher,
            ContactPoint.channel,
            ContactPoint.account,
            ContactPoint.language,
            ContactPoint.mail_form,
            ContactPoint.address_cipher,
            Inbox.received_at,
        )
        .join(ContactPoint, ContactPoint.id == Reply.contact_point_id)
        .outerjoin(Inbox, Inbox.id == Reply.inbox_id)
        .where(Reply.state == "new", Reply.not_before <= tx.now, ~held_up)
        .where(ContactPoint.channel == channel)
        .order_by(Reply.not_before, Reply.id)
    )


def _members(tx: Transaction, heads: Sequence[Row[Any]]) -> dict[int, list[_Member]]:
    """The replies of each answer, by the ID of its first one: those to one person in one turn.

    A turn's replies are committed together, so that every try finds the same ones.
    """
    first = {(head.contact_point_id, head.inbox_id): head.id for head in heads}
    alone = [head.id for head in heads if head.inbox_id is None]
    query = (
        select(Reply.contact_point_id, Reply.inbox_id, Reply.id, Reply.payload_cipher)
        .where(Reply.state == "new", _is_of(heads, alone))
        .order_by(Reply.contact_point_id, Reply.inbox_id, Reply.id)
    )
    rows = tx.session.execute(query).tuples()
    grouped = groupby(rows, key=lambda row: (row[0], row[1]))
    return {
        first[key]: [(number, payload) for *_, number, payload in found]
        for key, found in grouped
        if key in first
    }


def _is_of(heads: Iterable[Row[Any]], alone: Sequence[int]) -> ColumnElement[bool]:
    turns = [head for head in heads if head.inbox_id is not None]
    contacts = Reply.contact_point_id.in_([head.contact_point_id for head in turns])
    inbox_items = Reply.inbox_id.in_([head.inbox_id for head in turns])
    return or_(Reply.id.in_(alone), and_(contacts, inbox_items))


def _answer(
    tx: Transaction,
    head: Row[Any],
    members: Sequence[_Member],
    waiting: Sequence[WaitingReply],
) -> ClaimedAnswer | None:
    """What cannot be decrypted any more is given up, so that it holds up nobody's."""
    opened = [(number, speech) for number, payload in members if (speech := _read(tx, payload))]
    readable = {number for number, _ in opened}
    if lost := [number for number, _ in members if number not in readable]:
        settle(tx, lost, "refused")
    try:
        address = tx.vault.open_text(head.address_cipher, _ADDRESS)
        token = tx.vault.open_text(head.token_cipher, _TOKEN) if head.token_cipher else ""
    except SealBroken:
        settle(tx, sorted(readable), "refused")
        return None
    if not opened:
        return None
    claimed = _claimed(tx, head, opened, address, token)
    return replace(claimed, waiting=tuple(waiting))


def _claimed(
    tx: Transaction,
    head: Row[Any],
    opened: Sequence[tuple[int, Speech]],
    address: str,
    token: str,
) -> ClaimedAnswer:
    return ClaimedAnswer(
        ids=tuple(number for number, _ in opened),
        contact_point_id=head.contact_point_id,
        channel=head.channel,
        account=head.account,
        address=address,
        language=head.language,
        tries=head.tries + 1,
        key=answer_key(tx.secret, opened[0][0], head.created_at),
        token=token,
        received_at=head.received_at,
        speeches=tuple(speech for _, speech in opened),
        mail_form=head.mail_form,
    )


def _read(tx: Transaction, payload: bytes) -> Speech | None:
    try:
        return _open_payload(tx, payload)
    except SealBroken:
        return None


def _open_payload(tx: Transaction, payload: bytes) -> Speech:
    return Speech.from_json(tx.vault.open_json(payload, _PURPOSE))
