"""Questions to the DNS: which servers are asked, and how long we wait for them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TypeVar

import dns.asyncresolver
import dns.nameserver
import dns.resolver

_PORT = 53
# Seconds for one server, and for the whole question with every server and try.
_TIMEOUT = 3.0
_LIFETIME = 12.0
# RFC 9715 section 3: answers up to here are not broken into fragments on the way.
_PAYLOAD = 1232

Kind = TypeVar("Kind", bound=dns.resolver.BaseResolver)


def sync_resolver(servers: str) -> dns.resolver.Resolver:
    """A resolver that asks these servers, "address:port" comma-separated; "" is the system's.

    Raises ValueError for what is no address, and where the system itself names no server.
    """
    return _made(dns.resolver.Resolver, servers)


def async_resolver(servers: str) -> dns.asyncresolver.Resolver:
    """The same for asyncio."""
    return _made(dns.asyncresolver.Resolver, servers)


def _made(kind: type[Kind], servers: str) -> Kind:
    try:
        resolver = kind(configure=not servers)
    except dns.resolver.NoResolverConfiguration:
        raise ValueError("this machine names no DNS server: set RENRAKUMO_DNS_SERVERS") from None
    if servers:
        resolver.nameservers = [_server(text.strip()) for text in servers.split(",")]
    # Names are whole: a search list would find school.example.jp.city.example.
    resolver.search = []
    resolver.timeout, resolver.lifetime = _TIMEOUT, _LIFETIME
    resolver.use_edns(0, 0, _PAYLOAD)
    return resolver


def _server(text: str) -> dns.nameserver.Nameserver:
    """One server: 192.0.2.1, 192.0.2.1:5353, 2001:db8::1 or [2001:db8::1]:5353."""
    host, port = text, str(_PORT)
    if "]:" in text or text.count(":") == 1:
        host, _, port = text.rpartition(":")
    try:
        return dns.nameserver.Do53Nameserver(str(ip_address(host.strip("[]"))), int(port))
    except ValueError:
        raise ValueError("a DNS server is an address, with or without :port") from None
