"""Cases of PhotoMaker's networks, on small random weights, and of its LoRA."""

import json
from collections.abc import Iterator
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from pipeline.identity.encoder import IDEncoder, Shape
from pipeline.identity.fuse import FuseModule
from pipeline.identity.lora import Lora
from pipeline.identity.perceiver import FacePerceiverResampler
from tests.pipeline.truth.case import Case, Expected, exact
from tests.pipeline.truth.folder import Folder, Tensors


def fuse_modules(folder: Folder, name: str) -> Iterator[Case]:
    file = folder.tensors(name)
    for prefix in file.groups("weights."):
        yield fused(file, prefix)


def fused(file: Tensors, name: str) -> Case:
    """One mask and number of photos, or the inner function alone, which sees the masked tokens only."""

    def compute() -> dict[str, Any]:
        module = FuseModule(int(file.metadata["embed_dim"]))
        module.load_state_dict(file.under("weights."))
        given = file.under(f"{name}.")
        if name == "fuse_fn":
            return {"expected": module.fuse_fn(given["prompt"], given["id"])}
        return {"expected": module(given["prompt_embeds"], given["id_embeds"], given["class_tokens_mask"])}

    return Case(f"fuse/{name}", {"expected": Expected(file[f"{name}.expected"])}, compute)


def perceivers(folder: Folder, name: str) -> Iterator[Case]:
    file = folder.tensors(name)
    names = ("expected", "expected_attn0_on_proj_in_x")

    def compute() -> dict[str, Any]:
        sizes = {name: int(size) for name, size in file.metadata.items()}
        module: Any = FacePerceiverResampler(**sizes)
        module.load_state_dict(file.under("weights."))
        attention = module.layers[0][0]
        latents, x = file["latents"], file["x"]
        return dict(zip(names, (module(latents, x), attention(module.proj_in(x), latents)), strict=True))

    yield Case("perceiver/resampler", {name: Expected(file[name]) for name in names}, compute)


def shape_of(file: Tensors) -> Shape:
    """An ID encoder's shape as its file's metadata has it; a V1 file says less."""
    said = file.metadata
    perceiver = dict(part.split("=") for part in said.get("perceiver", "").split(",") if part)
    return Shape(
        vision=json.loads(said["vision_config"]),
        cross_attention_dim=int(said["cross_attention_dim"]),
        tokens=int(said.get("num_tokens", 1)),
        id_embeds_dim=int(said["id_embeddings_dim"]) if "id_embeddings_dim" in said else None,
        perceiver={name: int(size) for name, size in perceiver.items() if name != "embedding_dim"},
    )


def encoder_of(file: Tensors) -> IDEncoder:
    encoder = IDEncoder(shape_of(file))
    weights = file.under("weights.")
    encoder.load_state_dict({name: weights[name] for name in weights if not name.endswith("position_ids")})
    return encoder.eval()


def encoders(folder: Folder, name: str) -> Iterator[Case]:
    """The whole encoder, and what passes between its parts (`mid.*`) as far as ours has it as a part's result."""
    file = folder.tensors(name)
    results = {
        "last_hidden_state": ("vision_model", 0),
        "pooler_output": ("vision_model", 1),
        "token_proj": ("qformer_perceiver.token_proj", None),
        "qformer": ("qformer_perceiver", None),
    }
    between = {name: results[name] for name in file.under("mid.") if name in results}
    expected = {"expected": Expected(file["expected"])}
    expected |= {f"mid.{name}": Expected(file[f"mid.{name}"]) for name in between}

    def compute() -> dict[str, Any]:
        encoder, ours = encoder_of(file), {}
        seen: dict[str, Any] = {}
        for part in {part for part, _ in between.values()}:
            encoder.get_submodule(part).register_forward_hook(
                lambda _, __, result, part=part: seen.__setitem__(part, result)
            )
        embeds, id_embeds = file["prompt_embeds"], file["id_embeds"] if "id_embeds" in file.names else None
        ours["expected"] = encoder(file["id_pixel_values"], embeds, file["class_tokens_mask"].bool(), id_embeds)
        for name, (part, index) in between.items():
            ours[f"mid.{name}"] = seen[part] if index is None else seen[part][index]
        return ours

    yield Case(f"encoder/{file.path.stem}", expected, compute)


def loras(folder: Folder, name: str) -> Iterator[Case]:
    file, truth = folder.tensors(name), folder.json(name.replace(".safetensors", ".json"))
    expected = {f"fused.{name}": Expected(value, 1e-5, 1e-5) for name, value in file.under("fused.").items()}
    expected |= {f"detached.{name}": exact(value) for name, value in file.under("base.").items()}
    expected["source_keys"] = exact(sorted(truth["source_keys"]))

    def compute() -> dict[str, Any]:
        torch.manual_seed(0)
        unet: Any = UNet2DConditionModel(**truth["unet_config"])
        unet.load_state_dict(file.under("base."), strict=False)
        tensors = file.under("lora.")
        lora = Lora.fuse(unet, tensors, file.path)
        weights = unet.state_dict()
        ours = {f"fused.{name}": weights[name].clone() for name in file.under("fused.")}
        lora.detach()
        return (
            ours
            | {f"detached.{name}": weights[name] for name in file.under("base.")}
            | {"source_keys": sorted(tensors)}
        )

    yield Case("lora/tiny", expected, compute)
