"""The reckoning: what became of every job, picture, token and message in the end."""

import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from bot.domain.account import Kind
from bot.domain.job import ItemState, JobState
from bot.store import rows
from bot.store.books import audit_books
from bot.store.database import Sessions
from bot.store.schema import EntryRow, HoldRow, ItemRow, JobRow, OutboxRow, TransferRow
from tests.chaos.exchange import Exchange
from tests.chaos.scenario import told


@dataclass(frozen=True)
class Reckoning:
    """Counts at the end; `well` when everything of everybody was done exactly once."""

    jobs: int
    done: int
    images: int
    drawn: int
    billed: int
    billed_twice: int
    posted: int
    posted_twice: int
    ledger: int
    held: int
    broken_files: int
    wrong: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return (
            self.done == self.jobs
            and self.drawn == self.billed == self.posted == self.images
            and not (self.billed_twice or self.posted_twice or self.ledger or self.held or self.broken_files)
            and not self.wrong
        )

    def __str__(self) -> str:
        counts = {
            "jobs": f"{self.done:,}/{self.jobs:,}",
            "images": f"{self.drawn:,}/{self.images:,}",
            "billed twice": self.billed_twice,
            "posted twice": self.posted_twice,
            "ledger": self.ledger,
            "holds": self.held,
        }
        never = {
            "never billed": self.drawn - self.billed,
            "never posted": self.drawn - self.posted,
            "broken files": self.broken_files,
        }
        told_of = told(counts | {name: count for name, count in never.items() if count})
        return f"{told_of}, {len(self.wrong)} wrong: {self.wrong[0]}" if self.wrong else told_of


async def reckon(sessions: Sessions, exchange: Exchange, images: Path, besides: Collection[int] = ()) -> Reckoning:
    """Count everything of a database, of what its channel has got, and of the pictures' files, `besides` some jobs."""
    async with sessions.reading() as session:
        jobs = list(await session.scalars(select(JobRow).where(JobRow.id.not_in(besides)).order_by(JobRow.id)))
        items = list(await session.scalars(select(ItemRow).where(ItemRow.job_id.not_in(besides))))
        owed = {(row.job_id, row.number): row for row in await session.scalars(select(OutboxRow))}
        captures = await session.scalars(select(TransferRow.key).where(TransferRow.kind == Kind.CAPTURE.value))
        # The first words alone: a careless worker's keys differ in what stands behind them.
        billed = Counter(tuple(key.split(":")[1:3]) for key in captures)
        ledger = int(await session.scalar(select(func.coalesce(func.sum(EntryRow.amount), 0))) or 0)
        left = HoldRow.amount - HoldRow.captured - HoldRow.released
        held = int(await session.scalar(select(func.coalesce(func.sum(left), 0))) or 0)
        wrong = await audit_books(session)
    by_id = {job.id: rows.job(job) for job in jobs}
    names = {(item.job_id, item.number): by_id[item.job_id].file_name(rows.item(item)) for item in items}
    drawn = [item for item in items if item.state == ItemState.DRAWN.value]
    wrong += [
        f"{by_id[key[0]].name}: item {key[1]} is in no message" for key, row in owed.items() if not row.message_id
    ]
    wrong += [f"{job.name} is {job.state.value}" for job in by_id.values() if job.state is not JobState.DONE]
    wrong += [f"{job.name} was not wholly delivered" for job in by_id.values() if not job.delivered]
    for item in drawn:
        if exchange.digests.get(names[item.job_id, item.number]) not in (None, item.image):
            wrong.append(f"{names[item.job_id, item.number]} was posted with another picture")
    return Reckoning(
        jobs=len(jobs),
        done=sum(job.state is JobState.DONE for job in by_id.values()),
        images=len(items),
        drawn=len(drawn),
        billed=len(billed),
        billed_twice=sum(count > 1 for count in billed.values()),
        posted=sum(exchange.copies[names[item.job_id, item.number]] > 0 for item in drawn),
        posted_twice=sum(count > 1 for count in exchange.copies.values()),
        ledger=ledger,
        held=held,
        broken_files=sum(not _whole(images, item.image or "") for item in drawn),
        wrong=wrong,
    )


def _whole(images: Path, image: str) -> bool:
    """Whether the picture's file is there, and what its name says."""
    path = images / image[:2] / f"{image}.png"
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == image
