"""The store keeps what was asked, drawn and posted, and records each outcome once."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import NotFound, Refusal
from bot.domain.job import ItemState, JobState
from bot.domain.ports import NewItem
from bot.settings import BadSettings
from bot.store.database import Sessions, open_database
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.members import KEPT_RECENT, MAX_PRESETS, MemberSettings
from bot.store.schema import JobRow
from sweeps.recipe import resolve
from tests.bot.conftest import HERE, MINA, store_job


async def test_a_job_comes_back_as_it_was_stored(jobs: Jobs) -> None:
    job = await store_job(jobs, items=3)
    assert await jobs.get(job.id) == job
    items = await jobs.items(job.id)
    assert [(item.number, item.name, item.rank, item.at) for item in items] == [
        (1, "c001", 3, {"seed": 0}),
        (2, "c002", 2, {"seed": 1}),
        (3, "c003", 1, {"seed": 2}),
    ]
    assert items[1].recipe.seed == 1


async def test_a_job_stored_before_there_were_parts_still_loads(jobs: Jobs, sessions: Sessions) -> None:
    job = await store_job(jobs)
    async with sessions.begin() as session:
        row = await session.get(JobRow, job.id)
        assert row is not None
        row.layout = {name: value for name, value in row.layout.items() if name != "apart"}
    assert await jobs.get(job.id) == job


async def test_a_photo_that_a_recipe_begins_with_is_kept(jobs: Jobs) -> None:
    recipe = replace(resolve({"prompt": "x"}, seed=1), photo="a" * 64)
    job = await jobs.create(
        kind="detail", title="a", owner=MINA, place=HERE, state=JobState.QUOTED, items=[NewItem("c001", 0, recipe)]
    )
    (item,) = await jobs.items(job.id)
    assert (job.name, item.recipe) == (f"D{job.id}", recipe)


async def test_a_state_changes_only_from_where_it_may(jobs: Jobs) -> None:
    job = await store_job(jobs, state=JobState.QUOTED)
    assert await jobs.move(job.id, to=JobState.QUEUED, only_from=[JobState.QUOTED]) is not None
    assert await jobs.move(job.id, to=JobState.QUEUED, only_from=[JobState.QUOTED]) is None
    assert (await jobs.get(job.id)).state is JobState.QUEUED  # type: ignore[union-attr]


async def test_an_outcome_is_recorded_once(jobs: Jobs) -> None:
    job = await store_job(jobs)
    assert await jobs.settle(job.id, 1, ItemState.DRAWN, image="a" * 64)
    assert not await jobs.settle(job.id, 1, ItemState.FAILED, remark="late")
    first = (await jobs.items(job.id))[0]
    assert (first.state, first.image, first.remark) == (ItemState.DRAWN, "a" * 64, None)


async def test_cancelling_leaves_what_is_drawn(jobs: Jobs) -> None:
    job = await store_job(jobs, items=3)
    await jobs.settle(job.id, 2, ItemState.DRAWN, image="a" * 64)
    assert await jobs.cancel_waiting(job.id) == 2
    states = [item.state for item in await jobs.items(job.id)]
    assert states == [ItemState.CANCELLED, ItemState.DRAWN, ItemState.CANCELLED]


async def test_unfinished_and_undelivered_jobs_are_found_after_a_restart(jobs: Jobs) -> None:
    queued, done, quoted = [
        await store_job(jobs, state=state) for state in (JobState.QUEUED, JobState.QUEUED, JobState.QUOTED)
    ]
    await jobs.move(done.id, to=JobState.DONE, only_from=[JobState.QUEUED])
    await jobs.move(quoted.id, to=JobState.CANCELLED, only_from=[JobState.QUOTED])
    assert [job.id for job in await jobs.unfinished()] == [queued.id]
    assert [job.id for job in await jobs.undelivered()] == [done.id]  # a cancelled quote owes nothing
    await jobs.delivered(done.id)
    assert await jobs.undelivered() == []


async def test_presets_hold_and_bring_back_settings(sessions: Sessions) -> None:
    settings = MemberSettings(sessions)
    with pytest.raises(Refusal, match="nothing to save"):
        await settings.save_preset(1, "a")
    await settings.put(1, "steps", 12)
    await settings.put(1, "detail", False)
    assert await settings.save_preset(1, "a") == 2
    await settings.reset(1)
    await settings.put(1, "weight", 0.5)
    assert await settings.load_preset(1, "a") == {"steps": 12, "detail": False}
    assert await settings.of(1) == {"steps": 12, "detail": False}
    with pytest.raises(NotFound):
        await settings.load_preset(2, "a")


async def test_presets_and_recent_values_are_bounded(sessions: Sessions) -> None:
    settings = MemberSettings(sessions)
    for value in range(KEPT_RECENT + 10):
        await settings.put(1, "steps", value)
    assert await settings.recent(1, "steps", 100) == list(range(KEPT_RECENT + 9, 9, -1))
    for number in range(MAX_PRESETS):
        await settings.save_preset(1, f"p{number}")
    with pytest.raises(Refusal, match="50 presets"):
        await settings.save_preset(1, "one more")
    await settings.save_preset(1, "p0")  # saving over one is always possible


async def test_images_are_addressed_by_content(tmp_path: Path) -> None:
    images = Images(tmp_path)
    image = await images.put(b"picture")
    assert await images.put(b"picture") == image
    assert await images.get(image) == b"picture"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{image}.png"]


@pytest.mark.parametrize("url", ["nonsense", "sqlite+aiosqlite:////nowhere/at/all.db", "oracle://x"])
async def test_a_database_that_cannot_be_opened_is_a_sentence(url: str) -> None:
    with pytest.raises(BadSettings, match="DATABASE_URL"):
        async with open_database(url):
            raise AssertionError("it was opened")


async def test_a_password_is_not_told_with_the_address(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        async with open_database("sqlite+aiosqlite://user:hunter2@/nowhere/a.db"):
            raise AssertionError("it was opened")
    assert "hunter2" not in str(caught.value)


async def test_what_is_recorded_of_one_job_leaves_the_others_as_they_were(jobs: Jobs) -> None:
    mine, other = await store_job(jobs), await store_job(jobs)
    before = await jobs.items(other.id)
    await jobs.settle(mine.id, 1, ItemState.DRAWN, image="a" * 64)
    await jobs.posted(mine.id, [1], 77)
    await jobs.cancel_waiting(mine.id)
    assert await jobs.items(other.id) == before
    assert [item.message_id for item in await jobs.items(mine.id)] == [77, None, None]


async def test_unfinished_jobs_come_as_they_were_queued_and_a_members_own_newest_first(jobs: Jobs) -> None:
    first, second, third = [await store_job(jobs, state=JobState.QUOTED) for _ in range(3)]
    for job in (second, first, third):
        await jobs.move(job.id, to=JobState.QUEUED, only_from=[JobState.QUOTED])
    assert [job.id for job in await jobs.unfinished()] == [second.id, first.id, third.id]
    assert [job.id for job in await jobs.unended(first.owner.id, 2)] == [third.id, second.id]
