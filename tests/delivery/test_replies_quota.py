"""LINE's month is used up: what is pushed waits, and answers by their token are free."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from channels.base import Answer, Message
from domain.outcomes import Accepted, Outcome, Refused, TryLater, Unknown
from storage.database import Database
from tests.databases import Clock
from tests.delivery.city import FakeChannel
from tests.delivery.replying import ASKED_BACK, LINE, answer_turn, by_line, line, queue, states

NO_QUOTA = TryLater("quota", timedelta(minutes=30))


class WithoutQuota(FakeChannel):
    """Free answers only, of at most three messages."""

    def reply(self, answer: Answer) -> Outcome:
        said = super().reply(answer)
        return said if answer.token else NO_QUOTA

    def fits(self, messages: Sequence[Message]) -> bool:
        return len(messages) <= 3

    @property
    def said(self) -> list[list[str]]:
        return [[one.text for one in each.messages] for each in self.answers if each.token]


def without_quota(*outcomes: Outcome) -> WithoutQuota:
    left = list(outcomes)
    return WithoutQuota("line", LINE, lambda _: left.pop(0) if left else Accepted())


def push(database: Database, *texts: str) -> None:
    queue(database, *texts, channel="line", address="U1")


def counted(account: str = "line") -> float:
    labels = {"channel": "line", "account": account}
    return REGISTRY.get_sample_value("renrakumo_replies_without_quota_total", labels) or 0.0


def test_what_is_pushed_in_vain_comes_along_with_the_next_answer(database: Database) -> None:
    push(database, "card 1", "card 2")
    channel, before = without_quota(), counted()
    with capture_logs() as logs:
        assert by_line(database, channel).run_once() == 1
    said = {"event": "reply_without_quota", "channel": "line", "account": "line"}
    assert logs == [{**said, "log_level": "warning"}]
    assert counted() == before + 1
    assert by_line(database, channel).run_once() == 0
    answer_turn(database, "menu")
    answer_turn(database, "more")
    while by_line(database, channel).run_once():
        pass
    assert channel.said == [["card 1", "card 2", "menu"], ["more"]]
    assert [state for state, _ in states(database)] == ["done"] * 4


def test_only_what_fits_comes_along_the_oldest_first(database: Database) -> None:
    push(database, "card 1", "card 2")
    channel = without_quota()
    by_line(database, channel).run_once()
    answer_turn(database, *ASKED_BACK)
    by_line(database, channel).run_once()
    assert channel.said == [["card 1", *ASKED_BACK]]
    assert states(database) == [("done", 1), ("no_quota", 0), ("done", 1), ("done", 1)]
    answer_turn(database, "menu")
    by_line(database, channel).run_once()
    assert channel.said[1:] == [["card 2", "menu"]]


def test_an_answer_that_came_too_late_holds_up_none_that_is_fresh(
    database: Database, clock: Clock
) -> None:
    answer_turn(database, "late")
    clock.forward(minutes=1)
    channel = without_quota()
    by_line(database, channel).run_once()
    answer_turn(database, "fresh")
    by_line(database, channel).run_once()
    assert channel.said == [["late", "fresh"]]


@pytest.mark.parametrize("outcome", [Unknown("no_answer"), TryLater("rate", timedelta(seconds=3))])
def test_what_went_along_with_a_try_of_no_good_end_waits_on(
    database: Database, outcome: Outcome
) -> None:
    push(database, "card")
    channel = without_quota(Accepted(), outcome)
    by_line(database, channel).run_once()
    answer_turn(database, "menu")
    by_line(database, channel).run_once()
    assert channel.said == [["card", "menu"]]
    assert states(database) == [("no_quota", 1), ("new", 1)]


def test_what_comes_along_and_is_refused_harms_no_answer(database: Database) -> None:
    push(database, "card")
    channel = without_quota(Accepted(), Refused("bad_request"))
    by_line(database, channel).run_once()
    answer_turn(database, "menu")
    by_line(database, channel).run_once()
    assert channel.said == [["card", "menu"], ["menu"]]
    assert states(database) == [("no_quota", 1), ("done", 1)]


def test_what_waits_for_quota_is_tried_for_more_than_a_weekend(
    database: Database, clock: Clock
) -> None:
    push(database, "card")
    channel, began = without_quota(), clock.now
    while states(database) != [("unknown", 18)]:
        by_line(database, channel).run_once()
        clock.forward(minutes=30)
    assert timedelta(hours=59) < clock.now - began < timedelta(days=3)
    assert len(channel.answers) == 18


def test_once_there_is_quota_again_it_comes_by_itself_and_in_order(
    database: Database, clock: Clock
) -> None:
    push(database, "card 1", "card 2")
    by_line(database, without_quota()).run_once()
    push(database, "card 3")
    clock.forward(minutes=30)
    channel = line()
    while by_line(database, channel).run_once():
        pass
    assert [message.text for _, message in channel.replied] == ["card 1", "card 2", "card 3"]
