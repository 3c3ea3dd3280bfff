"""The people of the drawings and the shots they are drawn in, invented at random."""

from dataclasses import dataclass
from random import Random
from typing import Literal

Colour = tuple[int, int, int]
Sex = Literal["man", "woman"]


def rgb(text: str) -> Colour:
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def _palette(text: str) -> dict[str, Colour]:
    return {name: rgb(code) for name, code in (pair.split(":") for pair in text.split())}


def mix(a: Colour, b: Colour, share: float) -> Colour:
    r, g, b_ = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return r, g, b_


SKINS = tuple(rgb(c) for c in ("ffe1cb", "fbcfae", "eeb78b", "d89a68", "b5764a", "8b5836", "653c27"))
HAIRS = _palette("black:2b2530 brown:7a4828 blonde:f4cc5c red:d0521f grey:bcbfc9 pink:f384b6 blue:3f76d8")
EYES = _palette("brown:7d4218 blue:2b86e6 green:2fa648 amber:e89a14 grey:8797a8")
LIPS = _palette("red:d23a45 pink:ee7d96 plum:97366a coral:ee6d4d")
FRAMES = _palette("black:2a2530 red:d3353c blue:2d62c8")
BACKGROUNDS = _palette(
    "red:e2544c blue:4f92de green:6cbc66 yellow:f7d258 purple:9d78d2 orange:f5953f pink:f8b2ca white:f7f4ee"
)
CLOTHES = _palette(
    "red:cc3f3c blue:3260b0 green:3c8d55 yellow:ecbb32 purple:7b50ac white:f2f2f2 black:37363f orange:e57f28"
)
SCENES = ("beach", "night sky", "forest", "city")
HATS = ("hat", "crown", "beanie")
HAT_COLOURS = ("red", "blue", "green", "yellow", "purple", "black")
EXPRESSIONS = ("neutral", "smiling", "laughing", "surprised", "sad")
STYLES: dict[Sex, tuple[str, ...]] = {
    "woman": ("long", "bob", "bun", "curly", "pigtails"),
    "man": ("short", "spiky", "curly", "quiff", "bald"),
}
BEARDS = ("beard", "moustache", "goatee")
GLASSES = ("round", "square")
NOSES = ("round", "pointed", "wide")
FRINGES = ("straight", "swept", "middle")

INK, WHITE, GOLD = rgb("3a242c"), rgb("ffffff"), rgb("f8c93a")
NIGHT, RUST = rgb("100818"), rgb("7a2c26")


@dataclass(frozen=True)
class Character:
    """One invented person: everything that stays the same in every drawing of them. Lengths are factors round 1."""

    sex: Sex
    age: Literal["young", "old"]
    skin: Colour
    hair: Colour
    hair_colour: str
    hairstyle: str
    fringe: str
    eye_colour: str
    glasses: str
    glasses_colour: str
    beard: str
    lips: str
    nose: str
    width: float
    jaw: float
    eye_gap: float
    eye_size: float
    brow: float
    brow_angle: float
    blush: float
    mark: bool


@dataclass(frozen=True)
class Shot:
    """One drawing of somebody. x, y: shift in parts of the picture; tilt: degrees; turn, gaze: -1 to 1, 0 ahead.

    `background` is a colour of `BACKGROUNDS` or one of `SCENES`; `hat` and `hat_colour` are empty without a hat.
    """

    x: float
    y: float
    scale: float
    tilt: float
    turn: float
    gaze: float
    expression: str
    background: str
    clothes: str
    hat: str
    hat_colour: str


def invent(random: Random) -> Character:
    """A new person; the same state of `random` gives the same one."""
    sex: Sex = random.choice(("man", "woman"))
    man = sex == "man"
    tone = random.random() * (len(SKINS) - 1)
    hair_colour = random.choices(tuple(HAIRS), (4, 4, 3.5, 3, 2.5, 1.8, 1.8))[0]
    glasses = random.choices(("", *GLASSES), (55, 23, 22))[0]
    beard = random.choices(("", *BEARDS), (45, 25, 15, 15))[0] if man else ""
    return Character(
        sex=sex,
        age="old" if hair_colour == "grey" else "young",
        skin=mix(SKINS[int(tone)], SKINS[int(tone) + 1], tone % 1),
        hair=mix(HAIRS[hair_colour], random.choice((WHITE, NIGHT)), random.random() * 0.08),
        hair_colour=hair_colour,
        hairstyle=random.choice(STYLES[sex]),
        fringe=random.choice(FRINGES),
        eye_colour=random.choice(tuple(EYES)),
        glasses=glasses,
        glasses_colour=random.choice(tuple(FRAMES)) if glasses else "",
        beard=beard,
        lips=random.choice(tuple(LIPS)),
        nose=random.choice(NOSES),
        width=random.uniform(0.92, 1.07),
        jaw=random.uniform(0.85, 1.08) if man else random.uniform(0.66, 0.9),
        eye_gap=random.uniform(0.9, 1.12),
        eye_size=random.uniform(0.88, 1.16),
        brow=random.uniform(0.9, 1.5) if man else random.uniform(0.7, 1.1),
        brow_angle=random.uniform(-1, 1),
        blush=random.random(),
        mark=random.random() < 0.18,
    )


def compose(random: Random) -> Shot:
    """A new shot; the same state of `random` gives the same one."""
    scene = random.random() < 0.25
    hat = random.choice(HATS) if random.random() < 0.3 else ""
    colour = random.choice(HAT_COLOURS)
    return Shot(
        x=random.gauss(0, 0.015),
        y=random.gauss(0, 0.015),
        scale=random.uniform(0.95, 1.06),
        tilt=random.gauss(0, 2.5),
        turn=max(-1.0, min(1.0, random.gauss(0, 0.35))),
        gaze=random.uniform(-1, 1),
        expression=random.choice(EXPRESSIONS),
        background=random.choice(SCENES if scene else tuple(BACKGROUNDS)),
        clothes=random.choice(tuple(CLOTHES)),
        hat=hat,
        hat_colour="" if not hat else "gold" if hat == "crown" else colour,
    )
