"""The table of what carriers say when they do not take a mail, and what each sentence means.

The words are the carriers' own, as published by them or seen by those who collect them:

- docomo, au: note.com/sendmagic (n/neb6bbe7e51cf, n/n875d8dcb6cb8), and Sisimai's observations of
  mfsmax.docomo.ne.jp, lsean.ezweb.ne.jp and msmx.au.com;
- SoftBank: note.com/sendmagic (n/n5afbf98aeb25).  Y!mobile and Rakuten publish nothing and are
  read like SoftBank;
- Yahoo! JAPAN: KumoMTA's community rules (assets/community/shaping.toml) and help.yahoo.com
  SLN3444, whose words it shares with Yahoo Inc. (senders.yahooinc.com/smtp-error-codes);
- Gmail: support.google.com/a/answer/3726730 and mail/answer/81126;
- iCloud: support.apple.com/102322 and Sisimai;
- Microsoft: learn.microsoft.com, non-delivery reports in Exchange Online; postmaster.live.com.

Sisimai (sisimai/p5-sisimai, BSD-2-Clause: Rhost/NTTDOCOMO, KDDI, Google, Apple, Microsoft,
YahooInc and Reason/*) and KumoMTA (Apache-2.0) were read for what the sentences mean; no line of
theirs stands here.

The first rule that fits wins.  What is about us comes before what is about the recipient: no
family may be struck off because our name, our address or our relay is in bad repute.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot"]
"""What was asked when the reply came: `connect` is the greeting, `dot` the end of the message."""

# Reasons for which a later try may succeed; all others end the delivery.
LATER = frozenset(
    (
        "blocked_us",  # the carrier refuses our address or network, for a time
        "greylisted",
        "mailbox_full",
        "no_tls",  # it takes mail encrypted only
        "relay_denied",  # it is not the one to take this mail from us
        "relay_needs_login",
        "sender_refused",  # it refuses our sender's address
        "temporary",
        "too_busy",  # too much, too fast or too many connections
        "unauthenticated",  # SPF, DKIM, DMARC or the reverse name of our address fails
        "unclear",
    )
)

_EVERY: tuple[Phase, ...] = (
    "connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot",
)  # fmt: skip
_BEFORE_SENDER: tuple[Phase, ...] = ("connect", "ehlo", "starttls", "auth")
_ENVELOPE: tuple[Phase, ...] = ("mail", "rcpt", "data")
_RECIPIENT: tuple[Phase, ...] = ("rcpt", "data", "dot")
_BODY: tuple[Phase, ...] = ("data", "dot")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: `codes`, `enhanced` (RFC 3463) and `words` are regular expressions.

    `words` is looked for in the reply in lower case, without the enhanced code and with "@" in the
    place of addresses.  Without `lanes`
    the rule is for everybody.
    """

    reason: str
    codes: str
    words: str = ""
    enhanced: str = ".*"
    phases: tuple[Phase, ...] = _EVERY
    lanes: tuple[str, ...] = ()
    _codes: re.Pattern[str] = field(init=False, repr=False)
    _words: re.Pattern[str] = field(init=False, repr=False)
    _enhanced: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("codes", "words", "enhanced"):
            object.__setattr__(self, f"_{name}", re.compile(getattr(self, name)))

    def fits(self, code: str, enhanced: str, words: str) -> bool:
        return (
            self._codes.fullmatch(code) is not None
            and self._enhanced.fullmatch(enhanced) is not None
            and self._words.search(words) is not None
        )


