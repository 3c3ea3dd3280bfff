"""The wall, what the gate withheld, and what is to be taken out of the channels."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what is new; nothing that was there is on the wall, behind a spoiler or withheld."""
    for table in ("jobs", "items"):
        op.add_column(table, sa.Column("spoiler", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "publications",
        sa.Column("job_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("by_id", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("ratings", sa.Integer(), nullable=False),
        sa.Column("rating_sum", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id", "number"], ["items.job_id", "items.number"], ondelete="CASCADE"),
    )
    op.create_index("ix_publications_changed_at", "publications", ["changed_at"])
    op.create_index("publications_by_moment", "publications", ["gone", "published_at"])
    op.create_table(
        "marks",
        sa.Column("job_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("member_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("starred", sa.Boolean(), nullable=False),
        sa.Column("rating", sa.SmallInteger()),
        sa.ForeignKeyConstraint(
            ["job_id", "number"], ["publications.job_id", "publications.number"], ondelete="CASCADE"
        ),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="one_to_five"),
    )
    op.create_index("ix_marks_member_id", "marks", ["member_id"])
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.String(10), nullable=False),
        sa.Column("what", sa.String(120), nullable=False),
        sa.Column("score", sa.Float()),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("member", sa.String(100), nullable=False),
        sa.Column("guild_id", sa.BigInteger()),
        sa.Column("job_id", sa.Integer()),
        sa.Column("number", sa.Integer()),
        sa.Column("image", sa.String(64)),
        sa.Column("state", sa.String(10), nullable=False),
    )
    op.create_index("incidents_by_state", "incidents", ["guild_id", "state", "id"])
    op.create_table(
        "withdrawals",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.JSON()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
