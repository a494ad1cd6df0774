"""What a mail says, in the form that the family's carrier and handset take."""

from __future__ import annotations

from dataclasses import dataclass

from channels import copies
from channels.base import Bulk
from channels.email import jis
from channels.email.headers import UTF8, Charset, clean
from channels.email.links import without_link_lines, without_links
from domain.content import JIS, JIS_PLAIN, PLAIN


@dataclass(frozen=True, slots=True)
class Words:
    """Subject, sender, text and signature, and the charset that has all their characters.

    A `plain` mail holds no link anywhere.
    """

    subject: str
    sender: str
    text: str
    signature: str
    plain: bool
    charset: Charset = UTF8


def words(bulk: Bulk, display: str) -> Words:
    """What this rendering says; `display` is the sender's name where the school gives none.

    One character that ISO-2022-JP has not makes the whole mail UTF-8: half a mail in another
    charset helps no handset, and nothing that people wrote is left out or replaced.
    """
    text = _lines(copies.paragraphs(bulk.lead, bulk.text)).rstrip()
    subject, signature = clean(bulk.subject), _lines(bulk.signature)
    plain = bulk.mail_form in (PLAIN, JIS_PLAIN)
    if plain:
        text, subject = without_links(text, bulk.language), without_links(subject, bulk.language)
        signature = without_link_lines(signature)
    sender = clean(bulk.sender_name or display)
    fits = bulk.mail_form in (JIS, JIS_PLAIN) and all(
        jis.fits(each) for each in (subject, sender, text, signature)
    )
    return Words(subject, sender, text, signature, plain, jis.JIS if fits else UTF8)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
