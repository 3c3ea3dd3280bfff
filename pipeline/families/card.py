"""A family's card: its name, its native size and the defaults it replaces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sweeps.parameters import Value
from sweeps.recipe import Recipe, resolve


@dataclass(frozen=True)
class Card:
    """What the rest of the house may know about a family without loading it. Sizes are in pixels."""

    name: str
    title: str
    native_width: int
    native_height: int
    defaults: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    notes: str = ""

    def first_recipe(self) -> Recipe:
        """A short picture of the family's native size, drawn at start to measure how fast this machine is."""
        return resolve({"prompt": "a first picture", "steps": 8, "detail": False}, defaults=self.defaults, seed=0)
