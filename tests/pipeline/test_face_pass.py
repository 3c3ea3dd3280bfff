"""A face pass against a loop written out with diffusers' own schedulers, from the photo to the pasted pixels."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler
from PIL import Image
from torch.nn import functional

from pipeline import geometry, masks, pixels, prompt
from pipeline.engine import Engine
from pipeline.faces import Face, Faces

BOXES = (10.0, 40.0, 45.0, 90.0), (95.0, 30.0, 140.0, 75.0)
WIDTH, HEIGHT = 160, 128
THEIRS = {
    ("euler", "uniform"): (EulerDiscreteScheduler, {}),
    ("dpmpp_2m", "karras"): (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    ("euler_a", "uniform"): (EulerAncestralDiscreteScheduler, {}),
    ("dpmpp_2m_sde", "uniform"): (DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
}


class Places:
    """An analyser that sees faces at the two places, whatever the picture."""

    identifies, name = False, "places"

    def find(self, image):
        return tuple(Face(box, 0.9) for box in BOXES)


@torch.inference_mode()
def redrawn(modules, recipe, canvas, box, seed):
    """Differential diffusion as its authors' pipeline does it: add noise, keep what is above the threshold, step.

    Returns the latents at the end, and the canvas with the face pasted.
    """
    region = geometry.crop_region(geometry.squared(box), recipe.crop_factor, WIDTH, HEIGHT)
    size = geometry.working_size(region, recipe.detail_size)
    mask = masks.change_mask(Face(box, 0.9), region, (WIDTH, HEIGHT))
    image = pixels.to_tensor(Image.fromarray(geometry.magnify(canvas, region, size)))[None]
    vae = modules.vae
    original = vae.encode(image).latent_dist.mode() * vae.config.scaling_factor
    kept = 1 - functional.interpolate(torch.from_numpy(mask)[None, None], original.shape[2:], mode="bilinear")
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(original.shape, generator=generator)

    kind, options = THEIRS[recipe.sampler, recipe.schedule]
    scheduler = kind.from_config(dict(modules.scheduler), **options)
    scheduler.set_timesteps(recipe.detail_steps)
    steps = int(recipe.detail_steps * recipe.denoise)
    told = prompt.encode(modules, recipe.prompt, recipe.negative_prompt)
    time_ids = torch.tensor([[size[1], size[0], 0, 0, size[1], size[0]]] * 2, dtype=torch.float32)
    extras = {"generator": generator} if recipe.sampler in ("euler_a", "dpmpp_2m_sde") else {}
    latents = original
    for i, timestep in enumerate(scheduler.timesteps[-steps:]):
        noised = scheduler.add_noise(original, noise, timestep[None])
        latents = torch.where(kept > i / steps, noised, latents) if i else noised
        negative, positive = modules.unet(
            scheduler.scale_model_input(latents, timestep).expand(2, -1, -1, -1),
            timestep,
            encoder_hidden_states=told.embeds,
            added_cond_kwargs={"text_embeds": told.pooled, "time_ids": time_ids},
        ).sample.split(1)
        guided = negative + recipe.detail_guidance * (positive - negative)
        latents = scheduler.step(guided, timestep, latents, **extras).prev_sample
    drawn = pixels.to_array(vae.decode(latents / vae.config.scaling_factor).sample[0])
    return latents, geometry.paste(canvas, region, drawn, mask)


@pytest.mark.parametrize(("sampler", "schedule"), THEIRS)
def test_two_face_passes_equal_the_loop_written_out(modules, new_engine, recipe, trajectories, sampler, schedule):
    """Latents of a standard deviation of about 10 to 1e-3, pixels to one level."""
    settings = {"prompt": "a woman", "negative_prompt": "blurry", "seed": 2**32 - 1, "sampler": sampler}
    settings |= {"guidance_scale": 2.0, "detail_guidance": 6.0, "detail_size": 320, "crop_factor": 2.0}
    settings |= {"detail": True, "detail_steps": 10, "denoise": 0.7, "schedule": schedule}
    wanted = replace(recipe(**settings), photo="5" * 64)
    smooth = np.random.default_rng(5).integers(0, 255, (8, 10, 3), np.uint8)
    canvas = np.asarray(Image.fromarray(smooth).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    with Engine(modules, new_engine.config(), Faces(Places())) as engine:
        png = engine.draw(wanted, canvas=pixels.encode_png(canvas)).result(60).png
    _, first = redrawn(modules, wanted, canvas, BOXES[0], 2**32 - 1)
    latents, expected = redrawn(modules, wanted, first, BOXES[1], 0)
    torch.testing.assert_close(trajectories[wanted].latents, latents, atol=1e-3, rtol=0)
    assert np.abs(np.asarray(Image.open(io.BytesIO(png))).astype(int) - expected).max() <= 1
