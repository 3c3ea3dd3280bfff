"""What is on the wall: put there, taken down, hidden, starred and rated, also by several at the same time."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from bot.domain.errors import NotFound
from bot.domain.job import ItemState, Job, Member
from bot.domain.wall import Mark, Published
from bot.store import audit
from bot.store.audit import Audit
from bot.store.database import Sessions
from bot.store.jobs import Jobs
from bot.store.publications import PublicationStore, publish
from bot.store.schema import ItemRow, MarkRow, OutboxRow, PublicationRow
from tests.store.conftest import HERE, MINA, THEO, quoted

IMAGES = ["a" * 64, "b" * 64, "c" * 64]
OLGA = Member(4, "Olga", True, HERE.guild_id)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def wall(sessions: Sessions) -> PublicationStore:
    return PublicationStore(sessions)


async def drawn(sessions: Sessions, *numbers: int, items: int = 3) -> Job:
    """A job of which these items are drawn."""
    job = await quoted(Jobs(sessions), items=items)
    async with sessions.begin() as session:
        for number in numbers:
            done = update(ItemRow).where(ItemRow.job_id == job.id, ItemRow.number == number)
            await session.execute(done.values(state=ItemState.DRAWN.value, image=IMAGES[number % 3]))
    return job


async def shown(wall: PublicationStore) -> list[int]:
    return sorted(picture.number for picture in await wall.changed() if picture.image)


async def the(wall: PublicationStore, number: int) -> Published:
    (found,) = [picture for picture in await wall.changed(LONG_AGO) if picture.number == number]
    return found


async def test_what_is_drawn_is_published_once_and_nothing_else(sessions: Sessions, wall: PublicationStore) -> None:
    job = await drawn(sessions, 1, 3)
    assert await wall.publish(MINA, job.id) == 2
    assert await wall.publish(THEO, job.id, [1, 2, 3, 99]) == 0
    assert await shown(wall) == [1, 3]
    assert await wall.publish(MINA, 999) == 0
    async with sessions.begin() as session:
        done = update(ItemRow).where(ItemRow.job_id == job.id, ItemRow.number == 2)
        await session.execute(done.values(state=ItemState.WITHHELD.value, image=None))
    assert await wall.publish(MINA, job.id) == 0


async def test_a_picture_on_the_wall_tells_all_of_itself(sessions: Sessions, wall: PublicationStore) -> None:
    job = await drawn(sessions, 2)
    async with sessions.begin() as session:
        session.add(OutboxRow(job_id=job.id, number=2, message_id=77))
    await wall.publish(THEO, job.id, [2])
    (picture,) = await wall.changed()
    item = (await Jobs(sessions).items(job.id))[1]
    assert (picture.job_id, picture.number, picture.name) == (job.id, 2, f"S{job.id}-c002")
    assert (picture.kind, picture.title, picture.image) == ("sweep", "a test", IMAGES[2])
    assert (picture.recipe, picture.at, picture.layout) == (item.recipe, {"seed": 1}, job.layout)
    assert (picture.owner, picture.guild_id, picture.channel_id) == (MINA, HERE.guild_id, HERE.channel_id)
    assert (picture.message_id, picture.hidden, picture.spoiler) == (77, False, False)
    assert (picture.stars, picture.ratings, picture.rating) == (0, 0, 0.0)
    assert abs(picture.published_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert picture.changed_at == picture.published_at


async def test_in_posted_mode_it_is_published_in_the_transaction_of_who_draws(
    sessions: Sessions, wall: PublicationStore
) -> None:
    job = await drawn(sessions, 1, 2)
    with pytest.raises(RuntimeError):
        async with sessions.begin() as session:
            assert await publish(session, job.id, [1], MINA.id) == 1
            raise RuntimeError("it is all undone")
    assert await shown(wall) == []
    async with sessions.begin() as session:
        assert await publish(session, job.id, [1], MINA.id) == 1
        assert await publish(session, job.id, [1], MINA.id) == 0
    assert await shown(wall) == [1]


async def test_what_is_taken_down_is_gone_with_its_marks_and_comes_back_without(
    sessions: Sessions, wall: PublicationStore
) -> None:
    job = await drawn(sessions, 1, 2)
    await wall.publish(MINA, job.id)
    first = await the(wall, 1)
    await wall.star(job.id, 1, THEO.id, True)
    await wall.rate(job.id, 1, THEO.id, 4)
    await wall.star(job.id, 2, THEO.id, True)
    assert await wall.take_down(job.id, [1, 3]) == 1
    assert await wall.take_down(job.id, [1]) == 0
    assert await shown(wall) == [2]
    assert await wall.starred(THEO.id) == {(job.id, 2)}
    assert [await wall.mark(job.id, number, THEO.id) for number in (1, 2)] == [Mark(), Mark(True)]
    gone = await the(wall, 1)
    assert (gone.image, gone.stars, gone.ratings) == (None, 0, 0)
    assert gone.changed_at > first.changed_at
    assert await wall.publish(THEO, job.id, [1]) == 1
    back = await the(wall, 1)
    assert (back.image, back.stars, back.ratings, back.rating) == (IMAGES[1], 0, 0, 0.0)
    assert back.published_at > first.published_at
    assert await wall.take_down(job.id) == 2


async def test_hidden_stays_hidden_also_when_it_is_published_anew(sessions: Sessions, wall: PublicationStore) -> None:
    job = await drawn(sessions, 1)
    await wall.publish(MINA, job.id)
    await wall.hide(OLGA, job.id, 1, True)
    assert (await the(wall, 1)).hidden
    await wall.take_down(job.id)
    with pytest.raises(NotFound):
        await wall.hide(OLGA, job.id, 1, False)
    await wall.publish(MINA, job.id)
    assert (await the(wall, 1)).hidden
    await wall.hide(OLGA, job.id, 1, False)
    assert not (await the(wall, 1)).hidden


async def test_marks_are_counted_as_each_member_last_made_them(sessions: Sessions, wall: PublicationStore) -> None:
    job = await drawn(sessions, 1)
    await wall.publish(MINA, job.id)
    assert (await wall.star(job.id, 1, MINA.id, True)).stars == 1
    assert (await wall.star(job.id, 1, MINA.id, True)).stars == 1
    assert (await wall.star(job.id, 1, THEO.id, True)).stars == 2
    assert (await wall.rate(job.id, 1, MINA.id, 5)).rating == 5.0
    rated = await wall.rate(job.id, 1, THEO.id, 2)
    assert (rated.ratings, rated.rating, rated.stars) == (2, 3.5, 2)
    assert (await wall.rate(job.id, 1, MINA.id, 3)).rating == 2.5
    assert await wall.mark(job.id, 1, MINA.id) == Mark(True, 3)
    assert (await wall.star(job.id, 1, MINA.id, False)).stars == 1
    assert (await wall.mark(job.id, 1, MINA.id), await wall.starred(MINA.id)) == (Mark(False, 3), frozenset())
    left = await wall.rate(job.id, 1, MINA.id, None)
    assert (left.ratings, left.rating) == (1, 2.0)
    assert await wall.mark(job.id, 1, MINA.id) == Mark()
    async with sessions.reading() as session:
        assert await session.scalar(select(func.count()).select_from(MarkRow)) == 1


@pytest.mark.parametrize("rating", [0, 6, -1, True, 2.5, "3"])
async def test_a_rating_is_a_whole_number_from_1_to_5(
    sessions: Sessions, wall: PublicationStore, rating: object
) -> None:
    job = await drawn(sessions, 1)
    await wall.publish(MINA, job.id)
    with pytest.raises(ValueError, match="expected a whole number from 1 to 5"):
        await wall.rate(job.id, 1, MINA.id, rating)  # type: ignore[arg-type]
    assert (await the(wall, 1)).ratings == 0


async def test_what_is_not_on_the_wall_is_not_found(sessions: Sessions, wall: PublicationStore) -> None:
    job = await drawn(sessions, 1, 2)
    await wall.publish(MINA, job.id, [1])
    attempts: list[Callable[[], object]] = [
        lambda: wall.star(job.id, 2, 1, True),
        lambda: wall.rate(job.id, 2, 1, 3),
        lambda: wall.hide(OLGA, job.id, 2, True),
        lambda: wall.star(999, 1, 1, True),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound, match="not on the wall"):
            await attempt()  # type: ignore[misc]


async def test_what_changed_since_is_told_in_the_order_in_which_it_changed(
    sessions: Sessions, wall: PublicationStore
) -> None:
    job = await drawn(sessions, 1, 2, 3)
    await wall.publish(MINA, job.id)
    async with sessions.begin() as session:
        await session.execute(update(PublicationRow).values(changed_at=LONG_AGO))
    assert await wall.changed(LONG_AGO + timedelta(seconds=1)) == []
    await wall.rate(job.id, 3, MINA.id, 2)
    await wall.star(job.id, 1, MINA.id, True)
    await wall.take_down(job.id, [2])
    told = await wall.changed(LONG_AGO + timedelta(seconds=1))
    assert [(picture.number, picture.image is None) for picture in told] == [(3, False), (1, False), (2, True)]
    assert [picture.number for picture in await wall.changed(told[1].changed_at)] == [1, 2]


async def test_stars_and_ratings_of_many_at_once_are_all_counted(sessions: Sessions, wall: PublicationStore) -> None:
    job = await drawn(sessions, 1)
    await wall.publish(MINA, job.id)
    members = range(100, 120)
    await asyncio.gather(
        *(wall.star(job.id, 1, member, True) for member in members),
        *(wall.star(job.id, 1, member, True) for member in members),
        *(wall.rate(job.id, 1, member, 1 + member % 5) for member in members),
    )
    picture = await the(wall, 1)
    assert (picture.stars, picture.ratings, picture.rating) == (20, 20, 3.0)


async def test_two_who_publish_at_once_count_each_picture_once(sessions: Sessions, wall: PublicationStore) -> None:
    job = await drawn(sessions, 1, 2, 3)
    counts = await asyncio.gather(*(wall.publish(MINA, job.id) for _ in range(6)))
    assert sorted(counts) == [0, 0, 0, 0, 0, 3]


async def test_taking_down_while_many_star_leaves_no_mark(sessions: Sessions, wall: PublicationStore) -> None:
    job = await drawn(sessions, 1, 2)
    await wall.publish(MINA, job.id)
    stars = [wall.star(job.id, 1 + member % 2, member, True) for member in range(12)]
    await asyncio.gather(*stars[:6], wall.take_down(job.id), *stars[6:], return_exceptions=True)
    async with sessions.reading() as session:
        assert await session.scalar(select(func.count()).select_from(MarkRow)) == 0
    assert [(each.stars, each.image) for each in await wall.changed(LONG_AGO)] == [(0, None), (0, None)]


async def acts(sessions: Sessions) -> list[tuple[str, str, str, dict[str, object]]]:
    return [(each.actor, each.act, each.target, dict(each.detail)) for each in await Audit(sessions).latest()]


async def test_what_an_operator_does_is_noted_with_it_or_not_at_all(
    sessions: Sessions, wall: PublicationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await drawn(sessions, 1, 2)
    await wall.publish(MINA, job.id)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the log cannot be written")

    with monkeypatch.context() as patch:
        patch.setattr(audit, "row", fail)
        for act in (wall.hide(OLGA, job.id, 1, True), wall.take_down(job.id, by=OLGA)):
            with pytest.raises(RuntimeError):
                await act
    assert await shown(wall) == [1, 2] and not (await the(wall, 1)).hidden
    await wall.hide(OLGA, job.id, 1, True)
    await wall.hide(OLGA, job.id, 1, False)
    assert await wall.take_down(job.id, [1], by=OLGA) == 1
    assert await wall.take_down(job.id, [1], by=OLGA) == 0
    with pytest.raises(NotFound):
        await wall.hide(OLGA, job.id, 1, True)
    assert await wall.take_down(job.id) == 1
    assert await acts(sessions) == [
        ("Olga", "wall take down", job.name, {"pictures": 1, "owner": "Mina"}),
        ("Olga", "show", f"{job.name}-c001", {"owner": "Mina"}),
        ("Olga", "hide", f"{job.name}-c001", {"owner": "Mina"}),
    ], "and what is not there any more, or the owner's own doing, is not"


async def test_what_a_member_starred_is_told_without_the_rest(sessions: Sessions, wall: PublicationStore) -> None:
    job = await drawn(sessions, 1, 2, 3)
    await wall.publish(MINA, job.id)
    await wall.star(job.id, 1, THEO.id, True)
    await wall.star(job.id, 3, MINA.id, True)
    await wall.rate(job.id, 2, THEO.id, 3)
    assert await wall.starred(THEO.id) == {(job.id, 1)}
    assert await wall.mark(job.id, 2, THEO.id) == Mark(False, 3)
    assert await wall.mark(job.id, 3, THEO.id) == await wall.mark(999, 1, THEO.id) == Mark()
