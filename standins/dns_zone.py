"""What the DNS stand-in knows: records by name, read from JSON or from BIND's text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zonefile

_TTL = 300
_CHAIN = 8


@dataclass(slots=True)
class Zone:
    """Every record of the small world; what is beneath none of its names does not exist."""

    records: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = field(
        default_factory=dict
    )
    names: set[dns.name.Name] = field(default_factory=set)

    def add(self, rrset: dns.rrset.RRset) -> None:
        """One name's records of one type, and with them that the name exists."""
        self.records[rrset.name, rrset.rdtype] = rrset
        name = rrset.name
        while name != dns.name.root:
            self.names.add(name)
            name = name.parent()

    def answer(self, query: dns.message.QueryMessage) -> dns.message.Message:
        """What an honest server answers, CNAMEs followed and "*" filled in."""
        response = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name = question.name
        for _ in range(_CHAIN):
            found = self._found(name, question.rdtype)
            if found is None:
                break
            response.answer.append(found)
            if found.rdtype == question.rdtype:
                return response
            name = found[0].target
        if self._closest(name) is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def _found(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.rrset.RRset | None:
        closest = self._closest(name)
        if closest is None:
            return None
        alias = self.records.get((closest, dns.rdatatype.CNAME))
        found = self.records.get((closest, kind)) or alias
        if found is None or found.name == name:
            return found
        return dns.rrset.from_rdata_list(name, found.ttl, list(found))

    def _closest(self, name: dns.name.Name) -> dns.name.Name | None:
        """The name itself, else the "*" that stands for it (RFC 4592)."""
        if name in self.names:
            return name
        parent = name
        while parent != dns.name.root:
            parent = parent.parent()
            star = dns.name.Name((b"*", *parent.labels))
            if star in self.names:
                return star
            if parent in self.names:
                return None
        return None


def zone_from(text: str) -> Zone:
    """Read {"docomo.ne.jp": {"MX": ["10 mx.docomo.ne.jp."], "ttl": 60}}, or BIND's text.

    Of the latter only records, no directives such as $TTL.

    Raises ValueError for what is neither.
    """
    zone = Zone()
    try:
        for rrset in _json(text) if text.lstrip().startswith("{") else _bind(text):
            zone.add(rrset)
    except dns.exception.DNSException as error:
        raise ValueError(f"no zone: {error}") from error
    return zone


def _json(text: str) -> Iterator[dns.rrset.RRset]:
    for name, types in json.loads(text).items():
        ttl = types.pop("ttl", _TTL)
        for kind, values in types.items():
            yield dns.rrset.from_text_list(
                dns.name.from_text(name), ttl, dns.rdataclass.IN, kind, values
            )


def _bind(text: str) -> Iterator[dns.rrset.RRset]:
    yield from dns.zonefile.read_rrsets(text, rdclass=None, default_ttl=_TTL)
