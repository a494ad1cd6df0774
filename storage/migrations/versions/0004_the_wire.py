"""Mail's destinations: their pace, whom they refuse, whether we may send there; forms of mail."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

import storage.tables.columns
from storage.tables.columns import only

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What freezing writes, a million rows at once, each by a statement that reads the very rows they
# refer to, and nothing deletes those: to look for each of them anew took longer than the writing.
UNCHECKED = {
    "audience_members": {"broadcast_id": "broadcasts", "guardian_id": "guardians"},
    "audience_ways": {"broadcast_id": "broadcasts", "guardian_id": "guardians"},
    "deliveries": {"broadcast_id": "broadcasts", "contact_point_id": "contact_points"},
}


def _refer_unchecked() -> None:
    if op.get_bind().dialect.name == "sqlite" and _rewrote_schema():
        return
    for table, columns in UNCHECKED.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column, other in columns.items():
                name = op.f(f"fk_{table}_{column}_{other}")
                batch_op.drop_constraint(name, type_="foreignkey")


def _rewrote_schema() -> bool:
    """Some systems' SQLite is defensive and never lets us; the tables are copied there."""
    op.execute("PRAGMA writable_schema = ON")
    try:
        may = bool(op.get_bind().scalar(sa.text("PRAGMA writable_schema")))
        if may:
            _rewrite_schema()
        return may
    finally:
        # Left on, whoever has this connection next could break every table with one statement.
        op.execute("PRAGMA writable_schema = OFF")


def _rewrite_schema() -> None:
    """Take the references out of the statements that SQLite keeps of its tables.

    Otherwise a table is copied: gigabytes, where the deliveries of years lie. What changes no row
    may be changed so ("Making Other Kinds Of Table Schema Changes" in
    https://www.sqlite.org/lang_altertable.html).
    """
    bind = op.get_bind()
    version = bind.scalar(sa.text("PRAGMA schema_version"))
    for table, columns in UNCHECKED.items():
        theirs = sa.text("SELECT sql FROM sqlite_master WHERE name = :name AND type = 'table'")
        kept = _without_references(str(bind.scalar(theirs, {"name": table})), table, columns)
        changed = sa.text("UPDATE sqlite_master SET sql = :sql WHERE name = :name")
        bind.execute(changed, {"sql": kept, "name": table})
    # Another number, so that every connection reads the statements anew.
    op.execute(f"PRAGMA schema_version = {version + 1}")


def _without_references(statement: str, table: str, columns: Mapping[str, str]) -> str:
    """A CREATE TABLE less these foreign keys; raises LookupError where one is not in it."""
    for column, other in columns.items():
        key = rf"CONSTRAINT fk_{table}_{column}_{other} FOREIGN KEY\({column}\)"
        statement, found = re.subn(rf",\s*{key} REFERENCES {other} \(id\)", "", statement)
        if found != 1:
            raise LookupError(f"{table}.{column} does not refer to {other} in {statement!r}")
    return statement


def _leave_room() -> None:
    """PostgreSQL writes a changed row anew: where it fits on the same page, no index changes."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE deliveries SET (fillfactor = 45)")
        op.execute("ALTER TABLE chunks SET (fillfactor = 50)")


def upgrade() -> None:
    op.create_table(
        "lanes",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=255), nullable=False),
        sa.Column("egress", sa.String(length=64), nullable=False),
        sa.Column("rate", sa.Float(), nullable=True),
        sa.Column("connections", sa.Integer(), nullable=False),
        sa.Column("measured", sa.Float(), nullable=True),
        sa.Column("baseline", sa.Float(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("stopped_at", storage.tables.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("changed_at", storage.tables.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", "account", "site", "egress", name=op.f("pk_lanes")),
    )
    op.create_table(
        "mail_checks",
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("basis", sa.String(length=32), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("checked_at", storage.tables.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("passed_at", storage.tables.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("accepted_until", storage.tables.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("domain", "name", "basis", name=op.f("pk_mail_checks")),
    )
    op.create_table(
        "suppressions",
        sa.Column(
            "contact_point_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("board_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("first_at", storage.tables.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("last_at", storage.tables.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("suspended_at", storage.tables.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("told_at", storage.tables.columns.UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["board_id"], ["boards.id"], name=op.f("fk_suppressions_board_id_boards")
        ),
        sa.ForeignKeyConstraint(
            ["contact_point_id"],
            ["contact_points.id"],
            name=op.f("fk_suppressions_contact_point_id_contact_points"),
        ),
        sa.PrimaryKeyConstraint("contact_point_id", name=op.f("pk_suppressions")),
    )
    with op.batch_alter_table("suppressions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_suppressions_board_id"), ["board_id"], unique=False)
        batch_op.create_index(
            "ix_suppressions_suspended",
            ["board_id"],
            unique=False,
            **only("suspended_at IS NOT NULL"),
        )

    with op.batch_alter_table("chunks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_chunks_state_priority"))
        batch_op.add_column(sa.Column("turn", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(
            sa.Column("patient", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.create_index(
            "ix_chunks_queue",
            ["state", "channel", "lane", "priority", "turn", "id"],
            unique=False,
        )

    with op.batch_alter_table("contact_points", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("mail_form", sa.String(length=16), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("tested_at", storage.tables.columns.UtcTime(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column("arrived_at", storage.tables.columns.UtcTime(timezone=True), nullable=True)
        )

    _refer_unchecked()
    _leave_room()


def downgrade() -> None:
    """Refuse: what is known of suspended addresses and of stopped lanes would be sent to again."""
    raise NotImplementedError("to go back, restore the backup made before the upgrade")
