"""How a domain stands before carriers: six checks, each with what to publish where one fails.

What the carriers demand: Google's sender guidelines (SPF, DKIM, aligned DMARC, PTR, TLS), the pages
of docomo, au and SoftBank for those who send much (SPF and DMARC; an MX or A record of the
sender's domain).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import ip_address

from publicsuffixlist import PublicSuffixList

from channels.email import spf
from channels.email.answers import Answers, Unasked
from channels.email.sent_as import SentAs, Signing, is_hidden, is_loopback
from channels.email.spf import MOST_LOOKUPS, Sender, SpfBroken
from channels.email.tls_offer import NoTls, NotReached, try_tls
from domain.mail_checks import Checked, Result

_UNTOLD = (
    "which address mail leaves from is not told: write it into mx://…, or where another stands "
    "before it (NAT) set RENRAKUMO_MAIL_EHLO_NAME to that one's name"
)
_RELAYS_OWN = "cannot be seen from here: it is the relay's; ask whoever runs it"


def check_all(sent: SentAs, answers: Answers, tls: Callable[..., None] = try_tls) -> list[Checked]:
    """Make every check; what nobody answers is told apart from what is missing."""
    checks: dict[str, Callable[[], Checked]] = {
        "SPF": lambda: _spf(sent, answers),
        "DKIM": lambda: _dkim(sent, answers),
        "DMARC": lambda: _dmarc(sent, answers),
        "MX": lambda: _mx(sent, answers),
        "PTR": lambda: _ptr(sent, answers),
        "TLS": lambda: _tls(sent, answers, tls),
    }
    return [_made(name, check) for name, check in checks.items()]


def _made(name: str, check: Callable[[], Checked]) -> Checked:
    try:
        return check()
    except Unasked as error:
        words = f"could not be asked: no DNS server answered about {error}"
        return Checked(name, Result.UNASKED, words)
    except NotReached as error:
        return Checked(name, Result.UNASKED, f"could not be asked: {error}")


def _passed(name: str, words: str) -> Checked:
    return Checked(name, Result.PASSED, words)


def _failed(name: str, words: str, publish: str = "") -> Checked:
    return Checked(name, Result.FAILED, words, publish)


# SPF.


def _spf(sent: SentAs, answers: Answers) -> Checked:
    domain, ours = sent.domain, _egress(sent, answers)
    proposed = _publish(domain, _proposed_spf(sent, ours))
    try:
        text = spf.record(answers, domain)
        if text is None:
            return _failed("SPF", "no SPF record", proposed)
        if spf.lookups(answers, domain) > MOST_LOOKUPS:
            words = f"the SPF record of {domain} asks the DNS more than {MOST_LOOKUPS} times"
            return _failed("SPF", f"{words}, so that receivers give up: put addresses in it")
        if sent.relays:
            return _spf_of_relay(text)
        return _spf_of_us(sent, answers, text, ours) if ours else _failed("SPF", _UNTOLD)
    except SpfBroken as error:
        return _failed("SPF", f"{error}. Put it right, or replace it", proposed)


def _spf_of_us(sent: SentAs, answers: Answers, text: str, ours: Sequence[str]) -> Checked:
    for address in ours:
        result = spf.evaluate(answers, sent.domain, Sender(address, sent.mail_from, sent.ehlo))
        if result != "pass":
            words = f"the SPF record of {sent.domain} does not let {address} send ({result})"
            return _failed("SPF", words, _publish(sent.domain, _with(text, ours)))
    return _open_to_all(text) or _passed("SPF", f"“{text}” lets {', '.join(ours)} send")


def _spf_of_relay(text: str) -> Checked:
    """From where a relay sends only its owner knows."""
    if not [term for term in spf.terms(text) if term.name != "all" and term.sign == "+"]:
        words = f"“{text}” lets nobody send: add what whoever runs the relay tells you to"
        return _open_to_all(text) or _failed("SPF", words)
    words = f"“{text}”; whether it lets the relay send {_RELAYS_OWN}"
    return _open_to_all(text) or _passed("SPF", words)


def _open_to_all(text: str) -> Checked | None:
    if not any(term.name == "all" and term.sign == "+" for term in spf.terms(text)):
        return None
    return _failed("SPF", f"“{text}” lets everybody send in your name: end it in -all or ~all")


def _proposed_spf(sent: SentAs, ours: Sequence[str]) -> str:
    if ours:
        return _with("v=spf1 mx -all", ours)
    if sent.direct:
        return "v=spf1 mx ip4:<the address that mail leaves from> -all"
    return "v=spf1 mx <what whoever runs the relay tells you, such as include:…> -all"


def _with(text: str, addresses: Sequence[str]) -> str:
    """A record that lets these addresses send too, before anything in it can refuse them."""
    words = text.split()
    new = [f"ip{ip_address(one).version}:{one}" for one in addresses]
    return " ".join([words[0], *[one for one in new if one not in words], *words[1:]])


# DKIM.


def _dkim(sent: SentAs, answers: Answers) -> Checked:
    signing = sent.signing
    if signing is None:
        words = (
            "mail is not signed: make a key (`renrakumo mail dkim-new`) and set "
            "RENRAKUMO_DKIM_DOMAIN, RENRAKUMO_DKIM_SELECTOR and RENRAKUMO_DKIM_KEY_FILE; where the "
            "relay signs, the first two alone"
        )
        return _failed("DKIM", words)
    texts = answers.texts(signing.record)
    return _published(signing, [tags for text in texts if "p" in (tags := _tags(text))])


def _published(signing: Signing, found: Sequence[dict[str, str]]) -> Checked:
    name = signing.record
    ours = signing.public_key or "<the public key>"
    publish = _publish(name, f"v=DKIM1; k=rsa; p={ours}")
    if len(found) != 1:
        words = f"{len(found)} keys at {name}: leave one" if found else f"no key at {name}"
        return _failed("DKIM", words, publish)
    (tags,) = found
    key = re.sub(r"\s", "", tags["p"])
    if not key:
        return _failed("DKIM", f"the key at {name} is revoked (p= is empty)", publish)
    if signing.public_key and key != signing.public_key:
        words = f"the key at {name} is not the one that mail is signed with"
        return _failed("DKIM", words, publish)
    if "sha256" not in tags.get("h", "sha256") or not {"*", "email"} & {*_listed(tags, "s", "*")}:
        return _failed("DKIM", f"the record at {name} does not allow our signatures", publish)
    matches = "is ours" if signing.public_key else "is there; whether it fits " + _RELAYS_OWN
    return _passed("DKIM", f"the key at {name} {matches}")


def _listed(tags: dict[str, str], name: str, default: str) -> list[str]:
    return [one.strip() for one in tags.get(name, default).split(":")]


def _tags(text: str) -> dict[str, str]:
    """The tags of a record (RFC 6376 section 3.2); a later one of the same name is ignored."""
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    found: dict[str, str] = {}
    for name, _, value in pairs:
        found.setdefault(name.strip().lower(), value.strip())
    return found


# DMARC.


def _dmarc(sent: SentAs, answers: Answers) -> Checked:
    found: list[str] = []
    for domain in dict.fromkeys((sent.domain, organisation(sent.domain))):
        texts = answers.texts(f"_dmarc.{domain}")
        found = found or [text for text in texts if re.match(r"v\s*=\s*DMARC1\s*(;|$)", text)]
    # Beneath lg.jp the organisation is not the city's own registration: so not there.
    publish = _publish(f"_dmarc.{sent.domain}", "v=DMARC1; p=none")
    if len(found) != 1:
        words = f"{len(found)} DMARC records, and none counts" if found else "no DMARC record"
        return _failed("DMARC", words, publish)
    tags = _tags(found[0])
    if tags.get("p", "").lower() not in ("none", "quarantine", "reject"):
        return _failed("DMARC", f"“{found[0]}” has no p= that counts", publish)
    return _aligned(sent, found[0], strict=tags.get("adkim", "r").lower() == "s")


def _aligned(sent: SentAs, text: str, strict: bool) -> Checked:
    """SPF is for the sender's own domain always; so only the signature's can be another."""
    if sent.signing is None:
        return _passed("DMARC", f"“{text}”")
    signed = sent.signing.domain.lower()
    same = signed == sent.domain
    if same or (not strict and organisation(signed) == organisation(sent.domain)):
        return _passed("DMARC", f"“{text}”; the signature's domain {signed} belongs to it")
    words = f"mail is signed for {signed} and comes from {sent.domain}, which DMARC asks to be one"
    return _failed("DMARC", f"{words}: set RENRAKUMO_DKIM_DOMAIN={sent.domain}")


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def organisation(domain: str) -> str:
    """The organisational domain (RFC 7489 section 3.2): one label more than the public suffix."""
    return _suffixes().privatesuffix(domain.lower()) or domain.lower()


# MX, PTR, TLS.


def _mx(sent: SentAs, answers: Answers) -> Checked:
    found = answers.exchangers(sent.domain)
    publish = f"{sent.domain} MX 10 <the server that takes its mail in>"
    if not found:
        words = f"{sent.domain} has no MX: carriers refuse a sender who cannot be answered"
        return _failed("MX", words, publish)
    if "" in found:
        return _failed("MX", f"{sent.domain} says that it takes no mail (null MX)", publish)
    lost = [name for name in found if not answers.addresses(name)]
    if lost:
        return _failed("MX", f"the MX {lost[0]} has no address", f"{lost[0]} A <its address>")
    return _passed("MX", f"{', '.join(found)}")


def _ptr(sent: SentAs, answers: Answers) -> Checked:
    if sent.relays:
        return _passed("PTR", f"the name of the sending address {_RELAYS_OWN}")
    ours = _egress(sent, answers)
    if not ours:
        return _failed("PTR", _UNTOLD)
    for address in ours:
        wrong = _unnamed(sent, answers, address)
        if wrong:
            return _failed("PTR", *wrong)
    return _passed("PTR", f"{', '.join(ours)} is {sent.ehlo}, and the other way round")


def _unnamed(sent: SentAs, answers: Answers, address: str) -> tuple[str, str] | None:
    """What is wrong with an address's name, and what to publish; None where nothing is."""
    names = answers.names(address)
    greeted = sent.ehlo.lower()
    wanted = f"mail.{sent.domain}" if greeted.startswith("[") else greeted
    ask = f"Ask whoever gave you the address for the PTR {wanted}"
    if not names:
        return f"{address} has no name (PTR). {ask}", ""
    if greeted not in names:
        words = f"{address} is called {names[0]}, and we greet as {sent.ehlo}"
        leads_back = _leads_to(answers, names[0], address)
        return f"{words}. {f'Set RENRAKUMO_MAIL_EHLO_NAME={names[0]}' if leads_back else ask}", ""
    if not _leads_to(answers, greeted, address):
        kind = "A" if ip_address(address).version == 4 else "AAAA"
        return f"{greeted} does not lead back to {address}", f"{greeted} {kind} {address}"
    return None


