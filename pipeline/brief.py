"""A brief: a recipe with all that it names at hand, and what makes its stages equal to another's."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline import prompt
from pipeline.people import Person
from sweeps.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Brief:
    """What the engine draws. Build it with `brief`.

    `asked` is the recipe as it was asked; `recipe` the same with the people's class word and the trigger in its prompt.
    `photo` is the picture [H, W, 3] that stands in place of the base stage, or None.
    """

    asked: Recipe
    recipe: Recipe
    people: tuple[Person, ...] = ()
    photo: NDArray[np.uint8] | None = None

    @cached_property
    def key(self) -> str:
        """Key of the finished picture. Whoever's face it is, each pass has its own prompt, made of the one asked."""
        if not self.recipe.detail:
            return self.base_key
        prompts = repr([self.prompt_for(person) for person in (None, *self.people)]) if self.people else ""
        return self._with_people(self.recipe.key() + prompts)

    @cached_property
    def base_key(self) -> str:
        """Key of the base picture; the people's photos count only where identity enters it."""
        key = self.recipe.base_key()
        return self._with_people(key) if self.recipe.identity_in_base else key

    @cached_property
    def prefix_key(self) -> str:
        """Key of the base steps that use the text alone."""
        return self.recipe.prefix_key()

    def prompt_for(self, person: Person | None) -> str:
        """The prompt of a face pass: with that person's own class word, or as it was asked."""
        return prompt.with_class_word(self.asked.prompt, [person.class_word]) if person else self.asked.prompt

    def _with_people(self, key: str) -> str:
        digests = "/".join(person.digest for person in self.people)
        return hashlib.sha256(f"{key}/{digests}".encode()).hexdigest()[:32] if digests else key


def brief(asked: Recipe, people: Sequence[Person] = (), photo: NDArray[np.uint8] | None = None) -> Brief:
    """The brief of a recipe, with the people that it names in order."""
    words = [person.class_word for person in people]
    recipe = replace(asked, prompt=prompt.with_class_word(asked.prompt, words)) if words else asked
    return Brief(asked, recipe, tuple(people), photo)
