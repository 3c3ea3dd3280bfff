"""The trigger word `img` in a prompt, token by token: what the text encoders read in its place.

PhotoMaker knows whose face is meant by the class word that stands right before the trigger, as in "man img". The
trigger is registered as a token of its own on copies of the tokenizers. Its id is out of the encoders' range, so
it is taken out before anything is encoded, and the class token is repeated instead: once for each token of each photo.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn
from weakref import WeakKeyDictionary

import torch
from transformers import AddedToken, CLIPTokenizer

from pipeline.errors import BadRecipe
from sweeps.recipe import trigger_fault

TRIGGER = "img"
LENGTH = 77  # positions of both text encoders
ROOM = LENGTH - 2  # between the start and the end token

_TRIGGERED: WeakKeyDictionary[CLIPTokenizer, CLIPTokenizer] = WeakKeyDictionary()
"""Copies that know the trigger: copying CLIP's vocabulary takes a fifth of a second."""


@dataclass(frozen=True)
class Words:
    """A text as one tokenizer cuts it: the ids of its tokens, and where in the text each begins."""

    text: str
    ids: tuple[int, ...]
    starts: tuple[int, ...]

    def without(self, token: int) -> "Words":
        """The same words but for one token."""
        kept = [i for i, other in enumerate(self.ids) if other != token]
        return Words(self.text, tuple(self.ids[i] for i in kept), tuple(self.starts[i] for i in kept))

    def unread(self, name: str) -> str:
        """A sentence that names the words beyond what the encoders read, or "" when there are none."""
        if len(self.ids) <= ROOM:
            return ""
        lost = self.text[self.starts[ROOM] :].strip()
        return f'The {name} is too long for the text encoders ({len(self.ids)} tokens, {ROOM} fit); not read: "{lost}".'


@dataclass(frozen=True)
class Expansion:
    """A prompt with the trigger, as each tokenizer reads it and as that tokenizer's encoder does.

    input_ids: [77] for each tokenizer, with the trigger's id; expanded_ids: [77] for each, the trigger gone and the
    class token repeated; class_tokens_mask: [77] bool, where the repeated tokens stand. `text_only_prompt` is the
    prompt without the trigger, `note` a sentence that names the words lost, or "".
    """

    input_ids: tuple[torch.Tensor, ...]
    expanded_ids: tuple[torch.Tensor, ...]
    class_tokens_mask: torch.Tensor
    text_only_prompt: str
    note: str


def triggered(tokenizer: CLIPTokenizer) -> CLIPTokenizer:
    """A copy of the tokenizer that knows the trigger, made once; the tokenizer itself stays as it is."""
    known = _TRIGGERED.get(tokenizer)
    if known is None:
        known = copy.deepcopy(tokenizer)
        # single_word: otherwise "imgur" is cut in two, and "IMG" is missed.
        known.add_tokens([AddedToken(TRIGGER, single_word=True)])
        _TRIGGERED[tokenizer] = known
    return known


def trigger_id(tokenizer: CLIPTokenizer) -> int:
    """The trigger's id: the first one beyond the tokenizer's own vocabulary."""
    return triggered(tokenizer).get_added_vocab()[TRIGGER]


def read(tokenizer: CLIPTokenizer, text: str) -> Words:
    """All of the text's tokens, without start and end."""
    tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return Words(text, tuple(tokens["input_ids"]), tuple(start for start, _ in tokens["offset_mapping"]))


def read_without_trigger(tokenizer: CLIPTokenizer, text: str) -> Words:
    """The text's tokens but for its triggers."""
    return read(triggered(tokenizer), text).without(trigger_id(tokenizer))


def padded(tokenizer: CLIPTokenizer, ids: Sequence[int]) -> torch.Tensor:
    """What an encoder is given: start, as many ids as there is room for, end, and the tokenizer's own pads: [77]."""
    ids = [tokenizer.bos_token_id, *ids[:ROOM], tokenizer.eos_token_id]
    return torch.tensor(ids + [tokenizer.pad_token_id] * (LENGTH - len(ids)))


def text_only(tokenizer: CLIPTokenizer, prompt: str) -> str:
    """The prompt without triggers, decoded from its other tokens as the reference does (PhotoMaker, pipeline.py)."""
    # Decoded by the tokenizer itself: its copy has lost the decoder that turns ends of words into spaces.
    return str(tokenizer.decode(list(read_without_trigger(tokenizer, prompt).ids)))


