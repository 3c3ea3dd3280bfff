"""The portraits show each photo, a box where the face is, and a verdict in colour and words, small enough to post."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from bot.domain.job import Member
from bot.domain.person import CONSENT, FaceSeen, PhotoSeen, Verdict
from bot.jobs.examination import examine
from bot.store.faces import Faces
from bot.ui.portraits import LARGEST_BYTES, MARKS, WORDS, Portrait, portraits
from bot.ui.sheet import HOLLOW, MARGIN, PAPER
from tests.bot.drawer import Drawer

GREY = (120, 120, 120)
TOP = MARGIN + 72
"""Where the first photo begins, below the title."""


def photo(size: tuple[int, int] = (480, 480), *, orientation: int = 1) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, GREY).save(file, "PNG", exif=exif)
    return file.getvalue()


def face(*box: float) -> FaceSeen:
    return FaceSeen(box, 1.0, None, None, False, None)  # type: ignore[arg-type]


def portrait(verdict: Verdict = Verdict.GOOD, *faces: FaceSeen, size: tuple[int, int] = (480, 480)) -> Portrait:
    return Portrait("a photo", photo(size), PhotoSeen(*size, faces), verdict, verdict.value)


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def column(picture: Image.Image, x: int, colour: tuple[int, int, int]) -> list[int]:
    """Where a colour stands in one column of pixels."""
    return [y for y in range(picture.height) if picture.getpixel((x, y)) == colour]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_face_that_counts_has_a_solid_box_in_its_verdicts_colour_at_its_very_place(verdict: Verdict) -> None:
    picture = opened(portraits("mina", [portrait(verdict, face(100, 60, 300, 260))]))
    # One photo is shown 480 pixels wide, so a pixel of it is a pixel on the paper.
    for x, y in ((100, 60), (300, 60), (100, 260), (300, 260), (200, 60), (100, 160), (300, 200)):
        assert picture.getpixel((MARGIN + x, TOP + y)) == MARKS[verdict]
    assert picture.getpixel((MARGIN + 200, TOP + 160)) == GREY
    assert picture.getpixel((MARGIN + 90, TOP + 160)) == GREY


def test_other_faces_have_a_dashed_box_in_no_verdicts_colour() -> None:
    small, large = face(20, 20, 120, 120), face(200, 200, 460, 460)
    picture = opened(portraits("mina", [portrait(Verdict.FLAWED, small, large)]))
    edge = [picture.getpixel((MARGIN + x, TOP + 20)) for x in range(24, 116)]
    assert GREY in edge
    assert len(set(edge)) > 1
    assert not set(edge) & set(MARKS.values())
    assert picture.getpixel((MARGIN + 300, TOP + 200)) == MARKS[Verdict.FLAWED]


def test_boxes_follow_the_photo_to_its_smaller_place_on_the_paper() -> None:
    """A wide photo of 960 x 480 is shown at half its size in the middle of its square."""
    picture = opened(portraits("mina", [portrait(Verdict.GOOD, face(200, 100, 600, 400), size=(960, 480))]))
    middle = TOP + (480 - 240) // 2
    for x, y in ((100, 50), (300, 50), (100, 200), (300, 200)):
        assert picture.getpixel((MARGIN + x, middle + y)) == MARKS[Verdict.GOOD]
    assert picture.getpixel((MARGIN + 240, middle - 10)) == HOLLOW


def test_a_photo_laid_on_its_side_is_shown_upright_as_it_was_looked_at() -> None:
    lying = Portrait("x", photo((480, 240), orientation=6), PhotoSeen(240, 480, ()), Verdict.USELESS, "no face")
    picture = opened(portraits("mina", [lying]))
    assert picture.getpixel((MARGIN + 10, TOP + 240)) == HOLLOW
    assert picture.getpixel((MARGIN + 240, TOP + 10)) == GREY


def test_a_face_at_the_border_is_boxed_within_the_photo() -> None:
    picture = opened(portraits("mina", [portrait(Verdict.GOOD, face(-20, -20, 500, 500))]))
    assert column(picture, MARGIN + 240, MARKS[Verdict.GOOD])[0] >= TOP
    assert picture.getpixel((MARGIN - 1, TOP + 240)) == PAPER


def test_every_photo_has_its_verdict_as_a_bar_and_in_words() -> None:
    picture = opened(portraits("mina", [portrait(verdict) for verdict in Verdict]))
    inks = set(picture.get_flattened_data())
    for verdict in Verdict:
        assert MARKS[verdict] in inks
        assert WORDS[verdict] in inks


def test_a_file_that_cannot_be_opened_keeps_its_place_empty() -> None:
    broken = Portrait("notes.png", b"no picture", None, Verdict.USELESS, "cannot be opened")
    picture = opened(portraits("mina", [broken]))
    assert picture.getpixel((MARGIN + 10, TOP + 10)) == HOLLOW
    assert picture.getpixel((MARGIN + 240, TOP + 482)) == MARKS[Verdict.USELESS]


@pytest.mark.parametrize("number", [1, 2, 3, 16])
def test_any_number_of_photos_fits_discord_even_when_they_are_noise(number: int) -> None:
    file = io.BytesIO()
    Image.frombytes("RGB", (500, 500), os.urandom(500 * 500 * 3)).save(file, "PNG", compress_level=0)
    long_words = "2 faces, small face, blurred, looks like somebody else"
    noisy = Portrait("x" * 80, file.getvalue(), PhotoSeen(500, 500, ()), Verdict.FLAWED, long_words)
    png = portraits("a person with a rather long name, longer than the paper is wide " * 3, [noisy] * number)
    assert len(png) <= LARGEST_BYTES == 8 * 2**20
    assert max(opened(png).size) <= 3000


async def test_an_examination_looks_at_every_photo_and_names_it_as_the_member_does(tmp_path: Path) -> None:
    faces = Faces(tmp_path)
    uploads = []
    for name, colour in (("face.png", (255, 0, 0)), ("none.png", (9, 9, 9))):
        file = io.BytesIO()
        picture = Image.new("RGB", (300, 300), (90, 90, 90))
        picture.paste(colour, (50, 60, 250, 260))
        picture.save(file, "PNG")
        uploads.append((name, file.getvalue()))
    added = await faces.add(Member(1, "Mina"), "mina", uploads, None, CONSENT)
    face, none = added.files
    examination = await examine(faces, Drawer(), Member(1, "Mina"), added.person, {face: "face.png"})
    assert [each.file for each in examination.photos] == sorted(added.files)
    seen = {each.name: each.seen for each in examination.photos}
    number = {file: number for number, file in enumerate(sorted(added.files), start=1)}
    box = (50, 60, 250, 260)
    assert seen[f"face.png, photo {number[face]} ({face[:8]})"] == PhotoSeen(
        300, 300, (FaceSeen(box, 1.0, None, None, False, None),)
    )
    assert seen[f"photo {number[none]} ({none[:8]})"] == PhotoSeen(300, 300, ())
    assert [finding.word for finding in examination.findings] == ["no face", "few photos", "not checked"]


async def test_a_file_that_is_no_picture_is_examined_too(tmp_path: Path) -> None:
    (tmp_path / "grace").mkdir()
    (tmp_path / "grace" / "notes.png").write_bytes(b"no picture")
    faces = Faces(tmp_path)
    mina = Member(1, "Mina")
    examination = await examine(faces, Drawer(), mina, await faces.person(mina, "grace"))
    text = "photo 1 (notes.png): this file cannot be opened as a picture. Remove it."
    assert examination.findings[0].text == text
