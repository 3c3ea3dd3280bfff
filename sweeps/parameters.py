"""The one catalogue of parameters: type, range, default and help of every field of a recipe.

It feeds `/set`, the checks of sweep files, autocomplete, help and docs.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from sweeps.errors import SweepError
from sweeps.words import Misread, nearest, number, quote, shorten

Value = str | int | float | bool | None
Kind = Literal["text", "int", "float", "bool", "choice"]

TRUE_WORDS = ("true", "yes", "on", "1")
FALSE_WORDS = ("false", "no", "off", "0")
LARGEST_SEED = 2**32 - 1

# Which noise schedules exist for which sampler in diffusers 0.42; the first one is taken where none is named.
SAMPLER_SCHEDULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "euler": ("ays", "karras", "uniform"),
        "dpmpp_2m": ("ays", "karras", "uniform"),
        "dpmpp_2m_sde": ("ays", "karras", "uniform"),
        "unipc": ("karras", "uniform"),
        "euler_a": ("uniform",),
        "ddim": ("uniform",),
    }
)


@dataclass(frozen=True)
class Parameter:
    """One named, typed, bounded field of a recipe that a person may set. Bounds are inclusive."""

    name: str
    kind: Kind
    default: Value
    help: str
    group: str
    minimum: float | None = None
    maximum: float | None = None
    multiple_of: int = 1
    choices: tuple[str, ...] = ()
    landmarks: tuple[Value, ...] = ()
    max_length: int = 1500

    @property
    def is_number(self) -> bool:
        return self.kind in ("int", "float")

    def expected(self) -> str:
        """What is allowed, as the middle of a sentence: "a number from 1 to 30"."""
        match self.kind:
            case "text":
                return f"text of at most {self.max_length:,} characters"
            case "bool":
                return "true or false"
            case "choice":
                return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
            case "int" | "float":
                assert self.minimum is not None and self.maximum is not None
                noun = "a whole number" if self.kind == "int" else "a number"
                noun = f"a multiple of {self.multiple_of}" if self.multiple_of > 1 else noun
                return f"{noun} from {number(self.minimum)} to {number(self.maximum)}"

    def check(self, value: object, path: str | None = None) -> Value:
        """A value of YAML, JSON or Python as a clean value of this parameter.

        Raises SweepError with `path` (default: the parameter's name), what was expected and what stood there.
        """
        path = self.name if path is None else path
        if value is None and self.default is None:
            return None
        match self.kind:
            case "text":
                return self._check_text(value, path)
            case "bool":
                if isinstance(value, bool):
                    return value
            case "choice":
                if isinstance(value, str) and value in self.choices:
                    return value
            case "int" | "float":
                checked = self._fitting_number(value)
                if checked is not None:
                    return checked
        raise SweepError.at(path, f"expected {self.expected()}, got {quote(value)}{self._hint(value)}")

    def read(self, text: str, path: str | None = None) -> Value:
        """What a member typed as a clean value: `7.5`, `on`, `Euler`; raises SweepError like `check`."""
        plain = text.strip()
        if self.kind == "text":
            return self.check(text if self.name != "face_folder" else plain, path)
        if self.default is None and plain.lower() in ("", "none", "random"):
            return None
        if self.kind == "bool" and plain.lower() in TRUE_WORDS + FALSE_WORDS:
            return plain.lower() in TRUE_WORDS
        if self.kind == "choice":
            return self.check(plain.lower() if plain.lower() in self.choices else plain, path)
        if self.is_number and len(plain) <= 40:
            try:
                return self.check(int(plain) if re.fullmatch(r"[-+]?\d+", plain) else float(plain), path)
            except ValueError as error:
                if isinstance(error, SweepError):
                    raise
        return self.check(plain, path)

    def show(self, value: Value) -> str:
        """A value as a person would type it; the reverse of `read`."""
        match value:
            case None:
                return "random"
            case bool():
                return "on" if value else "off"
            case float() | int():
                return number(value)
        return value

    def _check_text(self, value: object, path: str) -> str:
        if isinstance(value, str) and len(value) <= self.max_length:
            if any((ord(c) < 32 and c not in "\n\t") or 0xD800 <= ord(c) <= 0xDFFF for c in value):
                raise SweepError.at(path, "expected plain text, got one with control characters in it")
            return _people(value, path) if self.name == "face_folder" else value
        if isinstance(value, str):
            raise SweepError.at(path, f"expected {self.expected()}, got {len(value):,} characters")
        raise SweepError.at(path, f"expected text, got {quote(value)}{self._hint(value)}")

    def _fitting_number(self, value: object) -> int | float | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(_float(value)):
            return None
        assert self.minimum is not None and self.maximum is not None
        if not self.minimum <= value <= self.maximum:
            return None
        if self.kind == "float":
            return float(value) + 0.0  # -0.0 becomes 0.0: equal values have equal keys
        return int(value) if value == int(value) and int(value) % self.multiple_of == 0 else None

    def _hint(self, value: object) -> str:
        match value:
            case Misread(why=why):
                return f" ({why})"
            case bool() if self.kind in ("choice", "text"):
                return ' (YAML reads on, off, yes and no as true and false: put the word in "quotes")'
            case bool():
                return " (YAML reads on, off, yes and no as true and false)"
            case str() if self.kind == "bool":
                return " (without quotes)" if value.lower() in TRUE_WORDS + FALSE_WORDS else ""
            case str() if self.kind == "choice":
                meant = nearest(value, self.choices)
                return f"; did you mean {meant}?" if meant else ""
            case str() if self.is_number:
                return _text_for_number(self.name, value)
            case int() | float() if self.kind == "text":
                return f' (put it in quotes: "{quote(value)}")'
            case Mapping() if self.kind == "text":
                return ' (braces make a mapping in YAML: put the whole text in "quotes")'
            case Mapping():
                return " (braces make a mapping in YAML; a list is written [a, b])"
            case int() | float() if self.multiple_of > 1 and self._inside(value):
                low = int(value) // self.multiple_of * self.multiple_of
                return f"; the nearest are {low} and {low + self.multiple_of}"
        return ""

    def _inside(self, value: float) -> bool:
        assert self.minimum is not None and self.maximum is not None
        return self.minimum <= value <= self.maximum


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _text_for_number(name: str, text: str) -> str:
    plain = text.strip()
    if re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d{1,2}", plain):
        return f" (YAML reads {plain} as text: write it as {number(float(plain))})"
    if re.fullmatch(r"[-+]?\d{1,20}(\.\d{1,20})?", plain):
        return f" (text, because of its quotes: write {plain} without them)"
    if re.fullmatch(r"[-+]?\d{1,20},\d{1,20}", plain):
        return f" (decimals are written with a point: {plain.replace(',', '.')})"
    if plain.startswith(("range(", "linspace(", "np.")) or re.fullmatch(r"\d+\)", plain):
        return ' (functions are not read here: a range is written "0-4", with a step "0-10 (+2)")'
    if re.fullmatch(r"[\d.]+ ?- ?[\d.]+.*", plain):
        return f' (a range is an axis: {name}: "{shorten(plain, 40)}" under parameters)'
    return ""


def _people(text: str, path: str) -> str:
    names = [name.strip() for name in text.split(",")]
    if names == [""]:
        return ""
    for name in names:
        if not name or len(name) > 64 or name.startswith(".") or re.search(r"[/\\:*?\n\t]", name):
            wanted = 'a person\'s name, or several with commas ("mina, theo")'
            raise SweepError.at(path, f"expected {wanted}, got {quote(text)}")
    return ", ".join(names)


def _catalogue(*parameters: Parameter) -> Mapping[str, Parameter]:
    return MappingProxyType({parameter.name: parameter for parameter in parameters})


# fmt: off
CATALOGUE: Mapping[str, Parameter] = _catalogue(
    Parameter("prompt", "text", "", "what the picture shows", "text"),
    Parameter("negative_prompt", "text", "", "what the picture should not show", "text"),
    Parameter("seed", "int", None, "the noise it starts from: the same seed draws the same picture", "picture",
              minimum=0, maximum=LARGEST_SEED, landmarks=(0, 1, 42)),
    Parameter("width", "int", 1024, "the picture's width in pixels", "picture",
              minimum=64, maximum=2048, multiple_of=8, landmarks=(512, 768, 832, 1024, 1216)),
    Parameter("height", "int", 1024, "the picture's height in pixels", "picture",
              minimum=64, maximum=2048, multiple_of=8, landmarks=(512, 768, 832, 1024, 1216)),
    Parameter("steps", "int", 20, "denoising steps of the base picture: more is slower and finer", "base",
              minimum=1, maximum=150, landmarks=(10, 20, 30, 50)),
    Parameter("guidance_scale", "float", 8.0, "how strictly the base picture follows the prompt", "base",
              minimum=1, maximum=30, landmarks=(1.0, 4.0, 6.0, 8.0, 12.0)),
    Parameter("sampler", "choice", "euler", "how each step moves towards the picture", "base",
              choices=tuple(SAMPLER_SCHEDULES), landmarks=tuple(SAMPLER_SCHEDULES)),
    Parameter("schedule", "choice", "ays", "how the noise is spread over the steps", "base",
              choices=("ays", "karras", "uniform"), landmarks=("ays", "karras", "uniform")),
    Parameter("face_folder", "text", "", "whose face: one person's name, or several with commas", "identity",
              max_length=300),
    Parameter("weight", "float", 1.0, "how strongly the person's identity is mixed in", "identity",
              minimum=0, maximum=2, landmarks=(0.5, 0.8, 1.0, 1.2, 1.5)),
    Parameter("face_id_weight", "int", 0,
              "how many photos the face is read from, repeating them in turn; 0: each photo once", "identity",
              minimum=0, maximum=16, landmarks=(0, 2, 4, 8)),
    Parameter("start_merge_step", "int", 150,
              "base step after which a person who is alone enters; at or above steps - 1: never", "identity",
              minimum=0, maximum=150, landmarks=(0, 5, 10, 150)),
    Parameter("detail", "bool", True, "draw each face again, larger and in detail; on for who is named", "detail",
              landmarks=(True, False)),
    Parameter("detail_steps", "int", 20, "denoising steps of the face pass", "detail",
              minimum=1, maximum=150, landmarks=(10, 20, 30)),
    Parameter("detail_guidance", "float", 4.0, "how strictly the face pass follows the prompt", "detail",
              minimum=1, maximum=30, landmarks=(2.0, 4.0, 6.0)),
    Parameter("detail_size", "int", 1024, "the size in pixels at which a face is drawn again", "detail",
              minimum=128, maximum=2048, multiple_of=8, landmarks=(512, 768, 1024)),
    Parameter("denoise", "float", 0.5, "how much of the face is drawn anew: 0.05 hardly, 1 all of it", "detail",
              minimum=0.05, maximum=1, landmarks=(0.3, 0.5, 0.7)),
    Parameter("crop_factor", "float", 3.0, "how much around the face is drawn with it, in face sizes", "detail",
              minimum=1, maximum=8, landmarks=(1.5, 3.0, 4.0)),
    Parameter("production_mode", "bool", False,
              "on: exactly the operator's production recipe; only prompt, seed and face stay yours", "mode",
              landmarks=(True, False)),
)
# fmt: on
