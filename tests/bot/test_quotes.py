"""A quote counts, times and checks what was asked before anything is drawn; whom a member may not draw is in none."""

import io
import json
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

import bot.jobs.quotes as quotes_module
from bot.domain.errors import BadUpload, CannotDraw, NotFound, NotYours, QueueFull, Refusal
from bot.domain.job import JobState, Layout, Place
from bot.jobs.forecast import Forecast
from bot.jobs.queue import JobQueue
from bot.jobs.quotes import (
    BRACES,
    FACELESS,
    FACELESS_GROUP,
    FACELESS_PRODUCTION,
    FACELESS_STEP,
    NO_PROMPT,
    NOBODY_ELSE,
    Quotes,
    Stores,
)
from bot.mecene.grammar import Grammar
from bot.pictures import within
from bot.store.database import Sessions
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.members import MemberSettings
from sweeps.errors import SweepError
from sweeps.parameters import Value
from sweeps.recipe import Recipe
from tests.bot.album import MINA, OPERATOR, THEO, add
from tests.bot.drawer import Drawer

HERE = Place(10, guild_id=7)
SWEEP = b"{base: {prompt: x, steps: 2}, parameters: {guidance_scale: '2-5'}}"


class Detailer(Drawer):
    """A drawer that draws faces again, too."""

    def check(self, recipe: Recipe) -> None:
        if recipe.weight > 1:
            raise CannotDraw(f"weight {recipe.weight} is too much")


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    return Faces(tmp_path / "faces")


@pytest.fixture
def queue() -> JobQueue:
    return JobQueue(1)


@pytest.fixture
def quotes(sessions: Sessions, faces: Faces, queue: JobQueue, tmp_path: Path) -> Quotes:
    return quotes_of(sessions, faces, queue, tmp_path, Drawer())


def quotes_of(
    sessions: Sessions,
    faces: Faces,
    queue: JobQueue,
    folder: Path,
    drawer: Drawer,
    most: int = 5,
    production: Mapping[str, Value] | None = None,
) -> Quotes:
    stores = Stores(Jobs(sessions), MemberSettings(sessions), Images(folder / "images"), faces)
    return Quotes(
        stores=stores,
        queue=queue,
        renderer=drawer,
        forecast=Forecast(drawer, queue),
        ideas=Grammar(),
        max_cells=most,
        production=production or {},
    )


@pytest.fixture
def studio(sessions: Sessions, faces: Faces, queue: JobQueue, tmp_path: Path) -> Quotes:
    """Quotes for a drawer that draws faces again, of at most 24 images."""
    return quotes_of(sessions, faces, queue, tmp_path, Detailer(), most=24)


