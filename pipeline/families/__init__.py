"""The families of weights that this project can draw with, by name (imports no torch)."""

from types import ModuleType

from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.families import sdxl, sketch, tiny
from pipeline.families.card import Card

__all__ = ["FAMILIES", "Card", "card", "family"]

FAMILIES: dict[str, ModuleType] = {"sketch": sketch, "sdxl": sdxl, "tiny": tiny}
"""Each family is a module with its `CARD` and three functions of the config: `prepare` returns the layout of its
weights, `photomaker` the path of its PhotoMaker or None, `face_pack` the folder of its face models or None."""


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
