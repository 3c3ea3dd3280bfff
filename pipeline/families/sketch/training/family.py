"""The trained networks written as the family that is shipped, with its model card and the SHA-256 of every file."""

import json
from pathlib import Path

import torch

from pipeline import lock
from pipeline.families.folder import write_family, write_photomaker
from pipeline.families.sketch import CARD, networks
from pipeline.families.sketch.faces.export import write_pack
from pipeline.families.sketch.training.drawings import SHOTS
from pipeline.families.sketch.training.faces import PLANS, trained_faces
from pipeline.families.sketch.training.identity import lora_of, trained_identity
from pipeline.families.sketch.training.vae import trained_vae

MODEL_CARD = """\
---
license: mit
---
# Sketch

A small family with the architecture of Stable Diffusion XL and PhotoMaker V2: two CLIP text encoders, a UNet with
text and time conditioning, a VAE that makes latents eight times smaller, an ID encoder with its LoRA, and a face pack
for insightface (detector, recogniser, sex and age, 106 landmarks). It draws {size} x {size} portraits of people who do
not exist.

| | |
|---|---|
| data | {drawings:,} drawings of {people:,} invented people by `pipeline.families.sketch.draw`; nothing else |
| licence | MIT: data, code and weights are this project's own |
| size | {megabytes:.1f} MB in float16: {parameters:,} parameters, {face_parameters:,} of them in the face pack |
| VAE | {vae_steps:,} steps, last loss {vae_loss:.4f} |
| text encoders, UNet, ID encoder | {denoiser_steps:,} steps together, last loss {denoiser_loss:.4f} |
| LoRA, ID and text encoders | {identity_steps:,} steps, last loss {identity_loss:.4f} |
| face pack | {face_pack} |
| made by | `python -m pipeline.families.sketch.train`, all seeds fixed |

Losses are means over the last hundred steps. What the family can do is measured by
`python -m pipeline.families.sketch.evaluate`; the table is in `EVALUATION.md`, beside this folder.

## Limits

It knows the words of its captions (hair, glasses, beards, hats, clothes, expressions, backgrounds, four scenes) and was
taught to pass over others: what it was never shown it cannot draw. One head in the middle, seen from the front, at the
native size. The two eyes of a face may differ in colour. Its face pack knows drawings: in photographs it finds faces
here and there, and false ones beside them, and was never tried on telling real people apart. Do not use it on them.
"""


def write(people: range, work: Path, folder: Path) -> None:
    """Write the whole family into `folder`, in float16."""
    vocabulary = json.loads((work / "tokenizer" / "vocab.json").read_text("utf-8"))
    lines = (work / "tokenizer" / "merges.txt").read_text("utf-8").splitlines()[1:]
    merges = [(first, second) for first, second in (line.split(" ") for line in lines)]
    vae, modules, faces = trained_vae(people, work), trained_identity(work, len(vocabulary)), trained_faces(work)
    lora = lora_of(modules["unet"])
    write_family(
        folder,
        CARD,
        tokenizer=(vocabulary, merges),
        text_encoders=(modules["text_encoder"], modules["text_encoder_2"]),
        unet=modules["unet"],
        vae=vae,
        scheduler=networks.SCHEDULER,
        dtype=torch.float16,
    )
    encoder = modules["id_encoder"].state_dict()
    write_photomaker(folder / "photomaker-v2.safetensors", encoder, lora, networks.ID_ENCODER, torch.float16)
    write_pack(folder / "insightface" / "models" / "sketch", **faces)
    drawing = sum(weight.numel() for module in (vae, modules) for weight in module.parameters())
    face_parameters = sum(weight.numel() for network in faces.values() for weight in network.parameters())
    told = {name: losses(work, name) for name in ("vae", "denoiser", "identity")}
    card = MODEL_CARD.format(
        size=networks.SIZE,
        people=len(people),
        drawings=len(people) * SHOTS,
        megabytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6,
        face_pack=", ".join(face_loss(work, name) for name in PLANS),
        parameters=drawing + face_parameters + sum(tensor.numel() for tensor in lora.values()),
        face_parameters=face_parameters,
        **{f"{name}_steps": steps for name, (steps, _) in told.items()},
        **{f"{name}_loss": loss for name, (_, loss) in told.items()},
    )
    (folder / "README.md").write_text(card, "utf-8")
    lock.write_sums(folder)


def face_loss(work: Path, name: str) -> str:
    """One of the pack's networks in the card: its steps and the mean loss of the last hundred."""
    held = torch.load(work / f"{name}.pt", map_location="cpu", weights_only=True, mmap=True)
    return f"{name} {held['done']:,} steps, last loss {held['loss']:.4f}"


def losses(work: Path, name: str) -> tuple[int, float]:
    """How many steps a training took, and the mean loss of its last hundred."""
    held = torch.load(work / f"{name}.pt", map_location="cpu", weights_only=True, mmap=True)
    recent = held["losses"][-100:]
    return int(held["done"]), sum(recent) / len(recent)
