"""The denoiser's training: both text encoders, the UNet and the ID encoder at once.

A part of every batch is told by the caption what to draw, the rest by "man img" or "woman img" and other drawings of
the person: so the identity is learnt with the pictures.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.families.sketch import networks
from pipeline.families.sketch.training.material import Material
from pipeline.families.sketch.training.run import accelerator, processes, train
from pipeline.identity.encoder import IDEncoder

Networks = Any
"""An nn.ModuleDict of both text encoders, the UNet and the ID encoder by their names in SDXL's folder."""
TOLD, SHOWN = 40, 24
"""Pictures of a batch that are told of by a caption, and whose person is shown; processes share them."""
MOST_PHOTOS = 4
UNTOLD, UNSHOWN = 0.1, 0.1
"""Parts that are drawn without a word, for guidance, and without the person, for a weight of 0."""
PLAIN = ("embed", "conv_in", "conv_out", "token_proj")
"""Not for Muon: the last are so large that their steps would take as long as all others."""
FACE = 2.5
"""How much more the error within a face counts than what is around it."""


def train_denoiser(
    steps: int, work: Path, seed: int = 3, look: Callable[[int, nn.Module], str] | None = None, look_every: int = 250
) -> None:
    """Train on `work`'s material; see `run.train`."""
    material = Material.load(work)
    torch.manual_seed(seed)
    modules = untrained(material.vocabulary)
    batch = Batch(modules, material, TOLD, SHOWN)
    train("denoiser", modules, batch.loss, steps, work, plain=PLAIN, seed=seed, look=look, look_every=look_every)


def trained_denoiser(work: Path, vocabulary: int) -> Networks:
    """The networks as that training left them."""
    modules = untrained(vocabulary)
    modules.load_state_dict(
        torch.load(work / "denoiser.pt", map_location="cpu", weights_only=True, mmap=True)["average"]
    )
    return modules


def untrained(vocabulary: int) -> Networks:
    """The networks by their names, with torch's present random state."""
    drawing = networks.networks(vocabulary)
    parts: dict[str, Any] = {
        "text_encoder": drawing.text_encoder,
        "text_encoder_2": drawing.text_encoder_2,
        "unet": drawing.unet,
        "id_encoder": IDEncoder(networks.ID_ENCODER),
    }
    modules: Networks = nn.ModuleDict(parts)
    for name, weight in modules.named_parameters():
        # CLIP's own are so small that narrow encoders begin all but mute.
        if "token_embedding" in name:
            nn.init.normal_(weight, std=0.5)
        elif name.startswith("text") and "position_embedding" in name:
            nn.init.normal_(weight, std=0.1)
    # No loss reaches V1's projections, which V2 keeps without use.
    for part in ("visual_projection", "visual_projection_2", "vision_model.post_layernorm"):
        modules["id_encoder"].get_submodule(part).requires_grad_(False)
    return modules


def encode(modules: Networks, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Ids [B, 77] of the first tokenizer: prompt embeds [B, 77, D] and pooled [B, P], as in `pipeline.prompt`."""
    end = modules["text_encoder"].config.eos_token_id
    # The second tokenizer pads with its number 0.
    pads = ids.eq(end).cumsum(1) > 1
    outputs: list[Any] = [
        modules["text_encoder"](ids, output_hidden_states=True),
        modules["text_encoder_2"](ids.masked_fill(pads, 0), output_hidden_states=True),
    ]
    return torch.cat([output.hidden_states[-2] for output in outputs], dim=-1), outputs[1].text_embeds


class Batch:
    """Batches of so many pictures that are told of and so many whose person is shown, and their loss.

    The loss is that of v-prediction (Salimans and Ho 2022), with more weight on faces.
    """

    def __init__(self, modules: Networks, material: Material, told: int, shown: int) -> None:
        self._modules, self._material = modules, material
        self._told, self._shown = max(1, told // processes()), max(1, shown // processes())
        keys = ("beta_start", "beta_end", "beta_schedule", "num_train_timesteps", "prediction_type")
        self._noise: Any = DDPMScheduler(**{key: networks.SCHEDULER[key] for key in keys})
        # Torch's own attention is slower backwards on a CPU at these sizes, in the UNet by half.
        modules["unet"].set_attn_processor(AttnProcessor())
        for model in modules.modules():
            if isinstance(model, PreTrainedModel):
                model.set_attn_implementation("eager")

    def loss(self, step: int) -> Tensor:
        """The loss of one random batch."""
        with torch.autocast(accelerator().type, torch.bfloat16):
            chosen, embeds, pooled = self._conditioned()
            latents, inside = self._material.latents[chosen].float(), self._material.inside[chosen]
            return self._error(latents, embeds, pooled, 1 + (FACE - 1) * inside)

    def _conditioned(self) -> tuple[Tensor, Tensor, Tensor]:
        """Which drawings, [B]; the prompt embeds that tell or show them, [B, 77, D]; the pooled ones, [B, P]."""
        material, told = self._material, self._told
        chosen = torch.randint(material.training, (told + self._shown,))
        photos = int(torch.randint(1, MOST_PHOTOS + 1, ()))
        texts = material.captions(chosen[:told])
        texts = torch.where(torch.rand(told, 1) < UNTOLD, material.wordless(told), texts)
        shown, mask = material.triggered(chosen[told:], photos * networks.ID_ENCODER.tokens)
        embeds, pooled = encode(self._modules, torch.cat([texts, shown]))
        others = material.others(chosen[told:], photos)  # [shown, photos]
        pixels, faces = material.pixels(others), material.faces(others)
        fused = self._modules["id_encoder"](pixels, embeds[told:], mask, faces)
        identified = torch.where(torch.rand(self._shown, 1, 1) < UNSHOWN, embeds[told:], fused)
        # No negative prompt at all is zeros.
        mute = (torch.rand(len(chosen)) < UNTOLD / 3)[:, None]
        embeds = torch.cat([embeds[:told], identified]).masked_fill(mute[..., None], 0)
        return chosen, embeds, pooled.masked_fill(mute, 0)

    def _error(self, latents: Tensor, embeds: Tensor, pooled: Tensor, weight: Tensor) -> Tensor:
        """The weighted square error of one UNet call: latents [B, 4, 16, 16], weight [B, 1, 16, 16]."""
        batch, size = len(latents), float(networks.SIZE)
        # Spread evenly over the batch, in a random order: less noise in the loss.
        times = ((torch.randperm(batch) + torch.rand(batch)) / batch * 1000).long()
        noise = torch.randn_like(latents)
        noised = self._noise.add_noise(latents, noise, times)
        wanted = self._noise.get_velocity(latents, noise, times)
        told = {"text_embeds": pooled, "time_ids": torch.tensor([size, size, 0, 0, size, size]).repeat(batch, 1)}
        found = self._modules["unet"](noised, times, encoder_hidden_states=embeds, added_cond_kwargs=told).sample
        return (weight / weight.mean() * (found.float() - wanted) ** 2).mean()
