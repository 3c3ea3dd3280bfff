"""A prompt, its negative and a person's photos to the embeddings that the UNet reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import torch

from pipeline import trigger
from pipeline.errors import BadRecipe
from pipeline.weights import Modules
from sweeps.recipe import has_trigger


@dataclass(frozen=True)
class Conditioning:
    """What the UNet is told: row 0 the negative prompt, row 1 the prompt.

    embeds: [2, 77, D], pooled: [2, P] (SDXL: D = 2048, P = 1280); `notes` are sentences for the person who asked.
    """

    embeds: torch.Tensor
    pooled: torch.Tensor
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes held."""
        return self.embeds.nbytes + self.pooled.nbytes


@dataclass(frozen=True)
class Identity:
    """One person in one prompt, before it is chosen how much the face counts.

    text: [1, 77, D], the prompt with its class token repeated; fused: [1, 77, D], the same with the photos in those
    tokens; negative: [1, 77, D]; pooled: [2, P], row 0 the negative prompt's; mask: [1, 77] bool, where the two differ.
    `notes` also name what the prompt loses without the photos.
    """

    text: torch.Tensor
    fused: torch.Tensor
    negative: torch.Tensor
    pooled: torch.Tensor
    mask: torch.Tensor
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(held.nbytes for held in (self.text, self.fused, self.negative, self.pooled, self.mask))

    def weighted(self, weight: float) -> Conditioning:
        """text + weight · (fused - text) at the masked positions: 0 is the text, 1 the reference, 2 twice the face."""
        # lerp is exact at both ends; in float32, because halves would lose most of a small difference.
        mixed = torch.lerp(self.text.float(), self.fused.float(), weight).to(self.text.dtype)
        embeds = torch.where(self.mask[..., None], mixed, self.text)
        return Conditioning(torch.cat([self.negative, embeds]), self.pooled, self.notes)


def encode(modules: Modules, prompt: str, negative_prompt: str | None) -> Conditioning:
    """Both texts alone, without triggers; no negative prompt (None) is zeros, an empty one is encoded like any other.

    Each text is encoded by itself, so that its embeddings never depend on the other, not even by rounding.
    """
    embeds, pooled, note = _text(modules, "prompt", prompt)
    negative = _negative(modules, negative_prompt, embeds, pooled)
    return Conditioning(
        embeds=torch.cat([negative[0], embeds]),
        pooled=torch.cat([negative[1], pooled]),
        notes=tuple(said for said in (negative[2], note) if said),
    )


def encode_identity(
    modules: Modules,
    prompt: str,
    negative_prompt: str | None,
    pixels: torch.Tensor,
    embeddings: torch.Tensor | None,
    face_id_weight: int = 0,
) -> Identity:
    """A person's photos in the prompt, at the class word before its trigger; the negative prompt stays text.

    pixels: [n, 3, S, S], embeddings: [n, E] raw, or None where PhotoMaker reads none (V1). `face_id_weight` above n
    repeats the photos in turn up to that many; 0 uses each once. BadRecipe, a sentence, for a prompt or photos
    that PhotoMaker cannot use.
    """
    photomaker = modules.photomaker
    if photomaker is None:
        raise BadRecipe(
            f'The family "{modules.card.name}" has no PhotoMaker, so it cannot draw a person; '
            "leave the person out or choose a family that has one."
        )
    if photomaker.needs_embeddings and embeddings is None:
        raise BadRecipe(
            f"PhotoMaker {photomaker.version.upper()} reads a face embedding of each photo, and this face analyser "
            "makes none; set up an InsightFace model pack or use PhotoMaker V1."
        )
    photos = len(pixels)
    turns = list(islice(cycle(range(photos)), max(photos, face_id_weight)))
    expansion = trigger.expand((modules.tokenizer, modules.tokenizer_2), prompt, len(turns), photomaker.tokens)
    text, pooled = _encode(modules, expansion.expanded_ids)
    mask = expansion.class_tokens_mask[None].to(text.device)
    faces = None
    if embeddings is not None and photomaker.needs_embeddings:
        if len(embeddings) != photos:
            raise ValueError(f"Expected one face embedding for each of {photos} photos, got {len(embeddings)}.")
        faces = embeddings[turns][None].to(text.device)  # [1, turns, E]
    fused = photomaker.encoder(pixels[turns][None].to(text), text, mask, faces)  # [1, turns, 3, S, S] to [1, 77, D]
    negative = _negative(modules, negative_prompt, text, pooled)
    ignored = (
        f"face_id_weight {face_id_weight} is less than the {photos} photos of the person: each photo counts once."
        if 0 < face_id_weight < photos
        else ""
    )
    return Identity(
        text=text,
        fused=fused,
        negative=negative[0],
        pooled=torch.cat([negative[1], pooled]),
        mask=mask,
        notes=tuple(note for note in (negative[2], expansion.note, ignored) if note),
    )


def with_class_word(prompt: str, class_words: Sequence[str]) -> str:
    """The prompt with a place for the people: "man and woman img, …" in front, unless it has a trigger already."""
    if has_trigger(prompt) or not class_words:
        return prompt
    *others, last = class_words
    people = f"{', '.join(others)} and {last}" if others else last
    return ", ".join(filter(None, (f"{people} {trigger.TRIGGER}", prompt.strip())))


def _negative(
    modules: Modules, text: str | None, embeds: torch.Tensor, pooled: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, str]:
    """The negative prompt as `_text` has it; zeros like the prompt's embeddings where there is none."""
    if text is None:
        return torch.zeros_like(embeds), torch.zeros_like(pooled), ""
    return _text(modules, "negative prompt", text)


def _text(modules: Modules, name: str, text: str) -> tuple[torch.Tensor, torch.Tensor, str]:
    """A text without its triggers: embeddings [1, 77, D], pooled [1, P], and the sentence that names words lost."""
    tokenizers = (modules.tokenizer, modules.tokenizer_2)
    read = trigger.read_without_trigger if has_trigger(text) else trigger.read
    readings = [read(tokenizer, text) for tokenizer in tokenizers]
    ids = [trigger.padded(tokenizer, words.ids) for tokenizer, words in zip(tokenizers, readings, strict=True)]
    return *_encode(modules, ids), max((words.unread(name) for words in readings), key=len)


def _encode(modules: Modules, ids: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids [77] for each encoder: both last but one hidden states [1, 77, D], the second's pooled output [1, P]."""
    outputs = [
        encoder(row[None].to(modules.device), output_hidden_states=True)
        for encoder, row in zip((modules.text_encoder, modules.text_encoder_2), ids, strict=True)
    ]
    return torch.cat([output.hidden_states[-2] for output in outputs], dim=-1), outputs[1].text_embeds
