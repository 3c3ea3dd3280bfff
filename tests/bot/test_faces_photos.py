"""Of an uploaded photo its pixels are kept, upright, under their own hash, with who agreed to it; all else is not."""

import hashlib
import io
import json
import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from bot.domain.errors import BadUpload
from bot.domain.person import CONSENT
from bot.store.faces import Faces
from pipeline.photo import MOST_PIXELS
from tests.bot.album import MINA, OPERATOR, add, files, picture

GPS = 0x8825
ORIENTATION = 0x0112


async def test_a_photo_lies_under_its_contents_hash_beside_the_record(faces: Faces, folder: Path) -> None:
    added = await add(faces)
    (stored,) = await faces.photos("mina", MINA)
    assert added.files == (f"{hashlib.sha256(stored).hexdigest()}.png",)
    assert files(folder) == [f"mina/{added.files[0]}", "mina/person.json"]
    assert (added.person.owner_id, added.person.owner_name, added.person.guild_id) == (1, "Mina", 7)
    assert added.person.photos == added.files
    assert not added.person.shared


async def test_the_record_says_who_agreed_to_what_for_which_photos(faces: Faces, folder: Path) -> None:
    added = await add(faces)
    await add(faces, OPERATOR, "mina", picture(1))
    record = json.loads((folder / "mina/person.json").read_text("utf-8"))
    first, second = record["consents"]
    assert (first["statement"], first["member_id"], first["member"]) == (CONSENT, 1, "Mina")
    assert first["photos"] == list(added.files)
    assert second["member"] == "Olga"
    assert first["at"].endswith("+00:00")


@pytest.mark.parametrize(("form", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".jpg")])
async def test_png_jpeg_and_webp_are_taken_by_their_content(faces: Faces, form: str, suffix: str) -> None:
    added = await faces.add(MINA, "mina", [("no-suffix-at-all", picture(9, form))], None, CONSENT)
    assert added.files[0].endswith(suffix)
    (stored,) = await faces.photos("mina", MINA)
    with Image.open(io.BytesIO(stored)) as opened:
        got = opened.convert("RGB").getpixel((40, 32))
    # JPEG and lossy WebP at their default quality move a plain colour by a few levels
    assert max(abs(a - b) for a, b in zip(got, (117, 63, 90), strict=True)) <= (0 if form == "PNG" else 6)


async def test_a_png_keeps_every_pixel(faces: Faces) -> None:
    noise = Image.frombytes("RGB", (64, 64), os.urandom(64 * 64 * 3))
    file = io.BytesIO()
    noise.save(file, "PNG")
    await add(faces, MINA, "mina", file.getvalue())
    (stored,) = await faces.photos("mina", MINA)
    assert Image.open(io.BytesIO(stored)).tobytes() == noise.tobytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
async def test_orientation_is_applied_and_everything_else_that_a_camera_tells_is_gone(faces: Faces, form: str) -> None:
    upright = Image.new("RGB", (96, 64), (200, 30, 30))
    upright.paste((30, 30, 200), (0, 0, 48, 64))  # blue on the left
    exif = Image.Exif()
    exif[ORIENTATION] = 8  # shown turned by 90 degrees to the left
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    upload = io.BytesIO()
    upright.save(upload, form, exif=exif, icc_profile=b"SecretProfile" * 20, comment=b"SecretComment")
    assert Image.open(io.BytesIO(upload.getvalue())).getexif().get_ifd(GPS)
    await add(faces, MINA, "mina", upload.getvalue())
    (stored,) = await faces.photos("mina", MINA)
    with Image.open(io.BytesIO(stored)) as opened:
        assert opened.size == (64, 96)
        assert dict(opened.getexif()) == {}
        assert opened.getexif().get_ifd(GPS) == {}
        assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        lower = opened.convert("RGB").getpixel((32, 90))
    assert lower[2] > 150 > lower[0]  # what was on the left lies below
    assert b"Secret" not in stored
    assert b"Exif" not in stored


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_each_orientation_is_turned_as_pillow_turns_it(faces: Faces, orientation: int) -> None:
    noise, exif, file = Image.frombytes("RGB", (70, 64), os.urandom(70 * 64 * 3)), Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    noise.save(file, "PNG", exif=exif)
    await add(faces, MINA, "mina", file.getvalue())
    (stored,) = await faces.photos("mina", MINA)
    upright = ImageOps.exif_transpose(Image.open(file))
    got = Image.open(io.BytesIO(stored))
    assert (got.size, got.tobytes()) == (upright.size, upright.tobytes())


async def test_a_camera_that_writes_odd_exif_is_no_reason_to_refuse_its_photo(faces: Faces) -> None:
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION], exif[0x010F] = 6, "cam"
    exif.get_ifd(GPS).update({1: "N"})
    Image.new("RGB", (80, 64)).save(file, "JPEG", exif=exif)
    tag = file.getvalue().index(b"\x01\x0f\x00\x02")
    odd = bytearray(file.getvalue())
    odd[tag + 1] = 0x00  # the maker's name stands where a number belongs
    with pytest.raises(struct.error):
        ImageOps.exif_transpose(Image.open(io.BytesIO(odd)))
    await add(faces, MINA, "mina", bytes(odd))
    (stored,) = await faces.photos("mina", MINA)
    assert Image.open(io.BytesIO(stored)).size == (64, 80)


async def test_metadata_makes_no_second_photo_of_the_same_pixels(faces: Faces) -> None:
    plain, told = io.BytesIO(), io.BytesIO()
    image = Image.new("RGB", (64, 64), (1, 2, 3))
    image.save(plain, "PNG")
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    image.save(told, "PNG", exif=exif)
    added = await add(faces, MINA, "mina", plain.getvalue(), told.getvalue())
    assert len(added.person.photos) == 1
    again = await add(faces, MINA, "mina", plain.getvalue())
    assert again.known == frozenset(again.files)
    assert len(again.person.photos) == 1


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few KB that claims to be very large; its pixel data is cut off, so that decoding it would fail."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))


@pytest.mark.parametrize(
    ("upload", "sentence"),
    [
        # Refused by its header: were it decoded, it would be called damaged.
        (bomb(9000, 9000), "me.png has 9,000 × 9,000 pixels; at most 25 million are allowed."),
        (bomb(60000, 60000), "me.png has far more pixels than the 25 million that are allowed."),
        (bomb(1000, 1000), "me.png is damaged and cannot be opened. Save it again as PNG or JPEG."),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', None),
        (b"<!DOCTYPE html><html><script>alert(1)</script></html>", None),
        (b"", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (picture(form="GIF"), None),
        (picture(form="TIFF"), None),
        (picture(form="BMP"), None),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 80 80\n", None),
    ],
)
async def test_what_is_no_small_enough_photo_is_refused_whatever_its_name(
    faces: Faces, folder: Path, upload: bytes, sentence: str | None
) -> None:
    with pytest.raises(BadUpload) as caught:
        await faces.add(MINA, "mina", [("good.png", picture()), ("me.png", upload)], None, CONSENT)
    assert str(caught.value) == (sentence or "me.png is no picture that can be read here; send a PNG, JPEG or WebP.")
    assert files(folder) == []


def test_the_limit_of_pixels_is_25_million() -> None:
    assert MOST_PIXELS == 25_000_000
