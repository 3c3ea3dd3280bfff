"""A prompt and its negative to the embeddings that the UNet reads."""

from dataclasses import dataclass

import torch

from pipeline.weights import Modules


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


def encode(modules: Modules, prompt: str, negative_prompt: str) -> Conditioning:
    """Both texts through both text encoders; an empty negative prompt is encoded like any other."""
    texts = [negative_prompt, prompt]
    states = []
    for tokenizer, encoder in (
        (modules.tokenizer, modules.text_encoder),
        (modules.tokenizer_2, modules.text_encoder_2),
    ):
        tokens = tokenizer(
            texts,
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        output = encoder(tokens.input_ids.to(modules.device), output_hidden_states=True)
        states.append(output.hidden_states[-2])
    names = ("negative prompt", "prompt")
    notes = [_truncation(modules.tokenizer, name, text) for name, text in zip(names, texts, strict=True)]
    return Conditioning(torch.cat(states, dim=-1), output.text_embeds, tuple(note for note in notes if note))


def _truncation(tokenizer: object, name: str, text: str) -> str:
    """A sentence that names the words the encoders never see, or "" when they see all."""
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False).offset_mapping  # type: ignore[operator]
    room = tokenizer.model_max_length - 2  # type: ignore[attr-defined]  # the start and end tokens
    if len(offsets) <= room:
        return ""
    lost = text[offsets[room][0] :].strip()
    return f'The {name} is too long for the text encoders ({len(offsets)} tokens, {room} fit); not read: "{lost}".'
