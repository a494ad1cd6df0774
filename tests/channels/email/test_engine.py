"""The engine against stand-ins: lanes, turns and paces."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from channels.base import LaneState, Message
from channels.email.channel import EmailChannel
from channels.email.routing import Answer, Site, Target
from domain.lanes import LaneRule
from domain.outcomes import Accepted, Refused, TryLater
from tests.channels.answers import answer
from tests.channels.email.sending import (
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


class Router:
    """Knows the sites of domains by heart."""

    def __init__(self, sites: Mapping[str, Site]) -> None:
        self._sites = sites

    async def sites(self, domain: str) -> Answer:
        return (self._sites[domain],)

    async def warm(self) -> None:
        """Nothing is looked up."""


def site(name: str, *ports: int, route: str = "", **rule: int | float | None) -> Site:
    targets = tuple(Target("127.0.0.1", "127.0.0.1", port, "offered") for port in ports)
    given = {"connections": 1, "per_second": None, **rule}
    return Site(name, LaneRule(name, **given), targets, route=route)  # type: ignore[arg-type]


Routed = Callable[..., EmailChannel]


@pytest.fixture
def routed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Routed]:
    """Makes a channel that knows where the mail of some domains goes."""
    made: list[EmailChannel] = []

    def make(**sites: Site) -> EmailChannel:
        known = {f"{name}.example.jp": each for name, each in sites.items()}
        monkeypatch.setattr("channels.email.channel.router", lambda *_, **__: Router(known))
        made.append(channel_to("smtp://127.0.0.1"))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


def numbers(standin: SmtpStandin) -> list[int]:
    """Whom the messages were for, in the order in which they came."""
    newest = standin.messages(limit=1000)
    return [
        int(message["to"][0].removeprefix("guardian").partition("@")[0]) for message in newest[::-1]
    ]


# Whose turn it is.


def test_an_emergency_overtakes_in_a_lane_that_is_busy(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    standin.fault(match="", phase="dot", delay=0.005)
    log, urgent = Log(), Log()
    ordinary = begun(channel, chunk([recipient(n) for n in range(100)]), log)
    wait_for(lambda: len(log.outcomes_of) > 3)
    emergency = [recipient(n) for n in range(100, 105)]
    begun(channel, chunk(emergency, urgent=True), urgent).result(5)
    # One was on its way, another offered, and as many again while the order crossed to the engine.
    came_before = len(log.outcomes_of)
    assert came_before < 60
    ordinary.result(5)
    came = numbers(standin)
    first = came.index(100)
    assert came[first : first + 5] == [100, 101, 102, 103, 104]
    assert len(came) == 105


def test_loads_take_turns(
    standin: SmtpStandin, channel: EmailChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.email.route._RUN", 1)
    standin.fault(match="", phase="dot", delay=0.05, times=1)
    whole = [recipient(number) for number in range(40)]
    logs = [Log() for _ in range(4)]
    ends = [begun(channel, chunk(whole[n * 10 : n * 10 + 10]), log) for n, log in enumerate(logs)]
    for end in ends:
        end.result(5)
    came = numbers(standin)
    # From the fourth message on they are all there, and each gives one in turn.
    assert all(len({n // 10 for n in came[at : at + 4]}) == 4 for at in range(4, 28, 4))


def test_a_slow_lane_delays_no_other(standin: SmtpStandin, routed: Routed) -> None:
    with smtp_standin() as slow:
        slow.fault(match="", phase="dot", delay=0.5)
        channel = routed(slow=site("slow", slow.port), fast=site("fast", standin.port))
        log = Log()
        whole = [f"g{n}@{('slow', 'fast')[n % 2]}.example.jp" for n in range(20)]
        begun(channel, chunk_of(*whole), log)
        wait_for(lambda: len(log.outcomes_of) == 10)
        assert standin.stats()["messages"] == 10
        assert [lane.site for lane in channel.lanes()] == ["slow", "fast"]
        channel.close()


def test_routes_of_a_lane_share_its_connections(standin: SmtpStandin, routed: Routed) -> None:
    """Also where one of them has enough to do for all, and is in no hurry."""
    with smtp_standin() as other:
        standin.fault(match="", phase="dot", delay=0.003)
        channel = routed(
            many=site("carrier", standin.port, route="a", connections=2),
            few=site("carrier", other.port, route="b", connections=2),
        )
        log = Log()
        begun(channel, chunk([recipient(n, f"g{n}@many.example.jp") for n in range(400)]), log)
        wait_for(lambda: len(log.outcomes_of) > 10)
        late = [recipient(n, f"g{n}@few.example.jp") for n in range(400, 403)]
        begun(channel, chunk(late), Log()).result(5)
        assert len(log.outcomes_of) < 400
        assert standin.stats()["peak_connections"] + other.stats()["peak_connections"] <= 3
        (lane,) = channel.lanes()
        assert (lane.connections, lane.rate) == (2, None)
        channel.close()


def test_routes_have_the_only_connection_of_a_lane_in_turn(
    standin: SmtpStandin, routed: Routed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They must not make room for each other before anything was sent."""
    monkeypatch.setattr("channels.email.route._TURN", 0.2)
    with smtp_standin() as other:
        channel = routed(
            one=site("carrier", standin.port, route="a", per_second=50),
            two=site("carrier", other.port, route="b", per_second=50),
        )
        whole = [recipient(n, f"g{n}@{('one', 'two')[n % 2]}.example.jp") for n in range(40)]
        log = Log()
        begun(channel, chunk(whole), log).result(5)
        assert {type(outcome) for outcome in log.outcomes_of.values()} == {Accepted}
        order = [number % 2 for number, what in log.lines if what == "intent"]
        # In turn, and not a connection for each message.
        turns = 1 + sum(a != b for a, b in itertools.pairwise(order))
        assert 3 <= turns <= 10
        assert standin.stats()["peak_connections"] == other.stats()["peak_connections"] == 1
        channel.close()


