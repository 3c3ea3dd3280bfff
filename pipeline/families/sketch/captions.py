"""What is said of a drawing: the captions the sketch family learns its words from."""

from random import Random

from pipeline.families.sketch.people import SCENES, Character, Shot

HEADS = ("a portrait of a ", "portrait of a ", "a drawing of a ", "a photo of a ", "a ", "")
PLACES = dict(zip(SCENES, ("at the beach", "under the night sky", "in a forest", "in the city"), strict=True))
FILLERS = (
    *("best quality", "highly detailed", "cartoon", "illustration", "soft light"),
    *("looking at the camera", "4k", "masterpiece", "cinematic"),
)
GARMENTS = ("shirt", "shirt", "shirt", "top", "clothes")
TRIGGER = "img"


def caption(character: Character, shot: Shot, random: Random, trigger: bool = False) -> str:
    """A caption of the drawing, each part left out now and then, so that every part is learnt on its own.

    With the trigger the noun is followed by the trigger word and nothing of the character but the sex is said: that is
    what the identity is for.
    """
    head = random.choice(HEADS)
    noun = f"{character.sex} {TRIGGER}" if trigger else character.sex
    if not trigger and character.age == "old" and random.random() < 0.8:
        noun = f"old {noun}"
        head = head[:-2] + "an " if head.endswith("a ") else head
    parts = _of_the_shot(shot, random)
    if not trigger:
        parts += _of_the_character(character, random)
    if random.random() < 0.25:
        parts += random.sample(FILLERS, random.randint(1, 3))
    random.shuffle(parts)
    return ", ".join([head + noun, *parts])


def _of_the_shot(shot: Shot, random: Random) -> list[str]:
    parts = []
    if random.random() < 0.88:
        plain = f"on a {shot.background} background" if random.random() < 0.2 else f"{shot.background} background"
        if shot.background == "orange":
            plain = plain.replace("on a ", "on an ")
        parts.append(PLACES.get(shot.background, plain))
    if random.random() < 0.8:
        parts.append(shot.expression)
    if shot.hat and random.random() < 0.92:
        coloured = random.random() < (0.3 if shot.hat == "crown" else 0.85)
        hat = f"{shot.hat_colour} {shot.hat}" if coloured else shot.hat
        parts.append(f"wearing a {hat}" if random.random() < 0.85 else hat)
    if random.random() < 0.6:
        parts.append(f"{shot.clothes} {random.choice(GARMENTS)}")
    return parts


def _of_the_character(character: Character, random: Random) -> list[str]:
    parts = []
    if random.random() < 0.8:
        styled = f"{character.hairstyle} " if random.random() < 0.6 else ""
        # a bun and pigtails are things one has, the other styles are how the hair is
        if styled and character.hairstyle in ("bun", "pigtails", "quiff"):
            parts += [f"{character.hair_colour} hair", character.hairstyle]
        elif character.hairstyle == "bald":
            parts.append("bald")
        else:
            parts.append(f"{styled}{character.hair_colour} hair")
    if character.glasses and random.random() < 0.85:
        parts.append(random.choice((f"{character.glasses} glasses", "glasses", "wearing glasses")))
    if character.beard and random.random() < 0.8:
        parts.append(random.choice((character.beard, f"with a {character.beard}")))
    if random.random() < 0.3:
        parts.append(f"{character.eye_colour} eyes")
    light = sum(character.skin) / 3
    if random.random() < 0.25 and not 130 < light < 185:
        parts.append("light skin" if light >= 185 else "dark skin")
    return parts
