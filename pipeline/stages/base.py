"""Stage 1: from a recipe's seed and prompt to the base picture."""

import torch

from pipeline import schedule
from pipeline.families import Card
from pipeline.prompt import Conditioning
from pipeline.trajectory import Trajectory
from pipeline.weights import Modules
from sweeps.recipe import Recipe


def begin(
    modules: Modules, recipe: Recipe, conditioning: Conditioning, identity: Conditioning | None = None
) -> Trajectory:
    """The trajectory before its first step: noise x init_noise_sigma, drawn on the CPU from the recipe's own seed.

    An `identity` takes the place of the text after `recipe.text_steps` steps. The generator goes on to give the noise
    of stochastic samplers, so that no other picture can change it.
    """
    sampler = schedule.SAMPLERS[recipe.sampler]
    scheduler = schedule.build(modules.scheduler, recipe.sampler, recipe.schedule, recipe.steps)
    generator = torch.Generator().manual_seed(recipe.seed)
    height, width = recipe.height // modules.latent_scale, recipe.width // modules.latent_scale
    noise = torch.randn((1, modules.unet.config.in_channels, height, width), generator=generator)
    return Trajectory(
        latents=noise.to(modules.device) * scheduler.init_noise_sigma,
        scheduler=scheduler,
        conditioning=conditioning,
        time_ids=time_ids(modules, recipe.width, recipe.height),
        guidance=recipe.guidance_scale,
        noise=generator if sampler.draws_noise else None,
        identity=identity,
        split=recipe.text_steps,
    )


def time_ids(modules: Modules, width: int, height: int) -> torch.Tensor:
    """What SDXL is told of sizes: original (h, w), crop (top, left), target (h, w), for both halves: [2, 6]."""
    return torch.tensor([(height, width, 0, 0, height, width)] * 2, dtype=torch.float32, device=modules.device)


def decode(modules: Modules, latents: torch.Tensor) -> torch.Tensor:
    """Latents [1, 4, h, w] to pixels [3, 8h, 8w] in -1..1, in the VAE's own precision."""
    vae = modules.vae
    return vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor).sample[0]


def notes(recipe: Recipe, card: Card) -> tuple[str, ...]:
    """Sentences about what will be drawn, but less well than it could be; they hold for everybody who shares it."""
    native = card.native_width * card.native_height
    if native / 2 <= recipe.width * recipe.height <= native * 2:
        return ()
    return (
        f"{recipe.width} x {recipe.height} is far from {card.native_width} x {card.native_height}, "
        f"the size {card.title} was made for; expect a weaker picture.",
    )
