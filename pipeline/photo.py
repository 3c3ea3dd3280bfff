"""A photo that somebody brought: judged by its content, turned upright, freed of everything but its pixels.

Imports no torch, so that the console too opens what members upload with it.
"""

import io

from PIL import Image

from pipeline.errors import BadPhoto

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 25_000_000
PAPER = (255, 255, 255)
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a photo is turned upright, by its EXIF orientation (CIPA DC-008, 4.6.5)."""


def open_photo(data: bytes, name: str) -> Image.Image:
    """A PNG, JPEG or WebP as an upright RGB image without metadata; what is transparent lies on white.

    `name` begins the sentence of the BadPhoto when it is refused. Its size is read from its header and judged before
    anything is decoded. Of an animation it is the first frame.
    """
    most = MOST_PIXELS // 1_000_000
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise BadPhoto(f"{name} has {width:,} × {height:,} pixels; at most {most} million are allowed.")
            return _upright(opened)
    except BadPhoto:
        raise
    except Image.DecompressionBombError as error:
        raise BadPhoto(f"{name} has far more pixels than the {most} million that are allowed.") from error
    except Image.UnidentifiedImageError as error:
        raise BadPhoto(f"{name} is no picture that can be read here; send a PNG, JPEG or WebP.") from error
    except Exception as error:  # Pillow's readers raise nearly anything over a damaged file
        raise BadPhoto(f"{name} is damaged and cannot be opened. Save it again as PNG or JPEG.") from error


def _upright(opened: Image.Image) -> Image.Image:
    # By our own hand: ImageOps.exif_transpose writes the EXIF anew, and fails over what some cameras put there.
    turn = TURNS.get(opened.getexif().get(ORIENTATION, 1))
    turned = opened if turn is None else opened.transpose(turn)
    if turned.mode.startswith("I;16"):  # converted as it is, every level above 255 would become white
        turned = turned.point(lambda level: level / 256, "L")
    if turned.has_transparency_data:
        colours = turned.convert("RGBA")
        paper = Image.new("RGB", colours.size, PAPER)
        paper.paste(colours, mask=colours.getchannel("A"))
        return paper
    return Image.frombytes("RGB", turned.size, turned.convert("RGB").tobytes())
