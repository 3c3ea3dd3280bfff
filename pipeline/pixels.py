"""Pictures as tensors, as PIL images and as PNG bytes with the recipe inside.

Tensors hold [3, H, W] (or [N, 3, H, W]) in -1..1, channels RGB; arrays hold [H, W, 3] uint8 RGB.
"""

import json
import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import BadRecipe
from sweeps.errors import SweepError
from sweeps.recipe import Recipe

try:
    import fpng_py
except ImportError:  # the extra `fast`; OpenCV writes the same pixels, only slower
    fpng_py = None

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLER_NAMES = {
    "euler": "Euler",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "unipc": "UniPC",
    "euler_a": "Euler a",
    "ddim": "DDIM",
}
SCHEDULE_NAMES = {"ays": "Align Your Steps", "karras": "Karras", "uniform": "Uniform"}


def to_array(pixels: torch.Tensor) -> NDArray[np.uint8]:
    """Pixels [3, H, W] in -1..1 to an RGB array [H, W, 3]; values outside are clamped."""
    levels = (pixels.float() / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def to_image(pixels: torch.Tensor) -> Image.Image:
    """Pixels [3, H, W] in -1..1 to a PIL image in RGB."""
    return Image.fromarray(to_array(pixels))


def to_tensor(image: Image.Image) -> torch.Tensor:
    """A PIL image to pixels [3, H, W] in -1..1, float32."""
    levels = torch.from_numpy(np.array(image.convert("RGB")))
    return levels.permute(2, 0, 1).float() / 127.5 - 1


def encode_png(array: NDArray[np.uint8]) -> bytes:
    """An RGB array [H, W, 3] to a PNG without text, exactly the same pixels."""
    height, width, _ = array.shape
    if fpng_py is not None:
        return bytes(fpng_py.fpng_encode_image_to_memory(array.tobytes(), width, height, 3))
    ok, png = cv2.imencode(".png", cv2.cvtColor(array, cv2.COLOR_RGB2BGR))
    if not ok:
        raise RuntimeError(f"OpenCV could not write a PNG of {width} x {height} pixels.")
    return png.tobytes()


def inscribe(png: bytes, recipe: Recipe, model: str) -> bytes:
    """The PNG with its recipe inside: chunk `atelier` (a flat JSON object) and chunk `parameters` (A1111's format)."""
    texts = {"atelier": json.dumps(recipe.as_dict()), "parameters": parameters_text(recipe, model)}
    after_header = len(SIGNATURE) + 25  # IHDR is always 13 bytes of data and 12 around it
    chunks = b"".join(_text_chunk(keyword, text) for keyword, text in texts.items())
    return png[:after_header] + chunks + png[after_header:]


def parameters_text(recipe: Recipe, model: str) -> str:
    """The recipe in the form that AUTOMATIC1111's web UI writes and other tools read; on a photo the face pass's."""
    brought = bool(recipe.photo)
    settings = {
        "Steps": recipe.detail_steps if brought else recipe.steps,
        "Sampler": SAMPLER_NAMES.get(recipe.sampler, recipe.sampler),
        "Schedule type": SCHEDULE_NAMES.get(recipe.schedule, recipe.schedule),
        "CFG scale": f"{recipe.detail_guidance if brought else recipe.guidance_scale:g}",
        "Seed": recipe.seed,
        "Size": f"{recipe.width}x{recipe.height}",
        "Model": model,
    } | ({"Denoising strength": f"{recipe.denoise:g}"} if brought else {})
    lines = [recipe.prompt]
    if recipe.negative_prompt:
        lines.append(f"Negative prompt: {recipe.negative_prompt}")
    lines.append(", ".join(f"{name}: {value}" for name, value in settings.items()))
    return "\n".join(lines)


def read_recipe(png: bytes) -> Recipe:
    """The recipe that a PNG of ours carries; BadRecipe when it carries none or a damaged one."""
    for kind, data in _chunks(png):
        if kind in (b"tEXt", b"iTXt") and data.startswith(b"atelier\0"):
            text = data.split(b"\0", 1)[1] if kind == b"tEXt" else data.split(b"\0", 5)[5]
            try:
                return Recipe.from_dict(json.loads(text.decode("latin-1" if kind == b"tEXt" else "utf-8")))
            except (ValueError, SweepError) as error:
                raise BadRecipe(f"The picture's recipe cannot be read: {error}") from error
    raise BadRecipe(
        "This picture carries no recipe; only PNG files drawn by Atelier do, unless a program re-saved them."
    )


def _text_chunk(keyword: str, text: str) -> bytes:
    """One tEXt chunk, or iTXt where Latin-1 cannot hold the text (PNG specification, 11.3.3)."""
    try:
        kind, data = b"tEXt", keyword.encode() + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        kind, data = b"iTXt", keyword.encode() + b"\0\0\0\0\0" + text.encode("utf-8")
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG as (kind, data); BadRecipe when it is cut short or is no PNG."""
    if not png.startswith(SIGNATURE):
        raise BadRecipe("This file is no PNG picture.")
    at = len(SIGNATURE)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at) if at + 8 <= len(png) else (0, b"")
        data = png[at + 8 : at + 8 + length]
        crc = png[at + 8 + length : at + 12 + length]
        if len(crc) != 4 or struct.unpack(">I", crc)[0] != zlib.crc32(kind + data):
            raise BadRecipe("This PNG picture is cut short or damaged.")
        yield kind, data
        at += 12 + length
