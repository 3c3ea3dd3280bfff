"""Slash-command options made from the catalogue, and the values that come back."""

from collections.abc import Mapping, Sequence

import disnake

from bot.domain.person import is_nobody
from sweeps.errors import Problems, SweepError
from sweeps.parameters import CATALOGUE, Parameter, Value

TYPES = {
    "int": disnake.OptionType.integer,
    "float": disnake.OptionType.number,
    "bool": disnake.OptionType.boolean,
    "text": disnake.OptionType.string,
    "choice": disnake.OptionType.string,
}


def options_from(names: Sequence[str]) -> list[disnake.Option]:
    """One option a parameter, with its range, choices and help from the catalogue."""
    return [_option(CATALOGUE[name]) for name in names]


def asked_values(asked: Mapping[str, object]) -> dict[str, Value]:
    """The values of a command's options, checked. Raises SweepError with all problems at once."""
    values: dict[str, Value] = {}
    problems = Problems()
    for name, value in asked.items():
        try:
            nobody = name == "face_folder" and is_nobody(str(value))
            values[name] = CATALOGUE[name].check("" if nobody else value, name)
        except SweepError as error:
            problems.take(error)
    problems.raise_if_any()
    return values


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def _option(entry: Parameter) -> disnake.Option:
    bounded = entry.kind in ("int", "float")
    return disnake.Option(
        entry.name,
        capital(entry.help)[:100],
        TYPES[entry.kind],
        choices=[str(choice) for choice in entry.choices] if entry.kind == "choice" else None,
        min_value=entry.minimum if bounded else None,
        max_value=entry.maximum if bounded else None,
        max_length=min(entry.max_length or 6000, 6000) if entry.kind == "text" else None,
    )
