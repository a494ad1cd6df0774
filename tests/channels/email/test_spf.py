"""SPF as RFC 7208 has it: what matches, what it costs, and what receivers take for none at all."""

from __future__ import annotations

import pytest

from channels.email import spf
from channels.email.answers import Answers
from channels.email.spf import Sender, SpfBroken
from tests.channels.email.zone import Zone

OURS = "203.0.113.5"
DOMAIN = "renraku.city.midori.lg.jp"
ZONE = """
mail.other.jp A 203.0.113.5
renraku.city.midori.lg.jp A 198.51.100.9
renraku.city.midori.lg.jp MX 10 mail.other.jp.
good.jp TXT "v=spf1 ip4:203.0.113.0/24 -all"
soft.jp TXT "v=spf1 ~all"
5.113.0.203.in-addr.arpa PTR mail.other.jp.
203.0.113.5.x.jp A 127.0.0.2
5.113.0.203.in-addr.y.jp A 127.0.0.2
six.jp AAAA 2001:db8::9
"""


def asked(record: str, address: str = OURS) -> str:
    zone = Zone(ZONE)
    zone.add(DOMAIN, "TXT", f'"{record}"')
    sender = Sender(address, f"renraku@{DOMAIN}", "mail.other.jp")
    return spf.evaluate(Answers(zone), DOMAIN, sender)


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 ip4:203.0.113.5 -all", "pass"),
        ("v=spf1 ip4:203.0.113.4/30 -all", "pass"),
        ("v=spf1 ip4:203.0.113.6 -all", "fail"),
        ("v=spf1 -ip4:203.0.113.5 +all", "fail"),
        ("v=spf1 ip6:2001:db8::/32 ?all", "neutral"),
        ("v=spf1 a -all", "fail"),
        ("v=spf1 a:mail.other.jp ~all", "pass"),
        ("v=spf1 a/8 ~all", "softfail"),
        ("v=spf1 mx -all", "pass"),
        ("v=spf1 mx:nowhere.jp -all", "fail"),
        ("v=spf1 include:good.jp -all", "pass"),
        ("v=spf1 include:soft.jp -all", "fail"),
        ("v=spf1 redirect=good.jp", "pass"),
        ("v=spf1 -all redirect=good.jp", "fail"),
        ("v=spf1 ptr:other.jp -all", "pass"),
        ("v=spf1 exists:%{i}.x.jp -all", "pass"),
        ("v=spf1 exists:%{ir}.%{v}.y.jp -all", "pass"),
        ("v=spf1 A:MAIL.other.jp -ALL", "pass"),
        ("v=spf1 exp=why.jp mx", "pass"),
        ("v=spf1", "neutral"),
    ],
)
def test_who_may_send(record: str, result: str) -> None:
    assert asked(record) == result


def test_ipv6_is_matched_by_its_own_width() -> None:
    assert asked("v=spf1 a:six.jp/8//64 -all", "2001:db8::1") == "pass"
    assert asked("v=spf1 a:six.jp/8//127 -all", "2001:db8::1") == "fail"


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 ip4:203.0.113.300 -all",
        "v=spf1 ip4 -all",
        "v=spf1 a/33 -all",
        "v=spf1 ipv4:203.0.113.5 -all",
        "v=spf1 include:norecord.jp -all",
        "v=spf1 redirect=norecord.jp",
    ],
)
def test_what_receivers_cannot_follow_counts_for_nothing(record: str) -> None:
    with pytest.raises(SpfBroken):
        asked(record)


def test_two_records_are_none() -> None:
    zone = Zone('x.jp TXT "v=spf1 -all"\nx.jp TXT "v=spf1 mx -all"\nx.jp TXT "v=spf10 is another"')
    with pytest.raises(SpfBroken, match="2 SPF records"):
        spf.record(Answers(zone), "x.jp")


def test_a_long_record_is_read_whole() -> None:
    zone = Zone('x.jp TXT "v=spf1 ip4:203.0" ".113.5 -all"')
    assert spf.record(Answers(zone), "x.jp") == "v=spf1 ip4:203.0.113.5 -all"


def test_questions_are_counted_through_includes_that_have_no_end() -> None:
    zone = Zone(
        'a.jp TXT "v=spf1 include:b.jp mx a -all"\nb.jp TXT "v=spf1 a mx ip4:192.0.2.1 -all"'
    )
    assert spf.lookups(Answers(zone), "a.jp") == 5
    zone = Zone('a.jp TXT "v=spf1 include:b.jp"\nb.jp TXT "v=spf1 redirect=a.jp"')
    assert spf.lookups(Answers(zone), "a.jp") == spf.MOST_LOOKUPS + 1
