"""A quote counts, times and checks what was asked before anything is drawn; whom a member may not draw is in none."""

import json
from pathlib import Path

import pytest

from bot.domain.errors import CannotDraw, NotFound, NotYours, QueueFull, Refusal
from bot.domain.job import JobState
from bot.jobs.queue import JobQueue
from bot.jobs.quotes import (
    BRACES,
    FACELESS,
    FACELESS_GROUP,
    FACELESS_PRODUCTION,
    FACELESS_STEP,
    NOBODY_ELSE,
    Quotes,
)
from bot.store.database import Sessions
from bot.store.faces import Faces
from bot.store.jobs import Jobs
from bot.store.members import MemberSettings
from sweeps.errors import SweepError
from sweeps.parameters import Value
from tests.bot.album import MINA, OPERATOR, THEO, add
from tests.bot.drawer import Drawer
from tests.bot.studio import HERE, Detailer, people, photo, quotes_of

SWEEP = b"{base: {prompt: x, steps: 2}, parameters: {guidance_scale: '2-5'}}"


@pytest.fixture
def quotes(sessions: Sessions, faces: Faces, queue: JobQueue, tmp_path: Path) -> Quotes:
    return quotes_of(sessions, faces, queue, tmp_path, Drawer())


async def test_a_sweep_is_counted_and_timed_and_nothing_is_drawn(quotes: Quotes) -> None:
    job = await quotes.sweep(MINA, HERE, SWEEP, "file")
    assert job.quote is not None
    assert (job.state, job.quote.cells, job.quote.bases) == (JobState.QUOTED, 4, 4)
    assert job.quote.work == pytest.approx(4 * 2 * 2)  # cells x steps x two evaluations of one megapixel
    assert job.quote.seconds == pytest.approx((16.0, 32.0))
    assert job.layout.labels("guidance_scale") == ("2", "3", "4", "5")


async def test_what_cannot_be_quoted_is_refused_with_a_sentence(quotes: Quotes) -> None:
    with pytest.raises(SweepError, match="more than the 5 allowed"):
        await quotes.sweep(MINA, HERE, b"{parameters: {seed: '1-6'}}", "f")
    with pytest.raises(CannotDraw, match="set detail to false"):
        await quotes.sweep(MINA, HERE, b"{base: {detail: true}, parameters: {seed: '1-2'}}", "f")
    with pytest.raises(Refusal, match=r"^Say what to draw: give a prompt, or set one with /set prompt\.$"):
        await quotes.imagine(MINA, HERE, {"prompt": " "}, 1)


async def test_a_full_queue_refuses_before_anything_is_stored(studio: Quotes, queue: JobQueue, jobs: Jobs) -> None:
    with queue.place():
        with pytest.raises(QueueFull):
            await studio.imagine(MINA, HERE, {"prompt": "x"}, 1)
        with pytest.raises(QueueFull):
            await studio.detail(MINA, HERE, {}, photo(80, 80), "a.png")
    assert await jobs.unended(MINA.id) == []


async def test_images_of_one_imagine_follow_its_seed_around_the_end(quotes: Quotes) -> None:
    job = await quotes.imagine(MINA, HERE, {"prompt": "x", "seed": 2**32 - 1}, 3)
    assert job.urgent
    assert job.layout.labels("seed") == ("4294967295", "0", "1")


async def test_braces_of_an_imagine_are_remarked_upon(quotes: Quotes) -> None:
    assert (await quotes.imagine(MINA, HERE, {"prompt": "a {b|c}"}, 1)).notes == (BRACES,)


async def test_what_is_asked_stands_over_what_is_set(quotes: Quotes, sessions: Sessions, jobs: Jobs) -> None:
    await MemberSettings(sessions).put(MINA.id, "steps", 7)
    await MemberSettings(sessions).put(MINA.id, "guidance_scale", 3.0)
    job = await quotes.imagine(MINA, HERE, {"prompt": "x", "steps": 9}, 1)
    (item,) = await jobs.items(job.id)
    assert (item.recipe.steps, item.recipe.guidance_scale) == (9, 3.0)


async def test_whom_the_member_may_not_draw_is_in_no_quote_of_any_kind(
    studio: Quotes, faces: Faces, sessions: Sessions
) -> None:
    await add(faces, MINA, "mina")
    await add(faces, THEO, "theo")
    unknown = r'^You have no person named "theo"; '
    with pytest.raises(NotFound, match=unknown):
        await studio.imagine(MINA, HERE, {"prompt": "x", "face_folder": "theo"}, 1)
    with pytest.raises(NotFound, match=unknown):
        await studio.sweep(MINA, HERE, b"{parameters: {face_folder: {values: [mina, theo]}}}", "f")
    with pytest.raises(NotFound, match=unknown):
        await studio.face_test(MINA, HERE, "mina, theo", "", 1, 1)
    with pytest.raises(NotFound, match=unknown):
        await studio.detail(MINA, HERE, {"face_folder": "mina, theo"}, photo(80, 80), "a.png")
    await MemberSettings(sessions).put(MINA.id, "face_folder", "theo")
    with pytest.raises(NotFound, match=unknown):
        await studio.imagine(MINA, HERE, {"prompt": "x", "face_folder": "theo"}, 1)
    with pytest.raises(NotFound, match=r'^You have no person named "minna"; did you mean "mina"\?$'):
        await studio.face_test(MINA, HERE, "minna", "", 1, 1)