def expand(tokenizers: Sequence[CLIPTokenizer], prompt: str, photos: int, tokens: int) -> Expansion:
    """The prompt with its class token repeated `photos` · `tokens` times in place of the trigger.

    BadRecipe, a sentence, unless there is one trigger, right after an ordinary token and at the same place for all
    tokenizers, and the whole run and the end token fit: a prompt is cut to what the encoders read before it is
    expanded, as the reference does, and a run that then pushes the end token out is refused.
    """
    if photos < 1:
        raise BadRecipe("A face needs at least one photo of the person, and there is none; add one.")
    readings = [read(triggered(tokenizer), prompt) for tokenizer in tokenizers]
    place = _agreed([_place(tokenizer, words) for tokenizer, words in zip(tokenizers, readings, strict=True)])
    _check_room(place, photos, tokens)
    run = photos * tokens
    input_ids, expanded_ids, notes = [], [], []
    for tokenizer, words in zip(tokenizers, readings, strict=True):
        seen = words.ids[:ROOM]
        _check_end(words, len(seen) - 2 + run - ROOM, run)  # the run stands in place of the class word and the trigger
        before, class_token, after = seen[:place], seen[place], seen[place + 2 :]
        input_ids.append(padded(tokenizer, seen))
        expanded_ids.append(padded(tokenizer, (*before, *[class_token] * run, *after)))
        notes.append(words.unread("prompt"))
    mask = torch.zeros(LENGTH, dtype=torch.bool)
    mask[1 + place : 1 + place + run] = True  # 1: the start token
    return Expansion(
        input_ids=tuple(input_ids),
        expanded_ids=tuple(expanded_ids),
        class_tokens_mask=mask,
        text_only_prompt=text_only(tokenizers[0], prompt),
        note=max(notes, key=len),
    )


def _place(tokenizer: CLIPTokenizer, words: Words) -> int:
    """Where among the prompt's tokens the class token stands; BadRecipe when there is not exactly one."""
    known = triggered(tokenizer)
    mark = trigger_id(tokenizer)
    if (fault := trigger_fault(words.ids.count(mark), words.ids[:1] == (mark,))) is not None:
        raise BadRecipe(f"The prompt {fault}.")
    trigger = words.ids.index(mark)
    if words.ids[trigger - 1] in known.added_tokens_decoder:
        stands = words.text[words.starts[trigger - 1] : words.starts[trigger]].strip()
        _misplaced(f'follows "{stands}"; write a class word right before it, such as "man {TRIGGER}".')
    return trigger - 1


def _agreed(places: Sequence[int]) -> int:
    """The one place that all tokenizers found; BadRecipe when they differ."""
    if len(set(places)) > 1:
        # "!" is a token of its own for the tokenizer that pads with it, so "!!" is two of them or one.
        _misplaced(
            f"comes after {' and '.join(str(place + 1) for place in places)} tokens, "
            'so the text encoders disagree on its place; leave out signs such as "!!" before it.'
        )
    return places[0]


def _check_room(place: int, photos: int, tokens: int) -> None:
    """BadRecipe unless all tokens of the photos fit from the class word's place on."""
    # The trigger too must be among the tokens that fit, or the reference would not see it.
    fit = (ROOM - place) // tokens if place + 1 < ROOM else 0
    if not fit:
        _misplaced(
            f"comes after {place + 1} tokens, and the text encoders read {ROOM}: no photo fits; "
            "move it and its class word nearer to the front."
        )
    if photos > fit:
        raise BadRecipe(
            f"The prompt has room for {fit} {'photo' if fit == 1 else 'photos'} of the person, and there are {photos} "
            f'(repeats by face_id_weight counted); use fewer, or move "{TRIGGER}" and its class word to the front.'
        )


def _check_end(words: Words, beyond: int, run: int) -> None:
    """BadRecipe when the prompt's last tokens, so many, and the end token with them would fall out."""
    if beyond > 0:
        kept = min(len(words.ids), ROOM) - beyond
        lost = words.text[words.starts[kept] :].strip()
        raise BadRecipe(
            f"The prompt is too long beside the person's photos ({len(words.ids)} tokens, and {run} for the face; the "
            f'text encoders read {ROOM}): leave out "{lost}", or use fewer photos.'
        )


def _misplaced(how: str) -> NoReturn:
    raise BadRecipe(f'The trigger word "{TRIGGER}" {how}')
