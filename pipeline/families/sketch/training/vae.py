"""The VAE's training: pictures to latents eight times smaller, and back."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.families.sketch.networks import SIZE, autoencoder
from pipeline.families.sketch.training.drawings import SHOTS, drawn
from pipeline.families.sketch.training.run import accelerator, processes, train

BATCH, CROP = 20, 64
WHOLE_FROM = 0.75
"""The part of the steps after which whole pictures take the place of crops; the middle block must have seen them."""
GRADIENT, SQUARE, KL, FACE = 0.5, 0.25, 1e-5, 2.0
"""Weights in the loss: of edges, of large errors, of the latents' distance from a normal distribution; and how much
more a face counts than what is around it."""


def train_vae(people: range, steps: int, work: Path, seed: int = 1) -> None:
    """Train on the drawings of these people, those of the last ten held out."""
    drawings = drawn(people, work)
    torch.manual_seed(seed)
    vae: Any = autoencoder()
    begin(vae)
    boxes = torch.from_numpy(np.array(drawings.boxes))
    training = len(drawings) - 10 * SHOTS
    held_out = tensor(torch.from_numpy(np.array(drawings.images[training:])))
    whole_batch = BATCH // processes()

    def loss_of(step: int) -> Tensor:
        batch = max(1, whole_batch if step < WHOLE_FROM * steps else whole_batch // 4)
        chosen = torch.randint(training, (batch,)).cpu()
        pixels, weight = (
            tensor(torch.from_numpy(drawings.images[chosen.numpy()])),
            1 + (FACE - 1) * inside(boxes[chosen]),
        )
        if torch.rand(()) < 0.5:
            pixels, weight = pixels.flip(-1), weight.flip(-1)
        if step < WHOLE_FROM * steps:
            top, left = (8 * int(i) for i in torch.randint((SIZE - CROP) // 8 + 1, (2,)))
            pixels, weight = (x[..., top : top + CROP, left : left + CROP] for x in (pixels, weight))
        with torch.autocast(accelerator().type, torch.bfloat16):
            latents = vae.encode(pixels.contiguous()).latent_dist
            mean, logvar = latents.mean.float(), latents.logvar.float()
            # Noise as the denoiser leaves it: the decoder must forgive small errors.
            noisy = mean + torch.randn_like(mean) * (0.5 * logvar).exp() + 0.03 * mean.std() * torch.randn_like(mean)
            painted = vae.decode(noisy).sample.float()
        error = painted - pixels
        kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).mean()
        return (weight * (error.abs() + SQUARE * error**2)).mean() + GRADIENT * edges(error, weight) + KL * kl

    def look(step: int, average: Any) -> str:
        return f"PSNR {psnr(average, held_out[:32]):.2f} dB"

    plain = ("conv_in", "conv_out", "quant_conv")
    train("vae", vae, loss_of, steps, work, plain=plain, flat=0.2, seed=seed, look=look)


def begin(vae: Any) -> None:
    """Initial weights under which residual blocks begin as near identities: torch's own leave training stuck."""
    for module in vae.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    with torch.no_grad():
        for name, weight in vae.named_parameters():
            if name.endswith(("conv2.weight", "to_out.0.weight")):
                weight *= 0.1
        vae.quant_conv.weight[4:] *= 0.1
        vae.quant_conv.bias[4:] = -5.0


def tensor(images: Tensor) -> Tensor:
    """Pictures [N, H, W, 3] uint8 as [N, 3, H, W] in -1..1, on torch's present device."""
    return images.to(torch.get_default_device()).permute(0, 3, 1, 2).float() / 127.5 - 1


def inside(boxes: Tensor) -> Tensor:
    """1 within each box, else 0: [N, 1, 128, 128]."""
    boxes = boxes.to(torch.get_default_device())
    at = torch.arange(SIZE) + 0.5
    across = (at > boxes[:, None, 0]) & (at < boxes[:, None, 2])  # [N, 128]
    down = (at > boxes[:, None, 1]) & (at < boxes[:, None, 3])
    return (down[:, None, :, None] & across[:, None, None, :]).float()


def edges(error: Tensor, weight: Tensor) -> Tensor:
    """How much neighbouring errors differ: what makes outlines crisp."""
    across = (error[..., 1:] - error[..., :-1]).abs() * weight[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weight[..., 1:, :]
    return across.mean() + down.mean()


@torch.no_grad()
def psnr(vae: Any, pixels: Tensor) -> float:
    """Mean peak signal-to-noise ratio of pictures [N, 3, H, W] in -1..1, in dB."""
    painted = vae.decode(vae.encode(pixels).latent_dist.mode()).sample.clamp(-1, 1)
    error = functional.mse_loss(painted, pixels, reduction="none").mean((1, 2, 3))
    return float((10 * torch.log10(4 / error)).mean())


@torch.no_grad()
def trained_vae(people: range, work: Path) -> Any:
    """The trained VAE, whose config tells the scaling factor measured on the first drawings."""
    vae: Any = autoencoder()
    vae.eval().requires_grad_(False)
    vae.load_state_dict(torch.load(work / "vae.pt", map_location="cpu", weights_only=True, mmap=True)["average"])
    parts = torch.from_numpy(np.array(drawn(people, work).images[:1024])).split(64)
    spread = torch.cat([vae.encode(tensor(part)).latent_dist.mode() for part in parts]).std()
    vae.register_to_config(scaling_factor=round(float(1 / spread), 5))
    return vae
