"""The tables."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets the zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def now() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """All tables of the console."""


class SettingRow(Base):
    """One value a member set with /set."""

    __tablename__ = "member_settings"
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class RecentRow(Base):
    """A value a member used lately, offered again by autocomplete."""

    __tablename__ = "recent_values"
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    text: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    used_at: Mapped[datetime] = mapped_column(UtcTime)


class PresetRow(Base):
    """A member's settings under a name."""

    __tablename__ = "presets"
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    values: Mapped[dict[str, Any]] = mapped_column(JSON)


class JobRow(Base):
    """A job."""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[int] = mapped_column(BigInteger, index=True)
    owner_name: Mapped[str] = mapped_column(String(100))
    channel_id: Mapped[int] = mapped_column(BigInteger)
    guild_id: Mapped[int | None] = mapped_column(BigInteger)
    card_id: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(12), index=True)
    urgent: Mapped[bool]
    layout: Mapped[dict[str, Any]] = mapped_column(JSON)
    quote: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    notes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    queued_at: Mapped[datetime | None] = mapped_column(UtcTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    weight: Mapped[float] = mapped_column(Float, default=1.0, server_default="1")
    turn: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    attempt: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    worker: Mapped[str | None] = mapped_column(String(32), index=True)
    fence: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    deaths: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    reason: Mapped[str | None] = mapped_column(Text)
    spoiler: Mapped[bool] = mapped_column(default=False, server_default=false())


class DataFolderRow(Base):
    """The one DATA_DIR in which the pictures lie that this database tells of, by the id that its file says."""

    __tablename__ = "data_folder"
    one: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(String(32))


class WorkerRow(Base):
    """A process that draws. `beats` counts up while it lives; what others watch is whether it does, not a clock."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    beats: Mapped[int] = mapped_column(Integer, default=0)
    started_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class SheetRow(Base):
    """The message that carries the contact sheet of a job, or of a part of it.

    Posting it was first tried at `tried_at`; until `message_id` is there, nobody knows whether that went well.
    """

    __tablename__ = "sheets"
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[str] = mapped_column(String(400), primary_key=True)
    tried_at: Mapped[datetime | None] = mapped_column(UtcTime)
    message_id: Mapped[int | None] = mapped_column(BigInteger)


class ItemRow(Base):
    """One recipe of a job.

    `fence` is that of the lease under which it was last begun; none where nobody has begun. `deaths` are the workers
    that died while they drew it.
    """

    __tablename__ = "items"
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    rank: Mapped[int] = mapped_column(Integer)
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[dict[str, int] | None] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(12))
    image: Mapped[str | None] = mapped_column(String(64))
    remark: Mapped[str | None] = mapped_column(Text)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    fence: Mapped[int | None] = mapped_column(Integer)
    deaths: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    spoiler: Mapped[bool] = mapped_column(default=False, server_default=false())

    __table_args__ = (Index("items_by_state", "job_id", "state"),)


class OutboxRow(Base):
    """A picture that is owed to a channel, until `message_id` says which message carries it.

    `batch` is the nonce of the message it goes out with; it was first tried at `tried_at`.
    """

    __tablename__ = "outbox"
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    batch: Mapped[str | None] = mapped_column(String(25))
    tried_at: Mapped[datetime | None] = mapped_column(UtcTime)
    message_id: Mapped[int | None] = mapped_column(BigInteger)


class AccountRow(Base):
    """Tokens of somebody: a member, a web session, what is held of either, what was spent (house), and where they
    come from (mint), which alone is below zero, so that all balances sum to zero."""

    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(10))
    key: Mapped[str] = mapped_column(String(64))
    balance: Mapped[int] = mapped_column(BigInteger, default=0)

    __table_args__ = (
        UniqueConstraint("kind", "key", name="one_account_each"),
        CheckConstraint("balance >= 0 OR kind = 'mint'", name="no_account_below_zero"),
    )


class TransferRow(Base):
    """Why tokens moved. `key` names what it is for, so that the same thing never moves tokens twice."""

    __tablename__ = "transfers"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[str] = mapped_column(String(10))
    job_id: Mapped[int | None] = mapped_column(Integer)
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    __table_args__ = (Index("transfers_of_jobs", "job_id", "kind", "at"),)


class EntryRow(Base):
    """What a transfer does to one account; the entries of a transfer sum to zero."""

    __tablename__ = "entries"
    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("entries_of_accounts", "account_id", "transfer_id"),)


class HoldRow(Base):
    """What an accepted job may cost, reserved; at its end all of it is captured or released.

    `captured_at` is when some of it was last captured.
    """

    __tablename__ = "holds"
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    captured: Mapped[int] = mapped_column(BigInteger, default=0)
    released: Mapped[int] = mapped_column(BigInteger, default=0)
    captured_at: Mapped[datetime | None] = mapped_column(UtcTime)

    __table_args__ = (
        Index("holds_by_capture", "account_id", "captured_at"),
        CheckConstraint("captured >= 0 AND released >= 0 AND captured + released <= amount", name="no_more_than_held"),
    )


class WebSessionRow(Base):
    """A browser's session; `id` is the SHA-256 of the secret in its cookie."""

    __tablename__ = "web_sessions"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    member_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)


