"""LINE and Telegram."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.tables.columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quotas",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("allowed", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("asked_at", storage.tables.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", "account", name=op.f("pk_quotas")),
    )
    op.create_table(
        "account_links",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("board_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "contact_point_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "invitation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("nonce_index", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", storage.tables.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("used_at", storage.tables.columns.UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["board_id"], ["boards.id"], name=op.f("fk_account_links_board_id_boards")
        ),
        sa.ForeignKeyConstraint(
            ["contact_point_id"],
            ["contact_points.id"],
            name=op.f("fk_account_links_contact_point_id_contact_points"),
        ),
        sa.ForeignKeyConstraint(
            ["invitation_id"],
            ["invitations.id"],
            name=op.f("fk_account_links_invitation_id_invitations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_links")),
        sa.UniqueConstraint("nonce_index", name=op.f("uq_account_links_nonce_index")),
    )
    with op.batch_alter_table("account_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_account_links_board_id"), ["board_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_account_links_contact_point_id"), ["contact_point_id"], unique=False
        )

    with op.batch_alter_table("chunks", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("keyed", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("key", sa.Uuid(), server_default="0" * 32, nullable=False))

    with op.batch_alter_table("contact_points", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("state_at", storage.tables.columns.UtcTime(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column("heard_at", storage.tables.columns.UtcTime(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column("menu", sa.String(length=16), server_default="", nullable=False)
        )

    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbox_sender_index_state", ["sender_index", "state"], unique=False
        )

    with op.batch_alter_table("replies", schema=None) as batch_op:
        batch_op.add_column(sa.Column("token_cipher", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("replies", schema=None) as batch_op:
        batch_op.drop_column("token_cipher")

    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index("ix_inbox_sender_index_state")

    with op.batch_alter_table("contact_points", schema=None) as batch_op:
        batch_op.drop_column("menu")
        batch_op.drop_column("heard_at")
        batch_op.drop_column("state_at")

    with op.batch_alter_table("chunks", schema=None) as batch_op:
        batch_op.drop_column("key")
        batch_op.drop_column("keyed")

    with op.batch_alter_table("account_links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_account_links_contact_point_id"))
        batch_op.drop_index(batch_op.f("ix_account_links_board_id"))

    op.drop_table("account_links")
    op.drop_table("quotas")
