import pytest

from domain.addresses import normalise_mail
from domain.lanes import OTHER, RULES, LaneRule, lane_of, lane_of_exchanger, rule_of


@pytest.mark.parametrize(
    ("domain", "lane"),
    [
        ("docomo.ne.jp", "docomo"),
        ("ezweb.ne.jp", "au"),
        ("au.com", "au"),
        ("biz.ezweb.ne.jp", "au"),
        ("softbank.ne.jp", "softbank"),
        ("i.softbank.jp", "softbank"),
        ("d.vodafone.ne.jp", "softbank"),
        ("ymobile.ne.jp", "ymobile"),
        ("rakumail.jp", "rakumail"),
        ("yahoo.co.jp", "yahoo"),
        ("GMAIL.com", "gmail"),
        ("googlemail.com", "gmail"),
        ("me.com", "icloud"),
        ("hotmail.co.jp", "outlook"),
        ("softbank.jp", "other"),
        ("notdocomo.ne.jp", "other"),
        ("ne.jp", "other"),
        ("", "other"),
    ],
)
def test_lanes(domain: str, lane: str) -> None:
    assert lane_of(domain) == lane


@pytest.mark.parametrize(
    ("host", "lane"),
    [
        ("mfsmax.docomo.ne.jp", "docomo"),
        ("lsean.ezweb.ne.jp.", "au"),
        ("msmx.au.com", "au"),
        ("mx.softbank.ne.jp", "softbank"),
        ("mx3.mail.yahoo.co.jp", "yahoo"),
        ("ASPMX.L.Google.com", "gmail"),
        ("aspmx2.googlemail.com", "gmail"),
        ("mx01.mail.icloud.com", "icloud"),
        ("school-ed-jp.mail.protection.outlook.com", "outlook"),
        ("hotmail-com.olc.protection.outlook.com", "outlook"),
        ("school-ed-jp.o-v1.mx.microsoft", "outlook"),
        ("mx.notgoogle.com", None),
        ("mail.example.jp", None),
        ("", None),
    ],
)
def test_whose_exchanger_a_host_is(host: str, lane: str | None) -> None:
    assert lane_of_exchanger(host) == lane


@pytest.mark.parametrize("of", ["domains", "exchangers"])
def test_a_name_stands_in_one_lane_and_is_written_as_it_is_looked_up(of: str) -> None:
    names = [name for rule in RULES.values() for name in getattr(rule, of)]
    assert len(names) == len(set(names))
    for name in names:
        address = normalise_mail(f"a@{name}")
        assert address is not None
        assert address.domain == name


def test_the_values_to_start_from() -> None:
    paces = {
        rule.name: (rule.connections, rule.per_connection, rule.per_second)
        for rule in RULES.values()
    }
    carriers = dict.fromkeys(("docomo", "au", "softbank", "ymobile", "rakumail"), (3, 30, 8))
    assert paces == carriers | {
        "yahoo": (2, 20, 10),
        "gmail": (5, 50, None),
        "icloud": (10, 5, None),
        "outlook": (5, 50, None),
        OTHER: (10, 100, 100),
    }
    assert [rule.name for rule in RULES.values() if rule.tls_required] == ["gmail"]


def test_a_site_without_a_rule_of_its_own_is_like_any_other() -> None:
    assert rule_of("mx.example.jp") == RULES[OTHER] == LaneRule(OTHER)
