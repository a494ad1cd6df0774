"""From a leased chunk to what a channel sends: the rendering and each recipient's own parts."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlsplit

from channels.base import Bulk, Picture, Recipient, SendChunk
from domain import deliveries, tokens
from storage import ledger, renderings
from storage.database import Database, Transaction
from storage.ledger import Lease, Member
from storage.renderings import Rendering, StoredPicture
from storage.vault import SealBroken

# So many renderings are kept, pictures included: several chunks of one follow each other.
_KEPT = 4


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
        recipients, unreadable = [], []
        for member in members:
            try:
                recipients.append(self._recipient(tx, rendering, member))
            except SealBroken:
                unreadable.append(member.delivery_id)
        chunk = SendChunk(held.chunk_id, held.account, held.lane, bulk, tuple(recipients))
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

    def _bulk(self, tx: Transaction, rendering: Rendering, language: str) -> Bulk:
        images = renderings.pictures(tx, rendering.attachment_ids)
        return Bulk(
            board=rendering.board,
            sender_name=rendering.sender,
            list_id=self._list_id(rendering),
            subject=rendering.subject,
            text=rendering.body,
            language=language,
            pictures=tuple(map(picture, images)),
            ordinary=not rendering.emergency,
            date=rendering.frozen_at,
        )

    def _list_id(self, rendering: Rendering) -> str:
        if rendering.school_id is None:
            return f"board-{rendering.board_id}.{self._domain}"
        return f"school-{rendering.school_id}.{self._domain}"

    def _recipient(self, tx: Transaction, rendering: Rendering, member: Member) -> Recipient:
        """One recipient's own parts; `tx` is over, only its keys are used."""
        number, contact = member.delivery_id, member.contact_point_id
        page = tokens.seal(tx.secret, "page", number)
        leave = tokens.seal(tx.secret, "leave", contact, rendering.school_id or 0)
        return Recipient(
            delivery_id=number,
            address=ledger.open_address(tx, member),
            message_id=deliveries.message_id(
                tx.secret, rendering.broadcast_id, number, self._domain
            ),
            page_url=f"{self._public_url}/m/{page}",
            leave_url=f"{self._public_url}/u/{leave}",
            leave_mail=f"leave-{leave}@{self._mail_in_domain}" if self._mail_in_domain else "",
        )


def picture(stored: StoredPicture) -> Picture:
    return Picture(
        stored.sha256,
        stored.media_type,
        stored.width,
        stored.height,
        stored.data,
        stored.preview,
    )
