"""What somebody brought is opened safely: by its content, upright, and never at the price of much memory."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import BadPhoto
from pipeline.photo import open_photo

# Left half red, right half blue; where red comes to lie once the photo is turned upright.
UPRIGHT = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}

NO_PICTURE = "is no picture that can be read here; send a PNG, JPEG or WebP."


def written(image, kind="PNG", **settings):
    data = io.BytesIO()
    image.save(data, kind, **settings)
    return data.getvalue()


def halves():
    image = Image.new("RGB", (40, 20), "blue")
    image.paste("red", (0, 0, 20, 20))
    return image


@pytest.mark.parametrize(("orientation", "side"), UPRIGHT.items())
def test_a_photo_is_turned_as_its_exif_says_and_the_exif_is_gone(orientation, side):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = open_photo(written(halves(), "JPEG", exif=exif, quality=95), "It")
    array = np.asarray(photo).astype(int)
    height, width, _ = array.shape
    assert (width, height) == ((40, 20) if side in ("left", "right") else (20, 40))
    parts = {
        "left": array[:, : width // 2],
        "right": array[:, width // 2 :],
        "top": array[: height // 2],
        "bottom": array[height // 2 :],
    }
    assert {name for name, part in parts.items() if part[..., 0].mean() > 200} == {side}
    assert not photo.getexif()
    assert not photo.info


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_formats_are_read_whatever_the_name_says(kind):
    assert open_photo(written(halves(), kind), "text.txt").size == (40, 20)


def test_a_bomb_is_refused_by_its_header(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("it was decoded"))
    for side, sentence in (
        (9000, r"9,000 × 9,000 pixels; at most 25 million"),
        (20000, "far more pixels than the 25 m"),
    ):
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        png = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in ((b"IHDR", header), (b"IDAT", b""), (b"IEND", b""))
        )
        with pytest.raises(BadPhoto, match=f"^It has {sentence}"):
            open_photo(png, "It")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", NO_PICTURE),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            NO_PICTURE,
        ),
        (written(halves(), "GIF"), NO_PICTURE),
        (written(halves())[:60], "is damaged and cannot be opened. Save it again as PNG or JPEG."),
    ],
)
def test_anything_else_is_a_sentence(data, sentence):
    with pytest.raises(BadPhoto) as caught:
        open_photo(data, "mina.png")
    assert str(caught.value) == f"mina.png {sentence}"


def test_what_is_transparent_lies_on_white_and_sixteen_bits_become_eight():
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert np.asarray(open_photo(written(clear), "It")).min() == 255
    grey = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))
    assert np.asarray(open_photo(written(grey), "It")).tolist() == [[[128] * 3] * 8] * 8
