"""A family written in diffusers' layout, as the loader reads it: networks, tokenizers, configs and the card.

What `tiny` writes at its first start and what the trainer of `sketch` writes at its end (imports no torch by itself).
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.families.card import Card

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    from pipeline.identity.encoder import Shape
    from pipeline.tensors import Tensors

BytePairs = tuple[dict[str, int], list[tuple[str, str]]]
"""A tokenizer: the tokens with their numbers, the start and the end last, and the merges in their order."""

PARTS = {
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def write_family(
    folder: Path,
    card: Card,
    *,
    tokenizer: BytePairs,
    text_encoders: "tuple[CLIPTextModel, CLIPTextModelWithProjection]",
    unet: "UNet2DConditionModel",
    vae: "AutoencoderKL",
    scheduler: Mapping[str, Any],
    dtype: "torch.dtype",
) -> None:
    """Write everything but PhotoMaker into `folder`, the weights in `dtype`; the networks stay as they were.

    The first tokenizer pads with the end token and the second with "!", its number 0, as SDXL's do.
    """
    for name, encoder in zip(("text_encoder", "text_encoder_2"), text_encoders, strict=True):
        config = {key: value for key, value in encoder.config.to_diff_dict().items() if key != "dtype"}
        write_json(folder / name / "config.json", {"architectures": [type(encoder).__name__], **config})
        write_tensors(folder / name / "model.safetensors", encoder.state_dict(), dtype, {"format": "pt"})
    networks: tuple[tuple[str, Any], ...] = (("unet", unet), ("vae", vae))
    for name, network in networks:
        network.save_config(folder / name)
        path = folder / name / "diffusion_pytorch_model.safetensors"
        write_tensors(path, network.state_dict(), dtype, {"format": "pt"})
    for name, pad in (("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!")):
        write_tokenizer(folder / name, tokenizer, pad)
    write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    write_json(folder / "model_index.json", {"_class_name": "StableDiffusionXLPipeline", **PARTS})
    write_card(folder, card)


def write_photomaker(path: Path, encoder: "Tensors", lora: "Tensors", shape: "Shape", dtype: "torch.dtype") -> None:
    """Write a PhotoMaker checkpoint in `dtype`: the ID encoder's tensors, the LoRA's and the `Shape` of the former.

    `lora` has PhotoMaker's own names: `unet.<module>.attn1.processor.to_q_lora.down.weight` [rank, in] and
    `….up.weight` [out, rank].
    """
    tensors = {f"id_encoder.{key}": tensor for key, tensor in encoder.items()}
    tensors |= {f"lora_weights.{key}": tensor for key, tensor in lora.items()}
    write_tensors(path, tensors, dtype, {"shape": shape.to_json()})


def write_tensors(path: Path, tensors: "Tensors", dtype: "torch.dtype", metadata: dict[str, str]) -> None:
    """One safetensors file in `dtype`, from tensors on any device."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: tensor.detach().to("cpu", dtype).contiguous() for key, tensor in tensors.items()}, path, metadata)


def write_card(folder: Path, card: Card) -> None:
    """card.json: the card for whoever reads the folder without this project."""
    written = {
        "name": card.name,
        "title": card.title,
        "native_width": card.native_width,
        "native_height": card.native_height,
        "defaults": dict(card.defaults),
    }
    write_json(folder / "card.json", written)


def byte_pairs(words: Sequence[str]) -> BytePairs:
    """A byte-level BPE as CLIP's: every byte, every byte at a word's end, and merges learned from `words`.

    Each of the words is one token in the end; any other text is read as well, in more of them.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    split = [[*word[:-1], f"{word[-1]}</w>"] for word in words]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for word in split for pair in pairwise(word)):
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word in split:
            for at in range(len(word) - 2, -1, -1):
                if tuple(word[at : at + 2]) == best:
                    word[at : at + 2] = ["".join(best)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    return {token: i for i, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}, merges


def write_tokenizer(folder: Path, tokenizer: BytePairs, pad: str) -> None:
    """One CLIP tokenizer folder, 77 tokens long."""
    vocabulary, merges = tokenizer
    write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    special = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": pad,
    }
    write_json(folder / "special_tokens_map.json", special)
    write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **special},
    )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
