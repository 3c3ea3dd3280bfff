"""The desk quotes before it accepts, and lets nobody touch what is not theirs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.domain.errors import CannotDraw, NotFound, NotYours, QueueFull, Refusal, WrongState
from bot.domain.job import Job, JobState, Member, Place
from bot.jobs.desk import BRACES, Desk
from bot.jobs.forecast import Forecast
from bot.jobs.queue import JobQueue
from bot.jobs.worker import Worker
from bot.store.database import Sessions
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.members import MemberSettings
from sweeps.errors import SweepError
from tests.bot.drawer import Drawer

HERE = Place(10, guild_id=1)
MINA, THEO = Member(1, "Mina", guild_id=1), Member(2, "Theo", guild_id=1)
OPERATOR, ELSEWHERE = Member(3, "Ada", True, guild_id=1), Member(4, "Eve", True, guild_id=2)
SWEEP = b"{base: {prompt: x, steps: 2}, parameters: {guidance_scale: '2-5'}}"


@pytest_asyncio.fixture
async def desk(sessions: Sessions, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose worker draws nothing, so that jobs stay where they are put."""
    jobs, queue, drawer = Jobs(sessions), JobQueue(2), Drawer()
    worker = Worker(queue, jobs, Images(tmp_path), drawer, lambda job: None)
    yield Desk(
        jobs=jobs,
        settings=MemberSettings(sessions),
        queue=queue,
        worker=worker,
        renderer=drawer,
        forecast=Forecast(drawer, queue),
        max_cells=5,
        production={},
        faces=list,
    )


async def quoted(desk: Desk, owner: Member = MINA) -> Job:
    return await desk.quote_sweep(owner, HERE, SWEEP, "file")


async def test_a_quote_counts_and_times_the_sweep_and_draws_nothing(desk: Desk) -> None:
    job = await quoted(desk)
    assert job.quote is not None
    assert (job.state, job.quote.cells, job.quote.bases) == (JobState.QUOTED, 4, 4)
    assert job.quote.work == pytest.approx(4 * 2 * 2)  # cells x steps x two evaluations of one megapixel
    assert job.quote.seconds == pytest.approx((16.0, 32.0))
    assert job.layout.labels("guidance_scale") == ("2", "3", "4", "5")


@pytest.mark.parametrize("actor", [MINA, OPERATOR])
async def test_the_owner_and_an_operator_of_that_server_may_run_and_cancel(desk: Desk, actor: Member) -> None:
    job = await quoted(desk)
    assert (await desk.run(job.id, actor)).state is JobState.QUEUED
    assert (await desk.cancel(job.id, actor)).state is JobState.CANCELLED


@pytest.mark.parametrize("actor", [THEO, ELSEWHERE])
async def test_nobody_else_may_not_even_an_operator_of_another_server(desk: Desk, actor: Member) -> None:
    job = await quoted(desk)
    for act in (desk.run, desk.cancel):
        with pytest.raises(NotYours):
            await act(job.id, actor)
    assert (await desk.find(job.id)).state is JobState.QUOTED


async def test_a_quote_runs_once(desk: Desk) -> None:
    job = await quoted(desk)
    await desk.run(job.id, MINA)
    with pytest.raises(WrongState, match="cannot be run: it is queued"):
        await desk.run(job.id, MINA)


async def test_a_full_queue_refuses_and_the_quote_stays(desk: Desk) -> None:
    jobs = [await quoted(desk) for _ in range(3)]
    for job in jobs[:2]:
        await desk.run(job.id, MINA)
    with pytest.raises(QueueFull):
        await desk.run(jobs[2].id, MINA)
    with pytest.raises(QueueFull):
        await desk.quote_imagine(MINA, HERE, {"prompt": "x"}, 1)
    assert (await desk.find(jobs[2].id)).state is JobState.QUOTED
    await desk.cancel(jobs[0].id, MINA)
    assert (await desk.run(jobs[2].id, MINA)).state is JobState.QUEUED


async def test_what_cannot_be_quoted_is_refused_with_a_sentence(desk: Desk) -> None:
    with pytest.raises(SweepError, match="more than the 5 allowed"):
        await desk.quote_sweep(MINA, HERE, b"{parameters: {seed: '1-6'}}", "f")
    with pytest.raises(CannotDraw, match="set detail to false"):
        await desk.quote_sweep(MINA, HERE, b"{base: {detail: true}, parameters: {seed: '1-2'}}", "f")
    with pytest.raises(Refusal, match="Say what to draw"):
        await desk.quote_imagine(MINA, HERE, {"prompt": " "}, 1)
    with pytest.raises(NotFound, match="There is no job 99"):
        await desk.run(99, MINA)


async def test_images_of_one_imagine_follow_its_seed_around_the_end(desk: Desk) -> None:
    job = await desk.quote_imagine(MINA, HERE, {"prompt": "x", "seed": 2**32 - 1}, 3)
    assert job.urgent
    assert job.layout.labels("seed") == ("4294967295", "0", "1")


async def test_braces_of_an_imagine_are_remarked_upon(desk: Desk) -> None:
    assert (await desk.quote_imagine(MINA, HERE, {"prompt": "a {b|c}"}, 1)).notes == (BRACES,)


async def test_what_is_asked_stands_over_what_is_set(desk: Desk, sessions: Sessions) -> None:
    await MemberSettings(sessions).put(MINA.id, "steps", 7)
    await MemberSettings(sessions).put(MINA.id, "guidance_scale", 3.0)
    job = await desk.quote_imagine(MINA, HERE, {"prompt": "x", "steps": 9}, 1)
    (item,) = await Jobs(sessions).items(job.id)
    assert (item.recipe.steps, item.recipe.guidance_scale) == (9, 3.0)
