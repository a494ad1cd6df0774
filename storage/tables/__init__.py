"""The schema, one class per table.

Every row hangs from a board (the tenant).  Addresses and what people wrote in conversations
are stored encrypted (`*_cipher`, see storage.vault) and found by a keyed hash (`*_index`).
Times are UTC.  Large numbers of rows (deliveries, audience members) are written in bulk.
"""

from storage.tables.broadcasts import (
    Attachment,
    AudienceMember,
    AudienceWay,
    Broadcast,
    Chunk,
    Confirmation,
    Delivery,
    EmergencyReport,
    Journal,
    Quota,
    Template,
)
from storage.tables.columns import Id, Table, UtcTime
from storage.tables.conversations import Dialogue, Inbox, Reply
from storage.tables.mail import Lane, MailCheck, Suppression
from storage.tables.people import (
    AccountLink,
    Admission,
    Attempt,
    Child,
    ChildCode,
    ContactCode,
    ContactPoint,
    ContactProof,
    Family,
    Guardian,
    GuardianChild,
    GuardianContact,
    Invitation,
    Membership,
    OptOut,
    Staff,
    StaffContact,
    StaffRole,
)
from storage.tables.records import AuditChain, AuditEntry, Trouble
from storage.tables.schools import Board, Group, GroupPart, School, SchoolId

__all__ = [
    "AccountLink",
    "Admission",
    "Attachment",
    "Attempt",
    "AudienceMember",
    "AudienceWay",
    "AuditChain",
    "AuditEntry",
    "Board",
    "Broadcast",
    "Child",
    "ChildCode",
    "Chunk",
    "Confirmation",
    "ContactCode",
    "ContactPoint",
    "ContactProof",
    "Delivery",
    "Dialogue",
    "EmergencyReport",
    "Family",
    "Group",
    "GroupPart",
    "Guardian",
    "GuardianChild",
    "GuardianContact",
    "Id",
    "Inbox",
    "Invitation",
    "Journal",
    "Lane",
    "MailCheck",
    "Membership",
    "OptOut",
    "Quota",
    "Reply",
    "School",
    "SchoolId",
    "Staff",
    "StaffContact",
    "StaffRole",
    "Suppression",
    "Table",
    "Template",
    "Trouble",
    "UtcTime",
]
