"""How a domain stands: what passes, and what is to be published word for word where it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from channels.email.answers import Answers
from channels.email.posture import check_all, organisation
from channels.email.relays import ways
from channels.email.sent_as import SentAs, Signing
from channels.email.tls_offer import NoTls, NotReached
from domain.mail_checks import CHECKS, Result
from tests.channels.email.zone import Zone

DOMAIN = "renraku.city.midori.lg.jp"
RECORDS = f"""
{DOMAIN} TXT "v=spf1 ip4:203.0.113.5 -all"
{DOMAIN} MX 10 mx.{DOMAIN}.
mx.{DOMAIN} A 203.0.113.6
out.{DOMAIN} A 203.0.113.5
5.113.0.203.in-addr.arpa PTR out.{DOMAIN}.
s1._domainkey.{DOMAIN} TXT "v=DKIM1; k=rsa; p=MIIB" "KEY="
_dmarc.midori.lg.jp TXT "v=DMARC1; p=none"
"""
DIRECT = SentAs(
    mail_from=f"renraku@{DOMAIN}",
    ways=ways("mx://203.0.113.5"),
    ehlo=f"out.{DOMAIN}",
    signing=Signing(DOMAIN, "s1", "MIIBKEY="),
)
RELAYED = replace(DIRECT, ways=ways("smtp://relay.provider.jp:587"))


class Tls:
    """The servers that take TLS, and what is wrong with the others."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.tried: list[tuple[Any, ...]] = []

    def __call__(self, *asked: Any) -> None:
        self.tried.append(asked)
        if self.error is not None:
            raise self.error


def found(sent: SentAs, zone: Zone, tls: Tls | None = None) -> dict[str, tuple[Result, str]]:
    checked = check_all(sent, Answers(zone), tls or Tls())
    assert tuple(one.name for one in checked) == CHECKS
    return {one.name: (one.result, f"{one.words} {one.publish}".strip()) for one in checked}


@pytest.mark.parametrize("sent", [DIRECT, RELAYED])
def test_a_domain_that_stands_well(sent: SentAs) -> None:
    passed = found(sent, Zone(RECORDS))
    assert {name: words for name, (result, words) in passed.items() if result != "passed"} == {}
    said = "ask whoever runs it" in passed["SPF"][1] and "ask whoever runs it" in passed["PTR"][1]
    assert said is (sent is RELAYED)


