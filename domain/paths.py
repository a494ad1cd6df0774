"""The paths of our own pages that go out in messages: sealed, so that nobody can make one up."""

from __future__ import annotations

from domain import tokens

PAGE = "page"
BROADCAST_PAGE = "broadcast-page"
LEAVE = "leave"
PICTURE = "picture"
ACCOUNT_LINK = "account-link"
PHONE_LIST = "phone-list"
ARRIVAL = "arrival"
FULL, SMALL = 0, 1


def message(key: bytes, delivery_id: int) -> str:
    """One recipient's page of a broadcast."""
    return f"/m/{tokens.seal(key, PAGE, delivery_id)}"


class Personal:
    """The paths of one recipient after the other, as `message` and `leave` make them."""

    __slots__ = ("_leave", "_page", "_school_id")

    def __init__(self, key: bytes, school_id: int | None) -> None:
        self._page, self._leave = tokens.Sealer(key, PAGE), tokens.Sealer(key, LEAVE)
        self._school_id = school_id or 0

    def message(self, delivery_id: int) -> str:
        return f"/m/{self._page.seal(delivery_id)}"

    def leave(self, contact_point_id: int) -> str:
        return f"/u/{self._leave.seal(contact_point_id, self._school_id)}"


def broadcast(key: bytes, broadcast_id: int) -> str:
    """A broadcast's own page, the same for all: it names nobody."""
    return f"/m/{tokens.seal(key, BROADCAST_PAGE, broadcast_id)}"


def leave(key: bytes, contact_point_id: int, school_id: int | None) -> str:
    """Leaving a school at one contact point."""
    return f"/u/{tokens.seal(key, LEAVE, contact_point_id, school_id or 0)}"


def picture(key: bytes, picture_id: int, size: int) -> str:
    """An image, full or small."""
    return f"/pictures/{tokens.seal(key, PICTURE, picture_id, size)}"


def phone_list(key: bytes, broadcast_id: int, staff_id: int, until: int, kind: int) -> str:
    """A list of those not reached, for one member of staff until a second of the world's clock."""
    return f"/print/{tokens.seal(key, PHONE_LIST, broadcast_id, staff_id, until, kind)}"


def arrived(key: bytes, contact_point_id: int, sent: int) -> str:
    """Where somebody says that a test mail, sent at this second of the world's clock, arrived."""
    return f"/arrived/{tokens.seal(key, ARRIVAL, contact_point_id, sent)}"


def guide(name: str = "") -> str:
    """How mail from us is let in at one carrier (domain.guides), or the list of all of them."""
    return f"/guide/{name}"


def join(code: str) -> str:
    """Where a code that is a secret is taken along: browsers send the fragment to nobody.

    So no server and no proxy writes it down. A school's ID and a staff code may stand in the
    path, where no script is needed to read them (web.join).
    """
    return f"/join/#{code}"


def verify(code: str) -> str:
    """Where anybody can ask whether a broadcast is real."""
    return f"/verify/{code}"


def account_link(key: bytes, link_id: int) -> str:
    """Where a member of staff links the conversation that they typed their code in."""
    return f"/link/{tokens.seal(key, ACCOUNT_LINK, link_id)}"