async def test_an_operator_who_looks_after_photos_may_still_not_draw_them(studio: Quotes, faces: Faces) -> None:
    await add(faces, MINA, "mina")
    with pytest.raises(NotYours, match=r"^mina belongs to Mina, and is not shared on this server\.$"):
        await studio.imagine(OPERATOR, HERE, {"prompt": "x", "face_folder": "mina"}, 1)
    await add(faces, MINA, "mina", shared=True)
    assert await studio.imagine(OPERATOR, HERE, {"prompt": "x", "face_folder": "mina"}, 1)


async def test_a_sweep_over_everybody_means_those_whom_the_member_may_draw(studio: Quotes, faces: Faces) -> None:
    await add(faces, MINA, "mina")
    await add(faces, THEO, "theo", shared=True)
    await add(faces, THEO, "tom")
    job = await studio.sweep(MINA, HERE, b"{parameters: {face_folder: {glob: '*'}}}", "f")
    assert job.layout.labels("face_folder") == ("mina", "theo")


async def test_a_name_is_kept_as_its_owner_wrote_it(studio: Quotes, faces: Faces, jobs: Jobs) -> None:
    await add(faces, MINA, "Mina")
    job = await studio.imagine(MINA, HERE, {"prompt": "x", "face_folder": "mina"}, 1)
    (item,) = await jobs.items(job.id)
    assert item.recipe.people == ("Mina",)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, False),  # who is named is drawn
        ({"detail": True}, False),
        ({"detail": False}, True),
        ({"detail": False, "steps": 20, "start_merge_step": 18}, False),
        ({"detail": False, "steps": 20, "start_merge_step": 19}, True),
        ({"face_folder": ""}, False),
    ],
)
async def test_a_face_that_no_stage_looks_at_is_remarked_upon(
    studio: Quotes, faces: Faces, values: dict[str, Value], said: bool
) -> None:
    await people(faces, "mina")
    asked = {"prompt": "x", "face_folder": "mina", **values}
    assert (FACELESS in (await studio.imagine(MINA, HERE, asked, 1)).notes) is said
    sheet = json.dumps({"base": asked, "parameters": {"seed": "1-2"}}).encode()
    assert (FACELESS in (await studio.sweep(MINA, HERE, sheet, "f")).notes) is said


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"face_folder": "mina, theo"}, FACELESS_GROUP),
        ({"face_folder": "mina, theo", "start_merge_step": 0}, FACELESS_GROUP),
        ({"face_folder": "mina", "steps": 1, "start_merge_step": 0}, FACELESS_STEP),
        ({"face_folder": "mina", "production_mode": True}, FACELESS_PRODUCTION),
    ],
)
async def test_what_is_said_of_a_face_that_no_stage_looks_at_would_help(
    sessions: Sessions,
    faces: Faces,
    queue: JobQueue,
    tmp_path: Path,
    values: dict[str, Value],
    note: str,
) -> None:
    await people(faces, "mina", "theo")
    studio = quotes_of(sessions, faces, queue, tmp_path, Detailer(), production={"detail": False})
    assert (await studio.imagine(MINA, HERE, {"prompt": "x", "detail": False, **values}, 2)).notes == (note,)


async def test_each_reason_why_a_face_changes_nothing_is_said_once(studio: Quotes, faces: Faces) -> None:
    await people(faces, "mina", "theo")
    base = {"prompt": "x", "steps": 9, "detail": False}
    axes = {"face_folder": ["mina", "mina, theo"], "seed": "1-2"}
    sheet = json.dumps({"base": base, "parameters": axes}).encode()
    assert (await studio.sweep(MINA, HERE, sheet, "f")).notes == (FACELESS, FACELESS_GROUP)


