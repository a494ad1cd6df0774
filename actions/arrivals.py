"""Whether mail gets there: a test mail in the form of a broadcast, and the link in it.

A carrier that lets a number by may still swallow what has a link in it, so an address is proved by
its number and its mail by a link that somebody opened.  The registration stands either way.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from actions import audit, guides
from domain import paths
from domain.channels import FETCHED
from domain.content import JIS_PLAIN, PLAIN
from domain.speech import Speech, open_page
from domain.wording import Words, say
from storage import arrivals as stored
from storage import boards, dialogues, people, replies, ways
from storage.database import Transaction
from storage.dialogues import StoredDialogue
from storage.tables import ContactPoint

# The dialogue that waits for the link to be opened.
DIALOGUE = "arrival"
# Whoever opens many messages is noted once in so long, so that reading costs no writing.
_NOTED_EVERY = timedelta(days=7)


def has_link(mailbox: ContactPoint) -> bool:
    """Whether mail to this mailbox is written with links."""
    return mailbox.mail_form not in (PLAIN, JIS_PLAIN)


def begin(tx: Transaction, mailbox: ContactPoint) -> None:
    """Find out whether mail arrives at a mailbox whose number was typed back just now.

    Where mail is to come without links, the number itself came like that.
    """
    if has_link(mailbox):
        send_test(tx, mailbox)
    else:
        note_number(tx, mailbox)


def send_test(tx: Transaction, mailbox: ContactPoint) -> None:
    """Send a mail with a link to open, written as the mailbox's broadcasts are."""
    mailbox.tested_at = stored.to_the_second(tx.now)
    replies.queue(tx, mailbox.id, _letter(tx, mailbox))


def note_number(tx: Transaction, mailbox: ContactPoint) -> None:
    """A number from a mail without links was typed back."""
    mailbox.tested_at = mailbox.arrived_at = tx.now


def open_link(tx: Transaction, contact_id: int, sent: int) -> bool:
    """Note that the test mail of that second arrived; False if there is no such mailbox.

    What counts is when it was sent: an old mail that is opened today proves nothing of today.
    """
    mailbox = mailbox_of(tx, contact_id)
    if mailbox is None:
        return False
    _end_waiting(tx, contact_id)
    if stored.note(tx, contact_id, datetime.fromtimestamp(sent, UTC)):
        chain = audit.chain_of(mailbox.board_id, None)
        who = audit.contact(contact_id)
        audit.record(tx, chain, who, "mail_arrived", who)
    return True


def mailbox_of(tx: Transaction, contact_id: int) -> ContactPoint | None:
    """The mailbox of a link; None where it is erased, or never was one."""
    point = tx.session.get(ContactPoint, contact_id)
    is_there = point is not None and point.channel == people.MAIL and point.state != "erased"
    return point if is_there else None


def is_news(tx: Transaction, contact_id: int, sent_at: datetime) -> bool:
    """Whether it is worth noting that a message of this moment was opened there."""
    mailbox = mailbox_of(tx, contact_id)
    if mailbox is None:
        return False
    known = mailbox.arrived_at
    return known is None or known < sent_at - _NOTED_EVERY


def note_opened(tx: Transaction, contact_id: int, sent_at: datetime) -> None:
    """Note that mail arrives, because a broadcast's personal page was opened."""
    _end_waiting(tx, contact_id)
    stored.note(tx, contact_id, sent_at)


def _end_waiting(tx: Transaction, contact_id: int) -> None:
    """Ask nobody any more whether it came; a web chat, which costs nothing, hears that it did.

    Before anything of the mailbox is written: turns, too, lock a conversation first.
    """
    points = {
        way.point.id: way.point.channel
        for guardian in people.guardians_of(tx, contact_id)
        for way in ways.of_guardian(tx, guardian.id)
    }
    for point_id, channel in sorted(points.items()):
        if not _waits(tx, point_id, contact_id):
            continue
        people.lock_contact(tx, point_id)
        waiting = _waits(tx, point_id, contact_id)
        if waiting is None:
            continue
        dialogues.end(tx, waiting)
        if channel in FETCHED:
            replies.queue(tx, point_id, Speech(words=(say("arrival.done"),)))


def _waits(tx: Transaction, point_id: int, mailbox_id: int) -> StoredDialogue | None:
    """The dialogue in which somebody there is asked whether mail came to this mailbox."""
    waiting = dialogues.active(tx, point_id)
    asks = waiting is not None and waiting.flow == DIALOGUE
    return waiting if asks and waiting and waiting.given.get("mail") == mailbox_id else None


def sent_words(mailbox: ContactPoint, name: Words) -> Speech:
    """What whoever waits for a test mail is told, with the guide to their carrier."""
    key = "arrival.sent" if has_link(mailbox) else "arrival.sent_number"
    guide = open_page(say("arrival.guide"), guides.guide_path(mailbox.domain))
    return Speech(words=(say(key, way=name),), buttons=(guide,))


def _letter(tx: Transaction, mailbox: ContactPoint) -> Speech:
    sent = int(tx.now.timestamp())
    path = paths.arrived(tx.secret, mailbox.id, sent)
    board = boards.board(tx, mailbox.board_id).name
    return Speech(
        words=(say("arrival.letter", board=board),),
        buttons=(open_page(say("arrival.letter.open"), path),),
        subject=say("arrival.letter.subject"),
    )