def photo(width: int, height: int, form: str = "PNG", orientation: int = 1) -> bytes:
    """A picture whose left half is red."""
    picture = Image.new("RGB", (width, height), (0, 0, 200))
    picture.paste((200, 0, 0), (0, 0, width // 2, height))
    exif = Image.Exif()
    exif[0x112] = orientation
    exif[0x10F] = "a camera"
    file = io.BytesIO()
    picture.save(file, form, exif=exif)
    return file.getvalue()


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


async def people(faces: Faces, *names: str) -> None:
    for name in names:
        await add(faces, MINA, name)


async def test_a_face_test_is_people_times_ideas_times_generations_person_by_person(
    studio: Quotes, faces: Faces, jobs: Jobs, sessions: Sessions
) -> None:
    await people(faces, "mina", "theo")
    await MemberSettings(sessions).put(MINA.id, "seed", 2**32 - 1)
    await MemberSettings(sessions).put(MINA.id, "steps", 7)
    job = await studio.face_test(MINA, HERE, "theo, mina", "noir", 3, 2)
    items = await jobs.items(job.id)
    ideas = [idea.prompt for idea in await Grammar().ideas("noir", 3, 2**32 - 1)]
    assert [(i.name, i.recipe.face_folder, i.recipe.prompt, i.recipe.seed) for i in items] == [
        (f"c{number:03d}", name, idea, seed)
        for number, (name, idea, seed) in enumerate(
            ((name, idea, seed) for name in ("theo", "mina") for idea in ideas for seed in (2**32 - 1, 0)), start=1
        )
    ]
    assert {item.recipe.steps for item in items} == {7}
    assert (job.name, job.title, job.urgent) == (f"T{job.id}", "Face test · noir", False)
    axes = (("face_folder", ("theo", "mina")), ("idea", tuple(ideas)), ("generation", ("#1", "#2")))
    fixed = (("seed", "4294967295"),)
    assert job.layout == Layout(axes, rows="idea", columns="generation", apart="face_folder", fixed=fixed)
    assert [dict(item.at or {}) for item in items[5:8]] == [
        {"face_folder": 0, "idea": 2, "generation": 1},
        {"face_folder": 1, "idea": 0, "generation": 0},
        {"face_folder": 1, "idea": 0, "generation": 1},
    ]
    assert job.quote is not None and job.quote.cells == 12


async def test_a_face_test_draws_faces_again_unless_the_member_has_detail_off(
    studio: Quotes, faces: Faces, jobs: Jobs, sessions: Sessions
) -> None:
    await people(faces, "mina")  # and the drawer's family has detail off
    job = await studio.face_test(MINA, HERE, "mina", "", 1, 1)
    assert ((await jobs.items(job.id))[0].recipe.detail, job.notes) == (True, ())
    await MemberSettings(sessions).put(MINA.id, "detail", False)
    job = await studio.face_test(MINA, HERE, "mina", "", 1, 1)
    assert ((await jobs.items(job.id))[0].recipe.detail, job.notes) == (False, (FACELESS,))


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


@pytest.mark.parametrize(
    ("theme", "notes"),
    [
        ("noir", ()),
        (" winter  in Prague, ", ()),
        ("one two three four five six seven eight nine", ("one two three four five six seven eight",)),
        ("{noir|space}", ("noirspace",)),
        ("{}", ()),
    ],
)
async def test_a_theme_of_which_the_ideas_hold_less_is_remarked_upon(
    studio: Quotes, faces: Faces, jobs: Jobs, theme: str, notes: tuple[str, ...]
) -> None:
    await people(faces, "mina")
    job = await studio.face_test(MINA, HERE, "mina", theme, 1, 1)
    if theme == "{}":
        assert job.notes == ("No word of the theme can be used, so the ideas are about anything.",)
    else:
        assert job.notes == tuple(f'The theme was shortened: in the ideas it reads "{told}".' for told in notes)
    (item,) = await jobs.items(job.id)
    assert all(told in item.recipe.prompt for told in notes)


async def test_an_ideas_negative_prompt_gives_way_to_the_members(
    studio: Quotes, faces: Faces, jobs: Jobs, sessions: Sessions
) -> None:
    await people(faces, "mina")
    first = await studio.face_test(MINA, HERE, "mina", "", 1, 1)
    assert "blurry face" in (await jobs.items(first.id))[0].recipe.negative_prompt
    await MemberSettings(sessions).put(MINA.id, "negative_prompt", "beard")
    second = await studio.face_test(MINA, HERE, "mina", "", 1, 1)
    assert (await jobs.items(second.id))[0].recipe.negative_prompt == "beard"


@pytest.mark.parametrize(
    ("asked", "tested"),
    [
        ("*", ("ada", "mina", "Theo")),
        ("m*", ("mina",)),
        ("T?eo, *", ("Theo", "ada", "mina")),
        ("theo, THEO,, mina ,", ("Theo", "mina")),
    ],
)
async def test_stars_stand_for_people_and_each_is_tested_once(
    studio: Quotes, faces: Faces, asked: str, tested: tuple[str, ...]
) -> None:
    await people(faces, "mina", "Theo", "ada")
    job = await studio.face_test(MINA, HERE, asked, "", 1, 1)
    assert job.layout.labels("face_folder") == tested


async def test_a_face_test_that_cannot_be_is_refused_with_a_sentence(studio: Quotes, faces: Faces) -> None:
    with pytest.raises(NotFound, match=r'^"\*" fits nobody whom you may draw; there is nobody yet, see /faces add\.$'):
        await studio.face_test(MINA, HERE, "*", "", 1, 1)
    await people(faces, "mina", "theo")
    with pytest.raises(NotFound, match=r'^"x\*" fits nobody whom you may draw; there are mina, theo\.$'):
        await studio.face_test(MINA, HERE, "x*", "", 1, 1)
    with pytest.raises(Refusal, match=r"^Say whose faces to test: names with commas, or \* for everybody"):
        await studio.face_test(MINA, HERE, " , ", "", 1, 1)
    most = r"^2 × 5 × 3 are 30 images, and 24 are the most\. Ask for fewer people, ideas or generations\.$"
    with pytest.raises(Refusal, match=most):
        await studio.face_test(MINA, HERE, "mina, theo", "", 5, 3)


async def test_in_production_mode_a_face_test_keeps_its_prompts_seeds_and_faces(
    sessions: Sessions, faces: Faces, queue: JobQueue, tmp_path: Path, jobs: Jobs
) -> None:
    await people(faces, "mina")
    await MemberSettings(sessions).put(MINA.id, "production_mode", True)
    await MemberSettings(sessions).put(MINA.id, "steps", 7)
    studio = quotes_of(sessions, faces, queue, tmp_path, Detailer(), production={"steps": 33})
    job = await studio.face_test(MINA, HERE, "mina", "", 2, 2)
    recipes = [item.recipe for item in await jobs.items(job.id)]
    assert {recipe.steps for recipe in recipes} == {33}
    assert len({(recipe.prompt, recipe.seed) for recipe in recipes}) == 4
    uploaded = await studio.detail(MINA, HERE, {}, photo(120, 80), "a.png")
    (item,) = await jobs.items(uploaded.id)
    assert (item.recipe.width, item.recipe.height, item.recipe.detail) == (120, 80, True)
    assert item.recipe.photo


async def test_an_uploaded_photo_is_kept_upright_and_bare_and_named_in_the_recipe(
    studio: Quotes, jobs: Jobs, tmp_path: Path
) -> None:
    job = await studio.detail(MINA, HERE, {"prompt": "a sailor", "denoise": 0.4}, photo(102, 70, "JPEG", 6), "me.jpg")
    (item,) = await jobs.items(job.id)
    recipe = item.recipe
    assert (job.name, job.title, job.urgent, job.has_sheet) == (f"D{job.id}", "me.jpg", True, False)
    assert (recipe.prompt, recipe.denoise, recipe.detail) == ("a sailor", 0.4, True)
    assert (recipe.width, recipe.height) == (72, 104)  # of 70 x 102 the nearest multiples of 8
    kept = Image.open(io.BytesIO(Images(tmp_path / "images").read(recipe.photo)))
    assert (kept.format, kept.size) == ("PNG", (70, 102))
    assert dict(kept.getexif()) == {}
    assert kept.getpixel((35, 10))[0] > 150 > kept.getpixel((35, 90))[0]  # type: ignore[index]
    assert job.quote is not None and job.quote.summary == "1 cell = 1 face pass"
    assert job.notes == ()


async def test_without_any_prompt_the_faces_of_a_photo_are_a_portrait(
    studio: Quotes, jobs: Jobs, sessions: Sessions
) -> None:
    job = await studio.detail(MINA, HERE, {}, photo(80, 80), "a.png")
    assert ((await jobs.items(job.id))[0].recipe.prompt, job.notes) == ("a portrait", (NO_PROMPT,))
    await MemberSettings(sessions).put(MINA.id, "prompt", "a baker")
    job = await studio.detail(MINA, HERE, {}, photo(80, 80), "a.png")
    assert ((await jobs.items(job.id))[0].recipe.prompt, job.notes) == ("a baker", ())


async def test_a_large_photo_is_scaled_down_and_the_card_says_so(studio: Quotes, jobs: Jobs) -> None:
    job = await studio.detail(MINA, HERE, {"prompt": "x"}, photo(4100, 1000, "JPEG"), "a.jpg")
    (item,) = await jobs.items(job.id)
    assert (item.recipe.width, item.recipe.height) == (2048, 496)
    assert job.notes == ("The photo was scaled down from 4,100 × 1,000 to 2,048 × 500 pixels.",)


async def test_what_is_no_photo_is_refused_with_its_name(studio: Quotes) -> None:
    with pytest.raises(
        BadUpload, match=r"^notes\.png is no picture that can be read here; send a PNG, JPEG or WebP\.$"
    ):
        await studio.detail(MINA, HERE, {}, b"%PDF-1.7", "notes.png")
    with pytest.raises(CannotDraw, match=r"^weight 2\.0 is too much$"):
        await studio.detail(MINA, HERE, {"weight": 2.0}, photo(80, 80), "a.png")


async def test_a_large_photo_is_scaled_down_beside_the_event_loop(
    studio: Quotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def noted(*arguments: object) -> object:
        threads.append(threading.current_thread())
        return within(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(quotes_module, "within", noted)
    await studio.detail(MINA, HERE, {"prompt": "x"}, photo(80, 80), "a.png")
    assert threads and threading.main_thread() not in threads


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
