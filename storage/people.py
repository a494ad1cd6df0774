"""Contact points, guardians, children and families."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select, update

from domain.addresses import MailAddress, normalise_mail
from storage.database import Transaction
from storage.inserts import insert_if_new
from storage.tables import (
    Board,
    Child,
    ChildCode,
    ContactPoint,
    Family,
    Group,
    Guardian,
    GuardianChild,
    GuardianContact,
    Membership,
    School,
)

MAIL = "email"
_ADDRESS = "contact_points.address"


def contact_point(
    tx: Transaction,
    board_id: int,
    channel: str,
    account: str,
    address: str,
    domain: str = "",
    *,
    lock: bool = False,
) -> ContactPoint:
    """Find the contact point of an address, or make it; `lock` it as `lock_contact` does."""
    index = address_index(tx, channel, account, address)
    found = _by_index(tx, channel, account, index, lock=lock)
    if found is not None:
        return found
    insert_if_new(
        tx,
        ContactPoint,
        board_id=board_id,
        channel=channel,
        account=account,
        address_index=index,
        address_cipher=tx.vault.seal_text(address, _ADDRESS),
        domain=domain or _domain_of(channel, address),
        created_at=tx.now,
    )
    made = _by_index(tx, channel, account, index, lock=lock)
    assert made is not None
    return made


def address_index(tx: Transaction, channel: str, account: str, address: str) -> bytes:
    """The blind index of an address: the same for every spelling of one mailbox."""
    mail = normalise_mail(address) if channel == MAIL else None
    return tx.vault.index("contact", channel, account, mail.key if mail else address)


def mail_index(tx: Transaction, address: MailAddress) -> bytes:
    """The same for a mail address that is read already."""
    return tx.vault.index("contact", MAIL, MAIL, address.key)


def find_contact_point(
    tx: Transaction, channel: str, account: str, address: str
) -> ContactPoint | None:
    """The contact point of an address, if there is one."""
    return _by_index(tx, channel, account, address_index(tx, channel, account, address))


def contact(tx: Transaction, contact_id: int) -> ContactPoint:
    """A contact point that is known to exist; raises LookupError."""
    row = tx.session.get(ContactPoint, contact_id)
    if row is None:
        raise LookupError(f"no contact point {contact_id}")
    return row


def lock_contact(tx: Transaction, contact_id: int) -> ContactPoint:
    """A contact point whose person does one thing at a time until this transaction ends.

    Rows may still be made to point at it meanwhile: whoever answers this person does not wait.
    """
    query = select(ContactPoint).where(ContactPoint.id == contact_id)
    return tx.session.scalars(query.with_for_update(key_share=True)).one()


def is_of_board(tx: Transaction, contact_id: int, board_id: int) -> bool:
    """Whether there is such a contact point, and it is of this board."""
    row = tx.session.get(ContactPoint, contact_id)
    return row is not None and row.board_id == board_id


def open_address(tx: Transaction, contact: ContactPoint) -> str:
    return tx.vault.open_text(contact.address_cipher, _ADDRESS)


def set_language(tx: Transaction, contact_id: int, language: str) -> None:
    """What a person reads from now on, at this contact point and as a guardian."""
    contact(tx, contact_id).language = language
    for guardian in guardians_of(tx, contact_id):
        guardian.language = language


# Made once, because every turn begins with it.
_BY_INDEX = select(ContactPoint).where(
    ContactPoint.channel == bindparam("channel"),
    ContactPoint.account == bindparam("account"),
    ContactPoint.address_index == bindparam("index"),
)
# With its board, which a turn asks for next and then finds in the session.
_LOCKED_BY_INDEX = (
    _BY_INDEX.add_columns(Board)
    .join(Board, Board.id == ContactPoint.board_id)
    .with_for_update(of=ContactPoint, key_share=True)
)


def _by_index(
    tx: Transaction, channel: str, account: str, index: bytes, *, lock: bool = False
) -> ContactPoint | None:
    at = {"channel": channel, "account": account, "index": index}
    if not lock:
        return tx.session.scalar(_BY_INDEX, at)
    row = tx.session.execute(_LOCKED_BY_INDEX, at).first()
    if row is None:
        return None
    found: ContactPoint = row[0]
    # A session forgets what nobody holds.
    tx.session.info["board"] = row[1]
    return found


def _domain_of(channel: str, address: str) -> str:
    mail = normalise_mail(address) if channel == MAIL else None
    return mail.domain if mail else ""


# What becomes of a conversation. Events come in another order than they happened in, so each is
# compared with the newest that is known.


def note_opened(contact: ContactPoint, at: datetime) -> bool:
    """Somebody opened the conversation; False if that is old news, which changes nothing."""
    return _note_state(contact, "active", at)


def note_closed(contact: ContactPoint, at: datetime) -> bool:
    """Somebody blocked the conversation; False if that is old news, which changes nothing."""
    return _note_state(contact, "blocked", at)


def note_heard(contact: ContactPoint, at: datetime) -> bool:
    """Somebody said something, so they can be spoken to; False if they said more since then.

    A provider may date in whole seconds (Telegram's texts): within one second nothing is late.
    """
    if contact.state == "blocked":
        note_opened(contact, at)
    known = contact.heard_at
    if known is not None and at < (known if at.microsecond else known.replace(microsecond=0)):
        return False
    contact.heard_at = max(at, known or at)
    return True


def _note_state(contact: ContactPoint, state: str, at: datetime) -> bool:
    if contact.state_at is not None and at < contact.state_at:
        return False
    contact.state_at = at
    # Who left for good and then blocks us is forgotten all the same.
    if contact.state != "suspended" and (contact.state, state) != ("left", "blocked"):
        contact.state = state
    return True


def move(tx: Transaction, channel: str, account: str, old: str, new: str) -> bool:
    """Give a contact point its new address; False if there is none, or one has the new address."""
    index = address_index(tx, channel, account, new)
    contact = _by_index(tx, channel, account, address_index(tx, channel, account, old), lock=True)
    if contact is None or _by_index(tx, channel, account, index) is not None:
        return False
    contact.address_index = index
    contact.address_cipher = tx.vault.seal_text(new, _ADDRESS)
    tx.flush()
    return True


# Guardians.


def guardians_of(tx: Transaction, contact_id: int) -> Sequence[Guardian]:
    """Who hears from a contact point: several where guardians share a mailbox."""
    query = (
        select(Guardian)
        .join(GuardianContact, GuardianContact.guardian_id == Guardian.id)
        .where(GuardianContact.contact_point_id == contact_id)
        .order_by(Guardian.id)
    )
    return tx.session.scalars(query).all()


def add_guardian(tx: Transaction, board_id: int, language: str) -> Guardian:
    """A new guardian, a family of one until a child is shared."""
    family = Family(board_id=board_id)
    tx.session.add(family)
    tx.flush()
    guardian = Guardian(
        board_id=board_id, family_id=family.id, language=language, created_at=tx.now
    )
    tx.session.add(guardian)
    tx.flush()
    return guardian


def link_contact(tx: Transaction, guardian: Guardian, contact_id: int) -> None:
    """Make a contact point the guardian's first; the others move down one rank."""
    mine = GuardianContact.guardian_id == guardian.id
    _add_contact(tx, guardian, contact_id, 0)
    tx.session.execute(
        update(GuardianContact)
        .where(mine, GuardianContact.contact_point_id != contact_id)
        .values(rank=GuardianContact.rank + 1)
    )
    tx.session.execute(
        update(GuardianContact)
        .where(mine, GuardianContact.contact_point_id == contact_id)
        .values(rank=0)
    )


def link_second_contact(tx: Transaction, guardian: Guardian, contact_id: int) -> None:
    """Give a guardian another contact point, liked less than those there are."""
    mine = GuardianContact.guardian_id == guardian.id
    lowest = tx.session.scalar(select(func.max(GuardianContact.rank)).where(mine))
    _add_contact(tx, guardian, contact_id, 0 if lowest is None else lowest + 1)


def _add_contact(tx: Transaction, guardian: Guardian, contact_id: int, rank: int) -> None:
    point = contact(tx, contact_id)
    if point.state == "left":
        point.state = "active"
    insert_if_new(
        tx,
        GuardianContact,
        guardian_id=guardian.id,
        contact_point_id=contact_id,
        board_id=guardian.board_id,
        rank=rank,
    )


# Children; families are in storage/families.py.


def child_in_class(tx: Transaction, class_group: Group, number: int) -> Child:
    """Find or make the child of a class and number, locked until the transaction ends.

    The lock makes two guardians who name one child at the same moment meet in one family.
    """
    insert_if_new(tx, Child, board_id=class_group.board_id, class_id=class_group.id, number=number)
    query = select(Child).where(Child.class_id == class_group.id, Child.number == number)
    return tx.session.scalars(query.with_for_update()).one()


def children_of(tx: Transaction, guardian_id: int, class_id: int) -> Sequence[Child]:
    query = (
        select(Child)
        .join(GuardianChild, GuardianChild.child_id == Child.id)
        .where(GuardianChild.guardian_id == guardian_id, Child.class_id == class_id)
    )
    return tx.session.scalars(query).all()


def add_unnumbered_child(tx: Transaction, guardian: Guardian, class_group: Group) -> None:
    child = Child(board_id=guardian.board_id, class_id=class_group.id, number=None)
    tx.session.add(child)
    tx.flush()
    link_child(tx, guardian, child)


def link_child(tx: Transaction, guardian: Guardian, child: Child) -> bool:
    """Say whose child this is; False if it was known."""
    return insert_if_new(
        tx,
        GuardianChild,
        guardian_id=guardian.id,
        child_id=child.id,
        board_id=guardian.board_id,
    )


def unlink_unnumbered(tx: Transaction, guardian_id: int, class_id: int) -> None:
    """Forget the child without number: its number is known now."""
    for child in children_of(tx, guardian_id, class_id):
        if child.number is None:
            _unlink(tx, guardian_id, [child.id])


def unlink_children(tx: Transaction, guardian_id: int, school_id: int) -> None:
    """Forget a guardian's children at a school; one without guardian goes altogether."""
    query = (
        select(Child.id)
        .join(Group, Group.id == Child.class_id)
        .join(GuardianChild, GuardianChild.child_id == Child.id)
        .where(GuardianChild.guardian_id == guardian_id, Group.school_id == school_id)
    )
    _unlink(tx, guardian_id, tx.session.scalars(query).all())


def _unlink(tx: Transaction, guardian_id: int, child_ids: Sequence[int]) -> None:
    tx.session.execute(
        delete(GuardianChild).where(
            GuardianChild.guardian_id == guardian_id, GuardianChild.child_id.in_(child_ids)
        )
    )
    still_known = select(GuardianChild.child_id).where(GuardianChild.child_id == Child.id)
    # Nor one with a code on a printed slip, with which its guardians may still come.
    has_code = select(ChildCode.child_id).where(ChildCode.child_id == Child.id)
    tx.session.execute(
        delete(Child)
        .where(Child.id.in_(child_ids), ~still_known.exists(), ~has_code.exists())
        .execution_options(synchronize_session=False)
    )


def children_everywhere(tx: Transaction, guardian_id: int) -> Sequence[tuple[Child, int]]:
    """All of a guardian's children, each with its school."""
    query = (
        select(Child, School.id)
        .join(Group, Group.id == Child.class_id)
        .join(School, School.id == Group.school_id)
        .join(GuardianChild, GuardianChild.child_id == Child.id)
        .where(GuardianChild.guardian_id == guardian_id)
    )
    return tx.session.execute(query).tuples().all()


# Memberships and leaving.


def join(tx: Transaction, guardian: Guardian, group_id: int) -> bool:
    """Let a guardian hear what is sent to a group; False if it was so."""
    return insert_if_new(
        tx,
        Membership,
        group_id=group_id,
        guardian_id=guardian.id,
        board_id=guardian.board_id,
    )


def unjoin(tx: Transaction, guardian_id: int, group_id: int) -> None:
    tx.session.execute(
        delete(Membership).where(
            Membership.guardian_id == guardian_id, Membership.group_id == group_id
        )
    )


def unjoin_school(tx: Transaction, guardian_id: int, school_id: int) -> None:
    groups = select(Group.id).where(Group.school_id == school_id)
    tx.session.execute(
        delete(Membership)
        .where(Membership.guardian_id == guardian_id, Membership.group_id.in_(groups))
        .execution_options(synchronize_session=False)
    )


def groups_joined(tx: Transaction, contact_id: int) -> Sequence[tuple[int, Group]]:
    """The groups of schools whose messages reach a contact point, each after its school."""
    query = (
        select(School.id, Group)
        .join(School, School.id == Group.school_id)
        .join(Membership, Membership.group_id == Group.id)
        .join(GuardianContact, GuardianContact.guardian_id == Membership.guardian_id)
        .where(GuardianContact.contact_point_id == contact_id)
        .order_by(Group.school_id, Group.position, Group.id)
        .distinct()
    )
    return tx.session.execute(query).tuples().all()
