"""A prompt and its negative to the embeddings that the UNet reads."""

from dataclasses import dataclass

import torch
from transformers import CLIPTokenizer

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
    """Both texts through both text encoders; an empty negative prompt is encoded like any other.

    Each text is encoded alone, so that its embeddings never depend on the other, not even by rounding.
    """
    negative, positive = (_encode(modules, text) for text in (negative_prompt, prompt))
    notes = (
        _truncation(modules.tokenizer, "negative prompt", negative_prompt),
        _truncation(modules.tokenizer, "prompt", prompt),
    )
    return Conditioning(
        embeds=torch.cat([negative[0], positive[0]]),
        pooled=torch.cat([negative[1], positive[1]]),
        notes=tuple(note for note in notes if note),
    )


def _encode(modules: Modules, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """One text: the last but one hidden states of both encoders [1, 77, D], the second's pooled output [1, P]."""
    states = []
    for tokenizer, encoder in (
        (modules.tokenizer, modules.text_encoder),
        (modules.tokenizer_2, modules.text_encoder_2),
    ):
        length = tokenizer.model_max_length
        tokens = tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        output = encoder(tokens.input_ids.to(modules.device), output_hidden_states=True)
        states.append(output.hidden_states[-2])
    return torch.cat(states, dim=-1), output.text_embeds


def _truncation(tokenizer: CLIPTokenizer, name: str, text: str) -> str:
    """A sentence that names the words the encoders never see, or "" when they see all."""
    tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    offsets = tokens["offset_mapping"]
    room = tokenizer.model_max_length - 2  # between the start and the end token
    if len(offsets) <= room:
        return ""
    lost = text[offsets[room][0] :].strip()
    return f'The {name} is too long for the text encoders ({len(offsets)} tokens, {room} fit); not read: "{lost}".'
