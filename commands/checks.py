"""What `doctor` looks at, one function per matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from actions import audit
from commands.channel_checks import check_channels
from commands.findings import Finding, title
from commands.house import House
from commands.mail_doctor import check_mail, subject_of
from commands.trouble_checks import check_troubles
from settings import SECRET_LENGTH
from storage import inbox
from storage.migrate import current, newest


def check_all(house: House) -> list[Finding]:
    """Every check that can be made; without a database the rest would only repeat that."""
    schema = _schema(house)
    findings = [schema, *_keys(house), *_signing_key(house), *check_channels(house)]
    findings += check_mail(house, keep=not schema.wrong)
    if not schema.wrong:
        findings += [
            *_parked(house),
            _records(house),
            *check_troubles(house, subject_of(house.settings)),
        ]
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


def _signing_key(house: House) -> Iterator[Finding]:
    """Whoever has the key signs mail in our name.  What is no key, the check of mail says."""
    path = house.settings.dkim_key_file
    try:
        open_to_others = path is not None and path.stat().st_mode & 0o077
    except OSError:
        return
    if open_to_others:
        yield Finding("signing key", True, f"{path} can be read by others: chmod 600")


def _parked(house: House) -> Iterator[Finding]:
    """What nobody here understood apart from what was understood and failed: they differ in who
    can do something about it.
    """
    with house.database.reading() as tx:
        items = inbox.parked(tx)
    if not items:
        yield Finding("inbox", False, "nothing set aside")
    unknown = Counter(item.channel for item in items if item.kind == "unknown")
    failed = Counter(item.channel for item in items if item.kind != "unknown")
    for counts, one, many, what in (
        (unknown, "event", "events", "not understood"),
        (failed, "turn", "turns", "failed"),
    ):
        for channel, count in sorted(counts.items()):
            thing = f"{count} {one if count == 1 else many} of {title(channel)}"
            yield Finding("inbox", True, f"{thing} {what} (renrakumo inbox list)")


def _records(house: House) -> Finding:
    with house.database.reading() as tx:
        broken = audit.verify(tx)
    words = f"{len(broken)} faults: see `audit verify`" if broken else "chains are whole"
    return Finding("records", bool(broken), words)
