"""Where mail for a domain goes, asked of a real DNS server on loopback."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from channels.email import lookup, routing
from channels.email.exchangers import is_reachable
from channels.email.lookup import sync_resolver
from channels.email.routing import Answer, Router, Site, Target, router, site_name
from domain.lanes import OTHER, RELAY, RULES, rule_of
from domain.outcomes import Refused, TryLater
from tests.dns_standin import DnsStandin, Records, dns_standin

# Addresses for documentation are no mail server's; nothing is ever sent to these.
ZONE: Records = {
    "two.jp": {"MX": ["20 b.two.jp.", "10 a.two.jp.", "10 A.mail.two.jp.", "0 ."], "ttl": 500},
    "same.jp": {"MX": ["5 a.mail.two.jp.", "5 a.two.jp.", "90 gone.two.jp."]},
    "a.two.jp": {"A": ["1.0.2.1"], "AAAA": ["2400:db8::1"]},
    "a.mail.two.jp": {"A": ["1.0.2.2"]},
    "b.two.jp": {"A": ["1.0.2.3", "1.0.2.4"]},
    "plain.jp": {"A": ["1.0.2.5"]},
    "null.jp": {"MX": ["0 ."]},
    "text.jp": {"TXT": ["nothing"]},
    "broken.jp": {"MX": ["10 gone.jp.", "20 text.jp."]},
    "alias.jp": {"CNAME": ["two.jp."]},
    "aliased.jp": {"MX": ["10 mx.aliased.jp."]},
    "mx.aliased.jp": {"CNAME": ["plain.jp."]},
    "circle.jp": {"CNAME": ["circle2.jp."]},
    "circle2.jp": {"CNAME": ["circle.jp."]},
    "here.jp": {"MX": ["10 here.jp."], "A": ["127.0.0.1"]},
    "workspace.ed.jp": {"MX": ["1 aspmx.l.google.com."]},
    "aspmx.l.google.com": {"A": ["1.0.2.7"]},
    "docomo.ne.jp": {"MX": ["10 b.two.jp."], "ttl": 7200},
    "six.jp": {"AAAA": ["2400:db8::6"]},
}


class Clock:
    """The loop's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def running_dns() -> Iterator[DnsStandin]:
    with dns_standin() as standin:
        yield standin


@pytest.fixture
def dns(running_dns: DnsStandin) -> DnsStandin:
    running_dns.reset()
    running_dns.zone(ZONE)
    return running_dns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(routing, "_now", clock)
    return clock


def direct(dns: DnsStandin, urls: str = "mx://") -> Router:
    return router(urls, connections=8, dns_servers=dns.servers)


def asked(ways: Router, *domains: str) -> list[Answer]:
    async def ask() -> list[Answer]:
        return list(await asyncio.gather(*(ways.sites(domain) for domain in domains)))

    return asyncio.run(ask())


def sites(ways: Router, domain: str) -> tuple[Site, ...]:
    (answer,) = asked(ways, domain)
    assert isinstance(answer, tuple), answer
    return answer


def addresses(site: Site) -> list[str]:
    return [target.address for target in site.targets]


def test_relays_are_one_site_in_their_order() -> None:
    ways = router("smtp://a?rate=30&connections=5, smtps://u:p@b?connections=3", connections=8)
    (site,) = sites(ways, "docomo.ne.jp")
    assert site.targets == (
        Target("a", "a", 25, "offered"),
        Target("b", "b", 465, "at once", "u", "p", preference=1),
    )
    assert (site.name, site.egress, site.until) == (RELAY, "", None)
    assert (site.rule.connections, site.rule.per_second) == (3, 30)
    (free,) = sites(router("smtp://a", connections=8), "x.jp")
    assert (free.rule.connections, free.rule.per_second, free.rule.stated) == (8, None, True)


def test_exchangers_by_preference(dns: DnsStandin) -> None:
    orders = set()
    for _ in range(20):
        (site,) = sites(direct(dns), "two.jp")
        first, second, *last = addresses(site)
        orders.add((first, second))
        assert set(last) == {"1.0.2.3", "1.0.2.4"}
    assert orders == {("1.0.2.1", "1.0.2.2"), ("1.0.2.2", "1.0.2.1")}
    assert (site.name, site.rule) == ("(a.mail|a).two.jp", rule_of(OTHER))
    assert {target.host for target in site.targets} == {"a.two.jp", "a.mail.two.jp", "b.two.jp"}
    assert {(target.port, target.tls) for target in site.targets} == {(25, "offered")}


def test_domains_with_the_same_exchangers_are_one_destination(dns: DnsStandin) -> None:
    first, second, alias = (
        sites(direct(dns), name)[0] for name in ("two.jp", "same.jp", "alias.jp")
    )
    assert first.name == second.name == alias.name
    # A connection is shared only where the later exchangers are the same, too.
    assert first.route == alias.route != second.route


