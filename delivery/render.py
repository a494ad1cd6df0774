"""From a leased chunk to what a channel sends: the rendering and each recipient's own parts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlsplit

from channels.base import Bulk, Picture, Recipient, SendChunk
from domain import copies, deliveries, paths
from domain.cards import CardRef, CardVerb, card_token, mark_of
from domain.content import read_variant
from domain.wording import Words, render
from storage import ledger, renderings
from storage.database import Database, Transaction
from storage.ledger import Lease, Member
from storage.renderings import Rendering, StoredPicture
from storage.vault import SealBroken

# So many renderings are kept, pictures included: several chunks of one follow each other.
_KEPT = 16
# Where the token begins in a path for leaving.
_TOKEN = len("/u/")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A chunk ready to be sent, and the deliveries whose address cannot be read any more."""

    chunk: SendChunk
    unreadable: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the links in a message lead.

    `mail_domain` ends Message-IDs and List-Ids; `mail_in_domain` takes mail in, and without it
    nobody can leave by mail.
    """

    public_url: str
    mail_domain: str = ""
    mail_in_domain: str = ""


class Renderer:
    """Renders chunks; safe to use from several threads, and holds no connection afterwards."""

    def __init__(self, database: Database, addresses: Addresses) -> None:
        self._database = database
        self._public_url = addresses.public_url.rstrip("/")
        self._mail_in_domain = addresses.mail_in_domain
        public_host = urlsplit(addresses.public_url).hostname
        self._domain = addresses.mail_domain or public_host or "localhost"
        self._lock = Lock()
        self._known: OrderedDict[tuple[int, str], tuple[Rendering, Bulk]] = OrderedDict()

    def render(self, held: Lease) -> Rendered:
        with self._database.reading() as tx:
            members = ledger.members(tx, held.chunk_id)
            rendering, bulk = self._content(tx, held)
        make = self._recipients(tx, rendering)
        recipients, unreadable = [], []
        for member in members:
            try:
                recipients.append(make(member))
            except SealBroken:
                unreadable.append(member.delivery_id)
        chunk = SendChunk(
            held.chunk_id,
            held.account,
            held.lane,
            bulk,
            tuple(recipients),
            held.key,
            held.urgent,
        )
        return Rendered(chunk, tuple(unreadable))

    def _content(self, tx: Transaction, held: Lease) -> tuple[Rendering, Bulk]:
        key = (held.broadcast_id, held.variant)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        rendering = renderings.rendering(tx, held.broadcast_id)
        content = (rendering, self._bulk(tx, rendering, held.variant))
        with self._lock:
            self._known[key] = content
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return content

    def _bulk(self, tx: Transaction, rendering: Rendering, variant: str) -> Bulk:
        images = renderings.pictures(tx, rendering.attachment_ids)
        chosen = read_variant(variant)
        language = chosen.language
        page = paths.broadcast(tx.secret, rendering.broadcast_id)
        subject = copies.subject_line(rendering.subject, emergency=rendering.emergency)
        return Bulk(
            board=rendering.board,
            sender_name=rendering.sender,
            list_id=self._list_id(rendering),
            subject=render(subject, language),
            text=rendering.body,
            language=language,
            pictures=tuple(picture(each, self._public_url, tx.secret) for each in images),
            ordinary=not rendering.emergency,
            date=rendering.frozen_at,
            headline_only=chosen.headline_only,
            mail_form=chosen.mail_form,
            page_url=f"{self._public_url}{page}",
            open_token=_card(tx.secret, rendering, CardVerb.OPEN),
            lead=_in(language, copies.lead(rendering.origin, rendering.zone)),
            confirm_token=_card(tx.secret, rendering, CardVerb.CONFIRM) if rendering.asks else "",
            how_to_confirm=_in(language, _how_to_confirm(rendering)),
            signature=_in(language, self._signature(rendering)),
        )

    def _signature(self, rendering: Rendering) -> Words | None:
        """None for what was written before there were codes to ask by."""
        if rendering.verify_code is None:
            return None
        url = f"{self._public_url}{paths.verify(rendering.verify_code)}"
        return copies.signature(rendering.sender, url)

    def _list_id(self, rendering: Rendering) -> str:
        if rendering.school_id is None:
            return f"board-{rendering.board_id}.{self._domain}"
        return f"school-{rendering.school_id}.{self._domain}"

    def _recipients(self, tx: Transaction, rendering: Rendering) -> Callable[[Member], Recipient]:
        """What makes each recipient's own parts; `tx` is over, only its keys are used."""
        url = self._public_url
        mail_in = f"@{self._mail_in_domain}"
        address = ledger.address_opener(tx)
        links = paths.Personal(tx.secret, rendering.school_id)
        ids = deliveries.MessageIds(tx.secret, rendering.broadcast_id, self._domain)

        def recipient(member: Member) -> Recipient:
            number, contact, cipher = member
            leave = links.leave(contact)
            return Recipient(
                number,
                address(cipher),
                ids.of(number),
                url + links.message(number),
                url + leave,
                # The same leaving by mail, if mail is taken in.
                f"leave-{leave[_TOKEN:]}{mail_in}" if self._mail_in_domain else "",
            )

        return recipient


def _card(secret: bytes, rendering: Rendering, verb: CardVerb) -> str:
    """A button about exactly what was approved."""
    return card_token(secret, _ref(rendering), verb)


def _ref(rendering: Rendering) -> CardRef:
    return CardRef(rendering.broadcast_id, rendering.version, mark_of(rendering.content_hash))


def _how_to_confirm(rendering: Rendering) -> Words | None:
    return copies.how_to_confirm(_ref(rendering)) if rendering.asks else None


def _in(language: str, words: Words | None) -> str:
    return render(words, language) if words is not None else ""


def picture(stored: StoredPicture, public_url: str, secret: bytes) -> Picture:
    """An image with the addresses that a provider fetches it from, and its small JPEG.

    `public_url` is where our pages are, without a slash at its end.
    """
    return Picture(
        stored.sha256,
        stored.media_type,
        stored.width,
        stored.height,
        stored.data,
        stored.preview,
        url=f"{public_url}{paths.picture(secret, stored.id, paths.FULL)}",
        preview_url=f"{public_url}{paths.picture(secret, stored.id, paths.SMALL)}",
    )
