"""Which servers of a site are tried, and how many of them."""

from __future__ import annotations

import asyncio

import pytest

from channels.email.opening import CannotOpen, Opener
from channels.email.routing import Site, Target
from channels.email.session import Session, Timeouts
from domain.lanes import OTHER, rule_of
from tests.channels.email.scripted import Keeper


@pytest.mark.parametrize("hosts", [("a", "b", "c"), ("a", "b"), ("a",)])
def test_whoever_names_dozens_of_servers_gets_few_tries(
    monkeypatch: pytest.MonkeyPatch, hosts: tuple[str, ...]
) -> None:
    """All of one host may be down, so that the next one has its turn as well."""
    tried: list[str] = []

    async def connect(_: Opener, target: Target, egress: str, session: Session) -> None:
        tried.append(target.host)
        raise ConnectionRefusedError

    monkeypatch.setattr(Opener, "_connect", connect)
    targets = tuple(
        Target(host, f"1.0.{at}.{n}", 25, "offered", preference=at)
        for at, host in enumerate(hosts)
        for n in range(8)
    )

    async def run() -> None:
        await Opener("us", Timeouts()).open(Site("x.", rule_of(OTHER), targets), Keeper([]))

    with pytest.raises(CannotOpen):
        asyncio.run(run())
    assert tried == [host for host in hosts for _ in range(2)][:4]