@pytest.mark.parametrize(
    ("domain", "answer"),
    [
        ("gone.jp", Refused("no_domain")),
        ("a..jp", Refused("no_domain")),
        (f"{'a' * 64}.jp", Refused("no_domain")),
        ("null.jp", Refused("null_mx")),
        ("broken.jp", Refused("no_exchanger")),
        ("text.jp", Refused("no_domain")),
        ("here.jp", Refused("no_exchanger")),
        ("six.jp", Refused("no_domain")),
        ("circle.jp", TryLater("dns")),
    ],
)
def test_where_no_mail_goes(dns: DnsStandin, domain: str, answer: Answer) -> None:
    assert asked(direct(dns), domain) == [answer]


@pytest.mark.parametrize(
    ("domain", "expected", "preference"),
    [("plain.jp", "plain.jp", 0), ("aliased.jp", "mx.aliased.jp", 10)],
)
def test_oddities_that_work(dns: DnsStandin, domain: str, expected: str, preference: int) -> None:
    (site,) = sites(direct(dns), domain)
    assert site.targets == (Target(expected, "1.0.2.5", 25, "offered", preference=preference),)
    assert site.name == expected


@pytest.mark.parametrize("kind", ["servfail", "silence", "refused"])
@pytest.mark.parametrize("match", [" MX$", " A$"])
def test_while_the_dns_cannot_say(
    dns: DnsStandin, monkeypatch: pytest.MonkeyPatch, kind: str, match: str
) -> None:
    if kind == "silence":
        monkeypatch.setattr(lookup, "_TIMEOUT", 0.1)
        monkeypatch.setattr(lookup, "_LIFETIME", 0.2)
    dns.fault(match=match, kind=kind)
    assert asked(direct(dns), "two.jp") == [TryLater("dns")]


def test_an_answer_too_long_for_one_packet(dns: DnsStandin) -> None:
    dns.fault(match="^two.jp MX$", kind="truncated")
    assert len(sites(direct(dns), "two.jp")[0].targets) == 4
    assert dns.questions()["two.jp MX"] == 2


def test_one_exchanger_that_cannot_be_looked_up_stops_no_other(dns: DnsStandin) -> None:
    dns.fault(match="^a.* A$", kind="servfail")
    assert sorted(addresses(sites(direct(dns), "two.jp")[0])) == ["1.0.2.3", "1.0.2.4"]


def test_lanes(dns: DnsStandin) -> None:
    (workspace,) = sites(direct(dns), "workspace.ed.jp")
    assert (workspace.name, workspace.rule) == ("gmail", RULES["gmail"])
    assert [target.tls for target in workspace.targets] == ["required"]
    (docomo,) = sites(direct(dns), "docomo.ne.jp")
    assert (docomo.name, docomo.rule) == ("docomo", RULES["docomo"])


def test_whoever_names_a_carriers_host_among_others_is_not_in_its_lane(dns: DnsStandin) -> None:
    """Its other server would freeze the lane, or have it stopped."""
    web = {"A": ["1.0.2.8"]}
    names = ("www.docomo.ne.jp", "mx.docomo.ne.jp", "evil.jp", "lsean.ezweb.ne.jp")
    dns.zone(
        {
            "evil.jp": {"MX": ["10 www.docomo.ne.jp.", "20 evil.jp."], **web},
            "evil2.jp": {"MX": ["10 www.docomo.ne.jp.", "20 lsean.ezweb.ne.jp."]},
            "hosted.jp": {"MX": ["10 www.docomo.ne.jp.", "20 mx.docomo.ne.jp."]},
            "docomo.ne.jp": {"MX": ["10 mx.docomo.ne.jp.", "20 evil.jp."]},
            **{name: web for name in names if name != "evil.jp"},
        }
    )
    asked_of = ("evil.jp", "evil2.jp", "hosted.jp", "docomo.ne.jp")
    found = [sites(direct(dns), domain)[0] for domain in asked_of]
    assert [site.name for site in found] == ["www.docomo.ne.jp"] * 2 + ["docomo"] * 2
    assert [site.rule.name for site in found] == [OTHER, OTHER, "docomo", "docomo"]


def test_one_site_for_each_of_our_addresses(dns: DnsStandin) -> None:
    ways = direct(dns, "mx://[2001:db8::25], mx://198.51.100.1?tls=required, mx://198.51.100.2")
    found = sites(ways, "two.jp")
    assert [(site.egress, len(site.targets)) for site in found] == [
        ("198.51.100.1", 4),
        ("198.51.100.2", 4),
        ("2001:db8::25", 1),
    ]
    assert {target.tls for target in found[0].targets} == {"required"}
    assert addresses(sites(ways, "six.jp")[0]) == ["2400:db8::6"]


_ELSEWHERE = """127.0.0.1 10.0.0.1 172.16.0.1 192.168.0.1 100.64.0.1 169.254.0.1 0.1.2.3 240.0.0.1
224.0.0.1 255.255.255.255 203.0.113.5 ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:1.0.2.1
64:ff9b::a00:1 2002:a00:1::1 fc00::1 fd12::1 fe80::1 fec0::1 ff0e::1 ::10.0.0.1"""


