"""SPF (RFC 7208): whether a domain lets an address of ours send for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from channels.email.answers import Answers

# RFC 7208 section 4.6.4: more questions to the DNS than these make every receiver give up.
MOST_LOOKUPS = 10
_ASKING = frozenset({"a", "mx", "ptr", "exists", "include", "redirect"})
_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_TERM = re.compile(
    r"(?P<sign>[-+~?]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)"
    r"(?::(?P<value>[^\s/]+))?(?P<width>/\d{1,3})?(?://(?P<width6>\d{1,3}))?",
    re.IGNORECASE,
)
_MODIFIER = re.compile(r"(?P<name>[a-z][a-z0-9_.-]*)=(?P<value>\S*)", re.IGNORECASE)
_MACRO = re.compile(r"%(?:([%_-])|\{([slodiphcrtv])(\d*)(r?)([-.+,/_=]*)\})", re.IGNORECASE)


class SpfBroken(Exception):
    """Receivers take the record for none at all; the words say why."""


@dataclass(frozen=True, slots=True)
class Term:
    """One mechanism, or the modifier `redirect`."""

    name: str
    value: str = ""
    sign: str = "+"
    width: int | None = None
    width6: int | None = None

    @property
    def result(self) -> str:
        return _RESULTS[self.sign]


def record(answers: Answers, domain: str) -> str | None:
    """The record of a domain; raises SpfBroken where there are several."""
    found = [text for text in answers.texts(domain) if re.match(r"v=spf1( |$)", text, re.I)]
    if len(found) > 1:
        raise SpfBroken(f"{domain} has {len(found)} SPF records, and none counts: leave one")
    return found[0] if found else None


def terms(text: str) -> list[Term]:
    """Mechanisms in their order, and `redirect` at the end where no `all` comes before it."""
    found: list[Term] = []
    redirect: list[Term] = []
    for word in text.split()[1:]:
        if modifier := _MODIFIER.fullmatch(word):
            if modifier["name"].lower() == "redirect":
                redirect.append(Term("redirect", modifier["value"]))
        else:
            found.append(_term(word))
    ends = any(term.name == "all" for term in found)
    return found if ends else [*found, *redirect]


def _term(word: str) -> Term:
    match = _TERM.fullmatch(word)
    if match is None:
        raise SpfBroken(f"“{word}” in the SPF record is not understood")
    name, value = match["name"].lower(), match["value"] or ""
    if (not value and name in ("include", "ip4", "ip6", "exists")) or (value and name == "all"):
        raise SpfBroken(f"“{word}” in the SPF record is not understood")
    width = int(match["width"][1:]) if match["width"] else None
    width6 = int(match["width6"]) if match["width6"] else None
    if (width or 0) > (128 if name == "ip6" else 32) or (width6 or 0) > 128:
        raise SpfBroken(f"“{word}” in the SPF record is no network")
    term = Term(name, value, match["sign"] or "+", width, width6)
    if name in ("ip4", "ip6"):
        _network(term)
    return term


def _network(term: Term) -> str:
    """The network of ip4 and ip6; raises SpfBroken for what is none."""
    text = term.value if term.width is None else f"{term.value}/{term.width}"
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise SpfBroken(f"“{text}” in the SPF record is no address") from None


def lookups(answers: Answers, domain: str, sender: Sender | None = None) -> int:
    """How many questions the record costs a receiver whom it does not match before its end.

    Stops counting beyond MOST_LOOKUPS, so that records which include each other come to an end.
    """
    return _cost(answers, domain, MOST_LOOKUPS + 1, sender or Sender("", f"x@{domain}", domain))


def _cost(answers: Answers, domain: str, left: int, sender: Sender) -> int:
    text = record(answers, domain)
    spent = 0
    for term in terms(text or "v=spf1"):
        spent += term.name in _ASKING
        if term.name in ("include", "redirect") and spent < left:
            below = sender.expand(term.value, domain)
            spent += _cost(answers, below, left - spent, sender)
        if spent >= left:
            return left
    return spent


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: our address, the envelope's sender, and the name that we say EHLO with."""

    address: str
    mail_from: str
    ehlo: str

    def expand(self, text: str, domain: str) -> str:
        """A domain with its macros replaced (RFC 7208 section 7)."""
        return _MACRO.sub(lambda match: self._macro(match, domain), text) if "%" in text else text

    def _macro(self, match: re.Match[str], domain: str) -> str:
        plain, letter, digits, backwards, delimiters = match.groups()
        if plain:
            return {"%": "%", "_": " ", "-": "%20"}[plain]
        parts = re.split(f"[{re.escape(delimiters or '.')}]", self._value(letter.lower(), domain))
        parts = parts[::-1] if backwards else parts
        return ".".join(parts[-int(digits) :] if digits and int(digits) else parts)

    def _value(self, letter: str, domain: str) -> str:
        local, _, sender_domain = self.mail_from.rpartition("@")
        values = {"s": self.mail_from, "l": local, "o": sender_domain, "d": domain, "h": self.ehlo}
        if self.address:
            address = ip_address(self.address)
            nibbles = ".".join(address.exploded.replace(":", ""))
            values["i"] = self.address if address.version == 4 else nibbles
            values["v"] = "in-addr" if address.version == 4 else "ip6"
        return values.get(letter, "unknown")


def evaluate(answers: Answers, domain: str, sender: Sender) -> str:
    """pass, fail, softfail, neutral or none for `sender.address`.

    Raises SpfBroken for a record that receivers cannot follow.  Only for a domain whose `lookups`
    are few enough: records that include each other would have no end.
    """
    text = record(answers, domain)
    if text is None:
        return "none"
    for term in terms(text):
        if term.name == "redirect":
            result = evaluate(answers, sender.expand(term.value, domain), sender)
            if result == "none":
                raise SpfBroken(f"redirect={term.value} leads to no SPF record")
            return result
        if _matches(answers, term, domain, sender):
            return term.result
    return "neutral"


def _matches(answers: Answers, term: Term, domain: str, sender: Sender) -> bool:
    if term.name == "all":
        return True
    if term.name in ("ip4", "ip6"):
        return ip_address(sender.address) in ip_network(_network(term))
    target = sender.expand(term.value, domain) if term.value else domain
    if term.name == "include":
        result = evaluate(answers, target, sender)
        if result == "none":
            raise SpfBroken(f"include:{term.value} leads to no SPF record")
        return result == "pass"
    if term.name == "exists":
        return any(ip_address(one).version == 4 for one in answers.addresses(target))
    return any(
        _is_within(sender.address, one, term) for one in _hosts(answers, term, target, sender)
    )


def _hosts(answers: Answers, term: Term, target: str, sender: Sender) -> Iterator[str]:
    """The addresses that a, mx or ptr stand for."""
    if term.name == "a":
        yield from answers.addresses(target)
    elif term.name == "mx":
        for exchanger in answers.exchangers(target)[:MOST_LOOKUPS]:
            yield from answers.addresses(exchanger)
    else:
        for name in answers.names(sender.address)[:MOST_LOOKUPS]:
            if name == target.lower() or name.endswith(f".{target.lower()}"):
                yield from answers.addresses(name)


def _is_within(address: str, host: str, term: Term) -> bool:
    ours, theirs = ip_address(address), ip_address(host)
    if ours.version != theirs.version:
        return False
    width = term.width if ours.version == 4 else term.width6
    return ours in ip_network(f"{host}/{ours.max_prefixlen if width is None else width}", False)
