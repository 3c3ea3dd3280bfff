"""Recipe: everything that decides one image, and the key of each of its stages.

A key is made of exactly the inputs that decide a stage's result: equal key, equal result, drawn once.
The photos of a person are not part of a recipe; who caches by these keys adds a digest of the photos.
"""

import hashlib
import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Self

from sweeps.errors import Problems, SweepError
from sweeps.parameters import CATALOGUE, LARGEST_SEED, SAMPLER_SCHEDULES, Value
from sweeps.words import either, quote, unknown

KEPT_IN_PRODUCTION = ("prompt", "seed", "face_folder")
NOTHING: Mapping[str, Value] = MappingProxyType({})
TRIGGER = re.compile(r"(?<!\w)[iI][mM][gG](?!\w)")
"""The word that marks whose face is meant: it stands behind a class word, "a portrait of a woman img"."""
PHOTO = "photo"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One field for each parameter of the catalogue; complete, checked and hashable.

    `photo` is the SHA-256 of a picture that somebody brought: its faces are drawn again, and there is no base stage.
    """

    prompt: str
    negative_prompt: str
    seed: int
    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: str
    schedule: str
    face_folder: str
    weight: float
    face_id_weight: int
    start_merge_step: int
    detail: bool
    detail_steps: int
    detail_guidance: float
    detail_size: int
    denoise: float
    crop_factor: float
    production_mode: bool
    photo: str = ""

    def as_dict(self) -> dict[str, Value]:
        """The recipe as one flat mapping in the catalogue's order, as it stands in JSON and in PNGs."""
        photo: dict[str, Value] = {PHOTO: self.photo} if self.photo else {}
        return {name: getattr(self, name) for name in CATALOGUE} | photo

    @classmethod
    def from_dict(cls, mapping: Mapping[str, object]) -> Self:
        """The reverse of `as_dict`; raises SweepError with every wrong, unknown or missing field."""
        problems = Problems()
        photo = mapping.get(PHOTO, "")
        if not isinstance(photo, str) or not re.fullmatch(r"([0-9a-f]{64})?", photo):
            problems.add(PHOTO, f"expected a picture's SHA-256, got {quote(photo)}")
        values = checked({name: value for name, value in mapping.items() if name != PHOTO}, problems)
        for name, parameter in CATALOGUE.items():
            if name not in mapping or values.get(name, parameter.default) is None:
                problems.add(name, f"expected {parameter.expected()}, got nothing")
        problems.raise_if_any()
        recipe = cls(**values, photo=str(photo))  # type: ignore[arg-type]
        problems.extend(recipe._contradictions())
        problems.raise_if_any()
        return recipe

    @property
    def people(self) -> tuple[str, ...]:
        """The people in `face_folder`, in the order in which they are given faces."""
        return tuple(self.face_folder.split(", ")) if self.face_folder else ()

    @property
    def identity_in_base(self) -> bool:
        """Whether a person enters the base stage: one person alone, and from a step on that the base still has."""
        return len(self.people) == 1 and not self.photo and self.start_merge_step < self.steps - 1

    @property
    def text_steps(self) -> int:
        """How many base steps use the text alone: steps 0..k, k = start_merge_step, or all of them."""
        return self.start_merge_step + 1 if self.identity_in_base else self.steps

    @property
    def detail_run(self) -> int:
        """How many of `detail_steps` a face pass runs: int(steps · denoise), as diffusers counts; 0 without."""
        return int(self.detail_steps * self.denoise) if self.detail else 0

    @property
    def base_evaluations(self) -> int:
        """UNet evaluations of the base stage; guidance 1 has no negative half, a photo no base stage."""
        return 0 if self.photo else self.steps * (2 if self.guidance_scale > 1 else 1)

    def forked_evaluations(self, walked: int) -> int:
        """UNet evaluations of the base stage where another base has walked the first `walked` steps of `prefix_key`."""
        return self.base_evaluations * (self.steps - min(walked, self.text_steps)) // self.steps

    @property
    def megapixels(self) -> float:
        """The size of its base picture in 2^20 pixels."""
        return self.width * self.height / 2**20

    @property
    def face_passes(self) -> int:
        """How many faces are drawn again, as far as can be told beforehand: one for each person, one for nobody."""
        return max(1, len(self.people)) if self.detail else 0

    @property
    def detail_evaluations(self) -> int:
        """UNet evaluations of its face passes."""
        return self.face_passes * self.detail_run * (2 if self.detail_guidance > 1 else 1)

    @property
    def detail_work(self) -> float:
        """What its face passes take: their UNet evaluations, each weighed by its megapixels (2^20 pixels)."""
        return self.detail_evaluations * self.detail_size**2 / 2**20

    def encode_key(self) -> str:
        """Key of the text encoding: the prompts that some stage of this recipe reads."""
        negative = self.guidance_scale > 1 or (self.detail and self.detail_guidance > 1)
        return _key("encode", self.prompt, self.negative_prompt if negative else None)

    def prefix_key(self) -> str:
        """Key of the base steps that use the text alone. Bases that share it fork where identity enters."""
        if self.photo:
            return _key(PHOTO, self.photo)
        # Without a trigger the people's class word is put in front, so who they are decides the text too.
        named = () if has_trigger(self.prompt) else self.people
        return _key(
            "base", without_trigger(self.prompt), self.negative_prompt if self.guidance_scale > 1 else None, self.seed,
            self.width, self.height, self.steps, self.guidance_scale, self.sampler, self.schedule, *named,
        )  # fmt: skip

    def base_key(self) -> str:
        """Key of the base picture: no negative prompt at guidance 1, no identity where none enters."""
        if not self.identity_in_base:
            return self.prefix_key()
        return _key("identity", self.prefix_key(), self.prompt, *self._person(), self.start_merge_step)

    def faces_key(self) -> str | None:
        """Key of finding the faces in the base picture; None when detail is off."""
        return _key("faces", self.base_key()) if self.detail else None

    def detail_key(self) -> str | None:
        """Key of the picture after its face passes; None when detail is off."""
        if not self.detail:
            return None
        return _key(
            "detail", self.base_key(), self.prompt if self.people else without_trigger(self.prompt),
            self.negative_prompt if self.detail_guidance > 1 else None, self.seed, self.sampler, self.schedule,
            self.detail_steps, self.detail_run, self.detail_guidance, self.detail_size, self.crop_factor,
            *(self._person() if self.people else ()),
        )  # fmt: skip

    def key(self) -> str:
        """Key of the finished picture."""
        return self.detail_key() or self.base_key()

    def _person(self) -> tuple[Value, ...]:
        return (self.face_folder, self.weight, self.face_id_weight)

    def _contradictions(self) -> Problems:
        problems = Problems()
        schedules = SAMPLER_SCHEDULES[self.sampler]
        if self.schedule not in schedules:
            problems.add("schedule", no_such_pair(self.sampler, self.schedule))
        if self.detail and self.detail_run < 1:
            problems.add(
                "denoise",
                f"{self.denoise:g} of {self.detail_steps} detail_steps leaves no step to draw; raise one of them",
            )
        return problems

    def _misplaced_triggers(self) -> Problems:
        """No contradiction, as recipes that were asked for before this was refused are still to be read."""
        problems = Problems()
        count = len(TRIGGER.findall(self.prompt))
        if count and self.people and (self.detail or self.identity_in_base):
            starts = TRIGGER.match(self.prompt.lstrip()) is not None
            if (fault := trigger_fault(count, starts)) is not None:
                problems.add("prompt", f"{quote(self.prompt)} {fault}")
        return problems


