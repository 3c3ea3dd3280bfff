"""The desk: where a quote is accepted, and a job cancelled, paused, moved or tried again, by those who may."""

import sys

from bot.domain.account import Rules, Terms
from bot.domain.errors import NotFound, NotYours, WrongState
from bot.domain.job import ItemState, Job, JobState, Member
from bot.domain.ports import FaceStore, Gate
from bot.domain.stores import AuditLog, JobStore, Orders
from bot.jobs.queue import JobQueue
from bot.jobs.worker import Worker
from sweeps.plan import Prices, plan


class Desk:
    """Rights and places are checked here, tokens and states in the transaction of each order."""

    def __init__(
        self,
        jobs: JobStore,
        orders: Orders,
        faces: FaceStore,
        queue: JobQueue,
        worker: Worker,
        gate: Gate,
        audit: AuditLog,
        rules: Rules,
        prices: Prices,
    ) -> None:
        self._jobs = jobs
        self._orders = orders
        self._faces = faces
        self._queue = queue
        self._worker = worker
        self._gate = gate
        self._audit = audit
        self._rules = rules
        self._prices = prices

    async def run(self, job_id: int, actor: Member) -> Job:
        """Accept a quote, its price held. The quote stays where this is refused.

        Raises QueueFull, TooFewTokens, LimitReached, NotYours, NotFound, NoRights, WrongState, Refusal (the place).
        """
        job = await self._theirs(job_id, actor)
        with self._queue.place():
            await self._may_draw(job, actor)
            leased = await self._orders.accept(job_id, self._terms(job, actor))
            self._worker.admit(leased)
        self._worker.changed(leased.job)
        await self._noted(actor, "run", job)
        return leased.job

    async def retry(self, job_id: int, actor: Member) -> Job:
        """Draw the failed images of an ended job again, and nothing else of it. Raises as `run` does."""
        job = await self._theirs(job_id, actor)
        if job.state is JobState.DEAD and not actor.operator:
            raise NotYours(
                f"{job.name} was set aside because the console died at it; only an operator may try it again."
            )
        failed = [item.recipe for item in await self._jobs.items(job_id) if item.state is ItemState.FAILED]
        with self._queue.place():
            await self._may_draw(job, actor)
            tokens = plan(failed).tokens(self._prices)
            leased = await self._orders.retry(job_id, self._terms(job, actor), tokens)
            self._worker.admit(leased)
        self._worker.changed(leased.job)
        await self._noted(actor, "retry", job)
        return leased.job

    async def cancel(self, job_id: int, actor: Member) -> Job:
        """Cancel a quote or a job in any state before its end. Raises NotYours, NotFound, WrongState."""
        job = await self._theirs(job_id, actor)
        cancelled = await self._orders.cancel(job_id)
        self._worker.let_go(job_id)
        self._worker.changed(cancelled)
        await self._noted(actor, "cancel", job)
        return cancelled

    async def pause(self, job_id: int, actor: Member) -> Job:
        """Begin no further image of a job; what is being drawn is finished. Raises NotYours, NotFound, WrongState."""
        job = await self._theirs(job_id, actor)
        paused = await self._orders.pause(job_id)
        self._queue.pause(job_id)
        self._queue.updated(paused)
        self._worker.changed(paused)
        await self._noted(actor, "pause", job)
        return paused

    async def resume(self, job_id: int, actor: Member) -> Job:
        """Go on with a paused job. Raises NotYours, NotFound, WrongState."""
        job = await self._theirs(job_id, actor)
        resumed = await self._orders.resume(job_id)
        self._queue.resume(job_id)
        self._queue.updated(resumed)
        self._worker.changed(resumed)
        await self._noted(actor, "resume", job)
        return resumed

    async def move(self, job_id: int, actor: Member, before: int | None) -> Job:
        """Put a job before another of its owner's, or first of them. Raises NotYours, NotFound, WrongState."""
        job = await self._theirs(job_id, actor)
        ordered = await self._orders.reorder(job_id, before)
        self._queue.reorder([each.id for each in ordered])
        for each in ordered:
            self._queue.updated(each)
            self._worker.changed(each)
        await self._noted(actor, "move", job)
        return next(each for each in ordered if each.id == job_id)

    async def give_up(self, job: Job) -> None:
        """Cancel a job whose channel takes nothing any more, if it has not ended."""
        try:
            await self._orders.cancel(job.id)
        except WrongState:
            return
        self._worker.let_go(job.id)

    async def find(self, job_id: int) -> Job:
        """The job. Raises NotFound."""
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}. /queue shows what is waiting.")
        return job

    def _terms(self, job: Job, actor: Member) -> Terms:
        """Those of the owner's roles; where an operator acts for them no limit is in the way, and the share stays."""
        return self._rules.terms(actor.roles) if actor.id == job.owner.id else Terms(job.weight, None, sys.maxsize)

    async def _may_draw(self, job: Job, actor: Member) -> None:
        """Rules may have come since the quote, and people gone. Raises Refusal, NotFound, NotYours, NoRights.

        The rules are about the owner's roles; where an operator acts for them, they answer for the place.
        """
        if actor.id == job.owner.id:
            self._gate.place(actor, job.place.channel_id)
        items = await self._jobs.items(job.id)
        for name in dict.fromkeys(name for item in items for name in item.recipe.people):
            await self._faces.drawable(name, job.asker)

    async def _noted(self, actor: Member, act: str, job: Job) -> None:
        """What an operator does with somebody else's job stands in the audit log."""
        if actor.id != job.owner.id:
            await self._audit.note(actor, act, job.name, owner=job.owner.name)

    async def _theirs(self, job_id: int, actor: Member) -> Job:
        """The job if it is the actor's, or the actor is an operator on the job's own server."""
        job = await self.find(job_id)
        if job.owner.id != actor.id and not (actor.operator and actor.guild_id == job.place.guild_id):
            raise NotYours(f"{job.name} belongs to {job.owner.name}; only they or an operator may do that.")
        return job
