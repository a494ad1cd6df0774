"""Trouble is told: opened once, told once, told again after a day, and told when it is over."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from actions import audit
from actions.admission_cards import button
from actions.lanes import lane_name
from actions.telling import tell, ways_to
from domain.moments import moment
from domain.roles import Role
from domain.speech import Speech, SpeechButton
from domain.taps import TapVerb
from domain.troubles import Kind, Sign, is_over, is_told_again
from domain.wording import Text, Words, say
from storage import boards, staff, troubles
from storage.database import Transaction
from storage.troubles import OpenTrouble

_DISKS = (Kind.DISK_FULL, Kind.DISK_UNWRITABLE)
_MAIL_CHECKS = (Kind.MAIL_SLIPPED, Kind.MAIL_ACCEPTANCE_ENDS)


def watch(tx: Transaction, board_id: int, signs: Sequence[Sign]) -> None:
    """Bring a board's troubles up to what is seen now, and tell whoever must hear of it."""
    troubles.lock(tx, board_id)
    mine = {sign.key: sign for sign in signs if sign.board_id == board_id}
    known = {trouble.sign.key: trouble for trouble in troubles.open_ones(tx, board_id)}
    for key, sign in mine.items():
        trouble = known.get(key)
        if trouble is not None:
            troubles.seen(tx, trouble.id, sign)
        elif not sign.faint:
            known[key] = _begin(tx, sign)
    for key, trouble in known.items():
        if key not in mine and is_over(trouble.seen_at, trouble.came_back, tx.now):
            _close(tx, trouble)
        elif key in mine and is_told_again(trouble.told_at, tx.now):
            _tell(tx, trouble, mine[key])


def needs_watching(tx: Transaction, signs: Collection[Sign]) -> list[int]:
    """The boards of which something is seen or open; asked without the write lock."""
    seen = {sign.board_id for sign in signs}
    return sorted(seen | {trouble.sign.board_id for trouble in troubles.open_ones(tx)})


def _begin(tx: Transaction, sign: Sign) -> OpenTrouble:
    trouble = troubles.begin(tx, sign)
    _record(tx, trouble, "open_trouble")
    return trouble


def _close(tx: Transaction, trouble: OpenTrouble) -> None:
    troubles.close(tx, trouble.id)
    _record(tx, trouble, "close_trouble")
    if trouble.told_at is not None:
        what = wrong(trouble.sign)
        words = say("trouble.over", what=what, since=_moment(tx, trouble))
        told = Speech(words=(words,), subject=say("trouble.over.subject", what=_title(trouble)))
        tell(tx, who_hears(tx, trouble.sign.board_id), told)


def _tell(tx: Transaction, trouble: OpenTrouble, sign: Sign) -> None:
    said = Speech(
        words=(*explained(sign), say("trouble.since", since=_moment(tx, trouble))),
        subject=say("trouble.subject", what=_title(trouble)),
        buttons=_buttons(tx, trouble),
    )
    tell(tx, who_hears(tx, sign.board_id), said)
    troubles.told(tx, trouble.id)


def _buttons(tx: Transaction, trouble: OpenTrouble) -> tuple[SpeechButton, ...]:
    """What a person may decide about it at once."""
    if trouble.sign.kind is not Kind.LANE_STOPPED:
        return ()
    return (button(tx, TapVerb.RESUME_LANE, trouble.id),)


def who_hears(tx: Transaction, board_id: int) -> list[int]:
    """The staff of the centre; the board's own where nobody of the centre can be reached."""
    return _reachable(tx, board_id, Role.CENTRE) or _reachable(tx, board_id, Role.BOARD)


def _reachable(tx: Transaction, board_id: int, role: Role) -> list[int]:
    return [one for one in staff.holders(tx, board_id, [role], None) if ways_to(tx, one)]


def explained(sign: Sign) -> tuple[Words, ...]:
    """What is wrong, what it means for families, and what to do next."""
    kind = sign.kind.value
    return wrong(sign), say(f"trouble.means.{kind}"), say(f"trouble.next.{kind}")


def wrong(sign: Sign) -> Text:
    """What is wrong, in one sentence."""
    return say(f"trouble.wrong.{sign.kind.value}", where=_where(sign), **sign.details)


def _title(trouble: OpenTrouble) -> Text:
    return say(f"trouble.title.{trouble.sign.kind.value}", where=_where(trouble.sign))


def _where(sign: Sign) -> Words | str:
    """A channel by its name, and its account where that has another; else as it stands."""
    if sign.kind in _DISKS or not sign.subject:
        return sign.subject
    if sign.kind is Kind.LANE_STOPPED:
        return lane_name(sign.subject)
    if sign.kind in _MAIL_CHECKS:
        return say(f"mail_check.{sign.subject.lower()}")
    channel, _, account = sign.subject.partition(":")
    name = say(f"channel.{channel}")
    return say("quota.account", channel=name, account=account) if account != channel else name


def _moment(tx: Transaction, trouble: OpenTrouble) -> Words:
    return moment(trouble.opened_at, boards.board(tx, trouble.sign.board_id).zone)


def _record(tx: Transaction, trouble: OpenTrouble, verb: str) -> None:
    sign = trouble.sign
    chain = audit.chain_of(sign.board_id, None)
    details = {"kind": sign.kind.value, **sign.details}
    audit.record(tx, chain, audit.SYSTEM, verb, f"trouble:{trouble.id}", details)
