"""Plan: recipes in order, the unique stage work that they need, and what that costs.

Equal stage keys are drawn once, whoever asks; a plan merely counts them beforehand, to quote a price and a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sweeps.recipe import Recipe, has_trigger


@dataclass(frozen=True)
class Prices:
    """Tokens for one base picture and for one face pass."""

    base: int = 1
    detail: int = 1


@dataclass(frozen=True)
class Pace:
    """Measured seconds, each as (p50, p90).

    `evaluation`: one UNet evaluation of one sample at one megapixel; `stage`: everything else of one stage.
    """

    evaluation: tuple[float, float]
    stage: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Plan:
    """What is to be drawn. Build it with `plan`."""

    recipes: tuple[Recipe, ...]

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Indices of the recipes as they are drawn, each group where its first one stood.

        Equal bases stand side by side, and so do those that share their first steps.
        """
        forks: dict[str, dict[str, list[int]]] = {}
        for index, recipe in enumerate(self.recipes):
            forks.setdefault(recipe.prefix_key(), {}).setdefault(recipe.base_key(), []).append(index)
        return tuple(index for bases in forks.values() for same in bases.values() for index in same)

    @property
    def cells(self) -> int:
        return len(self.recipes)

    @property
    def duplicates(self) -> int:
        """Cells whose picture is another cell's too."""
        return self.cells - len(self._pictures)

    @property
    def unique_encodes(self) -> int:
        return len({recipe.encode_key() for recipe in self.recipes})

    @property
    def unique_bases(self) -> int:
        """Base pictures to be drawn; a photo that somebody brought is none."""
        return len(self._base_evaluations)

    @property
    def unique_faces(self) -> int:
        return len({key for recipe in self.recipes if (key := recipe.faces_key())})

    @property
    def unique_details(self) -> int:
        """Face passes, as far as can be told before any face is found."""
        return sum(recipe.face_passes for recipe in self._details.values())

    @property
    def evaluations(self) -> int:
        """UNet evaluations, a sample each: a step with guidance takes two."""
        bases = sum(self._base_evaluations.values())
        return bases + sum(recipe.detail_evaluations for recipe in self._details.values())

    @property
    def naive_evaluations(self) -> int:
        """UNet evaluations if every cell were drawn from its noise to its end."""
        return sum(recipe.base_evaluations + recipe.detail_evaluations for recipe in self.recipes)

    def summary(self) -> str:
        """The plan in one line: "48 cells = 6 bases + 48 face passes"."""
        passes = f" + {_times(self.unique_details, 'face pass', 'face passes')}" if self.unique_details else ""
        bases = _times(self.unique_bases, "base", "bases")
        if self._class_words_decide:
            bases = f"up to {bases}"
        twins = f", {self.duplicates:,} equal to another" if self.duplicates else ""
        work = f"{bases}{passes}" if self.unique_bases or not passes else passes.removeprefix(" + ")
        return f"{_times(self.cells, 'cell', 'cells')} = {work}{twins}"

    def tokens(self, prices: Prices) -> int:
        """What the plan costs: each base and each face pass once."""
        return self.unique_bases * prices.base + self.unique_details * prices.detail

    @property
    def work(self) -> float:
        """UNet evaluations of its unique stages, each weighed by its megapixels (2^20 pixels)."""
        return sum(self.works)

    @cached_property
    def works(self) -> tuple[float, ...]:
        """What each recipe adds to `work` when they are drawn in the order they stand: equal stages are paid once."""
        bases = {r.base_key(): evaluations * r.megapixels for r, evaluations in self._base_evaluations.items()}
        details: dict[str | None, float] = {key: recipe.detail_work for key, recipe in self._details.items()}
        return tuple(bases.pop(r.base_key(), 0.0) + details.pop(r.detail_key(), 0.0) for r in self.recipes)

    def seconds(self, pace: Pace) -> tuple[float, float]:
        """How long drawing takes one after the other: (p50, p90), in seconds."""
        stages = len(self._base_evaluations) + self.unique_details
        half, most = (step * self.work + rest * stages for step, rest in zip(pace.evaluation, pace.stage, strict=True))
        return half, most

    @cached_property
    def _bases(self) -> dict[str, Recipe]:
        return {recipe.base_key(): recipe for recipe in self.recipes}

    @cached_property
    def _base_evaluations(self) -> dict[Recipe, int]:
        """What each base picture takes. Of those that share their first, text-only steps one walks them for all."""
        forks: dict[str, list[Recipe]] = {}
        for recipe in self._bases.values():
            if not recipe.photo:
                forks.setdefault(recipe.prefix_key(), []).append(recipe)
        found: dict[Recipe, int] = {}
        for recipes in forks.values():
            walked = 0
            for recipe in sorted(recipes, key=lambda recipe: recipe.text_steps):
                found[recipe] = recipe.forked_evaluations(walked)
                walked = max(walked, recipe.text_steps)
        return found

    @property
    def _class_words_decide(self) -> bool:
        """Whether several people's class words are put in front: those of the same sex share bases, if any are."""
        unmarked = {
            recipe.people
            for recipe in self._base_evaluations
            if recipe.people and not recipe.identity_in_base and not has_trigger(recipe.prompt)
        }
        return len(unmarked) > 1

    @cached_property
    def _details(self) -> dict[str, Recipe]:
        return {key: recipe for recipe in self.recipes if (key := recipe.detail_key())}

    @cached_property
    def _pictures(self) -> set[str]:
        return {recipe.key() for recipe in self.recipes}


def plan(recipes: Sequence[Recipe]) -> Plan:
    """The plan that draws these recipes."""
    return Plan(tuple(recipes))


def _times(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