def _leads_to(answers: Answers, name: str, address: str) -> bool:
    return ip_address(address) in {ip_address(one) for one in answers.addresses(name)}


def _tls(sent: SentAs, answers: Answers, tls: Callable[..., None]) -> Checked:
    """Relays with a certificate that holds.  Sending ourselves, our own MX shows whether mail gets
    out from here and TLS with it; of certificates carriers' servers are not asked.
    """
    tried = [(relay.host, relay.port, relay.tls == "at once", True) for relay in sent.relays]
    if sent.direct:
        own = [one for name in answers.exchangers(sent.domain) for one in answers.addresses(name)]
        if not own:
            return _failed("TLS", "cannot be tried before there is an MX with an address")
        tried = [(own[0], sent.direct[0].port, False, False)]
    for host, port, at_once, verified in tried:
        try:
            if sent.direct or not is_loopback(host):
                tls(host, port, sent.ehlo, at_once, verified)
        except NoTls as error:
            words = f"{host}:{port}: {error}. Have whoever runs it put it right, or name another"
            return _failed("TLS", words)
    return _passed("TLS", f"{', '.join(f'{host}:{port}' for host, port, _, _ in tried)} takes it")


# What all share.


def _egress(sent: SentAs, answers: Answers) -> tuple[str, ...]:
    """Our addresses as carriers see them: those told; where they are hidden behind another (NAT),
    or none is told, what the name leads to that we greet with.
    """
    told = [address for address in sent.egress if not is_hidden(address)]
    if len(told) == len(sent.direct) or sent.ehlo.startswith("["):
        return tuple(told)
    return tuple(dict.fromkeys([*told, *answers.addresses(sent.ehlo)]))


def _publish(name: str, text: str) -> str:
    return f'{name} TXT "{text}"'