def has_trigger(prompt: str) -> bool:
    """Whether the trigger word stands in the prompt, on its own and in any case."""
    return TRIGGER.search(prompt) is not None


def without_trigger(prompt: str) -> str:
    """The prompt as the text encoders read it alone: a space in the place of each trigger word."""
    return TRIGGER.sub(" ", prompt)


def trigger_fault(count: int, starts: bool) -> str | None:
    """Why a prompt with so many trigger words draws no person, as what follows "The prompt"; None where it can.

    `starts`: one of them is its first word. Without any, a class word and a trigger are put in front (`has_trigger`).
    """
    match count:
        case 0:
            found = 'holds no trigger word "img"'
        case 1 if not starts:
            return None
        case 1:
            found = 'starts with the trigger word "img"'
        case _:
            found = f'holds the trigger word "img" {count} times'
    return f'{found}; write it once, right after a class word, such as "man img"'


def no_such_pair(sampler: str, schedule: str) -> str:
    """The sentence for a schedule that a sampler does not have."""
    have = SAMPLER_SCHEDULES[sampler]
    return f"expected {either(have)} for sampler {sampler}, got {quote(schedule)}"


def resolve(
    settings: Mapping[str, Value],
    *,
    defaults: Mapping[str, Value] = NOTHING,
    production: Mapping[str, Value] = NOTHING,
    seed: int | None = None,
) -> Recipe:
    """Settings over a family's `defaults` over the catalogue's, as one complete recipe.

    With production_mode on, `production` stands over the defaults, and of the settings only the prompt, the
    seed and the face are kept. Without a seed in the settings it is `seed`, or one drawn here. A schedule that
    nobody chose follows the sampler, and a person who is named is drawn: detail is on unless it was chosen, or left to
    the production recipe. A trigger word in the prompt must be usable where a person is drawn. Raises SweepError; the
    path of a wrong value is its parameter's name.
    """
    problems = Problems()
    own = checked(settings, problems)
    if own.get("production_mode"):
        kept = {name: own[name] for name in KEPT_IN_PRODUCTION if name in own}
        own = {**checked(production, problems), **kept, "production_mode": True}
    layers = {**checked(defaults, problems), **own}
    problems.raise_if_any()
    values = {name: layers.get(name, parameter.default) for name, parameter in CATALOGUE.items()}
    if values["seed"] is None:
        values["seed"] = CATALOGUE["seed"].check(draw_seed() if seed is None else seed)
    schedules = SAMPLER_SCHEDULES[str(values["sampler"])]
    if own.get("schedule") is None and values["schedule"] not in schedules:
        values["schedule"] = schedules[0]
    if values["face_folder"] and own.get("detail") is None and not values["production_mode"]:
        values["detail"] = True
    recipe = Recipe(**values)  # type: ignore[arg-type]
    problems.extend(recipe._contradictions())
    problems.extend(recipe._misplaced_triggers())
    problems.raise_if_any()
    return recipe


def checked(values: Mapping[str, object], problems: Problems) -> dict[str, Value]:
    """The clean values of a mapping of parameters; what is wrong goes to `problems`."""
    clean: dict[str, Value] = {}
    for name, value in values.items():
        parameter = CATALOGUE.get(name)
        if parameter is None:
            problems.add(str(name), unknown("parameter", str(name), CATALOGUE))
            continue
        try:
            clean[name] = parameter.check(value)
        except SweepError as error:
            problems.take(error)
    return clean


def draw_seed() -> int:
    """A fresh seed from the system's randomness."""
    return random.SystemRandom().randint(0, LARGEST_SEED)


def _key(stage: str, *inputs: Value) -> str:
    text = json.dumps((stage, *inputs), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


assert (*CATALOGUE, PHOTO) == tuple(field.name for field in fields(Recipe)), "the catalogue and the recipe differ"
