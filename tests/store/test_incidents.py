"""What the gate withheld waits for an operator; what they decide is done once, costs nothing, and is noted."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.domain.erasure import DISK, Dropped
from bot.domain.errors import NotFound, WrongState
from bot.domain.gate import Cause, Decided, Hit, IncidentState, Verdict, Waiting
from bot.domain.job import ItemState, JobState, Leased, Member
from bot.domain.stores import Incidents
from bot.store.audit import Audit
from bot.store.database import Sessions
from bot.store.erasures import ErasureStore
from bot.store.incidents import DELETED, MOST_PROMPTS, IncidentStore, row
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.ledger import Ledger
from bot.store.owed import OwedStore
from bot.store.presence import Presence
from bot.store.schema import IncidentRow, ItemRow, JobRow
from tests.store.conftest import HERE, MINA, STARTING, accepted, books

OLGA, OTTO = Member(3, "Olga", True, HERE.guild_id), Member(4, "Otto", True, HERE.guild_id)
SEEN = Hit(Cause.IMAGE, Verdict.WITHHOLD, "nude", 0.93)
SAID = Hit(Cause.PROMPT, Verdict.WITHHOLD, "blood")


@pytest_asyncio.fixture
async def mine(sessions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LeaseStore]:
    """A worker."""
    async with LeaseStore(sessions, Presence(tmp_path_factory.mktemp("workers")), 60.0).held() as store:
        yield store


@pytest.fixture
def incidents(sessions: Sessions) -> Incidents:
    return IncidentStore(sessions)


def image(number: int) -> str:
    return f"{number:064x}"


async def withheld(sessions: Sessions, mine: LeaseStore, *numbers: int, items: int = 2) -> Leased:
    """A job of whose items these are withheld, each with an image of its number; the others wait."""
    job = await accepted(sessions, mine, items=items)
    for number in numbers:
        assert await mine.settle(
            job.lease, number, ItemState.WITHHELD, image=image(number), remark="Withheld.", hit=SEEN
        )
    return job


async def only(incidents: Incidents) -> int:
    (incident,) = await incidents.open(HERE.guild_id)
    return incident.id


async def acts(sessions: Sessions) -> list[tuple[str, str, str, dict[str, object]]]:
    return [(each.actor, each.act, each.target, dict(each.detail)) for each in await Audit(sessions).latest()]


# --- what waits


async def test_a_refused_prompt_waits_with_who_wrote_it_and_what_it_met(incidents: Incidents) -> None:
    noted = await incidents.note(Member(1, "Mina", guild_id=11), SAID, "a war with much blood")
    assert await incidents.get(noted.id) == noted
    assert (noted.cause, noted.what, noted.score, noted.prompt) == (
        Cause.PROMPT,
        "blood",
        None,
        "a war with much blood",
    )
    assert (noted.member_id, noted.member, noted.guild_id) == (1, "Mina", 11)
    assert (noted.job_id, noted.number, noted.image, noted.state) == (None, None, None, IncidentState.OPEN)
    assert (noted.picture, noted.name) == ("", f"incident {noted.id}")
    assert await incidents.get(noted.id + 1) is None


async def test_a_prompt_that_is_tried_again_and_again_crowds_out_nothing(incidents: Incidents) -> None:
    first = await incidents.note(MINA, SAID, "much blood\0")
    assert first.prompt == "much blood"
    assert await incidents.note(MINA, SAID, "much blood") == first
    other = await incidents.note(MINA, SAID, "more blood")
    await incidents.delete(OLGA, first.id)
    again = await incidents.note(MINA, SAID, "much blood")
    assert len({first.id, other.id, again.id}) == 3


async def test_a_withheld_picture_waits_with_its_image_and_how_sure_the_classifier_was(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1)
    (incident,) = await incidents.open(HERE.guild_id)
    assert (incident.job_id, incident.number, incident.image) == (job.job.id, 1, image(1))
    assert (incident.cause, incident.what, incident.score) == (Cause.IMAGE, "nude", pytest.approx(0.93))
    assert (incident.member_id, incident.prompt) == (MINA.id, "a test")
    assert incident.picture == incident.name == f"{job.job.name}-c001"
    assert await incidents.get(incident.id) == incident


async def test_operators_see_what_is_open_on_their_server_alone_the_newest_first(incidents: Incidents) -> None:
    here = [(await incidents.note(Member(1, "M", guild_id=11), SAID, str(n))).id for n in range(4)]
    there = await incidents.note(Member(1, "M", guild_id=12), SAID, "elsewhere")
    nowhere = await incidents.note(Member(1, "M"), SAID, "in private")
    await incidents.delete(OLGA, here[2])
    assert [each.id for each in await incidents.open(11)] == [here[3], here[1], here[0]]
    assert [each.id for each in await incidents.open(11, 2)] == [here[3], here[1]]
    assert [each.id for each in await incidents.open(12)] == [there.id]
    assert [each.id for each in await incidents.open(None)] == [nowhere.id]


async def test_older_incidents_are_reached_page_by_page_and_pictures_apart_from_prompts(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    await withheld(sessions, mine, 1, 2)
    prompts = [(await incidents.note(Member(2, "T", guild_id=HERE.guild_id), SAID, str(n))).id for n in range(5)]
    pictures = [each.id for each in await incidents.open(HERE.guild_id, drawn=True)]
    assert len(pictures) == 2 and not {*pictures} & {*prompts}
    assert [each.id for each in await incidents.open(HERE.guild_id, drawn=False)] == prompts[::-1]
    first = [each.id for each in await incidents.open(HERE.guild_id, 3)]
    second = [each.id for each in await incidents.open(HERE.guild_id, 3, after=first[-1])]
    third = [each.id for each in await incidents.open(HERE.guild_id, 3, after=second[-1])]
    assert first + second + third == prompts[::-1] + pictures
    assert await incidents.open(HERE.guild_id, after=third[-1]) == []
    assert await incidents.count(HERE.guild_id) == (2, 5)
    assert await incidents.count(99) == (0, 0)
    await incidents.delete(OLGA, pictures[0])
    assert await incidents.count(HERE.guild_id) == (1, 5)


async def test_who_tries_refused_prompts_without_end_fills_no_list(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    await withheld(sessions, mine, 1)
    mina, theo = Member(MINA.id, "Mina", guild_id=HERE.guild_id), Member(2, "Theo", guild_id=HERE.guild_id)
    other = await incidents.note(theo, SAID, "another's")
    noted = [await incidents.note(mina, SAID, str(n)) for n in range(MOST_PROMPTS + 3)]
    assert await incidents.count(HERE.guild_id) == (1, MOST_PROMPTS + 1)
    waiting = {each.id for each in await incidents.open(HERE.guild_id, 99, drawn=False)}
    assert waiting == {other.id, *(each.id for each in noted[3:])}
    oldest = await incidents.get(noted[0].id)
    assert oldest is not None and oldest.state is IncidentState.SUPERSEDED
    with pytest.raises(WrongState, match="decided already: it is superseded"):
        await incidents.delete(OLGA, oldest.id)


async def test_a_withheld_picture_is_known_until_it_is_decided_on(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1)
    assert [await incidents.withheld(job.job.id, number) is not None for number in (1, 2)] == [True, False]
    await incidents.delete(OLGA, await only(incidents))
    assert not await incidents.withheld(job.job.id, 1)


async def test_long_words_and_names_are_kept_as_far_as_there_is_room(sessions: Sessions, incidents: Incidents) -> None:
    noted = await incidents.note(
        Member(1, "n" * 300, guild_id=11), Hit(Cause.PROMPT, Verdict.WITHHOLD, "w" * 300), "p" * 9000
    )
    assert (len(noted.what), len(noted.member), len(noted.prompt)) == (120, 100, 9000)


# --- released


async def test_a_released_picture_is_drawn_and_owed_to_its_channel_at_no_cost(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1)
    released = await incidents.release(OLGA, await only(incidents))
    assert released is not None and released.id == job.job.id
    item = (await Jobs(sessions).items(job.job.id))[0]
    assert (item.state, item.image, item.remark, item.number) == (ItemState.DRAWN, image(1), None, 1)
    assert [each.number for each in (await OwedStore(sessions).next_batch(job.job.id, 10)).items] == [1]
    balance = await Ledger(sessions, STARTING).balance(MINA.id)
    assert (balance.available, balance.held) == (STARTING - 2, 2)  # its share of the hold comes back at the job's end
    assert await incidents.open(HERE.guild_id) == []
    assert await books(sessions) == []


async def test_a_job_that_ended_and_was_delivered_is_delivered_again(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1, items=1)
    ended = await mine.end(job.lease)
    assert ended is not None and ended.state is JobState.DONE
    owed = OwedStore(sessions)
    assert await owed.delivered(ended)
    before = await Ledger(sessions, STARTING).balance(MINA.id)
    released = await incidents.release(OLGA, await only(incidents))
    assert released is not None and not released.delivered and released.state is JobState.DONE
    assert [each.id for each in await owed.undelivered()] == [job.job.id]
    assert await Ledger(sessions, STARTING).balance(MINA.id) == before
    assert before.available == STARTING
    assert await books(sessions) == []


async def test_a_release_stands_in_the_audit_log_with_the_picture(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 2)
    incident = await only(incidents)
    await incidents.release(OLGA, incident)
    told = {"what": "nude", "member": "Mina"}
    assert await acts(sessions) == [("Olga", "release", f"{job.job.name}-c002", told)]


async def test_a_released_picture_can_be_erased_like_any_other(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1)
    await incidents.release(OLGA, await only(incidents))
    erased = await ErasureStore(sessions).erase([(job.job.id, 1)], "gone")
    assert (erased.pictures, erased.images) == (1, (image(1),))


async def test_a_prompt_is_not_released_and_goes_on_waiting(sessions: Sessions, incidents: Incidents) -> None:
    noted = await incidents.note(Member(1, "Mina", guild_id=11), SAID, "a war")
    with pytest.raises(WrongState, match="nothing was drawn"):
        await incidents.release(OLGA, noted.id)
    assert await incidents.open(11) == [noted]
    assert await acts(sessions) == []


async def test_what_is_not_withheld_any_more_is_not_released(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine)
    assert await mine.settle(job.lease, 1, ItemState.DRAWN, image=image(1), tokens=1)
    async with sessions.begin() as session:  # as no worker leaves it
        session.add(row(SEEN, member=MINA, prompt="p", guild_id=11, job_id=job.job.id, number=1, image=image(2)))
    with pytest.raises(WrongState, match="not withheld any more"):
        await incidents.release(OLGA, await only(incidents))
    assert (await Jobs(sessions).items(job.job.id))[0].image == image(1)
    assert await acts(sessions) == []


async def test_a_withheld_picture_that_was_erased_is_decided(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1)
    incident = await only(incidents)
    await ErasureStore(sessions).erase([(job.job.id, 1)], "gone")
    with pytest.raises(WrongState, match="deleted"):
        await incidents.release(OLGA, incident)
    assert (await Jobs(sessions).items(job.job.id))[0].image is None


# --- deleted


async def test_a_deleted_picture_is_named_for_the_disk_and_its_item_says_so(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1)
    incident = await only(incidents)
    done = await incidents.delete(OLGA, incident)
    assert (done.target, done.pictures, done.files) == (f"{job.job.name}-c001", 1, (image(1),))
    item = (await Jobs(sessions).items(job.job.id))[0]
    assert (item.state, item.image, item.remark) == (ItemState.WITHHELD, None, DELETED)
    decided = await incidents.get(incident)
    assert decided is not None and (decided.state, decided.image) == (IncidentState.DELETED, None)
    (noted,) = await ErasureStore(sessions).withdrawals()
    assert (noted.channel_id, noted.files) == (DISK, {image(1)})
    assert (await OwedStore(sessions).next_batch(job.job.id, 10)).items == []
    told = {"what": "nude", "member": "Mina", "gone": {"pictures": 1, "files_left": 1}}
    assert await acts(sessions) == [("Olga", "drop", f"{job.job.name}-c001", told)]
    assert await books(sessions) == []


@pytest.mark.parametrize("other", ["item", "incident", "photo"])
async def test_a_file_that_something_else_refers_to_stays(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore, other: str
) -> None:
    await withheld(sessions, mine, 1)
    incident = await only(incidents)
    second = await withheld(sessions, mine)
    if other == "item":
        assert await mine.settle(second.lease, 1, ItemState.DRAWN, image=image(1))
    elif other == "incident":
        assert await mine.settle(second.lease, 1, ItemState.WITHHELD, image=image(1), hit=SEEN)
    else:
        await _begins_with(sessions, second, 1, image(1))
    await incidents.delete(OLGA, incident)
    assert await ErasureStore(sessions).withdrawals() == []


async def test_the_photo_that_a_deleted_picture_began_with_goes_too_unless_another_one_begins_with_it(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1, 2, items=2)
    for number in (1, 2):
        await _begins_with(sessions, job, number, image(9))
    second, first = [each.id for each in await incidents.open(HERE.guild_id)]
    await incidents.delete(OLGA, first)
    assert [each.files for each in await ErasureStore(sessions).withdrawals()] == [{image(1)}]
    async with sessions.begin() as session:
        item = await session.get_one(ItemRow, (job.job.id, 1))
        item.recipe = {**item.recipe, "photo": ""}
    await incidents.delete(OLGA, second)
    assert [each.files for each in await ErasureStore(sessions).withdrawals()] == [{image(1)}, {image(2), image(9)}]


async def test_a_prompt_is_dismissed_and_deletes_nothing(sessions: Sessions, incidents: Incidents) -> None:
    noted = await incidents.note(Member(1, "Mina", guild_id=11), SAID, "a war")
    assert await incidents.delete(OLGA, noted.id) == Dropped(f"incident {noted.id}", noted=1)
    assert await incidents.open(11) == []
    assert await ErasureStore(sessions).withdrawals() == []
    assert await acts(sessions) == [("Olga", "drop", f"incident {noted.id}", {"what": "blood", "member": "Mina"})]


# --- once


@pytest.mark.parametrize("first", ["release", "delete"])
@pytest.mark.parametrize("then", ["release", "delete"])
async def test_what_is_decided_stays_decided(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore, first: str, then: str
) -> None:
    job = await withheld(sessions, mine, 1)
    incident = await only(incidents)
    await getattr(incidents, first)(OLGA, incident)
    before = await Jobs(sessions).items(job.job.id)
    with pytest.raises(WrongState, match=f"^{job.job.name}-c001 is decided already: it is {first}d"):
        await getattr(incidents, then)(OTTO, incident)
    assert await Jobs(sessions).items(job.job.id) == before
    assert len(await acts(sessions)) == 1


# --- all of a job


async def test_jobs_of_which_several_wait_are_told_apart_from_others(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    first, second, single = [await withheld(sessions, mine, *numbers) for numbers in ((1, 2), (1, 2), (1,))]
    await incidents.note(MINA, SAID, "a war")
    last = {each.job_id: each.id for each in reversed(await incidents.open(HERE.guild_id))}
    assert await incidents.by_job(HERE.guild_id) == [
        Waiting(job.job.id, job.job.name, 2, last[job.job.id]) for job in (second, first)
    ]
    assert single.job.id in last and await incidents.by_job(99) == []
    assert [each.job_id for each in await incidents.by_job(HERE.guild_id, 1)] == [second.job.id]


async def test_a_job_promises_no_more_than_is_decided_on_together(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1, 2, 3, items=3)
    async with sessions.begin() as session:
        (await session.get_one(ItemRow, (job.job.id, 3))).state = ItemState.FAILED.value
    (seen,) = await incidents.by_job(HERE.guild_id)
    assert seen.pictures == 2
    assert (await incidents.release_all(OLGA, job.job.id, seen.last)).pictures == 2


async def test_all_of_a_job_is_released_together_but_what_came_later_and_whom_it_must_not_show(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job, other = await withheld(sessions, mine, 1, 2, 3, items=4), await withheld(sessions, mine, 1)
    (seen,) = [each for each in await incidents.by_job(HERE.guild_id)]
    assert await mine.settle(job.lease, 4, ItemState.WITHHELD, image=image(4), hit=SEEN)
    done = await incidents.release_all(OLGA, job.job.id, seen.last, {2})
    assert done == Decided(job.job.name, 2, left=1)
    found = await Jobs(sessions).items(job.job.id)
    assert [each.state is ItemState.DRAWN for each in found] == [True, False, True, False]
    assert [each.number for each in (await OwedStore(sessions).next_batch(job.job.id, 10)).items] == [1, 3]
    assert await acts(sessions) == [("Olga", "release", job.job.name, {"pictures": 2, "left": 1})]
    assert (await incidents.release_all(OTTO, job.job.id, seen.last, {2})).pictures == 0
    assert len(await acts(sessions)) == 1
    assert [each.number for each in await incidents.open(HERE.guild_id)] == [4, 1, 2]
    assert (await Jobs(sessions).items(other.job.id))[0].state is ItemState.WITHHELD


async def test_all_of_a_job_is_deleted_together_with_what_the_log_keeps_of_it(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1, 2, items=3)
    (seen,) = await incidents.by_job(HERE.guild_id)
    assert await mine.settle(job.lease, 3, ItemState.WITHHELD, image=image(3), hit=SEEN)
    done = await incidents.delete_all(OLGA, job.job.id, seen.last)
    assert (done.target, done.pictures, set(done.files)) == (job.job.name, 2, {image(1), image(2)})
    assert [each.remark == DELETED for each in await Jobs(sessions).items(job.job.id)] == [True, True, False]
    assert [each.files for each in await ErasureStore(sessions).withdrawals()] == [{image(1), image(2)}]
    assert await acts(sessions) == [("Olga", "drop", job.job.name, {"gone": {"pictures": 2, "files_left": 2}})]
    assert await incidents.delete_all(OTTO, job.job.id, seen.last) == Dropped(job.job.name)
    assert [each.number for each in await incidents.open(HERE.guild_id)] == [3]
    assert await books(sessions) == []


async def test_of_one_who_releases_all_and_one_who_deletes_all_the_second_finds_nothing(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, *range(1, 9), items=8)
    (seen,) = await incidents.by_job(HERE.guild_id)
    single = (await incidents.open(HERE.guild_id))[0].id
    one, other, alone = await asyncio.gather(
        incidents.release_all(OLGA, job.job.id, seen.last),
        incidents.delete_all(OTTO, job.job.id, seen.last),
        incidents.delete(OTTO, single),
        return_exceptions=True,
    )
    assert isinstance(one, Decided) and isinstance(other, Dropped)
    assert isinstance(alone, Dropped | WrongState)
    assert sorted((one.pictures, other.pictures)) == [0, 7 if isinstance(alone, Dropped) else 8]
    assert await incidents.open(HERE.guild_id) == []
    assert await books(sessions) == []


async def test_there_is_nothing_to_decide_about_what_is_not_there(sessions: Sessions, incidents: Incidents) -> None:
    for act in (incidents.release, incidents.delete):
        with pytest.raises(NotFound, match="no incident 77"):
            await act(OLGA, 77)
    assert await acts(sessions) == []


async def test_of_two_operators_at_once_one_decides(sessions: Sessions, incidents: Incidents, mine: LeaseStore) -> None:
    job = await withheld(sessions, mine, *range(1, 9), items=8)
    numbers = {each.name: each.number for each in await incidents.open(HERE.guild_id)}
    ids = [each.id for each in await incidents.open(HERE.guild_id)]
    asked = [act for id in ids for act in (incidents.release(OLGA, id), incidents.delete(OTTO, id))]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(each, WrongState) for each in outcomes) == 8
    assert [each for each in outcomes if isinstance(each, BaseException) and not isinstance(each, WrongState)] == []
    noted = {target: act for _, act, target, _ in await acts(sessions)}
    items = {each.number: each for each in await Jobs(sessions).items(job.job.id)}
    owed = {each.number for each in (await OwedStore(sessions).next_batch(job.job.id, 10)).items}
    for name, number in numbers.items():
        item, released = items[number or 0], noted[name] == "release"
        assert (item.state is ItemState.DRAWN, item.image is not None, item.number in owed) == (released,) * 3
    assert len(noted) == 8
    assert await books(sessions) == []


async def test_a_release_and_an_erasure_at_once_leave_no_picture(
    sessions: Sessions, incidents: Incidents, mine: LeaseStore
) -> None:
    job = await withheld(sessions, mine, 1, 2, 3, items=3)
    every = [(job.job.id, number) for number in (1, 2, 3)]
    releases = [incidents.release(OLGA, each.id) for each in await incidents.open(HERE.guild_id)]
    outcomes = await asyncio.gather(*releases, ErasureStore(sessions).erase(every, "gone"), return_exceptions=True)
    assert all(isinstance(each, WrongState) for each in outcomes[:-1] if isinstance(each, BaseException))
    assert not isinstance(outcomes[-1], BaseException)
    assert [item.image for item in await Jobs(sessions).items(job.job.id)] == [None] * 3
    async with sessions.reading() as session:
        assert [each.image for each in await session.scalars(select(IncidentRow))] == [None] * 3


async def _begins_with(sessions: Sessions, job: Leased, number: int, photo: str) -> None:
    """That item's recipe begins with an uploaded photo."""
    async with sessions.begin() as session:
        item = await session.get_one(ItemRow, (job.job.id, number))
        item.recipe = {**item.recipe, "photo": photo}

        (await session.get_one(JobRow, job.job.id)).kind = "detail"
