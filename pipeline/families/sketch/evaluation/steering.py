"""Whether captions steer: pictures whose background, hat, glasses and hair were asked for, and what they show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from pipeline.families.sketch.captions import GARMENTS, HEADS
from pipeline.families.sketch.evaluation.reader import BARING, HAIR_COLOURS, HAT_KINDS, Reader
from pipeline.families.sketch.evaluation.studio import Order, Picture, order
from pipeline.families.sketch.evaluation.table import Section, percent, share, verdict
from pipeline.families.sketch.people import BACKGROUNDS, CLOTHES, EXPRESSIONS, GLASSES, HAT_COLOURS, STYLES, Sex

GUIDANCES = (1.0, 4.0)
WANTED = {"background": 0.95, "hat": 0.85, "glasses": 0.85, "hair": 0.85}
WORDS = {
    "background": "background: the nearest of the plain colours",
    "hat": "hat: its kind, or none",
    "glasses": "glasses, or none",
    "hair": "hair colour",
}
FIRST_SEED = 40_000
EDGE, UPPER = 0.09, 0.35
"""The background is seen in strips at both sides, as wide and as high in parts of the picture."""


@dataclass(frozen=True)
class Wish:
    """A prompt, a seed, and what the prompt asks for; where it says nothing of a hat or of glasses there should be
    none. `hair` is None where it says nothing of hair."""

    prompt: str
    seed: int
    background: str
    hat: str
    glasses: bool
    hair: str | None


def wishes(count: int) -> list[Wish]:
    """Prompts in the captions' words, each with a seed of its own; backgrounds and hats in turn."""
    return [_wish(number) for number in range(count)]


def orders(wished: Sequence[Wish], guidance: float) -> list[Order]:
    """Base pictures alone."""
    return [
        order(prompt=wish.prompt, seed=wish.seed, guidance_scale=guidance, detail=False) for wish in wished
    ]  # fmt: skip


def followed(wished: Sequence[Wish], pictures: Sequence[Picture], reader: Reader) -> dict[str, list[bool]]:
    """Of each thing that was asked for, whether each picture shows it."""
    readings = reader.read([picture.pixels for picture in pictures])
    right: dict[str, list[bool]] = {name: [] for name in WANTED}
    for wish, picture, reading in zip(wished, pictures, readings, strict=True):
        right["background"].append(background(picture.pixels) == wish.background)
        right["hat"].append(reading.hat == wish.hat)
        right["glasses"].append(reading.glasses == wish.glasses)
        if wish.hair is not None:
            right["hair"].append(reading.hair == wish.hair)
    return right


def background(pixels: NDArray[np.uint8]) -> str:
    """The plain colour that is nearest to the median of both upper corners, where no figure reaches."""
    height, width, _ = pixels.shape
    rows, columns = round(UPPER * height), round(EDGE * width)
    corners = np.concatenate([pixels[:rows, :columns], pixels[:rows, -columns:]], axis=1).reshape(-1, 3)
    seen = np.median(corners, axis=0)
    return min(BACKGROUNDS, key=lambda name: float(np.linalg.norm(seen - BACKGROUNDS[name])))


def section(right: Mapping[float, Mapping[str, list[bool]]], accuracy: Mapping[str, float]) -> Section:
    """`right`: what `followed` found at each of `GUIDANCES`."""
    low, high = (right[guidance] for guidance in GUIDANCES)
    rows = [["asked for", *(f"guidance {guidance:g}" for guidance in GUIDANCES), "wanted", "met", "reader's accuracy"]]
    for name, wanted in WANTED.items():
        said = f"{100 * accuracy[name]:.1f} %" if name in accuracy else "no reader needed"
        met = verdict(share(high[name]) >= wanted)
        rows.append([WORDS[name], percent(low[name]), percent(high[name]), f"≥ {100 * wanted:.0f} %", met, said])
    before, after = ([one for name in WANTED for one in side[name]] for side in (low, high))
    rows.append(["all of them", percent(before), percent(after), "more", verdict(share(after) > share(before)), ""])
    count = len(high["background"])
    return Section(
        "Captions steer",
        f"{count} prompts, each with a seed of its own, base pictures alone. The background is read from both upper "
        "corners; the rest by an attribute reader that was trained on other drawings and whose accuracy is that on "
        "drawings unseen by it. Hair is asked for, and read, where no hat hides it.",
        rows,
    )


def _wish(number: int) -> Wish:
    random = Random(FIRST_SEED + number)
    sex: Sex = random.choice(("man", "woman"))
    background, hat = tuple(BACKGROUNDS)[number % len(BACKGROUNDS)], random.choice(("", *HAT_KINDS))
    glasses = random.random() < 0.5
    hair = random.choice(HAIR_COLOURS) if hat in BARING else None
    parts = [
        f"{background} background",
        random.choice(EXPRESSIONS),
        f"{random.choice(tuple(CLOTHES))} {random.choice(GARMENTS)}",
    ]
    if hat:
        colour = "" if hat == "crown" else f"{random.choice(HAT_COLOURS)} "
        parts.append(f"wearing a {colour}{hat}")
    if glasses:
        parts.append(random.choice(("glasses", "wearing glasses", *(f"{kind} glasses" for kind in GLASSES))))
    if hair:
        style = random.choice([style for style in STYLES[sex] if style != "bald"])
        # as captions say it: some styles are things that one has
        parts += [f"{hair} hair", style] if style in ("bun", "pigtails", "quiff") else [f"{style} {hair} hair"]
    random.shuffle(parts)
    head, noun = random.choice(HEADS), sex if hair != "grey" else f"old {sex}"
    if hair == "grey" and head.endswith("a "):
        head = f"{head[:-2]}an "
    return Wish(", ".join([head + noun, *parts]), FIRST_SEED + number, background, hat, glasses, hair)