# How fast.


def test_a_rate_is_kept(standin: SmtpStandin) -> None:
    channel = channel_to(f"{standin.url}?rate=50", connections=8)
    begin = time.monotonic()
    sent(channel, *["a@example.jp"] * 33)
    # What a quarter of a second brings may be saved up, and one more.
    assert 0.35 < time.monotonic() - begin < 2
    channel.close()


@pytest.mark.parametrize("allowed", [1, 2, 4])
def test_no_more_connections_than_allowed_though_answers_go_beside(
    standin: SmtpStandin, allowed: int
) -> None:
    standin.fault(match="", phase="dot", delay=0.01)
    channel = channel_to(standin.url, connections=allowed)
    log = Log()
    end = begun(channel, chunk([recipient(n) for n in range(40)]), log)
    wait_for(lambda: len(log.outcomes_of) > 3)
    assert isinstance(channel.reply(answer("a@example.jp", Message("登録"))), Accepted)
    assert len(log.outcomes_of) < 30
    end.result(5)
    assert standin.stats()["peak_connections"] == allowed
    channel.close()


def test_what_strangers_mistype_stops_no_lane(standin: SmtpStandin, channel: EmailChannel) -> None:
    """Also where answers share the one connection of broadcasts."""
    standin.fault(match="", phase="rcpt", reply="550 5.1.1 User unknown")
    for number in range(25):
        told = channel.reply(answer(f"g{number}@example.jp", Message("登録")))
        assert told == Refused("unknown_user", "550 5.1.1")
    assert not channel.lanes()[0].stopped


def test_a_lane_that_has_too_much_goes_on_with_half_of_its_connections(
    standin: SmtpStandin,
) -> None:
    standin.fault(match="", phase="dot", delay=0.01, times=100)
    channel = channel_to(standin.url, connections=10)
    log = Log()
    end = begun(channel, chunk([recipient(n) for n in range(400)]), log)
    wait_for(lambda: len(log.outcomes_of) > 20)
    standin.fault(match="", phase="rcpt", reply="421 4.7.0 Too many connections", times=1)
    standin.fault(match="", phase="dot", delay=0.01)
    standin.wait(lambda stats: stats["connections"] <= 4)
    assert channel.lanes()[0].connections == 4
    end.result(5)
    assert all(isinstance(outcome, Accepted) for outcome in log.outcomes_of.values())
    assert standin.stats()["doubles"] == 0
    channel.close()


def test_who_takes_fewer_connections_is_not_knocked_at_for_ever() -> None:
    with smtp_standin() as standin:
        standin.fault(match="", phase="dot", delay=0.02)
        channel = channel_to(standin.url, connections=8)
        sent(channel, "a@example.jp")
        standin.fault(match="", phase="connect", drop=True, times=1000)
        log = Log()
        channel.send(chunk([recipient(n) for n in range(20)]), log)
        assert all(isinstance(outcome, Accepted) for outcome in log.outcomes_of.values())
        assert channel.lanes()[0].connections == 1
        channel.close()


def test_a_lane_whose_refusals_jump_stops_until_somebody_lets_it_go_on(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    standin.fault(match="", phase="rcpt", reply="550 5.1.1 User unknown")
    log = sent(channel, *(f"g{n}@example.jp" for n in range(100)))
    outcomes = list(log.outcomes_of.values())
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    stopped = [outcome for outcome in outcomes if isinstance(outcome, TryLater)]
    assert 20 <= len(refused) <= 25
    assert len(stopped) == 100 - len(refused)
    assert {outcome.reason for outcome in stopped} == {"lane_stopped"}
    assert not log.lines.count((1, "intent"))
    (lane,) = channel.lanes()
    assert lane.stopped
    standin.end_faults()
    later = sent(channel, "a@example.jp").outcomes_of[1]
    assert isinstance(later, TryLater)
    channel.set_lanes([replace(lane, stopped=False)])
    assert isinstance(sent(channel, "a@example.jp").outcomes_of[1], Accepted)
    assert not channel.lanes()[0].stopped


def test_what_the_ledger_knows_of_a_lane_holds_from_the_start(standin: SmtpStandin) -> None:
    channel = channel_to(standin.url)
    channel.set_lanes([LaneState("email", "relay", "", rate=None, connections=1, stopped=True)])
    assert sent(channel, "a@example.jp").outcomes_of[1].reason == "lane_stopped"  # type: ignore[union-attr]
    channel.close()


# Addresses of old.


def test_a_domain_that_wants_no_quotes_is_offered_none_any_more() -> None:
    with smtp_standin("--dots=lenient") as standin:
        channel = channel_to(standin.url)
        standin.fault(match='^".*@docomo', phase="rcpt", reply="553 5.1.3 No quotes", times=1)
        standin.fault(match='^".*@docomo', phase="rcpt", reply="550 5.1.1 Quotes again")
        first = sent(channel, "a..b@docomo.ne.jp")
        second = sent(channel, "c.@docomo.ne.jp", ".d@au.com")
        outcomes = [*first.outcomes_of.values(), *second.outcomes_of.values()]
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        channel.close()


def test_one_that_is_refused_either_way_changes_nothing_for_others(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    """This one takes old addresses in quotes only."""
    standin.fault(match="a[.][.]b", phase="rcpt", reply="554 5.7.1 Not this one")
    log = sent(channel, "a..b@docomo.ne.jp", "c.@docomo.ne.jp")
    assert log.outcomes_of[1] == Refused("policy", "554 5.7.1")
    assert isinstance(log.outcomes_of[2], Accepted)
