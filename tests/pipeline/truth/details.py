"""Cases of the face pass: where a face is cut out, its masks, and differential diffusion step by step."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from pipeline import geometry, guidance, masks, schedule
from pipeline.blend import Blend
from pipeline.prompt import Conditioning
from pipeline.trajectory import Trajectory
from sweeps.recipe import resolve
from tests.pipeline.truth.case import Case, Expected, exact
from tests.pipeline.truth.folder import Folder, Tensors

Json = Mapping[str, Any]


def crops(folder: Folder, name: str) -> Iterator[Case]:
    for number, row in enumerate(folder.json(name)["cases"]):
        yield crop(number, row)


def crop(number: int, row: Json) -> Case:
    def compute() -> Json:
        return {"crop_region": geometry.crop_region(row["bbox"], row["crop_factor"], row["image_w"], row["image_h"])}

    box = ",".join(map(str, row["bbox"]))
    name = f"crop/{number}-{box}-in-{row['image_w']}x{row['image_h']}"
    return Case(name, {"crop_region": exact(row["crop_region"])}, compute)


def resizes(folder: Folder, name: str) -> Iterator[Case]:
    file = folder.tensors(name)
    for prefix, tensors in file.groups().items():
        for wanted in sorted(tensors):
            if found := re.fullmatch(r"expected_(\d+)x(\d+)", wanted):
                dotted = f"{prefix}." if prefix else ""
                yield resized(file, dotted, wanted, (int(found[1]), int(found[2])))


def resized(file: Tensors, prefix: str, name: str, size: tuple[int, int]) -> Case:
    expected = {name: Expected(file[prefix + name], atol=1e-6, rtol=1e-6)}

    def compute() -> Json:
        return {name: masks.to_latents(file[prefix + "mask"].float(), size)}

    return Case(f"resize/{prefix}{name}", expected, compute)


def progressions(folder: Folder, name: str) -> Iterator[Case]:
    file = folder.tensors(name)
    for prefix in file.groups():
        yield progressive(file, f"{prefix}." if prefix else "")


def progressive(file: Tensors, prefix: str) -> Case:
    names = ("keep_map", "thresholds", "keep_masks")

    def compute() -> Json:
        kept = 1 - file[prefix + "change_mask"]
        thresholds = masks.thresholds(len(file[prefix + "thresholds"]))
        kept_at = torch.stack([masks.keep(kept, threshold) for threshold in thresholds])
        return dict(zip(names, (kept, thresholds, kept_at), strict=True))

    return Case(f"progressive/{prefix or 'masks'}", {name: exact(file[prefix + name]) for name in names}, compute)


TOY = {
    "neg": "eps = 0.30*x - 0.05",
    "pos": "eps = 0.55*x + 0.10*sin(t/250)",
    "x": "scheduler.scale_model_input(latents, t)",
    "guidance": "eps = neg + 3.0*(pos-neg)",
    "guidance_scale": 3.0,
}
"""The denoiser that `predicted` is."""


def predicted(walk: Trajectory, scale: float) -> torch.Tensor:
    x, t = walk.model_input, walk.timestep
    return guidance.combine(torch.cat([0.30 * x - 0.05, 0.55 * x + 0.10 * torch.sin(t / 250)]), [scale] * len(x))


def differential(folder: Folder, name: str) -> Iterator[Case]:
    file, truth = folder.tensors(name), folder.json(name.replace(".safetensors", ".json"))
    if truth["toy_denoiser"] != TOY:
        raise ValueError(f"{file.path} was made with another denoiser than this replay knows: {truth['toy_denoiser']}")
    for prefix in file.groups():
        yield drawn_again(file, prefix, truth["schedulers"])


def drawn_again(file: Tensors, prefix: str, schedulers: Json) -> Case:
    """One face pass; a prefix reads <scheduler>.s<strength>.<mode>, where an underscore ends the scheduler's name."""
    found = re.fullmatch(r"(?P<sampler>[a-z0-9]+)(_\w+)?\.s(?P<strength>[\d.]+)\.(?P<mode>\w+)", prefix)
    if found is None:
        raise ValueError(f'{file.path}: the prefix "{prefix}" does not read <scheduler>.s<strength>.<mode>')
    sampler, strength, mode = found["sampler"], float(found["strength"]), found["mode"]
    config = dict(schedulers[sampler])
    asked = str(config.pop("set_timesteps"))  # a number of steps, or AYS's timesteps in full
    numbers = [int(number) for number in re.findall(r"\d+", asked)]
    ays = asked.startswith("timesteps=")
    steps = len(numbers) if ays else numbers[0]
    drawn = ("noised", "latents_before", "latents_after", "final")
    expected = {name: Expected(file[f"{prefix}.{name}"], atol=1e-5, rtol=1e-5) for name in drawn}
    expected |= {name: exact(file[f"{prefix}.{name}"]) for name in ("t_start", "masks_keep")}
    expected["timesteps"] = Expected(file[f"{prefix}.timesteps"], atol=1e-3, rtol=0)

    def compute() -> Json:
        recipe = dataclasses.replace(
            resolve({"prompt": "a face", "detail": True}, seed=0), detail_steps=steps, denoise=strength
        )
        first = steps - recipe.detail_run
        scheduler: Any = schedule.build(config, sampler, "ays" if ays else "uniform", steps, first)
        thresholds = {
            "executed": masks.thresholds(recipe.detail_run),
            "sdxl_ref": masks.thresholds(steps)[: recipe.detail_run],
            "absolute": masks.thresholds(steps)[first:],
        }[mode]
        given = file.under(f"{prefix}.")
        blend = Blend(given["init_latents"], given["noise"], given["keep_map"], thresholds)
        return {"t_start": first, "timesteps": scheduler.timesteps[first:]} | walked(scheduler, first, blend)

    return Case(f"diffdiff/{prefix}", expected, compute)


def walked(scheduler: Any, first: int, blend: Blend) -> Json:
    """The whole way of a face pass, with what the scheduler itself returned before anything was mixed in."""
    nothing = torch.zeros(2, 1, 1)
    walk = Trajectory(
        latents=blend.start(scheduler, first),
        scheduler=scheduler,
        conditioning=Conditioning(nothing, nothing),
        time_ids=nothing,
        guidance=TOY["guidance_scale"],
        first=first,
        blend=blend,
    )
    step, before, after = scheduler.step, [], []

    def recorded(*arguments: Any, **extras: Any) -> Any:
        result = step(*arguments, **extras)
        after.append(result.prev_sample)
        return result

    scheduler.step = recorded
    while not walk.done:
        before.append(walk.latents)
        walk.advance(predicted(walk, walk.guidance))
    run = range(len(before))
    return {
        "masks_keep": torch.stack([masks.keep(blend.kept, blend.thresholds[i]) for i in run]),
        "noised": torch.stack([schedule.noised(scheduler, blend.original, blend.noise, first + i) for i in run]),
        "latents_before": torch.stack(before),
        "latents_after": torch.stack(after),
        "final": walk.latents,
    }
