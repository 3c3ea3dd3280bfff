"""A face test is quoted as people times ideas times generations; what it cannot do as asked is said in a sentence."""

from pathlib import Path

import pytest

from bot.domain.errors import NotFound, Refusal
from bot.domain.job import Layout
from bot.jobs.queue import JobQueue
from bot.jobs.quotes import FACELESS, Quotes
from bot.mecene.grammar import Grammar
from bot.store.database import Sessions
from bot.store.faces import Faces
from bot.store.jobs import Jobs
from bot.store.members import MemberSettings
from tests.bot.album import MINA
from tests.bot.studio import HERE, Detailer, people, photo, quotes_of


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
