"""What goes over the wire between whoever asks for ideas and the service, checked on both ends."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from bot.domain.ports import Idea
from bot.mecene.plain import is_plain
from sweeps.parameters import LARGEST_SEED
from sweeps.words import nearest, quote

MOST_IDEAS = 1_000
MOST_THEME, MOST_PERSON = 400, 200
"""Letters of a theme and of a person; of a long theme the first words count."""
MOST_ASKED_BYTES = 16 * 1024
MOST_PROMPT, MOST_NEGATIVE, MOST_TAGS, MOST_TAG = 1_000, 1_000, 200, 40
MOST_TOLD_BYTES = 4 * 1024 * 1024
TAG = re.compile(r"[\w-]+(?: [\w-]+)*")

FIELDS = ("theme", "person", "count", "seed")
REQUIRED = ("theme", "count", "seed")


class Misasked(ValueError):
    """A request that cannot be answered; the text is a sentence that names the field."""


class Mistold(ValueError):
    """An answer that holds no ideas as they were agreed upon; the text says what is wrong, and quotes nothing of it."""


@dataclass(frozen=True)
class Asked:
    """What somebody wants: ideas about a theme, for a person, so many, by a seed."""

    theme: str
    count: int
    seed: int
    person: str = ""

    def as_json(self) -> dict[str, object]:
        """As `read_asked` reads it."""
        person: dict[str, object] = {"person": self.person} if self.person else {}
        return {"theme": self.theme, **person, "count": self.count, "seed": self.seed}


def read_asked(body: bytes) -> Asked:
    """A request's body. Raises Misasked."""
    try:
        asked = read_json(body)
    except ValueError as error:
        raise Misasked(f"The body is not JSON: {error}.") from None
    if not isinstance(asked, dict):
        raise Misasked(f'The body: expected an object, such as {{"theme": "noir", "count": 3, "seed": 1}}, got '
                       f"{quote(asked)}.")  # fmt: skip
    for name in asked:
        if name not in FIELDS:
            meant = nearest(name, FIELDS)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(FIELDS)}."
            raise Misasked(f"{quote(name)}: there is no such field; {hint}")
    for name in REQUIRED:
        if name not in asked:
            raise Misasked(f"{name}: it is missing; {', '.join(REQUIRED[:-1])} and {REQUIRED[-1]} are needed.")
    return Asked(
        _text(asked, "theme", MOST_THEME),
        _number(asked, "count", 1, MOST_IDEAS),
        _number(asked, "seed", 0, LARGEST_SEED),
        _text(asked, "person", MOST_PERSON) if "person" in asked else "",
    )


def ideas_as_json(ideas: list[Idea]) -> dict[str, object]:
    """An answer, as `read_ideas` reads it."""
    told = [{"prompt": i.prompt, "negative_prompt": i.negative_prompt, "tags": list(i.tags)} for i in ideas]
    return {"ideas": told}


def read_ideas(body: bytes, most: int) -> list[Idea]:
    """An answer's ideas, at most `most`. Raises Mistold."""
    try:
        answer = read_json(body)
    except ValueError:
        raise Mistold("it answered with something that is not JSON") from None
    told = answer.get("ideas") if isinstance(answer, dict) else None
    if not isinstance(told, list):
        raise Mistold("it answered without ideas")
    if len(told) > most:
        raise Mistold("it answered with more ideas than were asked for")
    ideas = [read_idea(each) for each in told]
    if len({idea.prompt for idea in ideas}) < len(ideas):
        raise Mistold("it answered with the same idea twice")
    return ideas


def read_idea(told: object) -> Idea:
    """One idea: plain words, within bounds. Raises Mistold."""
    if not isinstance(told, Mapping):
        raise Mistold("an idea is no object")
    prompt, negative, tags = (told.get(name) for name in ("prompt", "negative_prompt", "tags"))
    if not (isinstance(prompt, str) and isinstance(negative, str) and isinstance(tags, list)):
        raise Mistold("an idea lacks its prompt, its negative_prompt or its tags")
    if not 0 < len(prompt) <= MOST_PROMPT or len(negative) > MOST_NEGATIVE or len(tags) > MOST_TAGS:
        raise Mistold("an idea is empty, or too long")
    if not (is_plain(prompt) and is_plain(negative)):
        raise Mistold("an idea holds more than plain words")
    if not all(isinstance(tag, str) and len(tag) <= MOST_TAG and TAG.fullmatch(tag) for tag in tags):
        raise Mistold("an idea has a tag that is not a word or a few")
    return Idea(prompt, negative, tuple(tags))


def read_json(text: bytes | str) -> object:
    """Strict JSON in UTF-8. Raises ValueError, whose text says where it stops being that."""
    try:
        return json.loads(text if isinstance(text, str) else text.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        said = f"{error.msg[:1].lower()}{error.msg[1:]}"
        raise ValueError(f"{said} in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except ValueError:
        raise ValueError("it holds a number that cannot be read") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _text(asked: Mapping[str, object], name: str, most: int) -> str:
    text = asked[name]
    if not isinstance(text, str):
        raise Misasked(f"{name}: expected text, got {quote(text)}.")
    if len(text) > most:
        raise Misasked(f"{name}: expected at most {most} letters, got {len(text):,}.")
    return text


def _number(asked: Mapping[str, object], name: str, least: int, most: int) -> int:
    number = asked[name]
    if isinstance(number, float) and number.is_integer():
        number = int(number)  # to JSON 3.0 is a whole number
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise Misasked(f"{name}: expected a whole number from {least:,} to {most:,}, got {quote(number)}.")
    return number
