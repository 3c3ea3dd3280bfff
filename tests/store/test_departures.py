"""The name of a person who was revoked goes off the jobs that were to show them, as soon as nothing needs it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from bot.domain.job import ItemState, Job, Layout, Leased
from bot.domain.stores import NewItem
from bot.store.audit import GONE, Audit
from bot.store.database import Sessions
from bot.store.erasures import ErasureStore
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.orders import OrderStore
from bot.store.owed import OwedStore
from bot.store.publications import PublicationStore
from bot.store.schema import ItemRow, JobRow
from sweeps.recipe import resolve
from tests.store.conftest import HERE, MINA, STARTING, TERMS
from tests.store.test_erasures import draw, erasures, leased, mine, of, owed, quoted

__all__ = ["erasures", "mine", "owed"]
REMARK = "The consent for a person in it was revoked."


async def named(
    sessions: Sessions, people: Sequence[str], title: str, labels: Sequence[str] = (), notes: Sequence[str] = ()
) -> Job:
    """A quote of a picture for each of these (lists of) people, told by these words."""
    recipes = [resolve({"prompt": "x", "face_folder": each}, seed=seed) for seed, each in enumerate(people)]
    return await Jobs(sessions).create(
        kind="sweep",
        title=title,
        owner=MINA,
        place=HERE,
        layout=Layout((("face_folder", tuple(people)), ("prompt", tuple(labels))), fixed=(("face_folder", people[0]),)),
        items=[NewItem(f"c{n + 1:03d}", n, recipe, {"face_folder": n}) for n, recipe in enumerate(recipes)],
        notes=notes,
    )


async def told(sessions: Sessions, job: Job) -> tuple[str, tuple[str, ...], tuple[str, ...], str, tuple[str, ...]]:
    """What members read of a job: title, people, prompts, whom all of it shows, and what to know of it."""
    now = await Jobs(sessions).get(job.id)
    assert now is not None and [name for name, _ in now.layout.axes] == [name for name, _ in job.layout.axes]
    (_, people), (_, prompts) = now.layout.axes
    remarks = [remark for _, remark in await Jobs(sessions).remarks(job.id)]
    return now.title, people, prompts, dict(now.layout.fixed)["face_folder"], (*now.notes, *remarks)


async def revoke(erasures: ErasureStore, name: str, since: datetime | None = None) -> tuple[list[int], bool]:
    """As an erasure does it."""
    gone = await erasures.depart(name, since)
    await erasures.erase(await erasures.of_person(name, since), REMARK)
    return await erasures.unname(gone)


async def test_the_name_goes_off_titles_labels_and_notes_of_jobs_and_of_quotes_and_off_no_other(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    words = (
        ["ada", "theo, ada", "adam"],
        "team-Ada x 3 ideas",
        ["ada's cat", "an adaptation, an armada"],
        ["No ada, no Ada_2."],
    )
    quote = await named(sessions, *words)
    accepted = await OrderStore(sessions, mine.worker, STARTING).accept((await named(sessions, *words)).id, TERMS)
    others = await named(sessions, ["adam"], "ada and Adam", ["ada"])
    failed = update(ItemRow).where(ItemRow.job_id == accepted.job.id, ItemRow.number == 1)
    async with sessions.begin() as session:
        await session.execute(failed.values(state="failed", remark="The consent for ada was revoked."))
    assert await revoke(erasures, "ada") == ([quote.id, accepted.job.id], True)
    head = (
        f"team-{GONE} x 3 ideas",
        (GONE, f"theo, {GONE}", "adam"),
        (f"{GONE}'s cat", "an adaptation, an armada"),
        GONE,
    )
    note = f"No {GONE}, no {GONE}_2."
    assert await told(sessions, quote) == (*head, (note,))
    assert await told(sessions, accepted.job) == (*head, (note, f"The consent for {GONE} was revoked.", REMARK))
    assert await told(sessions, others) == ("ada and Adam", ("adam",), ("ada",), "adam", ())
    assert await revoke(erasures, "ada") == ([], True)


async def test_the_name_goes_off_what_was_done_about_them(sessions: Sessions, erasures: ErasureStore) -> None:
    audit = Audit(sessions)
    await audit.note(MINA, "faces consent", "member 1", person="ada", scope="wall")
    earlier = datetime.now(UTC)
    await audit.note(MINA, "faces consent", "member 1", person="ada", scope="draw")
    await audit.note(MINA, "faces share", "member 1", person="adam", shared=True)
    await revoke(erasures, "ada", earlier)
    await audit.note(MINA, "faces consent", "member 2", person="ada", scope="wall")
    told = [act.detail["person"] for act in reversed(await audit.latest())]
    assert told == ["ada", GONE, "adam", "ada"], "who had the name before, and who has it since, are others"


@pytest.mark.parametrize("name", ["face", "revoked", "(revoked)", "x+y", "ädä"])
async def test_whatever_the_name_is_it_goes_once_and_nothing_else_does(
    sessions: Sessions, erasures: ErasureStore, name: str
) -> None:
    job = await named(sessions, [name], f"of {name.upper()}, twice: {name}")
    assert await revoke(erasures, name) == ([job.id], True)
    title, people, *_ = await told(sessions, job)
    assert title == f"of {people[0]}, twice: {people[0]}" and people[0] in (GONE, "…")
    assert await revoke(erasures, name) == ([], True)


@pytest.mark.parametrize(
    ("name", "other"), [("anna", "anna_2"), ("anna", "anna-2"), ("Ada", "Ada Lovelace"), ("Ada Lovelace", "Ada")]
)
async def test_who_is_called_nearly_the_same_keeps_the_whole_name(
    sessions: Sessions, erasures: ErasureStore, name: str, other: str
) -> None:
    job = await named(sessions, [name, other], f"{name} against {other}", [f"{other}, then {name}"])
    assert await revoke(erasures, name) == ([job.id], True)
    title, people, labels, *_ = await told(sessions, job)
    assert (title, people, labels) == (f"{GONE} against {other}", (GONE, other), (f"{other}, then {GONE}",))


async def test_the_wall_hears_that_a_picture_of_others_is_told_by_another_title(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "ada", "theo")
    async with sessions.begin() as session:
        await session.execute(update(JobRow).values(title="ada, theo"))
    await draw(mine, job, 1, 2)
    publications = PublicationStore(sessions)
    await publications.publish(MINA, job.job.id)
    (gone,), moment = of(job, 1), max(each.changed_at for each in await publications.changed())
    await revoke(erasures, "ada")
    heard = await publications.changed(moment + timedelta(microseconds=1))
    assert {(each.job_id, each.number): (each.title, bool(each.image)) for each in heard} == {
        gone: (f"{GONE}, theo", False),
        (job.job.id, 2): (f"{GONE}, theo", True),
    }


async def test_the_name_stays_where_it_was_of_who_had_it_before(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    failed = await leased(sessions, mine, "ada", apart=True)
    assert await mine.settle(failed.lease, 1, ItemState.FAILED, remark="no")
    both = await leased(sessions, mine, "ada", "ada", apart=True)
    await draw(mine, both, 1)
    since = datetime.now(UTC)
    await draw(mine, both, 2)
    later = await leased(sessions, mine, "ada", apart=True)
    await draw(mine, later, 1)
    assert await revoke(erasures, "ada", since) == ([later.job.id], True)
    assert [await people_of(sessions, job) for job in (failed, both, later)] == [("ada",), ("ada", "ada"), (GONE,)]


async def test_of_who_has_the_name_afterwards_it_stays(sessions: Sessions, erasures: ErasureStore) -> None:
    gone = await erasures.depart("ada", None)
    job = await quoted(sessions, "ada", apart=True)
    assert await erasures.unname(gone) == ([], True)
    assert (await people_of(sessions, job)) == ("ada",)


async def test_the_name_waits_for_messages_that_may_have_arrived_under_it(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore, owed: OwedStore
) -> None:
    job = await leased(sessions, mine, "ada", "theo", apart=True)
    await draw(mine, job, 1, 2)
    await owed.trying(job.job.id, [1], "1" * 24)  # and nobody knows what came of it
    await owed.sheet_tried(job.job.id, "ada")
    assert await revoke(erasures, "ada") == ([], False)
    (begun,) = (await owed.next_batch(job.job.id, 10)).items
    assert job.job.file_name(begun) == f"{job.job.name}-ada-c001.png"  # by which it is looked for
    await owed.posted(job.job.id, [1], 71)
    assert await revoke(erasures, "ada") == ([], False)
    await owed.sheet_posted(job.job, "ada", 72)
    assert await revoke(erasures, "ada") == ([job.job.id], True)
    assert {each.message_id for each in await erasures.withdrawals() if each.channel_id == HERE.channel_id} == {71, 72}


async def test_the_name_waits_for_what_is_not_erased_yet(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "ada", "theo", apart=True)
    gone = await erasures.depart("ada", None)
    assert await erasures.unname(gone) == ([], False)
    await draw(mine, job, 1)
    gone = await erasures.depart("ada", None)
    assert await erasures.unname(gone) == ([], False)
    await erasures.erase(await erasures.of_person("ada"), REMARK)
    assert await erasures.unname(gone) == ([job.job.id], True)


async def test_who_was_revoked_is_noted_once_and_is_no_withdrawal(erasures: ErasureStore) -> None:
    since = datetime.now(UTC)
    first = await erasures.depart("ada", since)
    again, other = await erasures.depart("ada", since), await erasures.depart("ada", None)
    assert (again.id, again.since, other.since) == (first.id, since, None) and again.at > first.at
    assert await erasures.departures() == [again, other]
    assert await erasures.withdrawals() == []
    await erasures.departed(first)  # whoever looked before that saw to what was there then
    assert await erasures.departures() == [again, other]
    await erasures.departed(again)
    assert await erasures.departures() == [other]


async def people_of(sessions: Sessions, job: Leased | Job) -> tuple[str, ...]:
    """The people that a job's card names."""
    now = await Jobs(sessions).get(job.id if isinstance(job, Job) else job.job.id)
    assert now is not None
    return now.layout.labels("face_folder")
