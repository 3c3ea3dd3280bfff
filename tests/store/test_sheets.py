"""A sheet that is not true any more gives way to another one, wherever it was when that came about."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.domain.erasure import DISK, Entry, Foreseen, Withdrawal
from bot.domain.gate import Cause, Hit, Verdict
from bot.domain.job import ItemState, Job, Leased, Member
from bot.store.database import Sessions
from bot.store.erasures import ErasureStore
from bot.store.incidents import IncidentStore
from bot.store.leases import LeaseStore
from bot.store.orders import OrderStore
from bot.store.owed import NO_MESSAGE, OwedStore
from bot.store.presence import Presence
from bot.store.publications import PublicationStore
from tests.store.conftest import HERE, MINA, STARTING, TERMS, accepted

OLGA = Member(3, "Olga", True, HERE.guild_id)
SEEN = Hit(Cause.IMAGE, Verdict.WITHHOLD, "nude", 0.93)
REMARK = "It was deleted."


class Desk:
    """The stores that have to do with sheets, and a worker."""

    def __init__(self, sessions: Sessions, worker: LeaseStore) -> None:
        self.worker, self.orders = worker, OrderStore(sessions, worker.worker, STARTING)
        self.owed, self.erasures, self.incidents = OwedStore(sessions), ErasureStore(sessions), IncidentStore(sessions)
        self.wall = PublicationStore(sessions)
        self._sessions = sessions

    async def job(self, *, drawn: int = 1, withheld: int = 1, failed: int = 0) -> tuple[Leased, Job]:
        """A job that has ended: so many of its items are drawn, those that follow withheld, the last failed."""
        leased = await accepted(self._sessions, self.worker, items=drawn + withheld + failed)
        for number in range(1, drawn + withheld + failed + 1):
            image = f"{number:064x}"
            if number <= drawn:
                settled = self.worker.settle(leased.lease, number, ItemState.DRAWN, image=image)
            elif number <= drawn + withheld:
                settled = self.worker.settle(leased.lease, number, ItemState.WITHHELD, image=image, hit=SEEN)
            else:
                settled = self.worker.settle(leased.lease, number, ItemState.FAILED, remark="no")
            assert await settled
        ended = await self.worker.end(leased.lease)
        assert ended is not None
        return leased, ended

    async def post(self, job: Job, message: int | None) -> None:
        """Its sheet arrives in that message; None: there was nothing to show."""
        await self.owed.sheet_tried(job.id, "")
        await self.owed.sheet_posted(job, "", message)

    async def release(self) -> None:
        """The only withheld picture is let through."""
        (incident,) = await self.incidents.open(HERE.guild_id)
        await self.incidents.release(OLGA, incident.id)

    async def noted(self) -> list[Withdrawal]:
        """What is to be seen to in the channels."""
        return [each for each in await self.erasures.withdrawals() if each.channel_id != DISK]


@pytest_asyncio.fixture
async def desk(sessions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with LeaseStore(sessions, Presence(tmp_path_factory.mktemp("workers")), 60.0).held() as worker:
        yield Desk(sessions, worker)


def files(job: Job, withdrawal: Withdrawal) -> set[str]:
    """What a withdrawal names, without its mark."""
    assert withdrawal.files is not None
    named = {each for each in withdrawal.files if each.endswith(".png")}
    assert len(withdrawal.files) > len(named)
    return named


@pytest.mark.parametrize("act", ["delete", "release"])
async def test_the_sheet_in_the_channel_is_to_give_way_to_another_one(desk: Desk, act: str) -> None:
    _, job = await desk.job(drawn=2)
    await desk.post(job, 81)
    if act == "release":
        await desk.release()
    else:
        erased = await desk.erasures.erase([(job.id, 1)], REMARK, renewing=True)
        assert (erased.sheets, [each.message_id for each in erased.messages]) == (1, [81])
    (noted,) = await desk.noted()
    assert (noted.channel_id, noted.message_id) == (HERE.channel_id, 81)
    assert files(job, noted) == {f"{job.name}-sheet.png", f"SPOILER_{job.name}-sheet.png"}
    assert await desk.owed.sheets(job.id) == {"": 81}  # it stays where it is
    found = await desk.owed.sheet_at(HERE.channel_id, 81)
    assert found is not None and (found[0].id, found[1]) == (job.id, "")
    assert await desk.owed.sheet_at(HERE.channel_id, 82) is None
    assert await desk.owed.sheet_at(HERE.channel_id + 1, 81) is None


@pytest.mark.parametrize("act", ["delete", "release"])
async def test_a_sheet_on_its_way_gives_way_when_it_has_arrived(desk: Desk, act: str) -> None:
    _, job = await desk.job(drawn=2)
    await desk.owed.sheet_tried(job.id, "")
    if act == "release":
        await desk.release()
    else:
        await desk.erasures.erase([(job.id, 1)], REMARK, renewing=True)
    assert (await desk.noted(), await desk.owed.sheets(job.id)) == ([], {})  # it is still to be looked for
    assert (await desk.owed.sheet_tried(job.id, ""))[1]
    await desk.owed.sheet_posted(job, "", 81)
    assert [each.message_id for each in await desk.noted()] == [81]
    assert await desk.owed.sheets(job.id) == {"": 81}


async def test_what_comes_about_while_another_sheet_is_made_is_not_taken_for_done(desk: Desk) -> None:
    _, job = await desk.job(drawn=2)
    await desk.post(job, 81)
    await desk.erasures.erase([(job.id, 1)], REMARK, renewing=True)
    (first,) = await desk.noted()
    await desk.erasures.erase([(job.id, 2)], REMARK, renewing=True)
    await desk.erasures.withdrawn(first)
    (second,) = await desk.noted()
    assert second.message_id == 81
    await desk.erasures.withdrawn(second)
    assert await desk.noted() == []


async def test_a_sheet_that_is_to_go_whole_does_so_whatever_was_noted_of_it(desk: Desk) -> None:
    _, job = await desk.job(drawn=2)
    await desk.post(job, 81)
    await desk.erasures.erase([(job.id, 1)], REMARK, renewing=True)
    await desk.erasures.erase([(job.id, 2)], REMARK)
    assert [(each.message_id, each.files) for each in await desk.noted()] == [(81, None)]
    assert await desk.owed.sheet_at(HERE.channel_id, 81) is None


@pytest.mark.parametrize("renewing_first", [True, False])
async def test_a_sheet_on_its_way_that_is_to_go_whole_does_so(desk: Desk, renewing_first: bool) -> None:
    _, job = await desk.job(drawn=2)
    await desk.owed.sheet_tried(job.id, "")
    await desk.erasures.erase([(job.id, 1)], REMARK, renewing=renewing_first)
    await desk.erasures.erase([(job.id, 2)], REMARK, renewing=not renewing_first)
    await desk.owed.sheet_posted(job, "", 81)
    assert [(each.message_id, each.files) for each in await desk.noted()] == [(81, None)]
    assert await desk.owed.sheets(job.id) == {"": NO_MESSAGE}


async def test_in_the_place_of_one_on_its_way_that_is_to_go_whole_a_released_picture_is_owed_another(
    desk: Desk,
) -> None:
    _, job = await desk.job()
    await desk.owed.sheet_tried(job.id, "")
    await desk.erasures.erase([(job.id, 1)], REMARK)
    await desk.release()
    assert (await desk.owed.sheet_tried(job.id, ""))[1]  # it is still to be looked for
    assert not await desk.owed.sheet_posted(job, "", 81)
    assert [(each.message_id, each.files) for each in await desk.noted()] == [(81, None)]
    assert not (await desk.owed.sheet_tried(job.id, ""))[1]
    assert await desk.owed.sheet_posted(job, "", 82)
    assert await desk.owed.sheets(job.id) == {"": 82}


async def test_where_there_was_nothing_to_show_a_released_picture_is_owed_a_sheet(desk: Desk) -> None:
    _, job = await desk.job(drawn=0)
    await desk.post(job, None)
    await desk.release()
    assert (await desk.owed.sheets(job.id), await desk.noted()) == ({}, [])
    assert not (await desk.owed.sheet_tried(job.id, ""))[1]  # as if it had never been tried


async def test_a_picture_that_is_released_while_there_is_found_nothing_to_show_is_owed_a_sheet(desk: Desk) -> None:
    _, job = await desk.job(drawn=0)
    await desk.owed.sheet_tried(job.id, "")
    await desk.release()
    await desk.owed.sheet_posted(job, "", None)
    assert not (await desk.owed.sheet_tried(job.id, ""))[1]


async def test_of_earlier_attempts_a_release_leaves_the_sheet_and_a_deletion_takes_it_away(desk: Desk) -> None:
    leased, job = await desk.job(drawn=1, withheld=1, failed=1)
    await desk.post(job, 81)
    again = await desk.orders.retry(job.id, TERMS, 0)
    await desk.release()
    assert await desk.noted() == []
    await desk.worker.settle(again.lease, 3, ItemState.FAILED, remark="no")
    second = await desk.worker.end(again.lease)
    assert second is not None
    await desk.post(second, 82)
    await desk.erasures.erase([(leased.job.id, 1)], REMARK, renewing=True)
    former, latest = sorted(await desk.noted(), key=lambda each: each.message_id)
    assert (former.message_id, former.files) == (81, None)
    assert (latest.message_id, files(second, latest)) == (
        82,
        {f"{job.name}-sheet-2.png", f"SPOILER_{job.name}-sheet-2.png"},
    )


async def test_what_an_erasure_would_take_is_foreseen_and_nothing_is_taken(desk: Desk) -> None:
    _, job = await desk.job(drawn=2)
    assert await desk.erasures.foreseen(job.id, 1) == Foreseen()
    await desk.owed.trying(job.id, [1], "1" * 24)
    await desk.owed.posted(job.id, [1], 71)
    await desk.post(job, 81)
    await desk.wall.publish(MINA, job.id, [1, 2])
    await desk.wall.star(job.id, 1, MINA.id, True)
    await desk.wall.rate(job.id, 1, OLGA.id, 4)
    link = f"https://discord.com/channels/{HERE.guild_id}/{HERE.channel_id}"
    assert await desk.erasures.foreseen(job.id, 1) == Foreseen(f"{link}/71", (f"{link}/81",), Entry(1, 1))
    assert await desk.erasures.foreseen(job.id, 2) == Foreseen(None, (f"{link}/81",), Entry(0, 0))
    assert await desk.erasures.foreseen(job.id, 3) == Foreseen()  # it is withheld
    await desk.wall.take_down(job.id, [2])
    assert (await desk.erasures.foreseen(job.id, 2)).entry is None
    assert await desk.noted() == []
