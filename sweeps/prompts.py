"""Prompts with choices: `a {woman|man} img`, `{2$$red|blue|green}`, after dynamicprompts' syntax.

We find the balanced braces ourselves, count what they make, and let dynamicprompts' combinatorial sampler combine
them. Its own text parser is not used: it stumbles over "50% off" and "$5" and never returns from some wildcards.
Everything outside of balanced braces is literal.
"""

import itertools
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from dynamicprompts.commands import Command, LiteralCommand, SequenceCommand, VariantCommand, VariantOption
from dynamicprompts.enums import SamplingMethod
from dynamicprompts.samplers import CombinatorialSampler
from dynamicprompts.sampling_context import SamplingContext
from dynamicprompts.wildcards import WildcardManager

from sweeps.errors import SweepError
from sweeps.words import quote

DEEPEST = 8
MOST_OPTIONS = 200
MOST_COUNTED = 32  # alternatives in braces that carry a count
HUGE = 10**9
_WILDCARD = re.compile(r"__[^\s_{}|]+(?:_[^\s_{}|]+)*__")
_COUNT = re.compile(r"\s*(\d{1,4})?(-)?(\d{1,4})?\s*$")
_COMBINE = SamplingContext(
    SamplingMethod.COMBINATORIAL, WildcardManager(), {SamplingMethod.COMBINATORIAL: CombinatorialSampler()}
)
_WEIGHT = re.compile(r"\s*\d{1,9}(?:\.\d{0,9})?::")


@dataclass(frozen=True)
class Choice:
    """One pair of braces: from `fewest` to `most` of its options, in their order, joined by `separator`."""

    options: tuple["Text", ...]
    fewest: int = 1
    most: int = 1
    separator: str = ", "

    @cached_property
    def count(self) -> int:
        ways = [option.count for option in self.options]
        return sum(_subsets(ways, size) for size in range(self.fewest, self.most + 1))

    def command(self) -> Command:
        sizes = range(self.fewest, self.most + 1)
        picks = [pick for size in sizes for pick in itertools.combinations(self.options, size)]
        return VariantCommand([VariantOption(_joined(pick, self.separator)) for pick in picks])


@dataclass(frozen=True)
class Text:
    """Literals and choices, one after the other."""

    parts: tuple[str | Choice, ...]

    @cached_property
    def count(self) -> int:
        return min(HUGE, math.prod(part.count for part in self.parts if isinstance(part, Choice)))

    def command(self) -> Command:
        commands = [part.command() if isinstance(part, Choice) else LiteralCommand(part) for part in self.parts]
        return commands[0] if len(commands) == 1 else SequenceCommand(commands)

    def stripped(self) -> "Text":
        """Without the blanks around it: ", " joins what is picked."""
        parts = list(self.parts)
        if parts and isinstance(parts[0], str):
            parts[0] = parts[0].lstrip()
        if parts and isinstance(parts[-1], str):
            parts[-1] = parts[-1].rstrip()
        return Text(tuple(parts))


def read_prompt(text: str, path: str) -> Text:
    """A prompt as literals and choices; raises SweepError at `path` for what is not offered."""
    if wildcard := _WILDCARD.search(text):
        raise SweepError.at(
            path, f"wildcards are not allowed, got {quote(wildcard[0])}; list the words as {{red|green}}"
        )
    if "${" in text:
        raise SweepError.at(path, f"variables are not allowed, got {quote(text[text.index('${') :][:20])}")
    return _Reader(text, path).read()


def expand_prompt(text: Text) -> tuple[str, ...]:
    """Every prompt that a text makes, in order, equal ones once. Call it after `count`, which is not bounded."""
    if not any(isinstance(part, Choice) for part in text.parts):
        return ("".join(map(str, text.parts)),)
    texts = (" ".join(result.text.split()) for result in _COMBINE.sample_prompts(text.command()))
    return tuple(dict.fromkeys(texts))


def distinct(prompts: Iterable[str]) -> tuple[str, ...]:
    """Short labels: what tells the prompts apart, without the words that they share at both ends."""
    split = [prompt.split() for prompt in prompts]
    if len(split) < 2:
        return tuple(" ".join(words) for words in split)
    shortest = min(map(len, split))
    start = next((i for i in range(shortest) if len({words[i] for words in split}) > 1), shortest)
    room = shortest - start
    end = next((i for i in range(room) if len({words[-1 - i] for words in split}) > 1), room)
    return tuple(" ".join(words[start : len(words) - end]) or "(nothing)" for words in split)


