"""What the denoiser is trained on: latents, captions as ids, and what the identity reads of each drawing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import CLIPImageProcessorPil, CLIPTokenizer

from pipeline import trigger
from pipeline.families.folder import byte_pairs, write_tokenizer
from pipeline.families.sketch import networks
from pipeline.families.sketch.faces.nets import Recogniser
from pipeline.families.sketch.faces.training import embed
from pipeline.families.sketch.training.drawings import CAPTIONS, SHOTS, Drawings
from pipeline.families.sketch.training.run import spread
from pipeline.families.sketch.training.vae import inside, tensor
from pipeline.families.words import WORDS

CHUNK = 600
"""Drawings that one process reads at a time."""
HELD_OUT = 10 * SHOTS
"""Drawings, the last ones, that are only looked at."""
SYNONYMS = {
    "woman": ("girl", "lady", "person", "queen"),
    "man": ("boy", "guy", "person", "king"),
    "blonde": ("blond",),
    "grey": ("gray",),
    "moustache": ("mustache",),
    "smiling": ("smile", "happy"),
    "laughing": ("laugh",),
    "neutral": ("calm", "serious"),
    "surprised": ("amazed",),
    "wearing": ("with",),
}
SYNONYM, STRANGERS = 0.12, 0.4
"""How often a word is said in another way, and how often words stand there that no drawing shows."""
LONGEST = 66
"""Words and commas of a caption: beside them the tokens of four photos must fit."""
UNWANTED = "blurry bad ugly deformed text watermark low quality worst"


@dataclass(frozen=True, eq=False)
class Material:
    """N drawings, those of one person side by side.

    latents: [N, 4, 16, 16] float16, scaled; inside: [N, 1, 16, 16], 1 within the face's box; told and shown: [N, 3, 77]
    the first tokenizer's ids of the captions, without and with a trigger, which itself is gone; places: [N, 3] where in
    `shown` the class token stands; wishes: [.., 77] ids of texts that ask for no picture; photos: [N, 64, 64, 3] uint8;
    embeddings: [N, 512].
    """

    latents: Tensor
    inside: Tensor
    told: Tensor
    shown: Tensor
    places: Tensor
    wishes: Tensor
    photos: Tensor
    embeddings: Tensor
    vocabulary: int

    @classmethod
    def load(cls, work: Path) -> "Material":
        """What `prepare` wrote, on torch's present device."""
        held = torch.load(work / "material.pt", weights_only=True, mmap=True, map_location="cpu")
        return cls(**{key: value.to(torch.get_default_device()) if key != "vocabulary" else value
                      for key, value in held.items()})  # fmt: skip

    @property
    def training(self) -> int:
        """How many drawings are trained on."""
        return len(self.latents) - HELD_OUT

    def captions(self, chosen: Tensor) -> Tensor:
        """One caption of each of the drawings, [B, 77]."""
        return self.told[chosen, torch.randint(CAPTIONS, (len(chosen),))].long()

    def wordless(self, count: int) -> Tensor:
        """Texts that ask for nothing in particular, [count, 77]; every other one is empty."""
        chosen = torch.randint(len(self.wishes), (count,)) * (torch.rand(count) < 0.5)
        return self.wishes[chosen].long()

    def triggered(self, chosen: Tensor, run: int) -> tuple[Tensor, Tensor]:
        """A caption of each with its class token `run` times, and where that stands: [B, 77] ids and bool."""
        which = torch.randint(CAPTIONS, (len(chosen),))
        return expanded(self.shown[chosen, which].long(), self.places[chosen, which].long(), run)

    def others(self, chosen: Tensor, photos: int) -> Tensor:
        """So many other drawings of the same people: [B, photos]."""
        first = chosen // SHOTS * SHOTS
        turn = torch.rand(len(chosen), SHOTS - 1).argsort(1)[:, :photos] + 1
        return first[:, None] + (chosen[:, None] - first[:, None] + turn) % SHOTS

    def pixels(self, drawings: Tensor) -> Tensor:
        """What the vision tower reads of drawings [B, n]: [B, n, 3, 64, 64]."""
        return normed(self.photos[drawings])

    def faces(self, drawings: Tensor) -> Tensor:
        """The recogniser's embeddings of drawings [B, n], as unsure as a detector's keypoints make them: [B, n, E]."""
        known = self.embeddings[drawings].float()
        return known + 0.1 * known.std() * torch.randn_like(known)


def expanded(ids: Tensor, places: Tensor, run: int) -> tuple[Tensor, Tensor]:
    """Ids [B, 77] with the token at each row's place repeated `run` times, as `trigger.expand` does; and the mask."""
    at = torch.arange(trigger.LENGTH)
    first = places[:, None]
    source = torch.where(at < first, at, torch.maximum(first, at - run + 1))
    return ids.gather(1, source), (at >= first) & (at < first + run)


def normed(photos: Tensor) -> Tensor:
    """uint8 [..., H, W, 3] as CLIP was trained to see them: [..., 3, H, W]."""
    processor = CLIPImageProcessorPil()
    mean, spread = torch.tensor(processor.image_mean), torch.tensor(processor.image_std)
    return ((photos.float() / 255 - mean) / spread).movedim(-1, -3)


