"""Leases, the outbox, the ledger, web sessions and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what is new; what was owed to the channels moves from the items into the outbox."""
    _leases()
    _outbox()
    _ledger()
    _sessions()
    op.create_table(
        "data_folder",
        sa.Column("one", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(32), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("act", sa.String(30), nullable=False),
        sa.Column("target", sa.String(120), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
    )


def _leases() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    )
    for column in (
        sa.Column("weight", sa.Float(), nullable=False, server_default="1"),
        sa.Column("turn", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("attempt", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("worker", sa.String(32)),
        sa.Column("fence", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("deaths", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("reason", sa.Text()),
    ):
        op.add_column("jobs", column)
    op.create_index("ix_jobs_worker", "jobs", ["worker"])
    op.execute("UPDATE jobs SET turn = id")
    op.add_column("items", sa.Column("fence", sa.Integer()))
    op.add_column("items", sa.Column("deaths", sa.Integer(), nullable=False, server_default="0"))


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("batch", sa.String(25)),
        sa.Column("tried_at", sa.DateTime(timezone=True)),
        sa.Column("message_id", sa.BigInteger()),
    )
    op.execute(
        "INSERT INTO outbox (job_id, number, batch, message_id) "
        "SELECT job_id, number, batch, message_id FROM items WHERE image IS NOT NULL"
    )
    op.drop_column("items", "batch")
    op.drop_column("items", "message_id")
    with op.batch_alter_table("sheets") as sheets:
        sheets.add_column(sa.Column("tried_at", sa.DateTime(timezone=True)))
        sheets.alter_column("message_id", existing_type=sa.BigInteger(), nullable=True)


def _ledger() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("kind", "key", name="one_account_each"),
        sa.CheckConstraint("balance >= 0 OR kind = 'mint'", name="no_account_below_zero"),
    )
    op.create_table(
        "transfers",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(80), nullable=False, unique=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("job_id", sa.Integer()),
        sa.Column("actor_id", sa.BigInteger()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("transfers_of_jobs", "transfers", ["job_id", "kind", "at"])
    op.create_table(
        "entries",
        sa.Column("transfer_id", sa.Integer(), sa.ForeignKey("transfers.id"), primary_key=True),
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
    )
    op.create_index("entries_of_accounts", "entries", ["account_id", "transfer_id"])
    op.create_table(
        "holds",
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("attempt", sa.Integer(), primary_key=True),
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), nullable=False),
        sa.Column("released", sa.BigInteger(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "captured >= 0 AND released >= 0 AND captured + released <= amount", name="no_more_than_held"
        ),
    )
    op.create_index("holds_by_capture", "holds", ["account_id", "captured_at"])


def _sessions() -> None:
    op.create_table(
        "web_sessions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("member_id", sa.BigInteger()),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_web_sessions_member_id", "web_sessions", ["member_id"])
    op.create_table(
        "link_codes",
        sa.Column("code", sa.String(64), primary_key=True),
        sa.Column("member_id", sa.BigInteger(), nullable=False, unique=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
