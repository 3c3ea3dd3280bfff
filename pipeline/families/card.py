"""A family's card: its name, its native size and the defaults it replaces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Card:
    """What the rest of the house may know about a family without loading it. Sizes are in pixels."""

    name: str
    title: str
    native_width: int
    native_height: int
    defaults: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    notes: str = ""