_BLOCKED = (
    r"(?<![\w.])ip(?!\w|\.\w)|your (network|server|host)|client host|reputation|\bbanned\b"
    r"|block ?list|black ?list"
    r"|\bblocked using\b|spamhaus|dnsbl|\brbl\b|not accepting (connections|mail|network)"
)
_UNPROVED = (
    r"\b(spf|dkim|dmarc|unauthenticated|reverse dns)\b|\bauthentication\b.*(fail|pass)"
    r"|(?<![\w.])ptr(?!\w|\.\w)"
)
_ENCRYPT = r"\b(must issue|require).{0,20}\b(start)?tls\b|\b(start)?tls\b.{0,20}\brequired\b"
_TOO_MUCH = (
    r"\b(too (many|fast|quickly)|throttl|rate.?limit|limit (is )?exceeded|slow(er| down)|busy\b"
    "|excessive|unusual (rate|traffic)|at a rate|unexpected volume|max(imum)? (number of )?message"
    "|concurrent|exceeded the max|temporarily deferred)"
)
_FULL = (
    r"\b(mailbox|inbox|account)(full|.{0,20}\bfull)\b|\bover.{0,6}quota\b|quota.{0,10}exceed"
    "|exceed.{0,20}quota|out of storage|insufficient (disk|storage)|not enough space"
)
_NOBODY = (
    r"user unknown|unknown (user|recipient|mailbox|address|local)"
    r"|no such (user|mailbox|recipient|person|address)"
    r"|(user|recipient|mailbox|account|address|does)( .{1,80})? (does )?not (exist|found|known)"
    r"|(invalid|illegal) (recipient|mailbox|user|alias)|unknown or illegal alias"
    r"|doesn'?t have an? .*account|not a (valid|known) (user|mailbox|recipient)|no mailbox here"
    r"|mailbox (is )?(unavailable|disabled|inactive|not found)|no longer (valid|on server)"
    r"|(account|user|mailbox).{0,40} (is )?(disabled|inactive|deactivated|discontinued|suspended)"
    r"|inactive (email|user)|recipientnotfound|recipient .{0,80}not found"
)
_POLICY = r"\b(policy|policies|prohibited|security)\b|virus|malware"
_SOFTBANKS = ("softbank", "ymobile", "rakumail")

# What only one carrier means by it.
CARRIERS = (
    # docomo ends a session so at the 101st recipient of it.
    Rule("too_busy", "554", "transaction failed", phases=("rcpt", "data"), lanes=("docomo",)),
    Rule("too_busy", "552", "too many recipients", lanes=("docomo",)),
    # au says so of an address that it cannot read, or that is none of its own.
    Rule("bad_address", "554", "relay access denied", phases=("rcpt",), lanes=("au",)),
    # SoftBank says so where the sender's domain has no record in DNS: it names no address.
    Rule("sender_refused", "553", r"^[^@]*does not exist", lanes=_SOFTBANKS),
)

ABOUT_US = (
    Rule("no_tls", "4..|5..", _ENCRYPT),
    Rule("no_tls", "...", phases=("starttls",)),
    Rule("relay_needs_login", "5..", phases=("auth",)),
    Rule("temporary", "4..", phases=("auth",)),
    Rule("relay_needs_login", "530|535|538", phases=_ENVELOPE),
    Rule("too_busy", "...", _TOO_MUCH, phases=_BEFORE_SENDER),
    Rule("too_busy", "421", "(?!.*(reputation|block|banned))", phases=_BEFORE_SENDER),
    Rule("blocked_us", "5..", phases=("connect", "ehlo")),
    Rule("relay_denied", "5..", r"rela(y|ying)\b.*(den|refus|not permitted|prohibit)"),
    Rule("relay_denied", "5..", "(not permitted|unable|not allowed) to relay"),
    Rule("too_large", "5..", r"\bsize\b|too (large|big)", phases=("mail",)),
    Rule("too_large", "552", phases=("mail",)),
    # Yahoo's: 553 is for good by its number, and said of an address of ours for some hours.
    Rule("blocked_us", "4..|5..", r"\bvs9\d-ip|\bbl\d\d\b|permanently deferred"),
    Rule("too_busy", "4..|5..", r"\b(tss?|ipts)\d\d\b|\bvs\d-(ip|mf) excessive"),
    # Microsoft's: RP is the rate, SC, DY and OU the address; S31xx is its block list.
    Rule("too_busy", "4..|5..", r"\brp-00\d"),
    Rule("blocked_us", "5..", r"\b(sc|dy|ou)-00\d|\(s31[45]0\)"),
    Rule("blocked_us", "4..|5..", enhanced=r"[45]\.7\.(511|513|6\d\d|8[5-9]\d)|4\.7\.5\d\d"),
    Rule("unauthenticated", "4..|5..", enhanced=r"[45]\.7\.(2[0-7]|29|30|32|509|515)"),
    # What Google counts by the address of the sender, though it may say "spam" as well.
    Rule("too_busy", "4..|5..", _TOO_MUCH, enhanced=r"4\.7\..*|[45]\.2\.1|[45]\.7\.28|5\.4\.5"),
    Rule("unauthenticated", "4..|5..", _UNPROVED, phases=("mail", "rcpt", "data", "dot")),
    Rule("blocked_us", "4..|5..", _BLOCKED),
)

