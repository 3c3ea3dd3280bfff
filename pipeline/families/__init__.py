"""The families of weights that this project can draw with, by name (imports no torch)."""

from types import ModuleType

from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.families import sdxl, tiny
from pipeline.families.card import Card

__all__ = ["FAMILIES", "Card", "card", "family"]

FAMILIES: dict[str, ModuleType] = {"tiny": tiny, "sdxl": sdxl}
"""Each family is a module with `CARD`, `prepare(config)`, which returns the layout of its weights, and
`photomaker(config)`, which returns the path of its PhotoMaker or None."""


def family(config: Config) -> ModuleType:
    """The module of the configured family; BadWeights when there is none of that name."""
    try:
        return FAMILIES[config.family]
    except KeyError:
        known = ", ".join(FAMILIES)
        raise BadWeights(f'There is no model family "{config.family}"; set MODEL_FAMILY to one of: {known}.') from None


def card(config: Config) -> Card:
    """The card of the configured family, read without loading any weights."""
    return family(config).CARD