# What is missing, and what the words say of it: word for word what to publish.
WRONG = [
    (DIRECT, "SPF", "", f'{DOMAIN} TXT "v=spf1 ip4:203.0.113.5 mx -all"'),
    (DIRECT, "SPF", "v=spf1 mx -all", f'{DOMAIN} TXT "v=spf1 ip4:203.0.113.5 mx -all"'),
    (DIRECT, "SPF", "v=spf1 +all", "lets everybody send"),
    (DIRECT, "SPF", "v=spf1 ipv4:1 -all", "“ipv4:1” in the SPF record is not understood"),
    (DIRECT, "SPF", "v=spf1" + " a" * 11 + " -all", "more than 10 times"),
    (RELAYED, "SPF", "", f'{DOMAIN} TXT "v=spf1 mx <what whoever runs'),
    (RELAYED, "SPF", "v=spf1 -all", "lets nobody send"),
    (RELAYED, "SPF", "v=spf1 mx +all", "lets everybody send"),
    (DIRECT, "DKIM", "", f's1._domainkey.{DOMAIN} TXT "v=DKIM1; k=rsa; p=MIIBKEY="'),
    (DIRECT, "DKIM", "v=DKIM1; p=OTHER=", "not the one that mail is signed with"),
    (DIRECT, "DKIM", "v=DKIM1; p=", "revoked"),
    (DIRECT, "DKIM", "v=DKIM1; h=sha1; p=MIIBKEY=", "does not allow our signatures"),
    (replace(DIRECT, signing=None), "DKIM", "", "RENRAKUMO_DKIM_SELECTOR"),
    (DIRECT, "DMARC", "", f'_dmarc.{DOMAIN} TXT "v=DMARC1; p=none"'),
    (DIRECT, "DMARC", "v=DMARC1; rua=mailto:a@b.jp", "no p= that counts"),
    (replace(DIRECT, signing=Signing("provider.jp", "s1")), "DMARC", None, f"DOMAIN={DOMAIN}"),
    (
        replace(DIRECT, signing=Signing("city.midori.lg.jp", "s1")),
        "DMARC",
        "v=DMARC1; p=none; adkim=s",
        f"set RENRAKUMO_DKIM_DOMAIN={DOMAIN}",
    ),
    (DIRECT, "MX", "", f"{DOMAIN} MX 10 <"),
    (DIRECT, "MX", "0 .", "null MX"),
    (DIRECT, "MX", "10 gone.jp.", "gone.jp A <its address>"),
    (DIRECT, "PTR", "", "203.0.113.5 has no name (PTR). Ask whoever gave you the address for"),
    (
        DIRECT,
        "PTR",
        "host5.provider.jp.",
        f"called host5.provider.jp, and we greet as out.{DOMAIN}",
    ),
    (replace(DIRECT, ehlo="[127.0.0.1]"), "PTR", "", f"for the PTR mail.{DOMAIN}"),
    (replace(DIRECT, ehlo="b.jp"), "PTR", None, f"Set RENRAKUMO_MAIL_EHLO_NAME=out.{DOMAIN}"),
    (replace(DIRECT, ehlo="new.jp"), "PTR", "new.jp.", "new.jp A 203.0.113.5"),
    (replace(DIRECT, ways=ways("mx://10.0.0.5"), ehlo="[127.0.0.1]"), "PTR", None, "(NAT)"),
    (replace(DIRECT, ways=ways("mx://"), ehlo="nowhere.jp"), "SPF", None, "write it into mx://"),
]
NAMES = {
    "SPF": (DOMAIN, "TXT"),
    "DKIM": (f"s1._domainkey.{DOMAIN}", "TXT"),
    "DMARC": ("_dmarc.midori.lg.jp", "TXT"),
    "MX": (DOMAIN, "MX"),
    "PTR": ("5.113.0.203.in-addr.arpa", "PTR"),
}


@pytest.mark.parametrize(("sent", "check", "record", "words"), WRONG)
def test_what_is_missing_is_said(sent: SentAs, check: str, record: str | None, words: str) -> None:
    zone = Zone(RECORDS)
    name, kind = NAMES[check]
    if record is not None:
        zone.drop(name, kind)
    if record:
        zone.add(name, kind, f'"{record}"' if kind == "TXT" else record)
    result, said = found(sent, zone)[check]
    assert result is Result.FAILED
    assert words in said


@pytest.mark.parametrize("url", ["mx://", "mx://10.0.0.5", "mx://203.0.113.5,mx://fd00::5"])
def test_behind_another_address_we_are_who_we_greet_as(url: str) -> None:
    sent, zone = replace(DIRECT, ways=ways(url.replace("fd00::5", "[fd00::5]"))), Zone(RECORDS)
    assert {found(sent, zone)[name][0] for name in ("SPF", "PTR")} == {Result.PASSED}
    result, words = found(sent, Zone(RECORDS + f"out.{DOMAIN} AAAA 2001:db8::5"))["SPF"]
    assert result is Result.FAILED
    assert '"v=spf1 ip6:2001:db8::5 ip4:203.0.113.5 -all"' in words


def test_two_keys_and_two_policies_are_none() -> None:
    zone = Zone(RECORDS)
    zone.add(*NAMES["DKIM"], '"v=DKIM1; p=MIIBKEY="')
    zone.add(*NAMES["DMARC"], '"v=DMARC1; p=reject"')
    both = found(DIRECT, zone)
    assert both["DKIM"][0] is both["DMARC"][0] is Result.FAILED


def test_a_relaxed_signature_of_the_same_organisation_is_aligned() -> None:
    sent = replace(DIRECT, signing=Signing("city.midori.lg.jp", "s1", "MIIBKEY="))
    assert found(sent, Zone(RECORDS))["DMARC"][0] is Result.PASSED


@pytest.mark.parametrize(
    ("domain", "above"),
    [
        ("a.b.city.midori.lg.jp", "midori.lg.jp"),
        ("x.e-school.ed.jp", "e-school.ed.jp"),
        ("renraku.city.kawasaki.jp", "city.kawasaki.jp"),
        ("jp", "jp"),
    ],
)
def test_where_an_organisation_begins(domain: str, above: str) -> None:
    assert organisation(domain) == above


