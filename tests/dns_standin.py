"""The DNS stand-in as a process of its own, for any test that looks something up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.processes import Standin, running_standin

Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class DnsStandin(Standin):
    """A running stand-in, with its control page as methods."""

    @property
    def servers(self) -> str:
        """What RENRAKUMO_DNS_SERVERS is to be."""
        return f"127.0.0.1:{self.port}"

    def zone(self, records: Records | str) -> None:
        """Know this from now on and nothing else: {"a.jp": {"MX": ["10 mx.a.jp."]}} or BIND's."""
        text = records if isinstance(records, str) else json.dumps(records)
        self.request("POST", "/zone", text.encode())

    def questions(self) -> dict[str, int]:
        """How often each "name TYPE" was asked."""
        return dict(json.loads(self.get("/questions")))


@contextmanager
def dns_standin(*options: str) -> Iterator[DnsStandin]:
    """Start a stand-in on free ports, and stop it in the end."""
    with running_standin("dns", *options) as ports:
        yield DnsStandin(*ports)
