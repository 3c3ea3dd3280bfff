"""One image without Discord: what `atelier render` does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.renderer import LocalRenderer
from bot.settings import BadSettings, Settings
from bot.store.faces import Faces
from bot.wiring import engine_config, production
from pipeline.families import card
from sweeps.parameters import CATALOGUE, Value
from sweeps.recipe import Recipe, resolve
from sweeps.words import nearest


@dataclass(frozen=True)
class Single:
    """What was drawn, and what is to be known of it."""

    recipe: Recipe
    notes: tuple[str, ...]


def draw_one(settings: Settings, prompt: str, out: Path, seed: int | None, assignments: Sequence[str]) -> Single:
    """Draw one image into the PNG `out`; `assignments` are `parameter=value`.

    Raises BadSettings, SweepError, Refusal, PipelineError, OSError, each a sentence.
    """
    asked: dict[str, Value] = {"prompt": prompt} | ({} if seed is None else {"seed": seed})
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise BadSettings(f'--set takes parameter=value, got "{assignment}".')
        if name not in CATALOGUE:
            close = nearest(name, CATALOGUE)
            hint = f"did you mean {close}?" if close else f"there are {', '.join(CATALOGUE)}."
            raise BadSettings(f'--set: there is no parameter "{name}"; {hint}')
        asked[name] = CATALOGUE[name].read(text, f"--set {name}")
    if not prompt.strip():
        raise BadSettings("--prompt is empty; say what to draw.")
    if out.suffix.lower() != ".png" or out.is_dir():
        raise BadSettings(f"--out: {out} is not the name of a PNG file, such as x.png.")
    family = card(engine_config(settings))
    recipe = resolve(asked, defaults=family.defaults, production=production(settings))
    return Single(recipe, asyncio.run(_draw(settings, recipe, out)))


async def _draw(settings: Settings, recipe: Recipe, out: Path) -> tuple[str, ...]:
    renderer = LocalRenderer(engine_config(settings))
    faces = Faces(settings.data_dir / "faces")
    photos = {name: await faces.photos(name, None) for name in recipe.people}
    async with renderer.drawing():
        renderer.load(measure=False)
        drawn = await renderer.draw(
            recipe, owner="", urgent=True, should_stop=lambda: False, photos=photos, canvas=None
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(drawn.png)
    return drawn.notes
