"""Every pair of state and verb: allowed exactly as the table says, all others refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from domain.broadcasts import MOVES, State, Verb, due_at, has_outgrown, next_state

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)

# Written out a second time, by verb, so that a slip in the table is seen.
ALLOWED = {
    Verb.EDIT: {
        State.DRAFT: State.DRAFT,
        State.PENDING: State.DRAFT,
        State.RETURNED: State.DRAFT,
        State.APPROVED: State.DRAFT,
    },
    Verb.SUBMIT: {State.DRAFT: State.PENDING},
    Verb.APPROVE: {State.PENDING: State.APPROVED},
    Verb.RETURN: {State.PENDING: State.RETURNED},
    Verb.REJECT: {State.PENDING: State.REJECTED},
    Verb.CANCEL: {
        State.DRAFT: State.CANCELLED,
        State.PENDING: State.CANCELLED,
        State.RETURNED: State.CANCELLED,
        State.APPROVED: State.CANCELLED,
    },
    Verb.WITHDRAW: {State.SENDING: State.WITHDRAWN, State.SENT: State.WITHDRAWN},
    Verb.START: {State.APPROVED: State.SENDING},
    Verb.FINISH: {State.SENDING: State.SENT},
    Verb.EXPIRE: {State.PENDING: State.EXPIRED, State.APPROVED: State.EXPIRED},
    Verb.OUTGROW: {State.APPROVED: State.PENDING},
    Verb.SEND_FIRST: {State.DRAFT: State.APPROVED},
    Verb.RESEND: {State.SENT: State.SENDING},
    Verb.SUPERSEDE: {
        State.PENDING: State.CANCELLED,
        State.APPROVED: State.CANCELLED,
        State.SENDING: State.WITHDRAWN,
        State.SENT: State.WITHDRAWN,
    },
}


@pytest.mark.parametrize(("state", "verb"), list(product(State, Verb)))
def test_every_pair_of_state_and_verb(state: State, verb: Verb) -> None:
    assert next_state(state, verb) == ALLOWED[verb].get(state)


def test_nothing_is_sent_that_nobody_approved_but_an_emergency() -> None:
    into_sending = {pair for pair, to in MOVES.items() if to is State.SENDING}
    into_approved = {pair for pair, to in MOVES.items() if to is State.APPROVED}
    assert into_sending == {(State.APPROVED, Verb.START), (State.SENT, Verb.RESEND)}
    assert into_approved == {(State.PENDING, Verb.APPROVE), (State.DRAFT, Verb.SEND_FIRST)}


@pytest.mark.parametrize("state", [State.REJECTED, State.CANCELLED, State.EXPIRED, State.WITHDRAWN])
def test_a_final_state_is_left_by_no_verb(state: State) -> None:
    assert all(next_state(state, verb) is None for verb in Verb)


def test_an_approval_can_be_undone_before_anything_leaves() -> None:
    assert due_at(None, NOW, 30) == NOW + timedelta(seconds=30)
    assert due_at(NOW - timedelta(hours=1), NOW, 30) == NOW + timedelta(seconds=30)
    assert due_at(NOW + timedelta(hours=1), NOW, 30) == NOW + timedelta(hours=1)


@pytest.mark.parametrize(("now", "outgrown"), [(90, False), (110, False), (111, True)])
def test_an_audience_outgrows_its_approval_by_more_than_ten_percent(
    now: int, outgrown: bool
) -> None:
    assert has_outgrown(now, 100, 10) is outgrown
