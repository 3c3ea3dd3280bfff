"""A quote on an uploaded photo keeps it upright, bare and no larger than can be drawn, and refuses what is none."""

import io
import threading
from pathlib import Path

import pytest
from PIL import Image

import bot.jobs.quotes as quotes_module
from bot.domain.errors import BadUpload, CannotDraw
from bot.jobs.quotes import NO_PROMPT, Quotes
from bot.pictures import within
from bot.store.database import Sessions
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.members import MemberSettings
from tests.bot.album import MINA
from tests.bot.studio import HERE, photo


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


async def test_a_photo_whose_file_is_erased_before_the_quote_is_stored_is_written_again(
    studio: Quotes, jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Images.put

    async def and_gone(images: Images, png: bytes) -> str:
        image = await put(images, png)
        await images.remove(image)  # the same one was erased on another console
        return image

    monkeypatch.setattr(Images, "put", and_gone)
    job = await studio.detail(MINA, HERE, {"prompt": "x"}, photo(80, 80), "a.png")
    (item,) = await jobs.items(job.id)
    assert await Images(tmp_path / "images").get(item.recipe.photo)
