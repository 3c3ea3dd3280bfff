"""Operators decide about the pictures of their own server, nobody else does, and every act leaves its trace."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path

import pytest
import pytest_asyncio

from bot.domain.account import Terms
from bot.domain.erasure import Entry, ErasureReceipt, Foreseen
from bot.domain.errors import NotFound, NotYours, Refusal, Unavailable, WrongState
from bot.domain.gate import Cause, Decided, Hit, Incident, IncidentState, Verdict
from bot.domain.job import ItemState, Job, Lease, Member
from bot.jobs.erasure import Erasure
from bot.jobs.moderation import DELETED, Moderation
from bot.store.audit import Audit
from bot.store.database import Sessions, open_database
from bot.store.erasures import ErasureStore
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.incidents import IncidentStore
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.orders import OrderStore
from bot.store.owed import OwedStore
from bot.store.presence import Presence
from bot.store.publications import PublicationStore
from tests.bot.album import add, picture
from tests.bot.channel import ShortMemory
from tests.bot.conftest import HERE, MINA, store_quote
from tests.web.exhibition import Exhibition

OLGA = Member(4, "Olga", True, HERE.guild_id)
ELSEWHERE = Member(5, "Otto", True, 8)
MEMBER = Member(MINA.id, "Mina", False, HERE.guild_id)
PRIVATE = Member(6, "Pia", True, None)
SEEN = Hit(Cause.IMAGE, Verdict.WITHHOLD, "nude", 0.93)


class Court:
    """Moderation on real stores in memory, and who heard of what."""

    def __init__(self, sessions: Sessions, folder: Path) -> None:
        self.folder = folder / "images"
        self.jobs, self.incidents, self.images = Jobs(sessions), IncidentStore(sessions), Images(self.folder)
        self.wall, self.owed, self.audit = PublicationStore(sessions), OwedStore(sessions), Audit(sessions)
        self.erasures, self.faces = ErasureStore(sessions), Faces(folder / "faces")
        self.changed: list[int] = []
        self.touched = 0
        self.mistake = ""
        self.forgotten: list[set[str]] = []
        self.channel = ShortMemory()
        self._leases = LeaseStore(sessions, Presence(folder / "workers"), 60.0)
        self._orders = OrderStore(sessions, self._leases.worker, 1000)
        self._lease: dict[int, Lease] = {}
        erasure = self.erasure = Erasure(self.erasures, self.images, self.channel, self._forget, self._shown)
        self.moderation = Moderation(
            self.wall,
            self.incidents,
            self.jobs,
            self.images,
            erasure,
            self.audit,
            lambda job: self.changed.append(job.id),
            self._touch,
            self.faces,
            lambda: self.mistake,
        )

    def _touch(self) -> None:
        self.touched += 1

    async def _forget(self, images: Collection[str]) -> None:
        self.forgotten.append(set(images))

    async def _shown(self, job_id: int) -> None:
        pass

    async def job(self, items: int = 2, people: str = "") -> Job:
        """An accepted job."""
        quoted = await store_quote(self.jobs, items=items, people=people)
        leased = await self._orders.accept(quoted.id, Terms(queued=100))
        self._lease[leased.job.id] = leased.lease
        return leased.job

    async def draw(self, job: Job, number: int) -> None:
        """A picture that is on the wall."""
        image = await self.images.put(picture(number))
        assert await self._leases.settle(self._lease[job.id], number, ItemState.DRAWN, image=image)
        await self.wall.publish(MINA, job.id, [number])

    async def withhold(self, job: Job, number: int) -> Incident:
        image = await self.images.put(picture(number))
        assert await self._leases.settle(self._lease[job.id], number, ItemState.WITHHELD, image=image, hit=SEEN)
        return (await self.incidents.open(HERE.guild_id))[0]

    async def acts(self) -> list[tuple[str, str, str]]:
        return [(each.actor, each.act, each.target) for each in await self.audit.latest()]

    @property
    def files(self) -> int:
        return len(list(self.folder.rglob("*.png")))


@pytest_asyncio.fixture
async def court(tmp_path: Path) -> AsyncIterator[Court]:
    async with open_database("sqlite+aiosqlite:///:memory:") as sessions:
        yield Court(sessions, tmp_path)


# --- on the wall


async def test_a_hidden_picture_stays_on_the_disk_and_can_be_shown_again(court: Court) -> None:
    job = await court.job()
    await court.draw(job, 1)
    await court.moderation.hide(OLGA, job.id, 1, True)
    assert [each.hidden for each in await court.wall.changed()] == [True]
    await court.moderation.hide(OLGA, job.id, 1, False)
    assert [each.hidden for each in await court.wall.changed()] == [False]
    assert (court.files, court.touched) == (1, 2)
    assert await court.acts() == [("Olga", "show", f"{job.name}-c001"), ("Olga", "hide", f"{job.name}-c001")]


async def test_what_is_not_on_the_wall_cannot_be_hidden_and_nothing_is_noted(court: Court) -> None:
    job = await court.job()
    await court.draw(job, 1)
    for job_id, number in ((job.id, 2), (job.id, 9), (77, 1)):
        with pytest.raises(NotFound):
            await court.moderation.hide(OLGA, job_id, number, True)
    assert (await court.acts(), court.touched) == ([], 0)


async def test_a_deleted_picture_is_gone_everywhere_with_a_receipt(court: Court) -> None:
    job = await court.job()
    await court.draw(job, 1)
    await court.draw(job, 2)
    message = await court.channel.post_results(job, [("a.png", b""), ("b.png", b"")], "n")
    await court.owed.trying(job.id, [1, 2], "n" * 24)
    await court.owed.posted(job.id, [1, 2], message)
    receipt = await court.moderation.delete(OLGA, job.id, 1)
    assert receipt == ErasureReceipt(pictures=1, wall_entries=1, files=1, messages=1)
    first, second = await court.jobs.items(job.id)
    assert (first.image, first.remark) == (None, DELETED)
    assert second.image is not None
    assert [each.number for each in await court.wall.changed()] == [2]
    assert (court.files, len(court.forgotten), court.touched) == (1, 1, 1)
    assert await court.acts() == [("Olga", "delete", f"{job.name}-c001")]
    kept = await court.moderation.last(OLGA, f"{job.name}-c001", ("delete",))
    assert kept is not None and kept.detail == {"owner": MINA.name, "gone": receipt.kept()}
    assert ErasureReceipt.read(kept.detail["gone"]) == receipt


async def test_a_picture_is_deleted_with_its_receipt_also_where_that_cannot_be_kept(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await court.job()
    await court.draw(job, 1)

    async def fail(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(court.audit, "amend", fail)
    assert (await court.moderation.delete(OLGA, job.id, 1)).pictures == 1
    kept = await court.moderation.last(OLGA, f"{job.name}-c001")
    assert court.files == 0 and kept is not None and "gone" not in kept.detail


async def test_what_was_done_last_is_told_to_operators_of_that_server_alone(court: Court) -> None:
    job = await court.job()
    incident = await court.withhold(job, 1)
    prompt = await court.incidents.note(MEMBER, Hit(Cause.PROMPT, Verdict.WITHHOLD, "blood"), "a war")
    names = (incident.name, job.name, prompt.name)
    assert [await court.moderation.last(OLGA, name) for name in names] == [None] * 3
    await court.moderation.drop(OLGA, incident.id)
    await court.moderation.drop(OLGA, prompt.id)
    acts = [await court.moderation.last(OLGA, name) for name in names]
    assert [act and act.target for act in acts] == [incident.name, None, prompt.name]
    for name in names:
        for nobody in (MEMBER, ELSEWHERE, PRIVATE):
            with pytest.raises(NotYours):
                await court.moderation.last(nobody, name)
    for nothing in ("the wall", "member 1", "S77", "incident 77", "s1", ""):
        with pytest.raises(NotFound):
            await court.moderation.last(OLGA, nothing)


async def test_what_a_deletion_would_take_is_shown_and_nothing_is_taken(court: Court) -> None:
    job = await court.job()
    await court.draw(job, 1)
    await court.withhold(job, 2)
    seen = await court.moderation.doomed(OLGA, job.id, 1)
    assert (seen.name, seen.owner, seen.png) == (f"{job.name}-c001", MINA.name, picture(1))
    assert (seen.foreseen, seen.withheld) == (Foreseen(entry=Entry()), False)
    seen = await court.moderation.doomed(OLGA, job.id, 2)
    assert (seen.png, seen.foreseen, seen.withheld) == (picture(2), Foreseen(), True)
    assert (court.files, len(await court.wall.changed()), await court.acts()) == (2, 1, [])
    await court.moderation.delete(OLGA, job.id, 1)
    with pytest.raises(NotFound, match="There is no picture"):
        await court.moderation.doomed(OLGA, job.id, 1)


async def test_operators_alone_are_told_of_a_mistake_in_the_gates_file(court: Court) -> None:
    assert court.moderation.gate_mistake(OLGA) == []
    court.mistake = "gate.yaml: one\ngate.yaml: two"
    assert court.moderation.gate_mistake(OLGA) == ["gate.yaml: one", "gate.yaml: two"]
    with pytest.raises(NotYours):
        court.moderation.gate_mistake(MEMBER)


async def test_a_withheld_picture_can_be_deleted_by_its_name_too(court: Court) -> None:
    job = await court.job()
    incident = await court.withhold(job, 1)
    assert (await court.moderation.delete(OLGA, job.id, 1)).pictures == 1
    assert court.files == 0
    with pytest.raises(WrongState):
        await court.moderation.release(OLGA, incident.id)


async def test_where_there_is_no_picture_nothing_is_deleted(court: Court) -> None:
    job = await court.job()
    await court.draw(job, 1)
    await court.moderation.delete(OLGA, job.id, 1)
    for number in (1, 2):  # deleted already; still waits
        with pytest.raises(NotFound, match="There is no picture"):
            await court.moderation.delete(OLGA, job.id, number)
    assert (await court.jobs.items(job.id))[1].state is ItemState.WAITING
    assert len(await court.acts()) == 1


async def test_a_withheld_picture_that_was_deleted_is_deleted_once(court: Court) -> None:
    job = await court.job()
    incident = await court.withhold(job, 1)
    await court.moderation.drop(OLGA, incident.id)
    with pytest.raises(NotFound, match="There is no picture"):
        await court.moderation.delete(OLGA, job.id, 1)
    assert [act for _, act, _ in await court.acts()] == ["drop"]


async def test_the_wall_is_read_anew_by_operators_and_that_is_noted_first(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = Exhibition()
    with pytest.raises(NotYours):
        await court.moderation.reload(MEMBER, gallery)
    assert (await court.acts(), gallery.reloads) == ([], 0)
    await court.moderation.reload(OLGA, gallery)
    assert (await court.acts(), gallery.reloads) == ([("Olga", "reload", "the wall")], 1)

    async def fail(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(court.audit, "note", fail)
    with pytest.raises(Unavailable):
        await court.moderation.reload(OLGA, gallery)
    assert gallery.reloads == 1


async def test_a_picture_is_found_by_its_name_however_it_is_typed(court: Court) -> None:
    job = await court.job()
    for typed in (f"{job.name}-c002", f" s{job.id}-C002 ", f"SPOILER_{job.name}-c002.png"):
        assert await court.moderation.find(OLGA, typed) == (f"{job.name}-c002", job.id, 2)
    for typed in (f"{job.name}-c009", "S77-c001", "nonsense"):
        with pytest.raises(NotFound):
            await court.moderation.find(OLGA, typed)


# --- withheld


async def test_operators_look_at_what_was_withheld(court: Court) -> None:
    job = await court.job()
    incident = await court.withhold(job, 1)
    assert await court.moderation.incidents(OLGA) == [incident]
    assert await court.moderation.picture(OLGA, incident.id) == picture(1)
    assert await court.moderation.incidents(ELSEWHERE) == []


async def test_of_a_prompt_or_a_lost_file_there_is_no_picture(court: Court) -> None:
    prompt = await court.incidents.note(MEMBER, Hit(Cause.PROMPT, Verdict.WITHHOLD, "blood"), "a war")
    assert await court.moderation.picture(OLGA, prompt.id) is None
    incident = await court.withhold(await court.job(), 1)
    assert incident.image is not None
    await court.images.remove(incident.image)
    assert await court.moderation.picture(OLGA, incident.id) is None


async def test_a_released_picture_is_brought_to_its_channel(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(court.erasure, "look", lambda: looked.append("at the sheets"))
    job = await court.job()
    incident = await court.withhold(job, 1)
    released = await court.moderation.release(OLGA, incident.id)
    assert (released.state, released.id) == (IncidentState.RELEASED, incident.id)
    assert (court.changed, court.files, looked) == ([job.id], 1, ["at the sheets"])
    assert [each.image for each in (await court.owed.next_batch(job.id, 10)).items] == [incident.image]
    assert await court.acts() == [("Olga", "release", f"{job.name}-c001")]


async def test_a_picture_of_somebody_who_may_not_be_drawn_any_more_is_not_released(court: Court) -> None:
    await add(court.faces, MINA, "mina")
    incident = await court.withhold(await court.job(people="mina"), 1)
    await court.faces.revoke(MINA, "mina")
    with pytest.raises(Refusal) as caught:
        await court.moderation.release(OLGA, incident.id)
    assert type(caught.value) is Refusal
    assert str(caught.value) == (
        f"{incident.name} cannot be released: The consent for mina was revoked, and what is left of them is "
        "being deleted. Delete it to close it."
    )
    assert [each.id for each in await court.moderation.incidents(OLGA)] == [incident.id]
    await court.faces.delete("mina")
    with pytest.raises(Refusal, match=r"cannot be released: You have no person named"):
        await court.moderation.release(OLGA, incident.id)
    assert court.changed == []


async def test_a_picture_of_somebody_who_may_be_drawn_is_released(court: Court) -> None:
    await add(court.faces, MINA, "mina")
    incident = await court.withhold(await court.job(people="mina"), 1)
    assert (await court.moderation.release(OLGA, incident.id)).state is IncidentState.RELEASED


async def test_a_dropped_picture_is_off_the_disk_when_the_answer_comes(court: Court) -> None:
    job = await court.job()
    incident = await court.withhold(job, 1)
    dropped = await court.moderation.drop(OLGA, incident.id)
    assert (dropped.state, dropped.image) == (IncidentState.DELETED, None)
    assert court.files == 0
    assert await court.erasures.withdrawals() == []
    assert await court.acts() == [("Olga", "drop", f"{job.name}-c001")]


async def test_all_of_a_job_is_released_but_whom_it_must_not_show_and_the_rest_deleted(court: Court) -> None:
    await add(court.faces, MINA, "mina")
    job, ours = await court.job(), await court.job(people="mina")
    for number in (1, 2):
        await court.withhold(job, number)
        last = (await court.withhold(ours, number)).id
    await court.faces.revoke(MINA, "mina")
    assert [each.job for each in await court.moderation.by_job(OLGA)] == [ours.name, job.name]
    assert (await court.moderation.release_all(OLGA, job.id, last)).pictures == 2
    with pytest.raises(Refusal, match=f"^No picture of {ours.name} can be released: The consent for mina was revoked"):
        await court.moderation.release_all(OLGA, ours.id, last)
    assert await court.moderation.drop_all(OLGA, ours.id, last) == Decided(ours.name, 2)
    assert (court.changed, court.files) == ([job.id, ours.id], 2)
    assert await court.erasures.withdrawals() == []
    for act in (court.moderation.release_all, court.moderation.drop_all):
        with pytest.raises(WrongState, match=f"Nothing that was withheld of {job.name} waits"):
            await act(OLGA, job.id, last)
    assert await court.acts() == [("Olga", "drop", ours.name), ("Olga", "release", job.name)]


@pytest.mark.parametrize("together", [False, True])
async def test_the_log_tells_which_files_of_withheld_pictures_are_gone(
    court: Court, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    job = await court.job()
    kept, gone = await court.withhold(job, 1), await court.withhold(job, 2)
    remove = court.images.remove

    async def refuse(image: str) -> bool:
        if image == kept.image:
            raise PermissionError(image)
        return await remove(image)

    monkeypatch.setattr(court.images, "remove", refuse)
    if together:
        await court.moderation.drop_all(OLGA, job.id, gone.id)
    else:
        for each in (kept, gone):
            await court.moderation.drop(OLGA, each.id)
    receipts = [each.detail["gone"] for each in await court.audit.latest()]
    one, other = {"pictures": 1, "files": 1}, {"pictures": 1, "files_left": 1}
    assert receipts == ([{"pictures": 2, "files": 1, "files_left": 1}] if together else [one, other])


async def test_a_file_that_cannot_be_deleted_now_is_remembered(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = await court.withhold(await court.job(), 1)

    async def refuse(image: str) -> bool:
        raise PermissionError(image)

    monkeypatch.setattr(court.images, "remove", refuse)
    await court.moderation.drop(OLGA, incident.id)
    assert [each.files for each in await court.erasures.withdrawals()] == [{incident.image}]


async def test_of_two_operators_at_once_the_second_is_told(court: Court) -> None:
    incident = await court.withhold(await court.job(), 1)
    outcomes = await asyncio.gather(
        court.moderation.release(OLGA, incident.id),
        court.moderation.drop(OLGA, incident.id),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes if isinstance(each, BaseException)] == [WrongState]
    assert len(await court.acts()) == 1


# --- who may


Act = Callable[[Moderation, Member, Job, int], Awaitable[object]]
ACTS: dict[str, Act] = {
    "find": lambda on, who, job, _: on.find(who, f"{job.name}-c001"),
    "hide": lambda on, who, job, _: on.hide(who, job.id, 1, True),
    "show": lambda on, who, job, _: on.hide(who, job.id, 1, False),
    "delete": lambda on, who, job, _: on.delete(who, job.id, 1),
    "doomed": lambda on, who, job, _: on.doomed(who, job.id, 1),
    "incident": lambda on, who, _, incident: on.incident(who, incident),
    "picture": lambda on, who, _, incident: on.picture(who, incident),
    "release": lambda on, who, _, incident: on.release(who, incident),
    "drop": lambda on, who, _, incident: on.drop(who, incident),
    "release_all": lambda on, who, job, incident: on.release_all(who, job.id, incident),
    "drop_all": lambda on, who, job, incident: on.drop_all(who, job.id, incident),
}


@pytest.mark.parametrize("actor", [MEMBER, ELSEWHERE, PRIVATE], ids=["member", "another server's", "in private"])
@pytest.mark.parametrize("act", ACTS)
async def test_nobody_else_does_anything(court: Court, act: str, actor: Member) -> None:
    job = await court.job()
    await court.draw(job, 1)
    incident = await court.withhold(job, 2)
    before = await court.jobs.items(job.id), await court.wall.changed()
    with pytest.raises(NotYours):
        await ACTS[act](court.moderation, actor, job, incident.id)
    assert (await court.jobs.items(job.id), await court.wall.changed()) == before
    assert await court.incidents.get(incident.id) == incident
    assert (await court.acts(), court.changed, court.touched, court.files) == ([], [], 0, 2)


async def test_members_are_not_even_told_that_there_is_nothing(court: Court) -> None:
    with pytest.raises(NotYours):
        await court.moderation.incidents(MEMBER)
    with pytest.raises(NotYours):
        await court.moderation.waiting(MEMBER)
    with pytest.raises(NotYours):
        await court.moderation.by_job(MEMBER)
    with pytest.raises(NotYours):
        await court.moderation.release(MEMBER, 77)
    with pytest.raises(NotFound):
        await court.moderation.release(OLGA, 77)
