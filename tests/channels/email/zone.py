"""What the DNS would say, written as a zone file's lines; answered as dnspython answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dns.rdata
import dns.resolver


class Zone:
    """Records by name and kind; `away` names are answered by no server."""

    def __init__(self, text: str = "", away: Iterable[str] = ()) -> None:
        self._records: dict[tuple[str, str], list[Any]] = {}
        self.away = set(away)
        self.asked: list[tuple[str, str]] = []
        for line in filter(None, map(str.strip, text.splitlines())):
            name, kind, data = line.split(None, 2)
            self.add(name, kind, data)

    def add(self, name: str, kind: str, data: str) -> None:
        rdata = dns.rdata.from_text("IN", kind, data)
        self._records.setdefault((name.lower(), kind), []).append(rdata)

    def drop(self, name: str, kind: str) -> None:
        del self._records[name.lower(), kind]

    def resolve(self, qname: str, rdtype: str) -> Iterable[Any]:
        name = qname.rstrip(".").lower()
        self.asked.append((name, rdtype))
        if name in self.away or "*" in self.away:
            raise dns.resolver.LifetimeTimeout
        if (name, rdtype) in self._records:
            return self._records[name, rdtype]
        raise dns.resolver.NXDOMAIN
