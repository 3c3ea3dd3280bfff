"""Cases of prompts: the trigger word token by token, and what the UNet is told from a prompt and photos."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipeline import prompt, schedule, trigger
from pipeline.errors import BadRecipe
from pipeline.identity.lora import Lora
from pipeline.identity.photomaker import PhotoMaker
from pipeline.prompt import Conditioning
from pipeline.stages import base
from pipeline.trajectory import Trajectory
from pipeline.weights import Modules
from sweeps.recipe import resolve
from tests.pipeline.truth.case import Case, Expected, exact
from tests.pipeline.truth.folder import Folder, Tensors
from tests.pipeline.truth.networks import encoder_of

Json = Mapping[str, Any]
SDXL = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


@cache
def tokenizers(folder: Path) -> tuple[CLIPTokenizer, CLIPTokenizer]:
    """Both tokenizers of a folder with a vocabulary and merges; the second pads with "!", as SDXL's does."""
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    lines = (folder / "merges.txt").read_text("utf-8").splitlines()
    merges = [tuple(line.split()) for line in lines if line and not line.startswith("#version")]
    options = {"vocab": vocabulary, "merges": merges, "model_max_length": 77}
    return CLIPTokenizer(**options), CLIPTokenizer(**options, pad_token="!")


def triggers(folder: Folder, name: str) -> Iterator[Case]:
    truth = folder.json(name)
    both = tokenizers(folder.beside("tokenizer"))
    for number, row in enumerate(truth.get("cases", ())):
        yield expanded(number, row, both)
    for number, row in enumerate(truth.get("must_reject", ())):
        yield refused(number, row, both)


def expanded(number: int, row: Json, both: tuple[CLIPTokenizer, CLIPTokenizer]) -> Case:
    names = (
        "trigger_id", "pad_id_1", "pad_id_2", "input_ids_1", "input_ids_2", "expanded_ids_1", "expanded_ids_2",
        "class_tokens_mask", "text_only_prompt",
    )  # fmt: skip

    def compute() -> Json:
        ours = trigger.expand(both, row["prompt"], row["num_id_images"], row["num_tokens"])
        values = (
            trigger.trigger_id(both[0]), *(tokenizer.pad_token_id for tokenizer in both), *ours.input_ids,
            *ours.expanded_ids, ours.class_tokens_mask, ours.text_only_prompt,
        )  # fmt: skip
        return dict(zip(names, values, strict=True))

    name = f"trigger/{number}-{row['num_id_images']}-photos-{row['prompt'][:40]}"
    return Case(name, {name: exact(row[name]) for name in names}, compute)


def refused(number: int, row: Json, both: tuple[CLIPTokenizer, CLIPTokenizer]) -> Case:
    def compute() -> Json:
        try:
            trigger.expand(both, row["prompt"], row.get("num_id_images", 1), row.get("num_tokens", 2))
        except BadRecipe as error:
            return {"refused": bool(str(error))}
        return {"refused": False}

    return Case(f"trigger/refused-{number}-{row['prompt'][:40]}", {"refused": exact(True)}, compute)


def conditionings(folder: Folder, name: str) -> Iterator[Case]:
    file, truth = folder.tensors(name), folder.json(name.replace(".safetensors", ".json"))
    scene = Scene(folder, truth, file)
    yield Case("conditioning/pixels", {"id_pixel_values": Expected(file["id_pixel_values"])}, scene.pixels)
    for prefix, row in truth["cases"].items():
        yield scene.case(prefix, row)


@dataclass(frozen=True)
class Scene:
    """The tiny text encoders and ID encoder, as the modules of a family."""

    folder: Folder
    truth: Json
    file: Tensors

    @cached_property
    def modules(self) -> Modules:
        config = self.truth["text_encoder_config"]
        tokenizer, tokenizer_2 = tokenizers(self.folder.beside("tokenizer"))
        sizes = {name: value for name, value in config.items() if not name.startswith("te")}
        text_encoder: Any = CLIPTextModel(CLIPTextConfig(**sizes, hidden_act=config["te1_hidden_act"]))
        text_encoder_2: Any = CLIPTextModelWithProjection(CLIPTextConfig(**sizes, hidden_act=config["te2_hidden_act"]))
        text_encoder.load_state_dict(self.file.under("te1."))
        text_encoder_2.load_state_dict(self.file.under("te2."))
        weights = self.folder.beside(self.truth["id_encoder"].split()[-1])
        encoder = encoder_of(Tensors(weights))
        return Modules(
            card=None,
            device=torch.device("cpu"),
            dtype=torch.float32,
            tokenizer=tokenizer,
            tokenizer_2=tokenizer_2,
            text_encoder=text_encoder.eval(),
            text_encoder_2=text_encoder_2.eval(),
            unet=None,
            vae=None,
            scheduler=SDXL,
            photomaker=PhotoMaker(encoder, Lora([]), weights),
        )

    def pixels(self) -> Json:
        photos = [Image.fromarray(photo.numpy()) for photo in self.file["id_images_uint8"]]
        return {"id_pixel_values": self.modules.photomaker.pixels(photos)}

    def case(self, name: str, row: Json) -> Case:
        tensors = self.file.under(f"{name}.")
        whole = ("class_tokens_mask", "time_ids")
        expected = {key: exact(value) if key in whole else Expected(value) for key, value in tensors.items()}
        expected["timesteps"] = Expected(row["timesteps"], atol=1e-3, rtol=0)
        expected["embeds_used_per_step"] = exact(row["embeds_used_per_step"])
        return Case(f"conditioning/{name}", expected, lambda: self.compute(row))

    def compute(self, row: Json) -> Json:
        modules, photos = self.modules, row["num_id_images"]
        said = (row["prompt"], row["negative_prompt"])
        text = prompt.encode(modules, *said)
        identity = prompt.encode_identity(
            modules, *said, self.file["id_pixel_values"][:photos], self.file["insightface_embeds"][:photos]
        )
        merged = identity.weighted(1.0)
        time_ids = base.time_ids(modules, row["width"], row["height"])
        return {
            "class_tokens_mask": identity.mask,
            "expanded_prompt_embeds_before_id": identity.text,
            "text.encoder_hidden_states": text.embeds,
            "text.text_embeds": text.pooled,
            "id.encoder_hidden_states": merged.embeds,
            "id.text_embeds": merged.pooled,
            "time_ids": time_ids,
            "timesteps": schedule.build(SDXL, "ddim", "uniform", row["num_inference_steps"]).timesteps,
            "embeds_used_per_step": used_per_step(row, text, merged, time_ids),
        }


def used_per_step(row: Json, text: Conditioning, identity: Conditioning, time_ids: torch.Tensor) -> list[str]:
    """Which of the two a base picture's trajectory asks for before each of its steps."""
    steps = row["num_inference_steps"]
    settings = {"prompt": row["prompt"], "steps": steps, "start_merge_step": row["start_merge_step"]}
    recipe = resolve({**settings, "face_folder": "somebody"}, seed=0)
    walk = Trajectory(
        latents=torch.zeros(1, 4, 8, 8),
        scheduler=schedule.build(SDXL, "ddim", "uniform", steps),
        conditioning=text,
        time_ids=time_ids,
        guidance=recipe.guidance_scale,
        identity=identity if recipe.identity_in_base else None,
        split=recipe.text_steps,
    )
    used = []
    while not walk.done:
        used.append("id" if walk.conditioning is identity else "text")
        walk.advance(torch.zeros_like(walk.latents))
    return used
