"""How each stand-in carrier behaves: its words where they are published, its limits as we guess.

Words: docomo, au and SoftBank from note.com/sendmagic (carrier series) and Sisimai's observations;
Yahoo! JAPAN's throttles from KumoMTA's community rules; Gmail from support.google.com/a/3726730;
iCloud from support.apple.com/102322; Microsoft from learn.microsoft.com (Exchange Online).  What
Y!mobile and Rakuten say is not known: here they speak as SoftBank does.  `_FULL` and `_SLOWER`
stand where nothing is published.

Which mailbox is which is seen from its address: unknown…, filtered… and full….
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

RESET = "reset"
DELAY = "delay"

_FULL = "452 4.2.2 Mailbox full"
_SLOWER = "421 4.7.0 Too many messages, slow down"
_CROWDED = "421 4.7.0 Too many connections from your host"
_SPENT = "421 4.7.0 Too many messages in this session"
_DROPPED = "250 2.0.0 Ok"
_SOFTBANK = "550 Invalid recipient: <{address}>"
_GMAIL_UNKNOWN = (
    "550-5.1.1 The email account that you tried to reach does not exist. Please try\r\n"
    "550-5.1.1 double-checking the recipient's email address for typos or\r\n"
    "550 5.1.1 unnecessary spaces. - gsmtp"
)


@dataclass(frozen=True, slots=True)
class Words:
    """What is said to a mailbox's visitor, at which phase; "{address}" is filled in."""

    reply: str
    phase: str = "rcpt"


@dataclass(frozen=True, slots=True)
class Carrier:
    """One carrier.  `domains` name each its mail exchanger.

    From one address it takes `connections` at once, `per_connection` messages on each, and
    `per_second` messages a second, with half a second's worth at once; None is without end.
    `beyond`, `crowded` and `spent` say what comes then: a reply, "reset", or (only for `beyond`)
    "delay".  `local_part` says how dots where none may stand are to be written: "quoted" (RFC
    5321), "bare" or "both".  A `blocking` carrier calls everybody unknown, and so does any to who
    asked for more than `unknowns` that are; one of `everybody` asks no domain whether it is its
    own.  `delay` is how long the answer to a message takes, in seconds.
    """

    name: str
    domains: Mapping[str, str]
    unknown: Words
    filtered: Words
    full: Words = field(default_factory=lambda: Words(_FULL))
    connections: int | None = None
    per_connection: int | None = None
    per_second: float | None = None
    beyond: str = _SLOWER
    crowded: str = _CROWDED
    spent: str = _SPENT
    local_part: str = "quoted"
    blocking: bool = False
    unknowns: int | None = None
    everybody: bool = False
    delay: float = 0.0
    tls: bool = False
    pipelining: bool = True

    def takes(self, domain: str) -> bool:
        """Whether a domain, or one it lies under, is this carrier's."""
        labels = domain.split(".")
        return self.everybody or any(
            ".".join(labels[start:]) in self.domains for start in range(len(labels))
        )


def _mobile(name: str, domains: Mapping[str, str], **rest: Any) -> Carrier:
    limits = {"connections": 4, "per_connection": 50, "per_second": 16.0}
    words = {"unknown": Words(_SOFTBANK), "filtered": Words(_DROPPED, "dot")}
    return Carrier(name, domains, **{**limits, **words, **rest})


def _each(*domains: str, at: str) -> dict[str, str]:
    return dict.fromkeys(domains, at)


