"""RENRAKUMO_SMTP_URL: the relays that mail is handed to, or that it goes to each domain itself.

No message of this module repeats a URL, for it may hold a password.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

MX_PORT = 25
_PORTS = {"smtp": 25, "smtps": 465, "mx": MX_PORT}
_OPTIONS = {
    "smtp": {"tls", "rate", "connections"},
    "smtps": {"tls", "rate", "connections"},
    "mx": {"tls", "port"},
}


@dataclass(frozen=True, slots=True)
class Relay:
    """One relay.  `tls` is "offered" (taken when there), "required" or "at once" (smtps).

    `rate` is how many messages it takes a second, and `connections` how many at a time; None
    where it sets no limit.
    """

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = field(default="", repr=False)
    rate: float | None = None
    connections: int | None = None


@dataclass(frozen=True, slots=True)
class Direct:
    """Straight to the mail exchangers of each domain, from our address `egress` ("" is any)."""

    egress: str = ""
    port: int = MX_PORT
    tls: str = "offered"


def ways(urls: str) -> tuple[Relay, ...] | tuple[Direct, ...]:
    """Read one or more comma-separated URLs; raises ValueError naming what is wrong."""
    found = [_split(url.strip()) for url in urls.split(",") if url.strip()]
    if not found:
        raise ValueError("no relay is named")
    if any(parts.scheme not in _PORTS for parts in found):
        raise ValueError("a relay's URL begins with smtp:// or smtps://, or it is mx://")
    if all(parts.scheme == "mx" for parts in found):
        return _apart(tuple(_direct(parts) for parts in found))
    if any(parts.scheme == "mx" for parts in found):
        raise ValueError("mx:// stands alone: it cannot be mixed with a relay")
    return tuple(_relay(parts) for parts in found)


def fewest(relays: Sequence[Relay], connections: int) -> int:
    """How many connections, of these at most, the most limited of the relays takes."""
    return min((connections, *(each.connections for each in relays if each.connections)))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError("a relay's URL cannot be read") from None


def _relay(parts: SplitResult) -> Relay:
    if not parts.hostname:
        raise ValueError("a relay's URL names a host")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    options = _options(parts)
    return Relay(
        host=parts.hostname,
        port=_port(parts),
        tls=_tls(parts.scheme, options, bool(user)),
        user=user,
        password=password,
        rate=_number(options, "rate"),
        connections=_whole(options, "connections"),
    )


def _direct(parts: SplitResult) -> Direct:
    if parts.username is not None or _given_port(parts) is not None or parts.path.strip("/"):
        raise ValueError(
            "mx:// is followed by an address of ours or by nothing (and ?port=, ?tls=)"
        )
    options = _options(parts)
    return Direct(
        egress=_address(parts.hostname or ""),
        port=_whole(options, "port") or MX_PORT,
        tls=_tls("mx", options, has_login=False),
    )


def _apart(ways: Sequence[Direct]) -> tuple[Direct, ...]:
    if len({way.egress for way in ways}) < len(ways):
        raise ValueError("two mx:// name one address of ours")
    return tuple(ways)


def _address(host: str) -> str:
    try:
        return str(ip_address(host)) if host else ""
    except ValueError:
        raise ValueError("mx:// names an address of ours, such as mx://203.0.113.5") from None


def _options(parts: SplitResult) -> dict[str, str]:
    given = parse_qs(parts.query, keep_blank_values=True)
    known = _OPTIONS[parts.scheme]
    if set(given) - known:
        raise ValueError(f"a relay's URL knows no option but {', '.join(sorted(known))}")
    return {name: values[-1] for name, values in given.items()}


def _port(parts: SplitResult) -> int:
    given = _given_port(parts)
    return _PORTS[parts.scheme] if given is None else given


def _given_port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        # Its own message quotes what stands there, which may be a part of the password.
        raise ValueError("a relay's port is no number; / in a password is written %2F") from None


def _tls(scheme: str, options: dict[str, str], has_login: bool) -> str:
    """A password goes out only encrypted, unless the URL says that it may go as it is."""
    if scheme == "smtps":
        return "at once"
    tls = options.get("tls", "required" if has_login else "offered")
    if tls not in ("offered", "required"):
        raise ValueError("a relay's tls is offered or required")
    return tls


def _whole(options: dict[str, str], name: str) -> int | None:
    number = _number(options, name)
    if number is not None and (number != int(number) or number > 65_535):
        raise ValueError(f"a relay's {name} is a whole number")
    return None if number is None else int(number)


def _number(options: dict[str, str], name: str) -> float | None:
    if name not in options:
        return None
    try:
        number = float(options[name])
    except ValueError:
        number = 0
    if not 0 < number < math.inf:
        raise ValueError(f"a relay's {name} is a number above 0")
    return number
