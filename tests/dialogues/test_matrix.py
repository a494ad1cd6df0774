"""Who may do what, by which word, on which channel: every role, command and chat.

What comes of it stands in docs/matrix.md; to write that anew: `python -m tests.dialogues.matrix`.
"""

from __future__ import annotations

from storage.database import Database
from tests.databases import Clock
from tests.dialogues import matrix
from tests.dialogues.kit import Town

WRITERS = {"operator", "deputy", "manager", "centre", "board"}
AT_SCHOOL = {"operator", "deputy", "manager"}
DECIDERS = {"deputy", "manager", "board"}
# Written out here by hand, so that a slip in the menu's rules is seen.
ALLOWED = {
    "compose": WRITERS,
    "emergency": WRITERS,
    "templates": WRITERS,
    "scheduled": WRITERS,
    "drafts": WRITERS,
    "reports": WRITERS,
    "recall": WRITERS,
    "resend": WRITERS,
    "manage_groups": WRITERS,
    "pending": DECIDERS,
    "staff": DECIDERS,
    "admissions": AT_SCHOOL,
    "school_id": AT_SCHOOL,
    "slips": AT_SCHOOL,
    "unreached_mail": AT_SCHOOL,
    "school_settings": {"deputy", "manager"},
}
FOR_ALL = {
    "register",
    "status",
    "contacts",
    "mail_form",
    "new_phone",
    "groups",
    "leave",
    "language",
    "verify",
    "invitation",
}


def test_every_role_command_and_channel_and_the_document_says_so_too(
    sqlite_database: Database, clock: Clock
) -> None:
    table = matrix.table(Town(sqlite_database, clock).opens())
    assert {command for _, command, _ in table} == set(ALLOWED) | FOR_ALL
    wrong = [
        (role, command, channel, begins)
        for (role, command, channel), begins in table.items()
        if begins != (command in FOR_ALL or role in ALLOWED[command])
    ]
    assert wrong == []
    assert matrix.PAGE.read_text() == matrix.page(table)
