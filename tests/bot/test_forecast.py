"""A forecast counts what is drawn before a job is done, and what it foretells comes true on a machine with a clock."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.errors import QueueFull
from bot.domain.job import Job, JobState, Leased, Member, Outlook, Progress
from bot.jobs.forecast import Forecast
from bot.jobs.meter import ENOUGH, Meter
from bot.jobs.queue import JobQueue
from sweeps.plan import Pace, Prices, plan
from tests.bot.conftest import ADA, MINA, THEO
from tests.bot.drawer import Drawer
from tests.bot.leased import WORK, leased, recipes
from tests.bot.machine import Machine

# The drawer takes a second for a unit of work, or two in one of ten cases.


class Slow(Drawer):
    """A renderer whose first, lonely picture made it look slow."""

    def pace(self) -> Pace | None:
        return Pace((4.0, 6.0))


class Unmeasured(Drawer):
    def pace(self) -> Pace | None:
        return None


def forecast_of(queue: JobQueue, drawer: Drawer | None = None, meter: Meter | None = None) -> Forecast:
    return Forecast(drawer or Drawer(), queue, meter or Meter(), Prices(base=3, detail=2))


def admitted(queue: JobQueue, owner: Member, images: int, **more: Any) -> Job:
    each = leased(owner, images, **more)
    queue.admit(each)
    return each.job


def test_a_job_alone_takes_what_is_left_of_its_own_work() -> None:
    queue = JobQueue(8)
    job = admitted(queue, MINA, 10)
    forecast = forecast_of(queue)
    assert forecast.seconds_left(job, Progress(10)) == pytest.approx(10 * WORK)
    assert forecast.seconds_left(job, Progress(10, drawn=6, failed=1)) == pytest.approx(3 * WORK)


def test_of_the_same_member_all_that_is_asked_before_counts() -> None:
    queue = JobQueue(8)
    admitted(queue, MINA, 5)
    job = admitted(queue, MINA, 2)
    admitted(queue, MINA, 7)
    forecast = forecast_of(queue)
    assert forecast.seconds_left(job, Progress(2)) == pytest.approx((5 + 2) * WORK)
    queue.reorder([job.id])
    assert forecast.seconds_left(job, Progress(2)) == pytest.approx((5 + 2) * WORK)
    queue.reorder([each.id for each in reversed(queue.jobs())])
    assert forecast.seconds_left(job, Progress(2)) == pytest.approx((7 + 2) * WORK)


def test_of_each_other_member_no_more_counts_than_the_job_needs_itself() -> None:
    queue = JobQueue(8)
    admitted(queue, THEO, 100)
    admitted(queue, ADA, 1)
    job = admitted(queue, MINA, 3)
    assert forecast_of(queue).seconds_left(job, Progress(3)) == pytest.approx((3 + 3 + 1) * WORK)


def test_of_a_member_who_weighs_more_as_much_more_counts() -> None:
    queue = JobQueue(8)
    admitted(queue, THEO, 100, weight=2.0)
    admitted(queue, ADA, 100, weight=0.5)
    job = admitted(queue, MINA, 4)
    assert forecast_of(queue).seconds_left(job, Progress(4)) == pytest.approx((4 + 8 + 2) * WORK)


def test_others_urgent_work_counts_whole_and_an_urgent_job_waits_for_urgent_ones_alone() -> None:
    queue = JobQueue(8)
    admitted(queue, THEO, 100)
    admitted(queue, THEO, 5, urgent=True)
    job = admitted(queue, MINA, 1)
    quick = admitted(queue, MINA, 2, urgent=True)
    forecast = forecast_of(queue)
    assert forecast.seconds_left(job, Progress(1)) == pytest.approx((2 + 1 + 5) * WORK)
    assert forecast.seconds_left(quick, Progress(2)) == pytest.approx((2 + 2) * WORK)


async def test_what_others_have_begun_is_ahead_of_it() -> None:
    queue = JobQueue(8)
    admitted(queue, THEO, 6)
    for _ in range(4):
        await queue.take()
    job = admitted(queue, MINA, 1)
    assert forecast_of(queue).seconds_left(job, Progress(1)) == pytest.approx((4 + 1 + 1) * WORK)


def test_paused_jobs_count_for_nobody_and_have_no_end() -> None:
    queue = JobQueue(8)
    mine, others = admitted(queue, MINA, 5), admitted(queue, THEO, 5)
    job = admitted(queue, MINA, 2)
    forecast = forecast_of(queue)
    for paused in (mine, others):
        queue.pause(paused.id)
    assert forecast.seconds_left(job, Progress(2)) == pytest.approx(2 * WORK)
    assert forecast.outlook(mine, Progress(5)) == Outlook(None, None)
    queue.resume(mine.id)
    assert forecast.seconds_left(replace(mine, state=JobState.PAUSED), Progress(5)) is None
    assert forecast.outlook(job, Progress(2)) == Outlook(pytest.approx(7 * WORK), 2)


@pytest.mark.parametrize("state", [JobState.QUOTED, *(state for state in JobState if state.ended)])
def test_nothing_is_foretold_of_a_quote_or_an_end(state: JobState) -> None:
    queue = JobQueue(8)
    job = admitted(queue, MINA, 3)
    assert forecast_of(queue).seconds_left(replace(job, state=state), Progress(3)) is None


def test_nothing_is_foretold_of_what_another_console_draws_or_before_anything_was_measured() -> None:
    queue = JobQueue(8)
    assert forecast_of(queue).outlook(leased(MINA, 3).job, Progress(3)) == Outlook(None, None)
    assert forecast_of(queue, Unmeasured()).outlook(admitted(queue, MINA, 3), Progress(3)) == Outlook(None, 1)


def test_a_quote_tells_price_work_and_time() -> None:
    planned = plan(recipes(4))
    quote = forecast_of(JobQueue(8)).quote(planned)
    assert (quote.cells, quote.bases, quote.details, quote.duplicates) == (4, 4, 0, 0)
    assert (quote.tokens, quote.work) == (4 * 3, 4 * WORK)
    assert quote.seconds == pytest.approx((4 * WORK, 8 * WORK))
    assert forecast_of(JobQueue(8), Unmeasured()).quote(planned).seconds is None


async def test_a_full_queue_says_when_the_first_job_will_be_done() -> None:
    queue = JobQueue(3)
    forecast = forecast_of(queue)
    assert forecast.until_a_place() is None
    admitted(queue, MINA, 30)
    admitted(queue, MINA, 1)  # after the thirty
    admitted(queue, THEO, 4)
    assert forecast.until_a_place() == pytest.approx((4 + 4) * WORK)
    with pytest.raises(QueueFull, match=r"about 35 images ahead. Try again in about 2 minutes"), queue.place():
        pass


async def warm(machine: Machine, images: int) -> None:
    """Have some images drawn, so that there is something measured."""
    machine.admit(leased(ADA, images))
    await machine.run()


async def test_after_a_few_pictures_a_quote_is_what_was_measured_and_no_longer_what_the_renderer_said() -> None:
    machine = Machine(JobQueue(8))
    forecast = forecast_of(machine.queue, Slow(), machine.meter)
    planned, asked = plan(recipes(24)), leased(MINA, recipes(24))
    first = forecast.quote(planned).seconds
    await warm(machine, ENOUGH)
    second = forecast.quote(planned).seconds
    began = machine.seconds
    machine.admit(asked)
    await machine.run()
    took = machine.seconds - began
    assert first and second
    assert second[0] == pytest.approx(took, rel=0.1)
    assert second[1] == pytest.approx(second[0] * 1.5)  # slow steps are that much slower, the renderer says
    assert first[0] > 3 * took  # the control: what was said before anything was measured


async def test_a_single_picture_is_quoted_by_what_single_pictures_took() -> None:
    machine = Machine(JobQueue(64))
    forecast = forecast_of(machine.queue, Slow(), machine.meter)
    for _ in range(ENOUGH):
        await warm(machine, 1)
    await warm(machine, 40)
    one, many = forecast.quote(plan(recipes(1))), forecast.quote(plan(recipes(40)))
    assert one.seconds and many.seconds
    assert one.seconds[0] == pytest.approx(WORK)
    assert many.seconds[0] == pytest.approx(40 * WORK * 2.5 / 4)  # four together take two and a half times as long
    job = machine.admit(leased(MINA, 1))
    assert forecast.seconds_left(job, Progress(1)) == pytest.approx(WORK)
    machine.admit(leased(THEO, 1))
    assert forecast.seconds_left(job, Progress(1)) == pytest.approx(2 * WORK * 2.5 / 4)


async def test_what_is_left_goes_down_while_a_batch_is_drawn() -> None:
    machine = Machine(JobQueue(8), lanes=4)
    forecast = forecast_of(machine.queue, meter=machine.meter)
    await warm(machine, 16)
    began = machine.seconds
    job = machine.admit(leased(MINA, 8))
    for part in (0.0, 0.2, 0.4, 0.6, 0.8):
        await machine.run(until=began + part * 50)
        assert forecast.seconds_left(job, machine.progress[job.id]) == pytest.approx((1 - part) * 50)


async def test_an_urgent_picture_beside_a_sweep_takes_as_long_as_others_did() -> None:
    """It has no calls of its own, so it takes longer than its part of the machine's work."""
    machine = Machine(JobQueue(8), lanes=32, batch=8)
    forecast = forecast_of(machine.queue, meter=machine.meter)
    await warm(machine, 40)
    machine.admit(leased(MINA, 200))
    foretold, truth = [], []
    for _ in range(6):
        await machine.run(until=machine.seconds + 70)
        quick = machine.admit(leased(THEO, 1, urgent=True))
        began = machine.seconds
        left = forecast.seconds_left(quick, Progress(1))
        assert left
        foretold.append(left)
        await machine.run(until=machine.seconds + 60)
        truth.append(machine.ends[quick.id] - began)
    assert foretold[-1] == pytest.approx(truth[-1], rel=0.25)
    assert truth[0] > 3 * foretold[0]  # the control: before any was measured


