"""The starter: what each trajectory begins with. Texts, identities, clean latents and shared steps are made once."""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline import prompt
from pipeline.brief import Brief
from pipeline.faults import with_room
from pipeline.flight import Flight
from pipeline.memo import Memo
from pipeline.people import Person
from pipeline.prompt import Conditioning, Identity
from pipeline.stages import base, detail
from pipeline.trajectory import Fork, Trajectory
from pipeline.weights import Modules
from sweeps.recipe import Recipe, has_trigger

EMBEDS_BYTES = 64 * 2**20
FORKS_BYTES = 256 * 2**20
"""A thousand steps of 1024 x 1024 pictures: all that the flights under way may share."""
CROPS_BYTES = 16 * 2**20


class Starter:
    """Begins trajectories, on the engine's thread alone."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._texts: Memo[Conditioning] = Memo(EMBEDS_BYTES)
        self._identities: Memo[Identity] = Memo(EMBEDS_BYTES)
        self._forks: Memo[Fork] = Memo(FORKS_BYTES)
        self._crops: Memo[torch.Tensor] = Memo(CROPS_BYTES)

    def begin(self, flight: Flight) -> tuple[Trajectory, tuple[str, ...]]:
        """The flight's next trajectory, its base stage or the face pass that is open, and notes about it."""
        if flight.crop is None:
            return self._begin_base(flight.brief)
        brief, crop = flight.brief, flight.crop
        person = crop.face_pass.person
        conditioning = self._conditioning(brief.prompt_for(person), brief.recipe, person)
        original = with_room(lambda: self._original(crop.magnified))
        return detail.begin(self._modules, brief.recipe, crop, original, conditioning), conditioning.notes

    def keep(self, flight: Flight) -> None:
        """Remember the last step of a base that a person may enter, as long as it is the text's, for others to fork."""
        walk, brief = flight.walk, flight.brief
        marked = has_trigger(brief.recipe.prompt)  # a person's base has one, and one of nobody shares its text
        if flight.crop is None and marked and not walk.done and walk.done_steps <= brief.recipe.text_steps:
            fork = walk.fork()
            self._forks.keep(f"{brief.prefix_key}@{fork.done_steps}", fork, fork.size)

    def forget(self) -> None:
        """Let go of everything that was made for anybody."""
        for memo in (self._texts, self._identities, self._forks, self._crops):
            memo.clear()

    def _begin_base(self, brief: Brief) -> tuple[Trajectory, tuple[str, ...]]:
        recipe = brief.recipe
        text, identity = self._conditioning(recipe.prompt, recipe, None), None
        if recipe.identity_in_base:
            identity = self._conditioning(recipe.prompt, recipe, brief.people[0])
        trajectory = base.begin(self._modules, recipe, text, identity)
        if fork := self._last_shared(brief):
            trajectory.resume(fork)
        said = (identity or text).notes  # the identity's name all words that are lost, the text's only some
        return trajectory, said + base.notes(recipe, self._modules.card)

    def _last_shared(self, brief: Brief) -> Fork | None:
        """The last step that this base shares with one drawn before."""
        recipe = brief.recipe
        for done in range(min(recipe.text_steps, recipe.steps - 1), 0, -1) if has_trigger(recipe.prompt) else ():
            if fork := self._forks.find(f"{brief.prefix_key}@{done}"):
                return fork
        return None

    def _conditioning(self, text: str, recipe: Recipe, person: Person | None) -> Conditioning:
        """What the UNet is told: the text alone, or with that person's identity at the recipe's weight."""
        negative = recipe.negative_prompt
        if person is None:
            key = repr((text, negative))
            known = self._texts.find(key)
            if known is None:
                known = prompt.encode(self._modules, text, negative)
                self._texts.keep(key, known, known.size)
            return known
        key = repr((text, negative, person.digest, recipe.face_id_weight))
        identity = self._identities.find(key)
        if identity is None:
            photos = (person.pixels, person.embeddings, recipe.face_id_weight)
            identity = prompt.encode_identity(self._modules, text, negative, *photos)
            self._identities.keep(key, identity, identity.size)
        return identity.weighted(recipe.weight)

    def _original(self, magnified: NDArray[np.uint8]) -> torch.Tensor:
        """The clean latent [1, 4, h/8, w/8] of a magnified face; passes that differ in their identity share it."""
        key = f"{magnified.shape} {hashlib.blake2b(magnified.tobytes(), digest_size=16).hexdigest()}"
        latents = self._crops.find(key)
        if latents is None:
            latents = detail.encode(self._modules, magnified)
            self._crops.keep(key, latents, latents.nbytes)
        return latents
