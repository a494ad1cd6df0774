"""Mail addresses as Japanese families have them.

Until about 2009 docomo and au gave out local parts that RFC 5321 §4.1.2 allows only in quotes:
two dots in a row, a dot at the end (`a..b.@docomo.ne.jp`). Their holders keep them, and type
them without quotes. They are addresses like any other here.
"""

import re
from dataclasses import dataclass

from domain.folding import fold, fold_dashes

# RFC 5321 §4.5.3.1.1, and §4.5.3.1.3 less the angle brackets of a path.
_LOCAL_LIMIT = 64
_TOTAL_LIMIT = 254

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_DOT_STRING = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_LOOSE_LOCAL = re.compile(rf"(?:{_ATEXT}|\.)+")
_QUOTED_LOCAL = re.compile(rf'"(?:\\?(?:{_ATEXT}|\.))+"')

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter, or "192.0.2.1" would be a domain.
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z]){_LABEL}")

_WRAPPERS = ("<>", "「」", "『』", "()", "[]", "“”", '""', "''", "【】")
_MAILTO = re.compile(r"mailto:([^?]*)(?:\?.*)?", re.IGNORECASE)


@dataclass(frozen=True)
class MailAddress:
    """One mail address.

    Attributes:
        raw: as to be shown: cleaned of width and wrapping, case and quotes as they were typed.
        key: what makes two spellings one address; the blind index is made of it.
        local: the local part without quotes, case as typed.
        domain: the domain in IDNA ASCII, lower case.
    """

    raw: str
    key: str
    local: str
    domain: str


@dataclass(frozen=True, slots=True)
class ChatAddress:
    """One person's address on a chat channel: the provider's own name for them."""

    channel: str
    account: str
    address: str


def normalise_mail(text: str) -> MailAddress | None:
    """Read a mail address out of what somebody typed or pasted; None if it is not one.

    Full width, surrounding brackets or quotes, `mailto:`, a closing "。" and the old carriers'
    dots are accepted. Refused are line breaks and spaces inside (also where RFC 5321 would allow
    them in quotes: no family has such an address), local parts beyond ASCII, address literals
    and whatever exceeds RFC 5321's lengths.

    Case is folded in the key although RFC 5321 §2.4 leaves it to the receiver: no carrier or
    provider tells Taro@ from taro@.
    """
    typed_local, at, typed_domain = _unwrapped(fold(text)).rpartition("@")
    typed_local, typed_domain = fold_dashes(typed_local), _with_hyphens(typed_domain)
    local, domain = _dequoted(typed_local), _ascii_domain(typed_domain)
    if not at or local is None or domain is None or len(local) > _LOCAL_LIMIT:
        return None
    address = MailAddress(
        raw=f"{typed_local}@{typed_domain.removesuffix('.')}",
        key=f"{local.lower()}@{domain}",
        local=local,
        domain=domain,
    )
    return address if len(envelope_form(address)) <= _TOTAL_LIMIT else None


def envelope_form(address: MailAddress) -> str:
    """Return the address for `RCPT TO` and `To:`, quoted where RFC 5321 §4.1.2 requires it."""
    if _DOT_STRING.fullmatch(address.local):
        return unquoted_form(address)
    return f'"{address.local}"@{address.domain}'


def unquoted_form(address: MailAddress) -> str:
    """Return the address never quoted: what to try when a server refuses the quoted form."""
    return f"{address.local}@{address.domain}"


def _unwrapped(text: str) -> str:
    """Take off what people and programs put around an address, layer by layer."""
    while True:
        inner = _without_one_layer(text).strip()
        if inner == text:
            return text
        text = inner


def _without_one_layer(text: str) -> str:
    mailto = _MAILTO.fullmatch(text)
    if mailto:
        return mailto[1]
    wrapped = len(text) > 1 and text[0] + text[-1] in _WRAPPERS
    return text[1:-1] if wrapped else text.rstrip("。、,;")


def _dequoted(local: str) -> str | None:
    """Return a local part without quotes and backslashes, or None if it cannot be one."""
    if _LOOSE_LOCAL.fullmatch(local):
        return local
    if _QUOTED_LOCAL.fullmatch(local):
        return local[1:-1].replace("\\", "")
    return None


def _with_hyphens(domain: str) -> str:
    # In a Japanese domain name (スーパー.jp) ー is a letter, in a Latin one a mistyped hyphen.
    folded = fold_dashes(domain)
    return folded if folded.isascii() else domain


def _ascii_domain(domain: str) -> str | None:
    """Return a domain in IDNA ASCII (RFC 3490) and lower case, or None if it cannot be one."""
    if len(domain) > _TOTAL_LIMIT:
        return None
    try:
        ascii_domain = domain.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return ascii_domain if _DOMAIN.fullmatch(ascii_domain) else None
