"""Where mail is handed over: the relays of RENRAKUMO_SMTP_URL, in order of preference."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

_PORTS = {"smtp": 25, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Relay:
    """One relay.  `tls` is "offered" (taken when there), "required" or "at once" (smtps)."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = field(default="", repr=False)


def relays(urls: str) -> tuple[Relay, ...]:
    """Read one or more comma-separated URLs; raises ValueError naming what is wrong.

    The messages never repeat a URL, for it may hold a password.
    """
    found = tuple(_relay(url.strip()) for url in urls.split(",") if url.strip())
    if not found:
        raise ValueError("no relay is named")
    return found


def _relay(url: str) -> Relay:
    parts = urlsplit(url)
    try:
        given = parts.port
    except ValueError:
        # Its own message quotes what stands there, which may be a part of the password.
        raise ValueError("a relay's port is no number; / in a password is written %2F") from None
    if parts.scheme not in _PORTS:
        raise ValueError("a relay's URL begins with smtp:// or smtps://")
    if not parts.hostname:
        raise ValueError("a relay's URL names a host")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    port = _PORTS[parts.scheme] if given is None else given
    tls = _tls(parts.scheme, parts.query, bool(user))
    return Relay(parts.hostname, port, tls, user, password)


def _tls(scheme: str, query: str, has_login: bool) -> str:
    """A password goes out only encrypted, unless the URL says that it may go as it is."""
    options = parse_qs(query, keep_blank_values=True)
    if set(options) - {"tls"}:
        raise ValueError("a relay's URL knows no option but tls")
    if scheme == "smtps":
        return "at once"
    tls = options.get("tls", ["required" if has_login else "offered"])[-1]
    if tls not in ("offered", "required"):
        raise ValueError("a relay's tls is offered or required")
    return tls
