"""The tables as they were before there were migrations; what is there already stays."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make what is missing."""
    op.create_table(
        "member_settings",
        sa.Column("member_id", sa.BigInteger(), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.JSON(), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "recent_values",
        sa.Column("member_id", sa.BigInteger(), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("text", sa.String(200), primary_key=True),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "presets",
        sa.Column("member_id", sa.BigInteger(), primary_key=True),
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("values", sa.JSON(), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_name", sa.String(100), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger()),
        sa.Column("card_id", sa.BigInteger()),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("layout", sa.JSON(), nullable=False),
        sa.Column("quote", sa.JSON()),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True)),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        if_not_exists=True,
    )
    op.create_index("ix_jobs_owner_id", "jobs", ["owner_id"], if_not_exists=True)
    op.create_index("ix_jobs_state", "jobs", ["state"], if_not_exists=True)
    op.create_table(
        "sheets",
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("part", sa.String(400), primary_key=True),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "items",
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("at", sa.JSON()),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("image", sa.String(64)),
        sa.Column("remark", sa.Text()),
        sa.Column("batch", sa.String(25)),
        sa.Column("message_id", sa.BigInteger()),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        if_not_exists=True,
    )
    op.create_index("items_by_state", "items", ["job_id", "state"], if_not_exists=True)
