"""What `doctor` looks at, one function per matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from actions import audit
from commands.house import House
from settings import SECRET_LENGTH
from storage import inbox
from storage.migrate import current, newest


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `wrong` makes `doctor` exit with 1."""

    check: str
    wrong: bool
    words: str

    @property
    def mark(self) -> str:
        return "✗" if self.wrong else "✓"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_all(house: House) -> list[Finding]:
    """Every check that can be made; without a database the rest would only repeat that."""
    schema = _schema(house)
    findings = [schema, *_keys(house), *_channels(house)]
    if not schema.wrong:
        findings += [_parked(house), _records(house)]
    return findings


def _schema(house: House) -> Finding:
    try:
        found = current(house.database)
    except Exception as error:
        # Whatever it is, the other checks go on; the key files have one of their own.
        return Finding("database", True, f"cannot be opened ({type(error).__name__})")
    if found != newest():
        return Finding("database", True, f"schema {found}, not {newest()}: run `migrate`")
    return Finding("database", False, f"schema {found}")


def _keys(house: House) -> Iterator[Finding]:
    settings = house.settings
    for name, path in (
        ("data keys", settings.data_keys_file or settings.var_dir / "keys.json"),
        ("secret key", settings.var_dir / "secret.key"),
    ):
        if not path.exists():
            given = name == "secret key" and settings.secret_key is not None
            yield Finding(name, not given, "from the environment" if given else f"no {path}")
        elif path.stat().st_size < SECRET_LENGTH:
            yield Finding(name, True, f"{path} is too short to hold a key")
        elif path.stat().st_mode & 0o077:
            yield Finding(name, True, f"{path} can be read by others: chmod 600")
        else:
            yield Finding(name, False, f"{path}, readable by its owner only")


def _channels(house: House) -> Iterator[Finding]:
    """A channel that is off is no fault; a public address on loopback is worth a word."""
    settings = house.settings
    mail = "on" if settings.mail_is_on else "off: set RENRAKUMO_SMTP_URL and RENRAKUMO_MAIL_FROM"
    yield Finding("mail", False, mail)
    intake_on = settings.mail_in_listen is not None and settings.mail_in_domain is not None
    yield Finding(
        "mail intake",
        False,
        "on" if intake_on else "off: set RENRAKUMO_MAIL_IN_LISTEN and RENRAKUMO_MAIL_IN_DOMAIN",
    )
    yield Finding("web chat", False, f"on at {settings.public_url}/chat/")
    secure = settings.public_url.startswith("https://")
    local = "127.0.0.1" in settings.public_url or "localhost" in settings.public_url
    if not secure and not local:
        yield Finding("public address", True, "not https: links could be read on the way")
    elif "public_url" not in settings.model_fields_set:
        yield Finding("public address", False, "loopback only: set RENRAKUMO_PUBLIC_URL")


def _parked(house: House) -> Finding:
    with house.database.reading() as tx:
        parked = inbox.count(tx, "parked")
    words = f"{parked} messages could not be handled" if parked else "nothing parked"
    return Finding("inbox", parked > 0, words)


def _records(house: House) -> Finding:
    with house.database.reading() as tx:
        broken = audit.verify(tx)
    words = f"{len(broken)} faults: see `audit verify`" if broken else "chains are whole"
    return Finding("records", bool(broken), words)
