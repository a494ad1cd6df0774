"""The DNS stand-in's own rules, asked through the resolver that we really use."""

from collections.abc import Iterator

import dns.exception
import dns.resolver
import pytest

from channels.email.lookup import sync_resolver
from tests.dns_standin import DnsStandin, dns_standin

ZONE = """
a.jp.           IN MX 10 mx.a.jp.
a.jp.           IN TXT "v=spf1 ip4:192.0.2.1 -all"
mx.a.jp.        IN A 192.0.2.1
mx.a.jp.        IN AAAA 2001:db8::1
alias.a.jp.     IN CNAME a.jp.
away.a.jp.      IN CNAME gone.b.jp.
*.w.jp.         IN A 192.0.2.9
1.2.0.192.in-addr.arpa. IN PTR mx.a.jp.
"""


@pytest.fixture(scope="module")
def running_dns() -> Iterator[DnsStandin]:
    with dns_standin() as standin:
        yield standin


@pytest.fixture
def standin(running_dns: DnsStandin) -> DnsStandin:
    running_dns.reset()
    running_dns.zone(ZONE)
    return running_dns


def asked(standin: DnsStandin, name: str, kind: str, seconds: float = 5) -> list[str]:
    resolver = sync_resolver(standin.servers)
    resolver.timeout = resolver.lifetime = seconds
    return [record.to_text() for record in resolver.resolve(name, kind)]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.jp", "MX", ["10 mx.a.jp."]),
        ("A.JP", "TXT", ['"v=spf1 ip4:192.0.2.1 -all"']),
        ("mx.a.jp", "AAAA", ["2001:db8::1"]),
        ("alias.a.jp", "MX", ["10 mx.a.jp."]),
        ("x.y.w.jp", "A", ["192.0.2.9"]),
        ("1.2.0.192.in-addr.arpa", "PTR", ["mx.a.jp."]),
    ],
)
def test_what_is_known(standin: DnsStandin, name: str, kind: str, expected: list[str]) -> None:
    assert asked(standin, name, kind) == expected


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("b.jp", dns.resolver.NXDOMAIN),
        ("b.a.jp", dns.resolver.NXDOMAIN),
        ("away.a.jp", dns.resolver.NXDOMAIN),
        ("w.jp", dns.resolver.NoAnswer),
        ("mx.a.jp", dns.resolver.NoAnswer),
    ],
)
def test_what_is_not(standin: DnsStandin, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        asked(standin, name, "MX")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("servfail", dns.resolver.NoNameservers),
        ("silence", dns.resolver.LifetimeTimeout),
        ("nxdomain", dns.resolver.NXDOMAIN),
    ],
)
def test_faults(standin: DnsStandin, kind: str, error: type[Exception]) -> None:
    standin.fault(match="^a.jp MX$", kind=kind)
    assert asked(standin, "a.jp", "TXT")
    with pytest.raises(error):
        asked(standin, "a.jp", "MX", 0.3 if kind == "silence" else 5)


def test_what_is_cut_off_is_asked_again_over_tcp(standin: DnsStandin) -> None:
    standin.fault(match="^a.jp MX$", kind="truncated", times=1)
    assert asked(standin, "a.jp", "MX") == ["10 mx.a.jp."]
    many = [f"192.0.{number // 250}.{number % 250}" for number in range(300)]
    standin.zone({"many.jp": {"A": many, "ttl": 5}})
    assert len(asked(standin, "many.jp", "A")) == 300
    assert standin.questions() == {"a.jp MX": 2, "many.jp A": 2}
