"""Pictures that the networks draw while they are trained: for the eye of whoever trains them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import EulerDiscreteScheduler
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTokenizer

from pipeline.families.sketch import networks
from pipeline.families.sketch.training.denoiser import encode
from pipeline.families.sketch.training.drawings import SHOTS
from pipeline.families.sketch.training.material import HELD_OUT, Material, expanded, ids_of, places_of
from pipeline.trigger import TRIGGER

PROMPTS = (
    "a portrait of a woman, long blonde hair, red background, smiling, wearing a green hat",
    "a portrait of a man, short black hair, round glasses, blue background",
    "a woman, bob pink hair, green background, laughing, purple shirt",
    "a man, bald, beard, at the beach, neutral",
    "a woman, curly brown hair, square glasses, yellow background, surprised",
    "an old man, grey hair, moustache, in a forest, blue shirt",
    "a man, spiky red hair, purple background, wearing a crown",
    "a woman, pigtails, black hair, under the night sky, smiling",
)
SHOWN = ("man img, blue background, smiling", "woman img, yellow background, laughing")


def sheet(modules: Any, vae: Any, work: Path, guidance: float = 3.5, steps: int = 20) -> Image.Image:
    """`PROMPTS` in the first row; then held-out people, a drawing of each above what is made of two other ones."""
    material = Material.load(work)
    tokenizer = CLIPTokenizer.from_pretrained(str(work / "tokenizer"), local_files_only=True)
    told = encode(modules, ids_of(tokenizer, PROMPTS).long())
    people = torch.arange(len(material.latents) - HELD_OUT, len(material.latents), SHOTS)[: len(PROMPTS)]
    shown = identified(modules, material, tokenizer, people, SHOWN)
    seed = torch.Generator("cpu").manual_seed(5)
    shape = (len(PROMPTS), 4, networks.SIZE // 8, networks.SIZE // 8)
    noise = torch.randn(shape, generator=seed, device="cpu").to(torch.get_default_device())
    empty = encode(modules, ids_of(tokenizer, [""]).long())
    drawn = [sample(modules["unet"], noise, *both, *empty, guidance, steps) for both in (told, shown)]
    rows = [drawn[0], material.latents[people].float(), drawn[1]]
    scale = vae.config.scaling_factor
    pictures = [torch.cat(list(vae.decode(row / scale).sample.clamp(-1, 1)), dim=-1) for row in rows]
    pixels = torch.cat(pictures, dim=-2).permute(1, 2, 0)
    return Image.fromarray(((pixels + 1) * 127.5).round().byte().cpu().numpy())


def identified(
    modules: Any, material: Material, tokenizer: CLIPTokenizer, people: Tensor, prompts: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """Prompt embeds and pooled ones for the people whose first drawings these are, each shown by the two after it."""
    texts = [prompts[i % len(prompts)] for i in range(len(people))]
    ids = ids_of(tokenizer, [text.replace(f" {TRIGGER}", "") for text in texts]).long()
    ids, mask = expanded(ids, places_of(tokenizer, texts).long(), 2 * networks.ID_ENCODER.tokens)
    embeds, pooled = encode(modules, ids)
    photos = people[:, None] + torch.tensor([1, 2])
    faces = material.embeddings[photos].float()
    return modules["id_encoder"](material.pixels(photos), embeds, mask, faces), pooled


@torch.no_grad()
def sample(
    unet: nn.Module, noise: Tensor, embeds: Tensor, pooled: Tensor, empty: Tensor, empty_pooled: Tensor,
    guidance: float, steps: int,
) -> Tensor:  # fmt: skip
    """Latents [B, 4, 16, 16] from noise, guided away from the empty prompt."""
    count, size = len(noise), float(networks.SIZE)
    with torch.device("cpu"):  # where its tables must be when they become NumPy's
        scheduler: Any = EulerDiscreteScheduler.from_config(
            {k: v for k, v in networks.SCHEDULER.items() if k[0] != "_"}
        )
        scheduler.set_timesteps(steps)
    told = {
        "text_embeds": torch.cat([empty_pooled.expand(count, -1), pooled]),
        "time_ids": torch.tensor([size, size, 0, 0, size, size]).repeat(2 * count, 1),
    }
    both = torch.cat([empty.expand(count, -1, -1), embeds])
    latents = noise * scheduler.init_noise_sigma
    for time in scheduler.timesteps:
        model_input = scheduler.scale_model_input(latents.repeat(2, 1, 1, 1), time)
        without, told_of = unet(model_input, time, encoder_hidden_states=both, added_cond_kwargs=told).sample.chunk(2)
        latents = scheduler.step(without + guidance * (told_of - without), time, latents).prev_sample
    return latents