@pytest.mark.parametrize("address", _ELSEWHERE.split())
def test_what_is_not_on_the_internet_is_no_mail_server(address: str) -> None:
    assert not is_reachable(address)


def test_nothing_is_sent_to_an_address_of_our_own(dns: DnsStandin) -> None:
    ways = direct(dns, "mx://1.0.2.3, mx://[2400:db8:0::1]")
    assert {a for site in sites(ways, "two.jp") for a in addresses(site)} == {
        "1.0.2.1",
        "1.0.2.2",
        "1.0.2.4",
    }


def test_another_port_is_for_standins(dns: DnsStandin) -> None:
    (site,) = sites(direct(dns, "mx://?port=2525"), "here.jp")
    assert site.targets == (Target("here.jp", "127.0.0.1", 2525, "offered", preference=10),)


def test_one_question_at_a_time_and_again_when_its_time_is_over(
    dns: DnsStandin, clock: Clock
) -> None:
    ways = direct(dns)
    first, second = asked(ways, "two.jp", "two.jp")
    assert first is second
    assert isinstance(first, tuple)
    assert first[0].until == 1300  # the addresses' TTL, shorter than that of the MX
    clock.now = 1299.9
    assert asked(ways, "two.jp") == [first]
    assert dns.questions()["two.jp MX"] == 1
    clock.now = 1300
    assert asked(ways, "two.jp") != [first]
    assert dns.questions()["two.jp MX"] == 2


@pytest.mark.parametrize(("ttl", "seconds"), [(0, 60), (7200, 3600)])
def test_a_time_is_neither_too_short_nor_too_long(
    dns: DnsStandin, clock: Clock, ttl: int, seconds: int
) -> None:
    dns.zone({"x.jp": {"MX": ["10 x.jp."], "A": ["1.0.2.1"], "ttl": ttl}})
    assert sites(direct(dns), "x.jp")[0].until == 1000 + seconds


def test_a_failure_is_kept_for_a_minute(dns: DnsStandin, clock: Clock) -> None:
    ways = direct(dns)
    dns.fault(match="MX$", kind="servfail")
    assert asked(ways, "plain.jp") == [TryLater("dns")]
    dns.end_faults()
    clock.now += 59
    assert asked(ways, "plain.jp") == [TryLater("dns")]
    clock.now += 1
    assert sites(ways, "plain.jp")


def test_what_was_known_is_good_for_a_day_while_the_dns_is_away(
    dns: DnsStandin, clock: Clock
) -> None:
    ways = direct(dns)
    before = sites(ways, "plain.jp")
    dns.fault(match="MX$", kind="servfail")
    clock.now += 86_399
    assert sites(ways, "plain.jp") == (replace(before[0], until=clock.now + 60),)
    clock.now += 60
    assert asked(ways, "plain.jp") == [TryLater("dns")]


def test_nobody_waits_long_for_what_was_known(
    dns: DnsStandin, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "_PATIENCE", 0.01)
    ways = direct(dns)
    before = addresses(sites(ways, "plain.jp")[0])
    dns.fault(match="MX$", kind="silence")
    clock.now += 4000
    assert addresses(sites(ways, "plain.jp")[0]) == before


def test_warming_asks_for_every_known_domain(dns: DnsStandin) -> None:
    asyncio.run(direct(dns).warm())
    known = {f"{domain} MX" for rule in RULES.values() for domain in rule.domains}
    assert known <= set(dns.questions())


@pytest.mark.parametrize(
    ("hosts", "name"),
    [
        (["mx.a.jp"], "mx.a.jp"),
        (["mx2.a.jp", "mx1.a.jp"], "(mx1|mx2).a.jp"),
        (["mx.a.jp", "mx.b.com"], "(mx.a.jp|mx.b.com)"),
        # Lanes' names have no dot.
        (["docomo"], "docomo."),
        ([RELAY], "relay."),
    ],
)
def test_names_of_sites(hosts: list[str], name: str) -> None:
    assert site_name(hosts) == name


def test_a_long_name_fits_its_column_and_stays_apart() -> None:
    names = {site_name(f"{n}{'x' * 50}.a{n}.jp" for n in range(k)) for k in (9, 10)}
    assert len(names) == 2
    assert max(map(len, names)) <= 255


@pytest.mark.parametrize("servers", ["dns.example", "127.0.0.1:x", "127.0.0.1:53;[::1]"])
def test_what_is_no_dns_server(servers: str) -> None:
    with pytest.raises(ValueError, match="DNS server"):
        sync_resolver(servers)


def test_dns_servers_with_and_without_a_port() -> None:
    found: list[Any] = list(
        sync_resolver("192.0.2.1:5353, 192.0.2.1,[::1]:54,[::1],2001:db8::1").nameservers
    )
    assert [(each.address, each.port) for each in found] == [
        ("192.0.2.1", 5353),
        ("192.0.2.1", 53),
        ("::1", 54),
        ("::1", 53),
        ("2001:db8::1", 53),
    ]