async def test_a_name_that_comes_from_the_members_own_setting_is_refused_as_such(
    studio: Quotes, sessions: Sessions
) -> None:
    await MemberSettings(sessions).put(MINA.id, "face_folder", "nadia")
    theirs = (
        r'^Your /set face_folder names "nadia"\. You have no person named "nadia"; /faces list shows whom you may '
        r"draw\. /params reset face_folder clears it\.$"
    )
    with pytest.raises(NotFound, match=theirs):
        await studio.imagine(MINA, HERE, {"prompt": "x"}, 1)
    with pytest.raises(NotFound, match=theirs):
        await studio.sweep(MINA, HERE, b"{parameters: {seed: '1-2'}}", "f")
    with pytest.raises(NotFound, match=theirs):
        await studio.detail(MINA, HERE, {}, photo(80, 80), "a.png")
    written = r'^You have no person named "nadia"; '
    with pytest.raises(NotFound, match=written):
        await studio.imagine(MINA, HERE, {"prompt": "x", "face_folder": "nadia"}, 1)
    with pytest.raises(NotFound, match=written):
        await studio.sweep(MINA, HERE, b"{base: {face_folder: nadia}, parameters: {seed: '1-2'}}", "f")
    with pytest.raises(NotFound, match=written):
        await studio.sweep(MINA, HERE, b"{parameters: {face_folder: {values: [nadia, nora]}}}", "f")
    assert await studio.imagine(MINA, HERE, {"prompt": "x", "face_folder": ""}, 1)


async def test_a_card_says_whom_it_draws_and_how_much_of_a_photo_is_drawn_anew(
    studio: Quotes, faces: Faces, sessions: Sessions
) -> None:
    await people(faces, "Mina", "theo")
    await MemberSettings(sessions).put(MINA.id, "face_folder", "mina")
    seeds = b"{parameters: {seed: '1-2'}}"
    assert (await studio.sweep(MINA, HERE, seeds, "f")).layout.fixed == (("face_folder", "Mina"),)
    over = b"{parameters: {face_folder: {values: [mina, theo]}}}"
    assert (await studio.sweep(MINA, HERE, over, "f")).layout.fixed == ()
    detail = await studio.detail(MINA, HERE, {"denoise": 0.4}, photo(80, 80), "a.png")
    assert detail.layout.fixed == (("face_folder", "Mina"), ("denoise", "0.4"))
    nobody = await studio.detail(MINA, HERE, {"face_folder": ""}, photo(80, 80), "a.png")
    assert nobody.layout.fixed == (("face_folder", NOBODY_ELSE), ("denoise", "0.5"))
    stored = await Jobs(sessions).get(nobody.id)
    assert stored is not None and stored.layout == nobody.layout


@pytest.mark.parametrize(
    ("axes", "note"),
    [
        ({"weight": [0.5, 1.0]}, "Nobody is named, so weight decides nothing: set face_folder."),
        (
            {"start_merge_step": [1, 2], "weight": [0.5, 1.0]},
            "Nobody is named, so start_merge_step and weight decide nothing: set face_folder.",
        ),
        ({"steps": [1, 2]}, None),
    ],
)
async def test_a_sweep_over_how_a_person_enters_needs_a_person(
    studio: Quotes, faces: Faces, axes: dict[str, Value], note: str | None
) -> None:
    await people(faces, "mina")
    alone = json.dumps({"parameters": axes}).encode()
    assert (await studio.sweep(MINA, HERE, alone, "f")).notes == ((note,) if note else ())
    named = json.dumps({"base": {"face_folder": "mina"}, "parameters": axes}).encode()
    assert (await studio.sweep(MINA, HERE, named, "f")).notes == ()


async def test_a_trigger_that_stands_twice_is_refused_before_anybody_waits(
    studio: Quotes, faces: Faces, sessions: Sessions, jobs: Jobs
) -> None:
    await people(faces, "mina", "theo")
    twice = r'prompt: "a man img, img" holds the trigger word "img" 2 times; write it once, right after a class word'
    asked: dict[str, Value] = {"prompt": "a man img, img", "face_folder": "mina"}
    with pytest.raises(SweepError, match=f"^{twice}"):
        await studio.imagine(MINA, HERE, asked, 1)
    with pytest.raises(SweepError, match=f"^{twice}"):
        await studio.detail(MINA, HERE, {**asked, "detail": False}, photo(80, 80), "a.png")
    with pytest.raises(SweepError, match=r"^parameters\." + twice):
        await studio.sweep(MINA, HERE, b"{parameters: {prompt: ['a man', 'a man img, img'], face_folder: [mina]}}", "f")
    await MemberSettings(sessions).put(MINA.id, "prompt", "a man img, img")
    with pytest.raises(SweepError, match=f"^{twice}"):
        await studio.sweep(MINA, HERE, b"{parameters: {face_folder: [mina, theo]}}", "f")
    assert await jobs.unended(MINA.id) == []
    assert await studio.face_test(MINA, HERE, "mina", "rain", 1, 1)  # an idea stands in place of their prompt
    assert await studio.imagine(MINA, HERE, {"prompt": "a man img, img"}, 1)