class LinkCodeRow(Base):
    """A one-time code that a member got from /link; `code` is its SHA-256."""

    __tablename__ = "link_codes"
    code: Mapped[str] = mapped_column(String(64), primary_key=True)
    member_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)


class AuditRow(Base):
    """A privileged act: who did what to whom or what."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    actor_id: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(100))
    act: Mapped[str] = mapped_column(String(30))
    target: Mapped[str] = mapped_column(String(120))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)


class PublicationRow(Base):
    """A picture that was put on the wall by `by_id`. `gone` is what was taken down again, or deleted.

    `stars`, `ratings` and their sum say the same as the marks of it, so that the wall need not count. `changed_at`
    moves with any change, by which the wall finds what is new to it.
    """

    __tablename__ = "publications"
    job_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    by_id: Mapped[int] = mapped_column(BigInteger)
    published_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    changed_at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)
    gone: Mapped[bool] = mapped_column(default=False)
    hidden: Mapped[bool] = mapped_column(default=False)
    stars: Mapped[int] = mapped_column(Integer, default=0)
    ratings: Mapped[int] = mapped_column(Integer, default=0)
    rating_sum: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (
        ForeignKeyConstraint(["job_id", "number"], ["items.job_id", "items.number"], ondelete="CASCADE"),
        Index("publications_by_moment", "gone", "published_at"),
    )


class MarkRow(Base):
    """What a member thinks of a picture on the wall: starred or not, and 1 to 5 or nothing."""

    __tablename__ = "marks"
    job_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, index=True)
    starred: Mapped[bool] = mapped_column(default=False)
    rating: Mapped[int | None] = mapped_column(SmallInteger)

    __table_args__ = (
        ForeignKeyConstraint(["job_id", "number"], ["publications.job_id", "publications.number"], ondelete="CASCADE"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="one_to_five"),
    )


class IncidentRow(Base):
    """Something that the gate withheld; `image` is kept for an operator to look at until they have decided."""

    __tablename__ = "incidents"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    cause: Mapped[str] = mapped_column(String(10))
    what: Mapped[str] = mapped_column(String(120))
    score: Mapped[float | None] = mapped_column(Float)
    prompt: Mapped[str] = mapped_column(Text)
    member_id: Mapped[int] = mapped_column(BigInteger)
    member: Mapped[str] = mapped_column(String(100))
    guild_id: Mapped[int | None] = mapped_column(BigInteger)
    job_id: Mapped[int | None] = mapped_column(Integer)
    number: Mapped[int | None] = mapped_column(Integer)
    image: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))

    __table_args__ = (Index("incidents_by_state", "guild_id", "state", "id"),)


class WithdrawalRow(Base):
    """A message of which something is still to be taken out of its channel: these files, or (none named) all of it."""

    __tablename__ = "withdrawals"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[int] = mapped_column(BigInteger)
    files: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)