ABOUT_RECIPIENT = (
    Rule("greylisted", "4..", r"\bgr[ae]y.?list"),
    # The server's own disk (X.3.1 in RFC 3463, the words of 452 in RFC 5321), and nobody's mailbox.
    Rule("temporary", "4..|5..", r"^(?!.*(mailbox|inbox|account|quota))", r"[45]\.3\.1"),
    Rule("temporary", "4..", "insufficient system (storage|resources)", r"(?!4\.2\.2).*"),
    Rule("mailbox_full", "4..|5..", _FULL, phases=_RECIPIENT),
    # docomo's full mailbox, with its words or with none.
    Rule(
        "mailbox_full", "552", r"too much mail data|^\s*$", "(?!5\\.3\\.4|5\\.2\\.3).*", _RECIPIENT
    ),
    Rule("too_busy", "4..|5..", _TOO_MUCH),
    # docomo says this of an address that it took at RCPT, and au without any address, when it was
    # the family's own filter: the address is good and must not be struck off.
    Rule("filtered", "550", "unknown user|user unknown", phases=_BODY),
    Rule("filtered", "550", r"^\s*:\s*user unknown", phases=_RECIPIENT),
    Rule(
        "filtered",
        "5..",
        "(user|recipient) (rules|preferences|reject|refuse)|refuses to receive"
        "|blocked by the recipient|rejected by recipient|only accepting mail from",
        phases=_RECIPIENT,
    ),
    Rule("too_large", "5..", r"line too long|too (large|big)|(exceed|maximum).{0,40}\bsize"),
    # A greater word than "spam": whose address is unknown is unknown to a filter too.
    Rule("unknown_user", "5..", _NOBODY, phases=_RECIPIENT),
    # Microsoft's edge, where the tenant has no such recipient.
    Rule("unknown_user", "5..", "recipient address rejected: access denied", phases=("rcpt",)),
    Rule("spam", "5..", r"\bspam\b|\bjunk\b|unsolicited|suspicious|bulk mail", phases=_RECIPIENT),
    Rule("policy", "5..", _POLICY, phases=_RECIPIENT),
)

# Where no words tell it: the enhanced code, then the basic one.
CODES = (
    Rule("mailbox_full", "4..", enhanced=r"4\.2\.2"),
    Rule("mailbox_full", "5..", enhanced=r"5\.2\.2", phases=_RECIPIENT),
    Rule("too_busy", "4..", enhanced=r"4\.3\.2|4\.4\.5|4\.7\.0|4\.7\.28"),
    Rule("too_busy", "421"),
    Rule("temporary", "4.."),
    Rule("sender_refused", "5..", phases=("mail",)),
    Rule("unknown_user", "5..", enhanced=r"5\.1\.(0|1|6|10)|5\.2\.1", phases=_RECIPIENT),
    Rule("bad_address", "5..", enhanced=r"5\.1\.[23]|5\.6\.7", phases=_RECIPIENT),
    Rule("sender_refused", "5..", enhanced=r"5\.1\.[78]"),
    Rule("too_large", "5..", enhanced=r"5\.3\.4|5\.2\.3", phases=_RECIPIENT),
    Rule("policy", "5..", enhanced=r"5\.7\..*", phases=_RECIPIENT),
    Rule("mailbox_full", "552", phases=_RECIPIENT),
    # A command that is not understood, or comes at the wrong time, is ours to mend.
    Rule("unclear", "50[0234]"),
    Rule("bad_address", "501|553", phases=("rcpt", "data")),
    Rule("refused", "5..", phases=_RECIPIENT),
)
RULES = (*CARRIERS, *ABOUT_US, *ABOUT_RECIPIENT, *CODES)