def test_a_dns_that_is_away_is_no_missing_record() -> None:
    zone = Zone(RECORDS, away=["*"])
    unasked = found(DIRECT, zone)
    assert {result for result, _ in unasked.values()} == {Result.UNASKED}
    assert "could not be asked" in unasked["SPF"][1]
    # Whoever does not answer once is not waited for a dozen times.
    assert len(zone.asked) == 1


def test_tls_of_relays_and_of_our_own_way_out() -> None:
    tls = Tls()
    found(RELAYED, Zone(RECORDS), tls)
    found(DIRECT, Zone(RECORDS), tls)
    found(replace(RELAYED, ways=ways("smtp://127.0.0.1")), Zone(RECORDS), tls)
    greeting = f"out.{DOMAIN}"
    assert tls.tried == [
        ("relay.provider.jp", 587, greeting, False, True),
        ("203.0.113.6", 25, greeting, False, False),
    ]
    refused = found(RELAYED, Zone(RECORDS), Tls(NoTls("it does not offer STARTTLS")))["TLS"]
    assert refused[0] is Result.FAILED
    assert "relay.provider.jp:587: it does not offer STARTTLS" in refused[1]
    away = found(RELAYED, Zone(RECORDS), Tls(NotReached("it does not answer")))["TLS"]
    assert away[0] is Result.UNASKED


# Which settings are checked at all.


@pytest.mark.parametrize(
    ("sender", "url", "servers", "pretence"),
    [
        ("a@midori.example", "smtp://127.0.0.1:2525", "", True),
        ("a@x.example.com", "smtp://localhost:2525,smtp://[::1]:2526", "", True),
        # A real mail server listens there, and sends on what it gets.
        ("a@midori.example", "smtp://127.0.0.1", "", False),
        ("a@midori.example", "smtp://127.0.0.1:587", "", False),
        ("a@midori.example", "smtps://127.0.0.1", "", False),
        ("a@midori.example", "smtp://127.0.0.1:2525,smtp://127.0.0.1", "", False),
        # A resolver of this machine's own knows every real carrier.
        ("a@midori.example", "mx://203.0.113.5", "127.0.0.53", False),
        ("a@midori.example", "mx://?port=25", "127.0.0.1:5353", False),
        ("a@midori.test", "mx://127.0.0.2?port=2525", "127.0.0.1:5353,[::1]:5353", True),
        ("a@midori.test", "mx://127.0.0.2?port=2525", "", False),
        ("a@midori.test", "mx://127.0.0.2?port=2525", "127.0.0.1,192.0.2.1", False),
        ("a@midori.example", "smtp://127.0.0.1:2525,smtp://relay.jp:2525", "", False),
        ("a@city.jp", "smtp://127.0.0.1:2525", "", False),
        ("a@myexample.com", "smtp://127.0.0.1:2525", "", False),
        ("a@mail.example.jp", "smtp://127.0.0.1:2525", "", True),
        ("a@example2.lg.jp", "smtp://127.0.0.1:2525", "", True),
        ("a@example.midori.jp", "smtp://127.0.0.1:2525", "", False),
    ],
)
def test_only_a_stage_goes_unchecked(sender: str, url: str, servers: str, pretence: bool) -> None:
    sent = SentAs(sender, ways(url), "host.jp", None, servers)
    assert (sent.subject().bases == {}) is pretence


def test_other_settings_are_another_check() -> None:
    def changed(other: SentAs) -> set[str]:
        one, two = DIRECT.subject().bases, other.subject().bases
        return {name for name in CHECKS if one[name] != two[name]}

    assert changed(replace(DIRECT, signing=Signing(DOMAIN, "s2", "MIIBKEY="))) == {"DKIM"}
    assert changed(replace(DIRECT, ehlo="b.jp")) == {"SPF", "PTR"}
    assert changed(replace(DIRECT, ways=ways("mx://203.0.113.9"))) == {"SPF", "PTR"}
    assert changed(RELAYED) == {"SPF", "PTR", "TLS"}
    assert DIRECT.subject().domain == DOMAIN