class _Reader:
    """Reads one prompt; braces that close nothing or are never closed stay literal."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path
        self.closing: dict[int, int] = {}
        open_at: list[int] = []
        for at, letter in enumerate(text):
            if letter == "{":
                open_at.append(at)
            elif letter == "}" and open_at:
                self.closing[open_at.pop()] = at

    def read(self) -> Text:
        return self._text(0, len(self.text), 0)

    def _text(self, at: int, end: int, depth: int) -> Text:
        parts: list[str | Choice] = []
        literal = ""
        while at < end:
            if at in self.closing:
                choice = self._choice(at + 1, self.closing[at], depth + 1)
                at = self.closing[at] + 1
                if choice.count > 1:
                    parts += [literal, choice]
                    literal = ""
                else:
                    literal += _only(choice)
            else:
                literal += self.text[at]
                at += 1
        return Text(tuple(part for part in (*parts, literal) if part) or ("",))

    def _choice(self, at: int, end: int, depth: int) -> Choice:
        start = at - 1
        if depth > DEEPEST:
            raise self._wrong(f"braces are nested more than {DEEPEST} deep", start, end + 1)
        bars = self._top_level("|", at, end)
        counted = self._top_level("$$", at, bars[0] if bars else end)
        fewest, most, separator = 1, 1, ", "
        if counted:
            count = _COUNT.fullmatch(self.text[at : counted[0]])
            if count is None or not (count[1] or count[3]):
                raise self._wrong("expected a count before $$, as in {2$$red|blue|green}", start, end + 1)
            fewest = int(count[1] or 1)
            most = int(count[3]) if count[3] else len(bars) + 1 if count[2] else fewest
            if len(counted) > 1:
                separator = self.text[counted[0] + 2 : counted[1]]
            at = counted[-1] + 2
        starts = [at, *(bar + 1 for bar in bars)]
        options = [self._text(self._after_weight(a, b), b, depth) for a, b in zip(starts, [*bars, end], strict=True)]
        largest = MOST_COUNTED if counted else MOST_OPTIONS
        if len(options) > largest:
            raise self._wrong(f"at most {largest} alternatives fit into one pair of braces", start, end + 1)
        if not fewest <= most <= len(options):
            what = f"{fewest}" if fewest == most else f"{fewest}-{most}"
            raise self._wrong(f"{what} of {len(options)} alternatives cannot be picked", start, end + 1)
        if counted:
            options = [option.stripped() for option in options]
        return Choice(tuple(options), fewest, most, separator)

    def _top_level(self, mark: str, at: int, end: int) -> list[int]:
        found: list[int] = []
        while at < end:
            if at in self.closing:
                at = self.closing[at] + 1
            elif self.text.startswith(mark, at):
                found.append(at)
                at += len(mark)
            else:
                at += 1
        return found

    def _after_weight(self, at: int, end: int) -> int:
        """Where an option's text begins: `0.5::red` weighs a random draw, and here every option is drawn."""
        weight = _WEIGHT.match(self.text, at, end)
        return weight.end() if weight else at

    def _wrong(self, sentence: str, at: int, end: int) -> SweepError:
        return SweepError.at(self.path, f"{sentence}, got {quote(self.text[at:end])}")


def _only(choice: Choice) -> str:
    """The text of a choice that leaves none."""
    size = choice.fewest
    picked = choice.options[:size]
    return choice.separator.join("".join(map(str, option.parts)) for option in picked)


def _joined(pick: tuple[Text, ...], separator: str) -> Command:
    if not pick:
        return LiteralCommand("")
    commands = [text.command() for text in pick]
    return commands[0] if len(commands) == 1 else SequenceCommand(commands, separator=separator)


def _subsets(ways: list[int], size: int) -> int:
    """In how many ways `size` options can be picked when each can be written in several: e_size(ways)."""
    if all(count == 1 for count in ways):
        return min(HUGE, math.comb(len(ways), size))
    sums = [1] + [0] * size
    for count in ways:
        for i in range(size, 0, -1):
            sums[i] = min(HUGE, sums[i] + sums[i - 1] * count)
    return sums[size]
