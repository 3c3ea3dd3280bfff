"""The gate at its places: what it does not let through is not drawn, not posted and not paid for."""

from pathlib import Path

import pytest
from sqlalchemy import select

from bot.domain.errors import Refusal
from bot.domain.gate import Cause, Verdict
from bot.domain.job import Item, ItemState, Job, JobState, Place
from bot.jobs.queue import JobQueue
from bot.store.database import Sessions
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.ledger import Ledger
from bot.store.owed import OwedStore
from bot.store.schema import IncidentRow
from tests.bot.studio import Detailer, people, photo, quotes_of
from tests.bot.test_worker import MINA, at_work
from tests.bot.warden import Warden, seen

CHANNEL = 7


async def incidents(sessions: Sessions) -> list[IncidentRow]:
    async with sessions.reading() as session:
        return list(await session.scalars(select(IncidentRow).order_by(IncidentRow.id)))


async def drawn_by(jobs: Jobs, folder: Path, gate: Warden, items: int = 2) -> tuple[Job, list[Item]]:
    """A job after it went by that gate."""
    async with at_work(jobs, folder, gate=gate) as shop:
        job = await shop.admit(jobs, items, tokens=items)
        await shop.idle()
    ended = await jobs.get(job.id)
    assert ended is not None
    return ended, await jobs.items(job.id)


async def test_a_picture_that_is_withheld_is_kept_for_operators_and_is_neither_posted_nor_paid_for(
    jobs: Jobs, sessions: Sessions, tmp_path: Path
) -> None:
    gate, looked = Warden(), list[bytes]()

    def first_only(png: bytes):  # type: ignore[no-untyped-def]
        looked.append(png)
        return seen(Verdict.WITHHOLD) if len(looked) == 1 else None

    gate.sees = first_only
    job, items = await drawn_by(jobs, tmp_path, gate)
    assert job.state is JobState.DONE
    assert sorted(item.state for item in items) == [ItemState.DRAWN, ItemState.WITHHELD]
    (kept,) = (item for item in items if item.state is ItemState.WITHHELD)
    (shown,) = (item for item in items if item.state is ItemState.DRAWN)
    assert kept.image is None and kept.remark == "Withheld, at no cost: an operator looks at it first."
    (incident,) = await incidents(sessions)
    assert (incident.cause, incident.what, incident.score) == ("image", "blood", 0.93)
    assert (incident.job_id, incident.number, incident.member_id) == (job.id, kept.number, MINA.id)
    assert await Images(tmp_path).get(incident.image or "") == looked[0]
    owed = await OwedStore(sessions).next_batch(job.id, 10)
    assert [item.number for item in owed.items] == [shown.number]
    progress = await jobs.progress(job.id)
    assert (progress.drawn, progress.withheld, progress.spent) == (1, 1, 1)
    balance = await Ledger(sessions, 1000).balance(MINA.id)
    assert (balance.available, balance.held) == (999, 0)


async def test_a_prompt_that_came_on_the_list_after_its_quote_is_not_drawn(
    jobs: Jobs, sessions: Sessions, tmp_path: Path
) -> None:
    gate = Warden()
    gate.words = {"": Verdict.WITHHOLD}  # which every prompt holds
    async with at_work(jobs, tmp_path, gate=gate) as shop:
        job = await shop.admit(jobs, 2)
        await shop.idle()
        assert shop.drawer.drawn == []
    assert [item.state for item in await jobs.items(job.id)] == [ItemState.WITHHELD] * 2
    assert [(each.cause, each.image) for each in await incidents(sessions)] == [("prompt", None)] * 2
    assert (await jobs.progress(job.id)).spent == 0


async def test_what_belongs_behind_a_spoiler_is_posted_there(jobs: Jobs, sessions: Sessions, tmp_path: Path) -> None:
    gate = Warden()
    gate.sees = lambda png: seen(Verdict.SPOILER)
    job, items = await drawn_by(jobs, tmp_path, gate, 1)
    assert items[0].state is ItemState.DRAWN and items[0].spoiler
    assert job.file_name(items[0]).startswith("SPOILER_S") and not job.sheet_name().startswith("SPOILER_")
    assert await incidents(sessions) == []


async def test_a_spoilers_word_does_not_outweigh_a_picture_that_is_withheld(
    jobs: Jobs, sessions: Sessions, tmp_path: Path
) -> None:
    gate = Warden()
    gate.words = {"": Verdict.SPOILER}
    gate.sees = lambda png: seen(Verdict.WITHHOLD)
    _, items = await drawn_by(jobs, tmp_path, gate, 1)
    assert items[0].state is ItemState.WITHHELD


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    return Faces(tmp_path / "faces")