# Three members with weights, six jobs of differing work, and one more on the way. What holds for each forecast: it is
# off by less than a seventh of the time, and the time of as many images as there are lanes. In which order these come
# is the machine's to choose; and so is, of a few images, whether they come at the beginning of a round or at its end.

IMAGE_WORK = 15.0


def asked() -> list[Leased]:
    return [
        leased(MINA, recipes(60)),
        leased(MINA, recipes(10, steps=20)),
        leased(THEO, recipes(30, steps=15), weight=2.0),
        leased(THEO, recipes(24, side=512), weight=2.0),
        leased(ADA, recipes(4, steps=10)),
        leased(ADA, recipes(100, side=768)),
    ]


@pytest.mark.parametrize(("lanes", "batch"), [(2, 2), (8, 4), (32, 8)])
async def test_jobs_end_when_the_forecast_said(lanes: int, batch: int) -> None:
    machine = Machine(JobQueue(16), lanes, batch)
    forecast = forecast_of(machine.queue, meter=machine.meter)
    await warm(machine, 40)
    pace, began = machine.meter.pace(), machine.seconds
    assert pace
    jobs = [machine.admit(each) for each in asked()]
    told: list[tuple[Job, float, float, float]] = []
    for moment in (0, 50, 250, 500, 1000):
        await machine.run(until=began + moment)
        if moment == 250:
            jobs.append(machine.admit(leased(ADA, 3, urgent=True)))
        for job in jobs:
            if job.id not in machine.ends:
                left, progress = forecast.seconds_left(job, machine.progress[job.id]), machine.progress[job.id]
                assert left is not None and job.quote
                own = job.quote.work * (progress.total - progress.settled) / progress.total * pace
                told.append((job, machine.seconds, left, own))
    await machine.run()
    assert len(told) > 20

    def off(job: Job, moment: float, left: float) -> bool:
        truth = machine.ends[job.id] - moment
        return abs(left - truth) > truth / 7 + lanes * IMAGE_WORK * pace

    assert not [
        (job.id - jobs[0].id, moment - began, left, machine.ends[job.id] - moment)
        for job, moment, left, _ in told
        if off(job, moment, left)
    ]
    # The control: who counts their own work alone is wrong most of the time.
    assert sum(off(job, moment, own) for job, moment, _, own in told) > len(told) / 2


async def test_a_place_becomes_free_when_the_forecast_said() -> None:
    machine = Machine(JobQueue(16))
    forecast = forecast_of(machine.queue, meter=machine.meter)
    await warm(machine, 40)
    began = machine.seconds
    for each in asked():
        machine.admit(each)
    told = forecast.until_a_place()
    machine.ends.clear()
    await machine.run()
    first = min(machine.ends.values()) - began
    assert told == pytest.approx(first, rel=0.5)  # of the job with the fewest images, so of a few rounds
    assert max(machine.ends.values()) - began > 5 * first  # the control: others end much later
