"""What an engine of many months needs: nothing grows, nothing that fails ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from threading import Event
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock, patch

import pytest

from channels.base import LaneState
from channels.email import channel as channel_module
from channels.email.channel import EmailChannel
from channels.email.lane import Lane
from channels.email.opening import Opener
from channels.email.routes import Routes
from channels.email.routing import Site, Target
from channels.email.session import Session, Timeouts
from domain.lanes import LaneRule, rule_of
from domain.outcomes import Accepted, Outcome, Refused, TryLater
from tests.channels.email.sending import (
    BULK,
    QUICK,
    Log,
    begun,
    channel_to,
    chunk,
    chunk_of,
    recipient,
    sent,
    wait_for,
)
from tests.smtp_standin import SmtpStandin, smtp_standin

pytestmark = pytest.mark.usefixtures("short_pauses")
PATIENT = replace(QUICK, command=60)


def types(log: Log) -> set[type[Outcome]]:
    return set(map(type, log.outcomes_of.values()))


# What is forgotten.


def site(name: str, *targets: Target, until: float | None = None) -> Site:
    return Site(name, LaneRule(name, connections=8), targets, until=until)


def fresh_routes() -> Routes:
    return Routes(cast(Any, SimpleNamespace(touched=set())), "email", lambda rule: rule)


DAY = 86_400.0


def test_a_route_without_use_is_forgotten_after_a_day_and_its_lane_is_remembered() -> None:
    routes = fresh_routes()
    (route,) = routes.to("a.jp", (site("a"),), now=0)
    (kept,) = routes.to("b.jp", (site("b"),), now=0)
    route.lane.pace.throttled(0)
    route.lane.stopped = True
    routes.use(kept)
    routes.tend(DAY - 1)
    assert routes.known("a.jp", DAY) == [route]
    routes.tend(DAY)
    assert (routes.all(), [each.site for each in routes.states()]) == ([kept], ["b"])
    assert routes.known("a.jp", DAY) is None
    assert routes.known("b.jp", DAY) == [kept]
    routes.tend(2 * DAY)
    assert routes.all() == []
    (again,) = routes.to("a.jp", (site("a"),), now=2 * DAY)
    assert again is not route
    assert again.lane.stopped
    assert again.lane.pace.connections == 4


def test_no_more_is_remembered_than_fits_but_for_what_is_stopped() -> None:
    routes = fresh_routes()
    known = [LaneState("email", f"s{n}", "", None, 1, stopped=n < 3) for n in range(30)]
    with patch("channels.email.routes._REMEMBERED", 10):
        for state in known:
            routes.learn([state])
        for number in range(30):
            routes.to(f"d{number}.jp", (site("one"),), now=0)
    assert len(routes._known) <= 13
    assert len(routes._of_domains) <= 10
    assert routes.to("x.jp", (site("s0"),), now=0)[0].lane.stopped


def test_what_failed_long_ago_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.email.opening._AVOIDED", 1e-9)

    async def avoid() -> int:
        opener = Opener("us", QUICK)
        for number in range(10):
            opener.avoid(Target("h", f"192.0.2.{number}", 25, "offered"))
        return len(opener._avoided._at)

    assert asyncio.run(avoid()) == 1


def test_renderings_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "_TEMPLATES", 2)
    made = Mock(side_effect=lambda *_, **__: object())
    monkeypatch.setattr(channel_module, "template", made)
    one, two, three = (replace(BULK, subject=str(n)) for n in range(3))
    channel = channel_to("smtp://127.0.0.1")
    for bulk in (one, two, one, three, one):
        channel._template(bulk)
    assert [call.args[0].subject for call in made.call_args_list] == ["0", "1", "2"]


# Which server.


def test_equal_servers_get_their_part_and_those_that_failed_come_last() -> None:
    a, b, c = (Target("h", f"192.0.2.{n}", 25, "offered", preference=n // 3) for n in (1, 2, 3))

    async def ask() -> None:
        opener = Opener("us", QUICK)
        orders = [opener.in_order(site("s", c, a, b)) for _ in range(64)]
        assert {order[0] for order in orders} == {a, b}
        assert {order[2] for order in orders} == {c}
        opener.avoid(a)
        assert opener.in_order(site("s", c, a, b)) == [b, c, a]

    asyncio.run(ask())


@pytest.fixture(scope="module")
def unwilling() -> Iterator[SmtpStandin]:
    with smtp_standin() as standin:
        yield standin


REFUSALS = [
    ("mail", "550 5.7.1 Who are you?"),
    ("mail", "451 4.3.0 Try again later"),
    ("rcpt", "554 5.7.1 Relay access denied"),
]


@pytest.mark.parametrize(("phase", "reply"), REFUSALS)
def test_a_relay_that_answers_and_takes_nothing_gives_way_to_the_next(
    standin: SmtpStandin, unwilling: SmtpStandin, phase: str, reply: str
) -> None:
    unwilling.reset()
    unwilling.fault(match="", phase=phase, reply=reply)
    channel = channel_to(unwilling.url, standin.url, connections=5)
    log = Log()
    channel.send(chunk([recipient(n) for n in range(40)]), log)
    assert types(log) == {Accepted}
    assert channel.lanes()[0].connections == 4
    unwilling.wait(lambda stats: stats["connections"] == 0)
    standin.fault(match="", phase=phase, reply=reply)
    assert types(sent(channel, "a@example.jp")) == {TryLater}
    channel.close()


def test_a_late_greeting_is_waited_for_where_there_is_no_other_server(standin: SmtpStandin) -> None:
    channel = channel_to(standin.url, timeouts=Timeouts(0.1, 2, 2, quit=1, greeting=2))
    standin.fault(match="", phase="connect", delay=0.3, times=1)
    assert types(sent(channel, "a@example.jp")) == {Accepted}
    assert standin.stats()["peak_connections"] == 1
    channel.close()


# What is given back.


class _Withdrawn(Log):
    """Told to stop at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.stop = Event()

    def stopping(self) -> bool:
        return self.stop.is_set()