CARRIERS = (
    _mobile(
        "docomo",
        {"docomo.ne.jp": "mfsmax.docomo.ne.jp"},
        unknown=Words("550 Unknown user {address}"),
        filtered=Words("550 Unknown user {address}", "dot"),
        full=Words("552 Too much mail data", "dot"),
        local_part="both",
    ),
    _mobile(
        "au",
        {
            "ezweb.ne.jp": "lsean.ezweb.ne.jp",
            "au.com": "msmx.au.com",
            "uqmobile.jp": "mx.uqmobile.jp",
        },
        unknown=Words("550 <{address}>: User unknown"),
        filtered=Words("550 : User unknown"),
        beyond=RESET,
        crowded=RESET,
        spent=RESET,
        local_part="both",
    ),
    _mobile(
        "softbank",
        {
            "softbank.ne.jp": "mx.softbank.ne.jp",
            "i.softbank.jp": "mx.i.softbank.jp",
            "vodafone.ne.jp": "mx.softbank.ne.jp",
            "disney.ne.jp": "mx.softbank.ne.jp",
        },
    ),
    _mobile("ymobile", _each("ymobile.ne.jp", "ymobile1.ne.jp", at="mx.ymobile.ne.jp")),
    _mobile("rakumail", {"rakumail.jp": "mx.rakumail.jp"}),
    Carrier(
        "yahoo",
        _each("yahoo.co.jp", "yahoo.ne.jp", at="mx1.mail.yahoo.co.jp"),
        unknown=Words("550 5.1.1 <{address}>: user does not exist"),
        filtered=Words(_DROPPED, "dot"),
        connections=3,
        per_connection=20,
        per_second=12,
        beyond="421 4.7.0 [TSS04] Messages from your host temporarily deferred",
        crowded="421 4.7.0 [IPTS04] Messages from your host temporarily deferred",
    ),
    Carrier(
        "gmail",
        {
            "gmail.com": "gmail-smtp-in.l.google.com",
            "workspace.ed.jp": "aspmx.l.google.com",
        },
        unknown=Words(_GMAIL_UNKNOWN),
        filtered=Words(
            "550 5.7.1 Our system has detected that this message is likely suspicious", "dot"
        ),
        full=Words("452 4.2.2 The email account that you tried to reach is over quota. - gsmtp"),
        connections=20,
        per_connection=100,
        per_second=200,
        beyond="421 4.7.28 Our system has detected an unusual rate of unsolicited mail",
        crowded="421 4.7.0 Try again later, closing connection. - gsmtp",
        tls=True,
    ),
    Carrier(
        "icloud",
        _each("icloud.com", "me.com", "mac.com", at="mx01.mail.icloud.com"),
        unknown=Words("550 5.1.1 <{address}>: user does not exist"),
        filtered=Words("550 5.7.1 Mail rejected due to local policy", "dot"),
        full=Words("552 5.2.2 <{address}>: user is over quota"),
        connections=10,
        per_connection=5,
        per_second=100,
    ),
    Carrier(
        "outlook",
        _each(
            "outlook.com",
            "outlook.jp",
            "hotmail.com",
            "live.jp",
            at="outlook-com.olc.protection.outlook.com",
        ),
        unknown=Words("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)"),
        filtered=Words(_DROPPED, "dot"),
        full=Words("552 5.2.2 Mailbox full (quota exceeded)"),
        connections=10,
        per_connection=50,
        per_second=100,
        beyond="451 4.7.650 The mail server has been temporarily rate limited due to IP reputation",
        crowded="421 RP-001 The connection limit of your host is exceeded",
    ),
    Carrier(
        "other",
        _each("example.jp", "example.com", "example.net", "example.org", at="mx.slow.example"),
        unknown=Words("550 5.1.1 <{address}>: Recipient address rejected: User unknown"),
        filtered=Words("550 5.7.1 Message rejected as spam by Content Filtering", "dot"),
        full=Words("452 4.2.2 <{address}>: Mailbox full"),
        connections=20,
        per_connection=100,
        everybody=True,
        delay=0.2,
    ),
)
"""All of them; the n-th answers at 127.0.2.n."""

_CHANGEABLE = {each.name for each in fields(Carrier)} - {
    "name",
    "domains",
    "everybody",
    "tls",
    "pipelining",
}
_LOCAL_PARTS = ("quoted", "bare", "both")
_REPLY = re.compile(r"[2-5]\d\d [^\r\n]*")


def changed(carrier: Carrier, order: Mapping[str, Any]) -> Carrier:
    """Another rule for a carrier; raises ValueError for what cannot be ordered.

    Words are ordered as {"reply": "550 …", "phase": "dot"}.
    """
    if unknown := set(order) - _CHANGEABLE:
        raise ValueError(f"a carrier has no {', '.join(sorted(unknown))} to change")
    values: dict[str, Any] = {
        name: Words(**value) if isinstance(value, dict) else value for name, value in order.items()
    }
    new = replace(carrier, **values)
    if new.local_part not in _LOCAL_PARTS:
        raise ValueError("a local part is quoted, bare or both")
    for reply in _replies(values):
        if not _REPLY.fullmatch(reply):
            raise ValueError("a reply is one line with a code")
    return new


def _replies(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Words):
            yield value.reply
        elif name in ("beyond", "crowded", "spent") and value not in (RESET, DELAY):
            yield value