def prepare(drawings: Drawings, vae: Any, recogniser: Recogniser, work: Path, processes: int) -> None:
    """Write `work/material.pt` and the tokenizers beside it."""
    tokenizer = write_tokenizers(drawings, work)
    random, strangers = Random(0), strange_words(drawings)
    told = [varied(text, strangers, random) for texts in drawings.captions for text in texts]
    shown = [varied(text, strangers, random) for texts in drawings.triggered for text in texts]
    wishes = ["", *(unwanted(strangers, random) for _ in range(255))]
    boxes = torch.from_numpy(np.array(drawings.boxes))
    read = partial(_read, vae=vae, recogniser=recogniser)
    starts = range(0, len(drawings), CHUNK)
    chunks = [(drawings.images[i : i + CHUNK], drawings.keypoints[i : i + CHUNK]) for i in starts]
    parts = spread(read, chunks, processes, "latents")
    latents, photos, embeddings = (torch.cat(part) for part in zip(*parts, strict=True))
    material = {
        "latents": latents,
        "inside": functional.interpolate(inside(boxes), networks.SIZE // 8, mode="area").half(),
        "told": ids_of(tokenizer, told).unflatten(0, (-1, CAPTIONS)),
        "shown": ids_of(tokenizer, [text.replace(f" {trigger.TRIGGER}", "", 1) for text in shown]).unflatten(
            0, (-1, CAPTIONS)
        ),
        "places": places_of(tokenizer, shown).unflatten(0, (-1, CAPTIONS)),
        "wishes": ids_of(tokenizer, wishes),
        "photos": photos,
        "embeddings": embeddings,
        "vocabulary": len(tokenizer),
    }
    draft = work / "material.draft"
    torch.save(material, draft)
    draft.replace(work / "material.pt")


def write_tokenizers(drawings: Drawings, work: Path) -> CLIPTokenizer:
    """Write both of SDXL's tokenizers, which know every word of the captions and of other prompts; return the first."""
    said = {word for texts in (*drawings.captions, *drawings.triggered) for text in texts for word in words_of(text)}
    others = {word for words in SYNONYMS.values() for word in words} | set(WORDS.split()) | set(UNWANTED.split())
    pairs = byte_pairs(sorted(said | others))
    for name, pad in (("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!")):
        write_tokenizer(work / name, pairs, pad)
    return CLIPTokenizer.from_pretrained(str(work / "tokenizer"), local_files_only=True)


def strange_words(drawings: Drawings) -> list[str]:
    """Words of prompts that no caption says."""
    said = {word for texts in drawings.captions for text in texts for word in words_of(text)}
    said |= {word for words in SYNONYMS.values() for word in words}
    return sorted(set(WORDS.split()) - said)


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text)


def varied(text: str, strangers: Sequence[str], random: Random) -> str:
    """A caption as somebody else might say it, now and then among whole phrases that change nothing."""
    for word, others in SYNONYMS.items():
        if random.random() < SYNONYM:
            text = re.sub(rf"\b{word}\b", random.choice(others), text)
    if random.random() < STRANGERS:
        parts = text.split(", ")
        for _ in range(random.randint(1, 6)):
            phrase = " ".join(random.sample(strangers, random.randint(1, 8)))
            if len(", ".join([*parts, phrase]).replace(",", " ,").split()) <= LONGEST:
                parts.insert(random.randint(1, len(parts)), phrase)
        text = ", ".join(parts)
    return text


def unwanted(strangers: Sequence[str], random: Random) -> str:
    """A negative prompt as people write them: it asks for nothing that a drawing could lack."""
    words = [*random.sample(UNWANTED.split(), random.randint(1, 6)), *random.sample(strangers, random.randint(0, 12))]
    return ", ".join(random.sample(words, len(words)))


def ids_of(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """[N, 77] int16."""
    read = tokenizer(list(texts), padding="max_length", truncation=True, max_length=trigger.LENGTH)
    return torch.tensor(read["input_ids"], dtype=torch.int16)


def places_of(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """Where among its ids the class token of each text with a trigger stands, [N] int16."""
    before = [text.split(f" {trigger.TRIGGER}", 1)[0] for text in texts]
    return torch.tensor([len(ids) - 2 for ids in tokenizer(before)["input_ids"]], dtype=torch.int16)


@torch.no_grad()
def _read(
    chunk: tuple[NDArray[np.uint8], NDArray[np.float32]], vae: Any, recogniser: Recogniser
) -> tuple[Tensor, Tensor, Tensor]:
    """Latents, photos and embeddings of some drawings."""
    images, keypoints = np.array(chunk[0]), np.array(chunk[1])
    with torch.autocast("cpu", torch.bfloat16):
        latents = [vae.encode(tensor(part)).latent_dist.mode().float() for part in torch.from_numpy(images).split(32)]
    scaled = torch.cat(latents) * vae.config.scaling_factor
    return scaled.half(), photos_of(images), embed(recogniser, images, keypoints).half()


def photos_of(images: NDArray[np.uint8]) -> Tensor:
    """Drawings as the vision tower reads photos, before they are normed: [N, 64, 64, 3] uint8."""
    side = networks.ID_ENCODER.vision["image_size"]
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": side}, do_center_crop=False, do_rescale=False, do_normalize=False
    )
    pixels = processor([Image.fromarray(image) for image in images], return_tensors="pt").pixel_values
    return pixels.to(torch.uint8).movedim(1, -1).contiguous()