def test_a_message_that_was_only_offered_is_not_waited_for_once_withdrawn(
    standin: SmtpStandin,
) -> None:
    channel = channel_to(standin.url, timeouts=PATIENT)
    standin.fault(match="", phase="rcpt", delay=30)
    log = _Withdrawn()
    end = begun(channel, chunk([recipient(1)]), log)
    standin.wait(lambda stats: stats["connections"] == 1)
    log.stop.set()
    end.result(3)
    assert log.lines == []
    channel.close()


@pytest.mark.parametrize(
    ("name", "lane", "is_patient"),
    [("gmail", "other", False), ("gmail", "gmail", True), ("relay", "other", True)],
)
def test_a_chunk_of_many_sites_is_not_held_up_by_a_slow_one(
    standin: SmtpStandin, monkeypatch: pytest.MonkeyPatch, name: str, lane: str, is_patient: bool
) -> None:
    """A school's own domain at Gmail lies in the ledger's lane of all others."""
    monkeypatch.setattr("channels.email.route._PATIENCE", 0.05)
    monkeypatch.setattr("channels.email.routing.RELAY", name)
    standin.fault(match="", phase="dot", delay=0.05)
    channel = channel_to(standin.url)
    log = Log()
    channel.send(replace(chunk([recipient(n) for n in range(6)]), lane=lane), log)
    assert (len(log.outcomes_of) == 6) == is_patient
    channel.close()


# What fails.


def test_what_fails_in_a_sweep_ends_no_time_out(
    standin: SmtpStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = Mock(side_effect=RuntimeError)
    standin.fault(match="", phase="mail", delay=0.4, times=1)
    channel = channel_to(standin.url, timeouts=replace(QUICK, command=0.1))
    log = Log()
    with monkeypatch.context() as broken:
        broken.setattr("channels.email.route.Route.sweep", fails)
        broken.setattr("channels.email.routes.Routes.tend", fails)
        end = begun(channel, chunk_of("a@example.jp"), log)
        wait_for(lambda: fails.call_count > 3)
    end.result(3)
    assert types(log) == {Accepted}
    channel.close()


def test_what_fails_on_one_connection_harms_no_other(
    standin: SmtpStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, calls = Session._envelope, count()

    def envelope(session: Session, parcel: Any) -> Any:
        if next(calls) in (0, 5):
            raise RuntimeError
        return right(session, parcel)

    monkeypatch.setattr(Session, "_envelope", envelope)
    channel = channel_to(standin.url, connections=3)
    log = Log()
    begun(channel, chunk([recipient(n) for n in range(20)]), log).result(5)
    assert len(log.outcomes_of) == 20
    assert list(types(log)).count(Accepted) == 1
    channel.close()


def test_a_log_that_cannot_say_whether_to_stop_ends_its_load(channel: EmailChannel) -> None:
    log = Log()
    gone = patch.object(log, "stopping", side_effect=OSError("gone"))
    with gone, pytest.raises(OSError, match="gone"):
        begun(channel, chunk_of("a@example.jp"), log).result(3)
    assert types(sent(channel, "b@example.jp")) == {Accepted}


def test_an_engine_that_cannot_start_says_so_and_starts_with_the_next_load(
    standin: SmtpStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = channel_to(standin.url)
    with monkeypatch.context() as broken:
        broken.setattr(channel_module, "router", Mock(side_effect=ValueError("no DNS server")))
        with pytest.raises(ValueError, match="no DNS"):
            sent(channel, "a@example.jp")
    assert types(sent(channel, "a@example.jp")) == {Accepted}
    channel.close()


def test_closing_while_it_starts(standin: SmtpStandin) -> None:
    for _ in range(5):
        channel = channel_to(standin.url)
        end = begun(channel, chunk_of("a@example.jp"), Log())
        channel.close()
        end.result(1)
        assert channel._engine._thread is not None
        assert not channel._engine._thread.is_alive()


def test_whose_domain_is_only_received_at_a_carriers_says_nothing_of_the_carriers_addresses() -> (
    None
):
    """Anybody can name docomo as the receiver of a domain, and it knows nobody there."""
    lane = Lane(Site("docomo", rule_of("docomo"), ()), 0.0, None)
    for _ in range(100):
        lane.answer(Refused("unknown_user"), "evil.jp")
        lane.accept()
    lane.count(1.0)
    assert not lane.stopped
    for _ in range(100):
        lane.answer(Refused("unknown_user"), "docomo.ne.jp")
    lane.count(2.0)
    assert lane.stopped
