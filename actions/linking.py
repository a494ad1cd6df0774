"""Linking: a code that invites staff counts in a chat only with the provider's proof.

Who reads along on somebody's telephone, or was forwarded a code, can type it. So the code leads
to a page of ours; from there the browser takes a nonce to the provider, and the provider's
event tells us whose conversation it is (LINE Messaging API, "Link user account"). The code is
used up only then.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from actions import audit
from actions.staff import (
    StaffPost,
    StaffWelcome,
    accept,
    posts_of,
    still_open,
    typed_invitation,
)
from domain import paths
from domain.refusals import Refusal, refuse
from storage import boards, links, people
from storage.database import Transaction
from storage.tables import AccountLink, ContactPoint

# As long as LINE's link token lasts.
LINK_LASTS = timedelta(minutes=10)
# LINE asks for a nonce of at least 128 bits, in 10 to 255 characters of base64.
_NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class LinkBegun:
    """Where to go on, and the roles that the code is for."""

    path: str
    posts: tuple[StaffPost, ...]


@dataclass(frozen=True, slots=True)
class LinkSeen:
    """What the page says will be linked: never whose name the code is in."""

    board: str
    channel: str
    language: str
    posts: tuple[StaffPost, ...]


@dataclass(frozen=True, slots=True)
class LinkStart:
    """What the provider must be asked for."""

    channel: str
    account: str
    address: str = field(repr=False)
    nonce: str = field(repr=False)


def begin(tx: Transaction, contact_id: int, code: str) -> LinkBegun | Refusal:
    """Take a typed code, which is not used up yet."""
    point = people.lock_contact(tx, contact_id)
    invitation = typed_invitation(tx, point, code)
    if isinstance(invitation, Refusal):
        return invitation
    row = links.open_link(tx, point, invitation, tx.now + LINK_LASTS)
    _record(tx, point, "begin_link", staff_id=invitation.staff_id)
    return LinkBegun(paths.account_link(tx.secret, row.id), posts_of(tx, invitation.staff_id))


def look(tx: Transaction, link_id: int) -> LinkSeen | Refusal:
    """What the page of a link shows; changes nothing."""
    row = links.link(tx, link_id)
    invitation = still_open(tx, row.invitation_id, keep=False) if row else None
    if row is None or invitation is None:
        return refuse("link_over")
    point = people.contact(tx, row.contact_point_id)
    return LinkSeen(
        boards.board(tx, row.board_id).name,
        point.channel,
        point.language,
        posts_of(tx, invitation.staff_id),
    )


def start(tx: Transaction, link_id: int) -> LinkStart | Refusal:
    """Make the nonce for the provider; asking again makes a new one instead."""
    row = links.link(tx, link_id, keep=True)
    if row is None or still_open(tx, row.invitation_id) is None:
        return refuse("link_over")
    point = people.contact(tx, row.contact_point_id)
    nonce = secrets.token_urlsafe(_NONCE_BYTES)
    if row.nonce_index is None:
        # The provider's page takes its time; pressing again gives no more of it.
        row.expires_at = tx.now + LINK_LASTS
    links.set_nonce(tx, row, nonce)
    return LinkStart(point.channel, point.account, people.open_address(tx, point), nonce)


def finish(tx: Transaction, contact_id: int, nonce: str, ok: bool) -> StaffWelcome | Refusal:
    """Take the provider's word for it; the code is used up, and the roles are theirs.

    The proof must come from the very conversation in which the code was typed. From another one
    it means that somebody got somebody else to follow their link, and ends that link.
    """
    point = people.lock_contact(tx, contact_id)
    row = links.link_of_nonce(tx, nonce)
    if row is None:
        return _refused(tx, point, "link_over")
    if row.contact_point_id != point.id:
        row.expires_at = tx.now
        return _refused(tx, point, "link_of_another", asked_by=row.contact_point_id)
    return _finish(tx, point, row) if ok else _refused(tx, point, "link_failed")


def failed(tx: Transaction, nonce: str) -> tuple[int, Refusal] | None:
    """The provider says that a browser was not the one, and not whose it was.

    Returns the contact point that the code was typed at, and what to tell there.
    """
    row = links.link_of_nonce(tx, nonce)
    if row is None:
        return None
    point = people.lock_contact(tx, row.contact_point_id)
    return point.id, _refused(tx, point, "link_failed")


def _finish(tx: Transaction, point: ContactPoint, row: AccountLink) -> StaffWelcome | Refusal:
    invitation = still_open(tx, row.invitation_id)
    row.used_at = tx.now
    if invitation is None:
        return _refused(tx, point, "link_over")
    _record(tx, point, "finish_link", staff_id=invitation.staff_id)
    return accept(tx, point, invitation)


def _refused(tx: Transaction, point: ContactPoint, code: str, **details: int) -> Refusal:
    chain, who = audit.chain_of(point.board_id, None), audit.contact(point.id)
    audit.record(tx, chain, who, "finish_link", who, {"refused": code, **details})
    return refuse(code)


def _record(tx: Transaction, point: ContactPoint, verb: str, staff_id: int) -> None:
    chain, who = audit.chain_of(point.board_id, None), audit.contact(point.id)
    audit.record(tx, chain, who, verb, audit.staff(staff_id))
