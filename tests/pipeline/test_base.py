"""Stage 1 against diffusers' own pipeline, on the same weights, seed and schedule."""

import io

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UniPCMultistepScheduler,
)
from PIL import Image

from pipeline import pixels
from pipeline.config import Config
from pipeline.engine import Engine
from pipeline.families import tiny
from pipeline.schedule import ays_sigmas
from pipeline.stages import base
from pipeline.weights import load

KARRAS = {"use_karras_sigmas": True}
SDE = {"algorithm_type": "sde-dpmsolver++"}
THEIRS = {
    ("euler", "uniform"): (EulerDiscreteScheduler, {}),
    ("euler", "karras"): (EulerDiscreteScheduler, KARRAS),
    ("euler", "ays"): (EulerDiscreteScheduler, {}),
    ("dpmpp_2m", "uniform"): (DPMSolverMultistepScheduler, {}),
    ("dpmpp_2m", "karras"): (DPMSolverMultistepScheduler, KARRAS),
    ("dpmpp_2m_sde", "uniform"): (DPMSolverMultistepScheduler, SDE),
    ("dpmpp_2m_sde", "karras"): (DPMSolverMultistepScheduler, SDE | KARRAS),
    ("unipc", "uniform"): (UniPCMultistepScheduler, {}),
    ("unipc", "karras"): (UniPCMultistepScheduler, KARRAS),
    ("euler_a", "uniform"): (EulerAncestralDiscreteScheduler, {}),
    ("ddim", "uniform"): (DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False}),
}


@pytest.fixture(scope="module")
def theirs(cache_dir, modules):
    """diffusers' pipeline, loaded by diffusers from the folder that ours was loaded from.

    It borrows our UNet, which has PhotoMaker's LoRA in it; that loading changes nothing else, test_weights promises.
    """
    folder = tiny.prepare(Config(cache_dir=cache_dir)).path
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.unet = modules.unet
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize(("sampler", "schedule"), THEIRS)
def test_latents_equal_those_of_diffusers_to_1e_4(theirs, modules, new_engine, trajectories, recipe, sampler, schedule):
    wanted = recipe(negative_prompt="blurry", seed=7, steps=12, guidance_scale=6.0, sampler=sampler, schedule=schedule)
    new_engine().draw(wanted).result()

    kind, options = THEIRS[sampler, schedule]
    theirs.scheduler = kind.from_config(dict(modules.scheduler), **options)
    expected = theirs(
        prompt=wanted.prompt,
        negative_prompt=wanted.negative_prompt,
        width=wanted.width,
        height=wanted.height,
        guidance_scale=wanted.guidance_scale,
        generator=torch.Generator().manual_seed(wanted.seed),
        output_type="latent",
        **({"sigmas": ays_sigmas(wanted.steps)} if schedule == "ays" else {"num_inference_steps": wanted.steps}),
    ).images
    torch.testing.assert_close(trajectories[wanted].latents, expected, atol=1e-4, rtol=0)


def test_guidance_one_and_a_size_that_is_not_square_equal_diffusers_too(
    theirs, modules, new_engine, trajectories, recipe
):
    wanted = recipe(guidance_scale=1.0, width=160, height=96, schedule="uniform")
    new_engine().draw(wanted).result()
    theirs.scheduler = EulerDiscreteScheduler.from_config(dict(modules.scheduler))
    expected = theirs(
        prompt=wanted.prompt,
        width=160,
        height=96,
        guidance_scale=1.0,
        num_inference_steps=wanted.steps,
        generator=torch.Generator().manual_seed(wanted.seed),
        output_type="latent",
    ).images
    torch.testing.assert_close(trajectories[wanted].latents, expected, atol=1e-4, rtol=0)


def test_decoding_equals_diffusers_to_one_level(theirs, modules):
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(3)) * 5
    with torch.inference_mode():
        ours = pixels.to_array(base.decode(modules, latents)).astype(int)
        decoded = theirs.vae.decode(latents / theirs.vae.config.scaling_factor).sample
        expected = theirs.image_processor.postprocess(decoded, output_type="np")[0] * 255
    assert abs(ours - expected).max() <= 0.5 + 1e-3


def test_the_noise_is_made_on_the_cpu_from_the_recipes_seed_alone(modules, recipe):
    conditioning = None  # the first latent does not depend on it
    one = base.begin(modules, recipe(seed=5), conditioning).latents
    torch.manual_seed(1234)
    again = base.begin(modules, recipe(seed=5, prompt="something else"), conditioning).latents
    other = base.begin(modules, recipe(seed=6), conditioning).latents
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_size_far_from_the_native_one_is_drawn_with_a_warning(engine, recipe):
    small = engine.draw(recipe(width=64, height=64, steps=1)).result()
    assert small.notes == (
        "64 x 64 is far from 128 x 128, the size Tiny (random weights, abstract pictures) was made for; "
        "expect a weaker picture.",
    )
    assert engine.draw(recipe(steps=1)).result().notes == ()


def test_half_precision_draws_nearly_the_same_picture(cache_dir, modules, recipe):
    """bfloat16 keeps 8 bits of the mantissa: on average a pixel may move by 2 of 255 levels."""
    wanted = recipe(guidance_scale=2.0)
    pictures = []
    for dtype in ("float32", "bfloat16"):
        config = Config(family="tiny", cache_dir=cache_dir, device="cpu", dtype=dtype)
        with Engine(load(config), config) as engine:
            png = engine.draw(wanted).result().png
        pictures.append(np.asarray(Image.open(io.BytesIO(png))).astype(int))
    assert 0 < abs(pictures[0] - pictures[1]).mean() <= 2
