"""Cases of the noise schedule and of how guidance groups its batch."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from diffusers import EulerDiscreteScheduler

from pipeline import guidance, schedule
from sweeps.parameters import SAMPLER_SCHEDULES
from sweeps.recipe import resolve
from tests.pipeline.truth.case import Case, Expected, exact
from tests.pipeline.truth.folder import Folder

Json = Mapping[str, Any]


def sigmas(values: Any) -> Expected:
    return Expected(values, atol=0, rtol=1e-6)


def timesteps(values: Any) -> Expected:
    return Expected(values, atol=1e-3, rtol=0)


def ays(folder: Folder, name: str) -> Iterator[Case]:
    truth = folder.json(name)
    config = {**truth["beta"], "num_train_timesteps": truth["num_train_timesteps"], "steps_offset": 1}
    if "anchors_sigmas_sdxl" in truth:
        yield anchors(truth, config)
    for steps, row in truth.get("by_num_steps", {}).items():
        yield schedule_of(int(steps), row, config)
    for row in truth.get("denoise_slices", ()):
        yield denoise_slice(row)


def anchors(truth: Json, config: Json) -> Case:
    published = truth["anchors_sigmas_sdxl"]
    expected = {
        "sigmas": exact(published),
        "timesteps": exact(truth["anchors_timesteps_sdxl"]),
        "final sigma": exact(truth["final_sigma"]),
    }

    def compute() -> Json:
        walked = schedule.build(config, "euler", "ays", len(published) - 1)
        last = schedule.ays_sigmas(len(published) - 1)[-1]
        return {"sigmas": schedule.AYS_SIGMAS, "timesteps": walked.timesteps.round(), "final sigma": last}

    return Case("ays/anchors", expected, compute)


def schedule_of(steps: int, row: Json, config: Json) -> Case:
    """One number of steps: the sigmas and timesteps, and that every sampler which offers them walks them."""
    samplers = [name for name, schedules in SAMPLER_SCHEDULES.items() if "ays" in schedules]
    expected = {
        "sigmas": sigmas(row["sigmas_published"]),
        "timesteps": timesteps(row["euler_timesteps_from_sigmas"]),
        "rounded timesteps": exact(row["timesteps_from_sigmas_rounded"]),
    }
    for sampler in samplers:
        expected[f"{sampler}: sigmas"] = expected["sigmas"]
        expected[f"{sampler}: timesteps"] = expected["timesteps"]
        expected[f"{sampler}: rounded timesteps"] = expected["rounded timesteps"]
    if "seed_buggy_output" in row:
        expected["is the buggy output"] = exact(False)

    def compute() -> Json:
        walked = schedule.ays_timesteps(EulerDiscreteScheduler.from_config(config), steps)
        rounded = walked.round().astype(int)
        ours = {
            "sigmas": schedule.ays_sigmas(steps),
            "timesteps": walked,
            "rounded timesteps": rounded,
            "is the buggy output": rounded.tolist() == row.get("seed_buggy_output"),
        }
        for sampler in samplers:
            scheduler: Any = schedule.build(config, sampler, "ays", steps)
            ours[f"{sampler}: sigmas"] = scheduler.sigmas
            ours[f"{sampler}: timesteps"] = scheduler.timesteps
            ours[f"{sampler}: rounded timesteps"] = scheduler.timesteps.round()
        return ours

    return Case(f"ays/{steps}-steps", expected, compute)


def denoise_slice(row: Json) -> Case:
    """A pass that starts in the middle: the schedule's tail, as ComfyUI cuts it, and diffusers' count of steps.

    ComfyUI's AYS node takes the last steps of a schedule of `total`, its samplers the last `total` of a longer one.
    """
    total, denoise, wanted = row["total"], row["denoise"], row["comfy_sigmas"]
    whole = row["comfy_steps"] if len(wanted) == total + 1 else total
    expected = {
        "comfy_sigmas": sigmas(wanted),
        "diffusers_init_timestep": exact(row["diffusers_init_timestep"]),
        "diffusers_t_start": exact(row["diffusers_t_start"]),
    }

    def compute() -> Json:
        recipe = dataclasses.replace(
            resolve({"prompt": "a face", "detail": True}, seed=0), detail_steps=total, denoise=denoise
        )
        tail = schedule.ays_sigmas(whole)[whole + 1 - len(wanted) :]
        first = total - recipe.detail_run
        return {"comfy_sigmas": tail, "diffusers_init_timestep": recipe.detail_run, "diffusers_t_start": first}

    return Case(f"ays/denoise-{denoise}-of-{total}", expected, compute)


def regrouping(folder: Folder, name: str) -> Iterator[Case]:
    truth = folder.json(name)
    for row in truth.get("cases", [truth]):
        yield regrouped(row)


def regrouped(row: Json) -> Case:
    several = row["N"]
    pairs = {"one_prompt_pair": "one_prompt_pair_for_N", "time_ids_pair": "time_ids_for_N"}
    expected = {name: exact(row[name]) for name in ("grouped", *pairs.values())}
    expected["grouped, pair by pair"] = expected["grouped"]

    def compute() -> Json:
        interleaved = torch.tensor(row["interleaved"])
        ours = {"grouped": guidance.regroup(interleaved)}
        for one, many in pairs.items():
            ours[many] = guidance.gather([torch.tensor(row[one])] * several, [8.0] * several)
        ours["grouped, pair by pair"] = guidance.gather(interleaved.split(2), [8.0] * several)
        return ours

    return Case(f"cfg/{several}-pairs", expected, compute)
