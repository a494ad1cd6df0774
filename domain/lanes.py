"""Lanes: the destinations of mail that one operator receives, and the paces they start from.

The numbers, and where they come from, stand in `lanes.toml` beside this file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

OTHER = "other"
"""The lane of every domain that stands in no other."""

RELAY = "relay"
"""The one site that there is where all mail goes to relays."""

_OPEN = "open"


@dataclass(frozen=True, slots=True)
class LaneRule:
    """One lane: whose mail it carries, and how fast it goes from one address of ours at first.

    `domains` and `exchangers` mean themselves and all that lies under them.  `connections` may be
    open at once, each for `per_connection` messages; `per_second` is messages a second, None where
    only the connections limit them.  Values that are `stated` by whoever runs it, as a relay's, are
    never exceeded; others grow.
    """

    name: str
    domains: tuple[str, ...] = ()
    exchangers: tuple[str, ...] = ()
    connections: int = 10
    per_connection: int = 100
    per_second: float | None = 100
    tls_required: bool = False
    stated: bool = False


def _rule(name: str, told: Mapping[str, Any]) -> LaneRule:
    """Raises TypeError for a value that no lane has."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in told.items()
    }
    if values.get("per_second") == _OPEN:
        values["per_second"] = None
    return LaneRule(name, **values)


def _read() -> dict[str, LaneRule]:
    tables = tomllib.loads(files("domain").joinpath("lanes.toml").read_text("utf-8"))
    return {name: _rule(name, told) for name, told in tables.items()}


RULES: Mapping[str, LaneRule] = _read()

_OF_DOMAIN = {domain: rule.name for rule in RULES.values() for domain in rule.domains}
_OF_EXCHANGER = {host: rule.name for rule in RULES.values() for host in rule.exchangers}


def rule_of(lane: str) -> LaneRule:
    """The rule of a lane, or of "other" for a name that is none: a site of some other domains."""
    return RULES.get(lane, RULES[OTHER])


def lane_of(domain: str) -> str:
    """The lane of a domain or of the listed domain it lies under, else "other"."""
    return _first(_OF_DOMAIN, domain) or OTHER


def lane_of_exchanger(host: str) -> str | None:
    """The lane whose mail exchanger a host is; None for one that no lane names."""
    return _first(_OF_EXCHANGER, host)


def _first(lanes: Mapping[str, str], name: str) -> str | None:
    return next((lanes[parent] for parent in _parents(name) if parent in lanes), None)


def _parents(name: str) -> Iterator[str]:
    """A name and all that it lies under, the longest first; a closing dot is no matter."""
    labels = name.lower().removesuffix(".").split(".")
    return (".".join(labels[start:]) for start in range(len(labels)))
