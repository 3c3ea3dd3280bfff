"""The desk: where a quote is accepted, and a job cancelled."""

from bot.domain.errors import NotFound, NotYours, WrongState
from bot.domain.job import ItemState, Job, JobState, Member
from bot.domain.ports import FaceStore, JobStore
from bot.jobs.queue import JobQueue
from bot.jobs.worker import Worker


class Desk:
    """Turns a quote into queued work, and cancels either, for those who may."""

    def __init__(self, jobs: JobStore, faces: FaceStore, queue: JobQueue, worker: Worker) -> None:
        self._jobs = jobs
        self._faces = faces
        self._queue = queue
        self._worker = worker

    async def run(self, job_id: int, actor: Member) -> Job:
        """Accept a quote. Raises QueueFull, NotYours, NotFound, NoRights (and the quote stays), WrongState."""
        job = await self._theirs(job_id, actor)
        with self._queue.place():
            items = await self._jobs.items(job.id)
            for name in dict.fromkeys(name for item in items for name in item.recipe.people):
                await self._faces.drawable(name, job.asker)  # people may have been removed since the quote
            queued = await self._jobs.move(job.id, to=JobState.QUEUED, only_from=[JobState.QUOTED])
            if queued is None:
                raise WrongState(f"{job.name} cannot be run: it is {(await self.find(job_id)).state.value}.")
            self._queue.admit(queued, [item for item in items if item.state is ItemState.WAITING])
        self._worker.changed(queued)
        return queued

    async def cancel(self, job_id: int, actor: Member) -> Job:
        """Cancel a quote or a job at any point before its end. Raises NotYours, WrongState."""
        job = await self._theirs(job_id, actor)
        if quote := await self._jobs.move(job.id, to=JobState.CANCELLED, only_from=[JobState.QUOTED]):
            self._worker.changed(quote)
            return quote
        job = await self.find(job_id)
        if job.state.ended:
            raise WrongState(f"{job.name} has already ended ({job.state.value}); there is nothing to cancel.")
        await self._worker.cancel(job)
        return await self.find(job_id)

    async def find(self, job_id: int) -> Job:
        """The job. Raises NotFound."""
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}. /queue shows what is waiting.")
        return job

    async def _theirs(self, job_id: int, actor: Member) -> Job:
        """The job if it is the actor's, or the actor is an operator on the job's own server."""
        job = await self.find(job_id)
        if job.owner.id != actor.id and not (actor.operator and actor.guild_id == job.place.guild_id):
            raise NotYours(f"{job.name} belongs to {job.owner.name}; only they or an operator may do that.")
        return job
