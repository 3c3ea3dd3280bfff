"""The demo's cast: three invented people whose drawings lie ready in its data folder, so that faces can be tried."""

import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random

from pipeline.families.sketch.draw import compose, draw, invent

CAST = {"bruno": 2_000_013, "cleo": 2_000_035, "olga": 2_000_068}
"""Seeds chosen by eye, of people whom the sketch family was not trained on; the members have other names."""

DRAWINGS = 3
"""Each takes two of a prompt's 77 tokens: so many leave room for the longest ideas."""
SIZE = 384
"""Pixels a side: the face is then larger than the smallest one that face recognition likes to see."""


def lay(data: Path) -> None:
    """Draw whoever has no folder below `data`/faces yet, as if laid there by hand; a person appears whole."""
    faces = data / "faces"
    faces.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cast-", dir=data) as drafts:
        for name, seed in CAST.items():
            if not (faces / name).exists():
                person = Path(drafts, name)
                person.mkdir()
                _draw(seed, person)
                person.rename(faces / name)


def _draw(seed: int, folder: Path) -> None:
    """One person's drawings, bare-headed: a hat would hide the hair that they are known by."""
    random = Random(seed)
    character = invent(random)
    for number in range(1, DRAWINGS + 1):
        shot = replace(compose(random), hat="", hat_colour="")
        draw(character, shot, SIZE).image.save(folder / f"{number}.png")
