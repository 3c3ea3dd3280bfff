"""/detail: only the faces of an uploaded photo are drawn again."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from skimage import data

from bot.jobs.quotes import NO_PROMPT
from bot.sandbox import File
from tests.e2e.conftest import Running
from tests.e2e.test_drawing import fetch

pytestmark = pytest.mark.asyncio(loop_scope="session")


def png(array: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, form, **options)
    return file.getvalue()


async def drawn(atelier: Running, name: str, photo: bytes, **options: object) -> tuple[dict[str, object], Image.Image]:
    """The job's last card and its one picture."""
    before = len(atelier.results())
    shown = await atelier.sandbox.members["theo"].run("/detail", image=File(name, photo), **options)
    await shown.reply()
    card = await atelier.ended(shown)
    (posted,) = atelier.results()[before:]
    assert posted["filename"] == f"{card['embeds'][0]['title'].split(' · ')[0]}-c001.png"
    return card["embeds"][0], Image.open(io.BytesIO(await fetch(posted["url"])))


async def test_the_face_of_a_photo_is_drawn_again_and_nothing_else(atelier: Running) -> None:
    photo = data.astronaut()
    embed, picture = await drawn(atelier, "launch day.png", png(photo), prompt="a robot", denoise=0.8, detail_steps=5)
    title = str(embed["title"])
    assert title.startswith("D") and title.endswith(" · launch_day.png")
    assert str(embed["description"]).endswith("\nIts faces, drawn again")
    assert [(field["name"], field["value"]) for field in embed["fields"]] == [  # type: ignore[index]
        ("People", "nobody: each face stays who it is"),
        ("Denoise", "0.8"),
    ]
    assert picture.size == (512, 512)
    changed = np.argwhere((np.asarray(picture.convert("RGB")) != photo).any(axis=2))
    top, left, bottom, right = *changed.min(axis=0), *changed.max(axis=0)
    face = 170, 60, 280, 200  # where she looks out of the photo: left, top, right, bottom
    assert face[0] - 90 <= left < face[0] + 60 and face[2] - 60 < right <= face[2] + 90
    assert top < face[1] + 70 and face[3] - 70 < bottom <= face[3] + 90
    assert len(changed) < photo.shape[0] * photo.shape[1] / 4
    recipe = json.loads(picture.info["atelier"])
    assert (recipe["prompt"], recipe["width"], recipe["height"], recipe["detail"]) == ("a robot", 512, 512, True)
    assert len(recipe["photo"]) == 64


async def test_a_photo_without_a_face_comes_back_as_it_was_and_the_card_says_so(atelier: Running) -> None:
    plain = np.full((90, 120, 3), (200, 30, 30), np.uint8)
    embed, picture = await drawn(atelier, "wall.webp", png(plain, "WEBP", lossless=True))
    assert np.array_equal(np.asarray(picture.convert("RGB")), plain)
    *_, field = embed["fields"]  # type: ignore[misc]
    assert field["name"] == "Good to know"
    assert NO_PROMPT in field["value"]
    assert "No face found in wall.webp, so nothing was drawn again." in field["value"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("notes.png", b"%PDF-1.7 and more", "notes.png is no picture that can be read here; send a PNG, JPEG or WebP."),
        (
            "cut.png",
            png(data.astronaut())[:9000],
            "cut.png is damaged and cannot be opened. Save it again as PNG or JPEG.",
        ),
        (
            "dot.png",
            png(np.zeros((8, 9, 3), np.uint8)),
            "dot.png has 9 × 8 pixels; at least 64 a side are needed.",
        ),
        (
            "wide.png",
            png(np.zeros((5000, 5001, 3), np.uint8)),
            "wide.png has 5,001 × 5,000 pixels; at most 25 million are allowed.",
        ),
    ],
)
async def test_what_is_no_photo_is_refused_with_a_sentence(
    atelier: Running, name: str, content: bytes, sentence: str
) -> None:
    shown = await atelier.sandbox.members["theo"].run("/detail", image=File(name, content))
    assert (await shown.reply())["content"] == sentence


async def test_somebody_who_is_not_there_is_not_drawn(atelier: Running) -> None:
    shown = await atelier.sandbox.members["theo"].run(
        "/detail", image=File("a.png", png(data.astronaut())), face_folder="nobody at all"
    )
    assert (await shown.reply())["content"].startswith('You have no person named "nobody at all"; ')
