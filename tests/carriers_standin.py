"""The stand-in carriers and their DNS as processes, for any test that sends straight to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.dns_standin import DnsStandin, dns_standin
from tests.processes import running_standin
from tests.smtp_standin import SmtpStandin


@dataclass(frozen=True)
class CarriersStandin(SmtpStandin):
    """The running carriers; what SmtpStandin tells is of all together."""

    @property
    def url(self) -> str:
        """What RENRAKUMO_SMTP_URL is to be, with the DNS stand-in's `servers`."""
        return f"mx://?port={self.port}"

    def carriers(self) -> dict[str, dict[str, Any]]:
        """The figures of each."""
        return dict(json.loads(self.get("/carriers")))

    def rules(self, order: dict[str, dict[str, Any]]) -> None:
        """Other rules from now on: {"docomo": {"per_second": 5}, "*": {"delay": 0}}."""
        self.request("POST", "/rules", json.dumps(order).encode())


@contextmanager
def carriers_standin(folder: Path, *options: str) -> Iterator[tuple[CarriersStandin, DnsStandin]]:
    """Start both on free ports, and stop them in the end.

    `folder` gets zone.json, and certificate.pem, which is gmail's.
    """
    zone, certificate = folder / "zone.json", folder / "certificate.pem"
    made = (f"--zone={zone}", f"--certificate={certificate}")
    with (
        running_standin("carriers", *made, *options) as ports,
        dns_standin(f"--zone={zone}") as names,
    ):
        yield CarriersStandin(*ports), names