async def test_a_quote_with_a_listed_word_is_refused_names_its_cells_and_is_shown_to_operators(
    sessions: Sessions, faces: Faces, tmp_path: Path
) -> None:
    gate = Warden()
    gate.words = {"gore": Verdict.WITHHOLD}
    quotes = quotes_of(sessions, faces, JobQueue(8), tmp_path, Detailer(), gate=gate)
    sweep = b'parameters: {prompt: ["a sailor", "a sailor in gore", "gore alone"]}'
    with pytest.raises(Refusal, match="The prompt of c002, c003 holds something that this console's operators") as told:
        await quotes.sweep(MINA, Place(CHANNEL, 1), sweep, "mine")
    assert "gore" not in str(told.value)
    (incident,) = await incidents(sessions)
    assert (incident.cause, incident.what, incident.prompt) == (Cause.PROMPT.value, "gore", "a sailor in gore")
    assert incident.job_id is None and await Jobs(sessions).get(1) is None


async def test_a_channel_that_is_closed_to_a_member_takes_no_quote(
    sessions: Sessions, faces: Faces, tmp_path: Path
) -> None:
    gate = Warden()
    gate.closed = {CHANNEL}
    quotes = quotes_of(sessions, faces, JobQueue(8), tmp_path, Detailer(), gate=gate)
    with pytest.raises(Refusal, match="You may not draw here"):
        await quotes.imagine(MINA, Place(CHANNEL, 1), {"prompt": "a sailor"}, 1)
    assert await quotes.imagine(MINA, Place(8, 1), {"prompt": "a sailor"}, 1)


async def test_a_title_is_read_too_for_it_is_shown_to_all(sessions: Sessions, faces: Faces, tmp_path: Path) -> None:
    gate = Warden()
    gate.words = {"gore": Verdict.WITHHOLD}
    quotes = quotes_of(sessions, faces, JobQueue(8), tmp_path, Detailer(), gate=gate)
    sweep = b'{name: "much gore", parameters: {prompt: ["a sailor", "a fisher"]}}'
    with pytest.raises(Refusal, match="The title holds something"):
        await quotes.sweep(MINA, Place(CHANNEL, 1), sweep, "mine")
    assert [each.prompt for each in await incidents(sessions)] == ["much gore"]


@pytest.mark.parametrize(
    ("sheet", "what", "shown"),
    [
        ('zip: [{steps: [2, 3], labels: [few, "much gore"]}]', "A label", "much gore"),
        ('parameters: {negative_prompt: {values: [a, b], labels: [few, "much gore"]}}', "A label", "much gore"),
        ('{run_cap: 1, parameters: {prompt: ["a hat", "much gore"]}}', "A label", "much gore"),
        ("base: {face_folder: Gorey gore}", "A person's name", "Gorey gore"),
        ("parameters: {face_folder: [mina, Gorey gore]}", "A person's name", "Gorey gore"),
        ('parameters: {negative_prompt: ["", gore]}', None, None),
    ],
)
async def test_labels_and_names_are_read_too_but_no_negative_prompts(
    sessions: Sessions, faces: Faces, tmp_path: Path, sheet: str, what: str | None, shown: str | None
) -> None:
    gate = Warden()
    gate.words = {"gore": Verdict.WITHHOLD}
    await people(faces, "mina", "Gorey gore")
    quotes = quotes_of(sessions, faces, JobQueue(8), tmp_path, Detailer(), gate=gate)
    quoting = quotes.sweep(MINA, Place(CHANNEL, 1), sheet.encode(), "mine")
    if what is None:
        assert await quoting
    else:
        with pytest.raises(Refusal, match=f"^{what} holds something .* Nothing was queued") as told:
            await quoting
        assert "gore" not in str(told.value)
    assert [each.prompt for each in await incidents(sessions)] == [shown] * (what is not None)


async def test_a_name_of_the_list_is_in_no_quote_of_any_kind(sessions: Sessions, faces: Faces, tmp_path: Path) -> None:
    gate = Warden()
    gate.words = {"gore": Verdict.WITHHOLD}
    await people(faces, "Gorey gore")
    quotes = quotes_of(sessions, faces, JobQueue(8), tmp_path, Detailer(), gate=gate)
    here, asked = Place(CHANNEL, 1), {"prompt": "x", "face_folder": "gorey gore"}
    with pytest.raises(Refusal, match=r"^A person's name holds"):
        await quotes.imagine(MINA, here, asked, 1)
    with pytest.raises(Refusal, match=r"^A person's name holds"):
        await quotes.face_test(MINA, here, "gorey gore", "rain", 1, 1)
    with pytest.raises(Refusal, match=r"^A person's name holds"):
        await quotes.detail(MINA, here, asked, photo(80, 80), "a.png")


async def test_all_of_a_job_goes_behind_spoilers_where_the_rules_of_its_owner_say_so(
    sessions: Sessions, faces: Faces, tmp_path: Path
) -> None:
    gate = Warden()
    gate.spoiled = {CHANNEL}
    quotes = quotes_of(sessions, faces, JobQueue(8), tmp_path, Detailer(), gate=gate)
    job = await quotes.imagine(MINA, Place(CHANNEL, 1), {"prompt": "a sailor"}, 2)
    stored = await Jobs(sessions).get(job.id)
    assert stored is not None and stored.spoiler and stored.sheet_name() == f"SPOILER_{job.name}-sheet.png"
    other = await quotes.imagine(MINA, Place(8, 1), {"prompt": "a sailor"}, 2)
    assert not other.spoiler
