"""What `doctor` looks at of the domain that mail is sent from, and who answers for what is missing.

The worker makes the same checks (delivery.gate): both come here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import parseaddr

from click import ClickException

from actions import mail_checks
from channels.email.answers import Answers
from channels.email.dkim import read_signer, record_strings
from channels.email.engine import own_name
from channels.email.lookup import sync_resolver
from channels.email.posture import check_all
from channels.email.relays import ways
from channels.email.sent_as import SentAs, Signing
from commands.channel_settings import mail_settings
from commands.findings import Finding
from commands.house import House
from commands.printing import fail
from delivery.gate import Gate
from domain.mail_checks import Checked, Result, Standing, Subject
from settings import Settings
from storage.mail_checks import differs_in_force

_PRETENCE = "not checked: this domain is nobody's, and mail stays on this machine"
_OTHER = (
    ". But the worker was last started with other settings, for which this does not hold: start it "
    "again with these, or accept with its own"
)


def sent_as(settings: Settings) -> SentAs | None:
    """How mail is sent; None where it is off.

    Raises ClickException or ValueError for settings that are wrong.
    """
    mail = mail_settings(settings)
    if mail is None:
        return None
    return SentAs(
        mail_from=parseaddr(mail.mail_from)[1],
        ways=ways(mail.relays),
        ehlo=mail.ehlo_name or own_name(),
        signing=_signing(settings),
        dns_servers=mail.dns_servers,
    )


def subject_of(settings: Settings) -> Subject | None:
    """What is to be checked with these settings; None where they are wrong."""
    try:
        sent = sent_as(settings)
    except (ClickException, ValueError):
        return None
    return sent.subject() if sent is not None else Subject()


def gate_of(house: House) -> Gate:
    """The gate before a worker's mail; it makes the checks by itself."""
    sent = sent_as(house.settings)
    if sent is None:
        return Gate(house.database)
    return Gate(house.database, sent.subject(), lambda: _look(sent))


def check_mail(house: House, *, keep: bool) -> Iterator[Finding]:
    """Make the checks now; with `keep` what they find opens the gate."""
    try:
        sent = sent_as(house.settings)
    except (ClickException, ValueError):
        # The check of the channel says which setting is wrong.
        return
    if sent is None:
        return
    subject = sent.subject()
    if not subject.bases:
        yield Finding("mail sender", False, _PRETENCE)
        return
    checked = _look(sent)
    kept = _keep(house, subject, checked) if keep else {}
    for one in checked:
        yield _finding(house, one, kept.get(one.name, Standing(one.name)))


def accept_check(house: House, name: str, reason: str) -> Finding:
    """Answer for one of CHECKS that does not pass, for thirty days."""
    try:
        sent = sent_as(house.settings)
    except ValueError as error:
        raise fail(str(error)) from None
    subject = sent.subject() if sent is not None else Subject()
    if sent is None or not subject.bases:
        raise fail("mail is off, or stays on this machine: there is nothing to accept")
    try:
        with house.database.writing() as tx:
            until = mail_checks.accept(tx, house.board_id, subject, name, reason)
            warning = _OTHER if differs_in_force(tx, subject, name) else ""
    except ValueError as error:
        raise fail(str(error)) from None
    words = f"accepted for {sent.described(name)} until {until:%Y-%m-%d %H:%M} UTC{warning}"
    return Finding(name, False, words)


def _look(sent: SentAs) -> Sequence[Checked]:
    return check_all(sent, Answers(sync_resolver(sent.dns_servers)))


def _keep(house: House, subject: Subject, checked: Sequence[Checked]) -> dict[str, Standing]:
    with house.database.writing() as tx:
        return {one.name: one for one in mail_checks.keep(tx, subject, checked)}


def _finding(house: House, one: Checked, known: Standing) -> Finding:
    """A check that does not pass is no fault while somebody answers for it."""
    now = house.database.clock()
    if one.result is Result.PASSED:
        return Finding(one.name, False, one.words)
    if known.is_accepted(now):
        until = f"{known.accepted_until:%Y-%m-%d}"
        words = f"accepted until {until} ({known.reason}); {one.words}"
        return Finding(one.name, False, words, one.publish)
    held = "" if known.holds(now) else " Until this passes no mail is sent."
    return Finding(one.name, True, one.words.rstrip(".") + "." + held, one.publish)


def _signing(settings: Settings) -> Signing | None:
    """Raises ValueError for a key that cannot be read."""
    if settings.dkim_domain is None or settings.dkim_selector is None:
        return None
    if settings.dkim_key_file is None:
        return Signing(settings.dkim_domain, settings.dkim_selector)
    signer = read_signer(settings.dkim_domain, settings.dkim_selector, settings.dkim_key_file)
    published = "".join(record_strings(signer.key))
    return Signing(signer.domain, signer.selector, published.partition("p=")[2])
