"""The store keeps what was asked as it was asked, and finds again what is a member's."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.job import ItemState, JobState
from bot.domain.stores import NewItem
from bot.store.database import Sessions
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.orders import OrderStore
from bot.store.presence import Presence
from bot.store.schema import ItemRow, JobRow
from sweeps.recipe import resolve
from tests.store.conftest import HERE, MINA, STARTING, THEO, accepted, quoted


@pytest.fixture
def leases(sessions: Sessions, tmp_path: Path) -> LeaseStore:
    return LeaseStore(sessions, Presence(tmp_path), 10)


async def test_a_quote_comes_back_as_it_was_stored(jobs: Jobs) -> None:
    job = await quoted(jobs, items=3)
    assert job.state is JobState.QUOTED
    assert await jobs.get(job.id) == job
    items = await jobs.items(job.id)
    assert [(item.number, item.name, item.rank, item.at) for item in items] == [
        (1, "c001", 0, {"seed": 0}),
        (2, "c002", 1, {"seed": 1}),
        (3, "c003", 2, {"seed": 2}),
    ]
    assert items[1].recipe.seed == 1


async def test_a_job_stored_before_there_were_parts_and_prices_still_loads(jobs: Jobs, sessions: Sessions) -> None:
    job = await quoted(jobs)
    async with sessions.begin() as session:
        row = await session.get(JobRow, job.id)
        assert row is not None and row.quote is not None
        row.layout = {name: value for name, value in row.layout.items() if name not in ("apart", "fixed")}
        row.quote = {name: value for name, value in row.quote.items() if name != "tokens"}
    loaded = await jobs.get(job.id)
    assert loaded is not None and job.quote is not None
    assert loaded == replace(job, quote=replace(job.quote, tokens=0))


async def test_a_recipe_of_another_version_still_loads(jobs: Jobs, sessions: Sessions) -> None:
    job = await quoted(jobs, items=1)
    async with sessions.begin() as session:
        row = await session.get(ItemRow, (job.id, 1))
        assert row is not None
        row.recipe = {name: value for name, value in row.recipe.items() if name != "crop_factor"} | {"gone": 1}
    assert (await jobs.items(job.id))[0].recipe == resolve({"prompt": "a test", "detail": False}, seed=0)


async def test_a_photo_that_a_recipe_begins_with_is_kept(jobs: Jobs) -> None:
    recipe = replace(resolve({"prompt": "x"}, seed=1), photo="a" * 64)
    job = await jobs.create(kind="detail", title="a", owner=MINA, place=HERE, items=[NewItem("c001", 0, recipe)])
    (item,) = await jobs.items(job.id)
    assert (job.name, item.recipe) == (f"D{job.id}", recipe)


@pytest.mark.parametrize("text", ["Théo's “boat”", "a 🦊 and 月", "%s '; DROP TABLE jobs; --", "x" * 4000])
async def test_any_text_is_kept_as_it_was_written(jobs: Jobs, text: str) -> None:
    job = await jobs.create(
        kind="imagine",
        title=text,
        owner=replace(MINA, name=text[:100]),
        place=HERE,
        items=[NewItem("c001", 0, resolve({"prompt": text[:1500]}, seed=1))],
        notes=[text],
    )
    loaded = await jobs.get(job.id)
    assert loaded is not None
    assert (loaded.title, loaded.owner.name, loaded.notes) == (text, text[:100], (text,))
    assert (await jobs.items(job.id))[0].recipe.prompt == text[:1500]


async def test_ids_as_large_as_discords_are_kept(jobs: Jobs) -> None:
    large = 2**63 - 1
    job = await jobs.create(
        kind="sweep",
        title="a",
        owner=replace(MINA, id=large),
        place=replace(HERE, channel_id=large, guild_id=large, card_id=large),
        items=[NewItem("c001", 0, resolve({"prompt": "x"}, seed=2**32 - 1))],
    )
    assert await jobs.get(job.id) == job


async def test_a_job_is_counted_and_told_of_by_its_items(jobs: Jobs, sessions: Sessions, leases: LeaseStore) -> None:
    leased, other = await accepted(sessions, leases, items=4), await accepted(sessions, leases, THEO)
    before = await jobs.items(other.job.id)
    await leases.settle(leased.lease, 3, ItemState.DRAWN, image="a" * 64, tokens=1, remark="one\ntwo")
    await leases.settle(leased.lease, 1, ItemState.FAILED, remark="no face")
    progress = await jobs.progress(leased.job.id)
    assert (progress.total, progress.drawn, progress.failed, progress.cancelled, progress.spent) == (4, 1, 1, 0, 1)
    assert await jobs.remarks(leased.job.id) == [("c001", "no face"), ("c003", "one\ntwo")]
    assert await jobs.items(other.job.id) == before
    await jobs.set_card(leased.job.id, 77)
    loaded = await jobs.get(leased.job.id)
    assert loaded is not None and loaded.place.card_id == 77


async def test_a_members_own_open_and_retriable_jobs_are_found_the_newest_first(
    jobs: Jobs, sessions: Sessions, leases: LeaseStore
) -> None:
    first = await quoted(jobs)
    second, third = await accepted(sessions, leases), await accepted(sessions, leases)
    await accepted(sessions, leases, THEO)
    assert [job.id for job in await jobs.unended(MINA.id)] == [third.job.id, second.job.id, first.id]
    assert [job.id for job in await jobs.unended(MINA.id, 1)] == [third.job.id]
    for leased in (second, third):
        await leases.settle(leased.lease, 1, ItemState.FAILED)
    await OrderStore(sessions, leases.worker, STARTING).cancel(third.job.id)
    assert [job.id for job in await jobs.retriable(MINA.id)] == [third.job.id]
    assert [job.id for job in await jobs.unended(MINA.id)] == [second.job.id, first.id]
    assert await jobs.retriable(THEO.id) == []
