"""A forecast counts what is drawn before a job is done: its own work, what was asked before, and the others' turns."""

import pytest

from bot.domain.job import Job, JobState, Member, Progress
from bot.jobs.forecast import Forecast
from bot.jobs.queue import JobQueue
from bot.store.jobs import Jobs
from tests.bot.conftest import ADA, MINA, THEO, store_job
from tests.bot.drawer import Drawer

# Each stored item is 2 evaluations of a megapixel, and the drawer takes a second for one.


async def admitted(queue: JobQueue, jobs: Jobs, owner: Member, items: int) -> Job:
    job = await store_job(jobs, owner, items)
    queue.admit(job, await jobs.items(job.id))
    return job


async def test_a_job_alone_takes_what_is_left_of_its_own_work(jobs: Jobs) -> None:
    queue = JobQueue(8)
    job = await admitted(queue, jobs, MINA, 10)
    forecast = Forecast(Drawer(), queue)
    assert forecast.seconds_left(job, Progress(10)) == pytest.approx(20)
    assert forecast.seconds_left(job, Progress(10, drawn=6, failed=1)) == pytest.approx(6)


async def test_of_the_same_member_all_that_was_asked_before_counts(jobs: Jobs) -> None:
    queue = JobQueue(8)
    await admitted(queue, jobs, MINA, 5)
    job = await admitted(queue, jobs, MINA, 2)
    await admitted(queue, jobs, MINA, 7)
    assert Forecast(Drawer(), queue).seconds_left(job, Progress(2)) == pytest.approx(10 + 4)


async def test_of_each_other_member_no_more_counts_than_the_job_needs_itself(jobs: Jobs) -> None:
    queue = JobQueue(8)
    await admitted(queue, jobs, THEO, 100)
    await admitted(queue, jobs, ADA, 1)
    job = await admitted(queue, jobs, MINA, 3)
    assert Forecast(Drawer(), queue).seconds_left(job, Progress(3)) == pytest.approx(6 + 6 + 2)


async def test_nothing_is_foretold_of_a_quote_or_before_anything_was_measured(jobs: Jobs) -> None:
    class Unmeasured(Drawer):
        def pace(self) -> None:
            return None

    queue = JobQueue(8)
    job = await admitted(queue, jobs, MINA, 3)
    assert Forecast(Unmeasured(), queue).seconds_left(job, Progress(3)) is None
    quoted = await store_job(jobs, MINA, 3, state=JobState.QUOTED)
    assert Forecast(Drawer(), queue).seconds_left(quoted, Progress(3)) is None
