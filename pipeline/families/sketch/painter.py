"""The painter of one head: its shapes, and where they came to lie."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from pipeline.families.sketch.curves import Point, along, mirror, ring, spline
from pipeline.families.sketch.people import (
    CLOTHES,
    EYES,
    FRAMES,
    GOLD,
    INK,
    LIPS,
    NIGHT,
    RUST,
    WHITE,
    Character,
    Colour,
    Shot,
    mix,
    rgb,
)

LINE = 0.068  # the outline's width in face units: 2.3 px of 128


class Painter:
    """Paints one head in face units: the origin is the face's centre, 1 half the face's height, y points down."""

    def __init__(self, character: Character, shot: Shot, n: int) -> None:
        self.image = Image.new("RGB", (n, n))
        self.canvas = ImageDraw.Draw(self.image)
        self.character, self.shot = character, shot
        self.truth: dict[str, list[Point]] = {}
        self.unit = n * 34 / 128 * shot.scale
        self.origin = (n * (0.5 + shot.x), n * (66 / 128 + shot.y))
        self.cos, self.sin = math.cos(math.radians(shot.tilt)), math.sin(math.radians(shot.tilt))
        self.w = 0.88 * character.width
        self.shift = shot.turn * 0.1
        self.brow_fill = mix(character.hair if character.hairstyle != "bald" or character.beard else INK, NIGHT, 0.3)
        self.shade = mix(character.skin, RUST, 0.25)

    def at(self, p: Point) -> Point:
        """A point in pixels; the head tilts round the chin."""
        x, y = p[0], p[1] - 1
        return (
            self.origin[0] + (x * self.cos - y * self.sin) * self.unit,
            self.origin[1] + (x * self.sin + y * self.cos + 1) * self.unit,
        )

    def shape(
        self, points: Sequence[Point], fill: Colour | None, ink: Colour | None = INK, width: float = LINE
    ) -> None:
        dots = [self.at(p) for p in points]
        if fill is not None:
            self.canvas.polygon(dots, fill)
        if ink is not None:
            self.canvas.line([*dots, *dots[:2]], ink, round(width * self.unit), "curve")

    def stroke(self, points: Sequence[Point], ink: Colour = INK, width: float = LINE) -> None:
        dots, r = [self.at(p) for p in points], width * self.unit / 2
        self.canvas.line(dots, ink, round(2 * r), "curve")
        for x, y in (dots[0], dots[-1]):
            self.canvas.ellipse((x - r, y - r, x + r, y + r), ink)

    def paint(self) -> None:
        self.hair_behind()
        self.body()
        self.face()
        self.beard()
        self.mouth()
        self.nose()
        self.hair_in_front()
        self.eyes()
        self.hat()
        self.glasses()

    # --- hair ---

    def lock(self, points: Sequence[Point]) -> None:
        """A lock of hair, tucked under the hat where there is one."""
        line, half = {"hat": (-0.78, 0.8), "beanie": (-0.75, 1.0), "crown": (-1.0, 0.84)}.get(self.shot.hat, (-9, 1))
        tucked = []
        for x, y in points:
            # under the hat no wider than it; below its rim the hair widens again step by step
            room = self.w * (half + max(0.0, y - line) * 1.2)
            tucked.append((max(-room, min(room, x)), max(y, line - 0.35)) if y < line + 0.5 else (x, y))
        self.shape(tucked, self.character.hair)

    def curls(self, centres: Sequence[Point], r: float) -> None:
        """Curls that merge into one cloud: the outlines first, the fillings over them."""
        line = {"": -9.0, "crown": -0.95}.get(self.shot.hat, -0.6)
        seen = [c for c in centres if c[1] > line]
        for rim, colour in ((LINE / 2, INK), (-LINE / 2, self.character.hair)):
            for x, y in seen:
                self.shape(ring(x, y, r + rim, r + rim), colour, None)

    def hair_behind(self) -> None:
        w, style, woman = self.w, self.character.hairstyle, self.character.sex == "woman"
        cap = [(0, -1.4), (w * 0.8, -1.2), (w * 1.1, -0.6), (w * 0.95, 0.1), (0, 0.3)]
        if style == "long":
            right = [(0, -1.6), (w * 0.9, -1.36), (w * 1.28, -0.5), (w * 1.3, 0.5), (w * 1.4, 1.6), (w * 1.2, 2.4)]
            self.lock(spline(mirror(right)))
        elif style == "bob":
            right = [(0, -1.6), (w * 0.9, -1.36), (w * 1.3, -0.5), (w * 1.42, 0.45), (w * 1.24, 0.84), (w * 0.7, 0.8)]
            self.lock(spline(mirror(right)))
        elif style == "bun":
            if not self.shot.hat:
                self.shape(ring(0, -1.55, 0.4, 0.38), self.character.hair)
            self.lock(spline(mirror(cap)))
        elif style == "pigtails":
            for s in (-1, 1):
                tail = [(1.05, -0.3), (1.45, -0.5), (1.8, -0.05), (1.72, 0.7), (1.4, 1.0), (1.2, 0.5)]
                self.shape(spline([(s * w * x, y) for x, y in tail]), self.character.hair)
            self.lock(spline(mirror(cap)))
        elif style == "curly":
            arc = [math.pi * i / 6 for i in range(7)]
            crown = [(w * 1.05 * math.cos(a), -0.45 - 0.82 * math.sin(a)) for a in arc]
            sides = [(s * w * 1.15, y) for s in (-1, 1) for y in (-0.05, 0.4, 0.82)] if woman else []
            self.curls(crown + sides, 0.36)

    def hair_in_front(self) -> None:
        w, style = self.w, self.character.hairstyle
        low = -0.05 if self.character.sex == "woman" else -0.25
        inner = {
            "straight": [(0.84, -0.62), (0.4, -0.66), (0, -0.64), (-0.4, -0.66), (-0.84, -0.62)],
            "swept": [(0.84, -0.6), (0.42, -1.04), (-0.3, -0.74), (-0.84, -0.52)],
            "middle": [
                (0.86, -0.46),
                (0.52, -0.72),
                (0.14, -1.04),
                (0, -1.16),
                (-0.14, -1.04),
                (-0.52, -0.72),
                (-0.86, -0.46),
            ],
        }[self.character.fringe]
        top = -1.45 if style == "bun" else -1.58
        outer = [
            (-1.05, low),
            (-1.09, -0.65),
            (-0.8, top + 0.24),
            (0, top),
            (0.8, top + 0.24),
            (1.09, -0.65),
            (1.05, low),
        ]
        spikes = [
            (-1.03, -0.2),
            (-1.28, -0.85),
            (-0.94, -0.98),
            (-1.0, -1.55),
            (-0.5, -1.36),
            (-0.28, -1.86),
            (0.1, -1.45),
        ]
        spikes += [(0.55, -1.8), (0.66, -1.32), (1.12, -1.42), (1.0, -0.92), (1.28, -0.7), (1.03, -0.2)]
        quiff = [(-1.03, -0.25), (-1.06, -0.8), (-0.82, -1.24), (-0.3, -1.5), (0.3, -1.8), (0.95, -1.86), (1.3, -1.56)]
        quiff += [(1.06, -1.2), (1.08, -0.7), (1.03, -0.25), (0.84, -0.62), (0.46, -1.06), (-0.3, -0.84), (-0.84, -0.6)]
        if style == "bald":
            self.stroke(
                spline([(-0.5, -0.98), (-0.32, -1.12), (-0.1, -1.17)], False), mix(self.character.skin, WHITE, 0.6)
            )
        elif style == "curly":
            self.curls(
                [(w * x, y) for x, y in ((-0.86, -0.72), (-0.48, -0.98), (0, -1.06), (0.48, -0.98), (0.86, -0.72))],
                0.27,
            )
            for x in (-0.5, 0, 0.5) if self.shot.hat == "" else ():
                self.shape(ring(w * x, -1.22 - 0.06 * (x == 0), 0.28, 0.24), self.character.hair, None)
        elif style == "spiky":
            self.lock(
                [
                    (w * x, y)
                    for x, y in (*spikes, (0.84, -0.66), (0.4, -0.78), (0, -0.62), (-0.4, -0.8), (-0.84, -0.66))
                ]
            )
        else:
            self.lock(spline([(w * x, y) for x, y in (quiff if style == "quiff" else outer + inner)]))
        if style == "pigtails":
            for s in (-1, 1):
                self.shape(ring(s * w * 1.12, -0.3, 0.13, 0.15), CLOTHES["red"])

    # --- body and face ---

    def body(self) -> None:
        man = self.character.sex == "man"
        wide, neck = (1.66, 0.45) if man else (1.42, 0.36)
        cloth = CLOTHES[self.shot.clothes]
        self.shape(spline(mirror([(0.45, 1.16), (wide * 0.66, 1.32), (wide, 1.62), (wide * 1.1, 2.8)])), cloth)
        self.shape([(-neck, 0.6), (-neck, 1.2), (0, 1.46), (neck, 1.2), (neck, 0.6)], self.shade)

    def face(self) -> None:
        w, jaw, skin = self.w, self.character.jaw, self.character.skin
        for s in (-1, 1):
            self.shape(ring(s * w * 1.02 + self.shift * 0.3, 0.05, 0.16, 0.24), skin)
        right = [(0, -1.36), (w * 0.62, -1.2), (w * 0.96, -0.62), (w * 0.98, 0.05)]
        right += [(w * (0.62 + 0.3 * jaw), 0.52), (w * 0.52 * jaw, 0.9), (0, 1.0)]
        outline = spline(mirror(right))
        self.shape(outline, skin)
        half = [p for p in outline[: 6 * 6 + 1] if p[1] >= -0.3]
        self.truth["contour"] = along([*((-x, y) for x, y in half), *half[-2::-1]], 33)
        self.truth["edge"] = [(x, y) for x, y in outline if y >= -0.9] + [(0, -1)]
        for s in (-1, 1):
            cheek = mix(skin, rgb("f0506a"), 0.1 + 0.3 * self.character.blush)
            self.shape(ring(s * w * 0.62 + self.shift, 0.36, 0.19, 0.13), cheek, None)
            if self.character.age == "old":
                crease = [(s * 0.3, 0.24), (s * 0.43, 0.36), (s * 0.46, 0.5)]
                self.stroke(spline([(x + self.shift, y) for x, y in crease], False), self.shade, 0.06)
        if self.character.mark:
            self.shape(ring(w * 0.55 + self.shift, 0.5, 0.055, 0.055), INK, None)

    def beard(self) -> None:
        w, jaw, hair, x = self.w, self.character.jaw, self.character.hair, self.shift
        if self.character.beard == "beard":
            right = [(0, 0.3), (0.4, 0.28), (w * 0.74, 0.22), (w * 1.0, -0.1), (w * (0.66 + 0.3 * jaw), 0.55)]
            right += [(w * 0.6 * jaw, 1.0), (0, 1.16)]
            self.shape(spline(mirror(right)), hair)
            self.shape(ring(x, 0.58, 0.42, 0.22), self.character.skin, None)
        elif self.character.beard == "goatee":
            self.shape(spline(mirror([(0, 0.8), (0.26, 0.76), (0.24, 1.02), (0, 1.18)])), hair)

    def mouth(self) -> None:
        x, y, woman = self.shift * 1.1, 0.55, self.character.sex == "woman"
        lip = LIPS[self.character.lips] if woman else mix(self.character.skin, LIPS[self.character.lips], 0.55)
        full, mood = (0.115 if woman else 0.06), self.shot.expression
        if mood == "surprised":
            outer, inner = ring(x, y + 0.04, 0.19, 0.23, 12), ring(x, y + 0.04, 0.1, 0.13, 8)
            self.shape(ring(x, y + 0.04, 0.19, 0.23), lip)
            self.shape(ring(x, y + 0.04, 0.1, 0.13), rgb("6e1c2c"), None)
            rim = [outer[i % 12] for i in range(0, -12, -1)]
            hole = [inner[i % 8] for i in range(0, -8, -1)]
        else:
            half, bend = {"neutral": (0.27, 0.0), "smiling": (0.34, 0.15), "sad": (0.27, -0.13)}.get(mood, (0.34, 0.1))
            top, depth = (full, 0.32) if mood == "laughing" else (full, full)
            ends = y - bend * 0.6
            across = [half * t for t in (-1, -0.66, -0.33, 0, 0.33, 0.66, 1)]

            def curve(drop: float) -> list[Point]:
                return [(x + t, ends + (bend + drop) * (1 - (t / half) ** 2)) for t in across]

            upper, lower, line = curve(-top), curve(depth), curve(0)
            if mood == "laughing":
                upper = curve(-0.06)
                self.shape(spline(upper, False)[:-1] + spline(lower[::-1], False), rgb("6e1c2c"), None)
                self.shape(upper + curve(0.09)[::-1], WHITE, None)
                self.shape(ring(x, ends + 0.33, 0.14, 0.055), rgb("ee6f7c"), None)
                self.shape(upper + lower[::-1], None, lip if woman else INK, 0.085 if woman else LINE)
            else:
                self.shape(spline(upper, False) + spline(lower[::-1], False), lip, None)
                self.stroke(spline(line, False), mix(INK, lip, 0.15), 0.075)
            rim = upper + lower[-2:0:-1]
            hole = [*line[::2], *curve(depth / 2)[-1:], *curve(depth / 2)[5:0:-2]]
            rim, hole = rim[:12], hole[:8]
        self.truth["mouth"] = rim + hole
        if self.character.beard == "moustache":
            self.shape(
                spline(
                    [
                        (self.shift + t, v)
                        for t, v in mirror([(0, 0.36), (0.2, 0.32), (0.5, 0.5), (0.2, 0.5), (0, 0.46)])
                    ]
                ),
                self.character.hair,
            )

    def nose(self) -> None:
        x, kind = self.shift * 1.4, self.character.nose
        tint = mix(self.character.skin, RUST, 0.55)
        wide, drop = {"round": (0.1, 0.05), "pointed": (0.07, 0.0), "wide": (0.17, 0.02)}[kind]
        if kind == "pointed":
            self.stroke([(x - 0.02, -0.02), (x + 0.13, 0.24), (x - 0.06, 0.26)], tint, 0.075)
        elif kind == "round":
            self.shape(ring(x, 0.2, 0.13, 0.11), mix(self.character.skin, rgb("e8505a"), 0.28), tint, 0.06)
        else:
            self.stroke(
                spline([(x - 0.19, 0.18), (x - 0.12, 0.27), (x, 0.24), (x + 0.12, 0.27), (x + 0.19, 0.18)], False),
                tint,
                0.075,
            )
        bridge = [(x, -0.15), (x, -0.04), (x, 0.07), (x, 0.2)]
        wing = [
            (x + wide * t, 0.2 + v + drop * 0.5)
            for t, v in zip((-0.4, -0.5, -0.7, -1, -0.6, 0), (-0.3, -0.2, -0.1, 0, 0.06, 0.08), strict=True)
        ]
        self.truth["nose"] = [*bridge, *wing, *((2 * x - t, v) for t, v in wing[-2::-1])]

    # --- eyes ---

    def centre(self, side: int) -> float:
        """Where an eye's centre lies across the face; side -1 is the image's left."""
        return side * 0.41 * self.character.eye_gap + self.shift

    def eyes(self) -> None:
        mood, r = self.shot.expression, 0.2 * self.character.eye_size
        tall = r * {"surprised": 1.2, "laughing": 0.84, "smiling": 0.94}.get(mood, 0.98)
        iris = EYES[self.character.eye_colour]
        for index, s in enumerate((-1, 1)):
            x, y = self.centre(s), -0.06
            gaze = x + self.shot.gaze * 0.18 * r + self.shift * 0.1
            self.shape(ring(x, y, r, tall), WHITE, INK, 0.055)
            self.shape(ring(gaze, y + 0.01, r * 0.76, min(r * 0.82, tall * 0.92)), iris, None)
            self.shape(ring(gaze, y + 0.01, r * 0.38, r * 0.42), rgb("1d1418"), None)
            self.shape(ring(gaze - r * 0.26, y - r * 0.28, r * 0.22, r * 0.22), WHITE, None)
            if self.character.sex == "woman":
                lash = [(-1.0, -0.35), (-0.6, -0.95), (0.1, -1.15), (0.8, -0.8), (1.45, -0.95)]
                self.stroke(spline([(x + s * r * t, y + tall * v) for t, v in lash], False), INK, 0.1)
            self.truth[f"eye{index}"] = [*ring(x, y, r, tall, 8), (gaze, y), (gaze, y)]
            self.truth[f"brow{index}"] = self.brow(x, s)

    def brow(self, x: float, s: int) -> list[Point]:
        """Draws a brow and returns its landmarks from the image's left: five above, four below."""
        mood, thick = self.shot.expression, 0.095 * self.character.brow
        y = {"surprised": -0.54, "laughing": -0.49}.get(mood, -0.45)
        slope = 0.05 * self.character.brow_angle + {"sad": -0.09}.get(mood, 0.0)  # > 0: the inner end lower
        arch = spline([(x - s * 0.22, y + slope), (x, y - 0.05), (x + s * 0.24, y + 0.03 - slope)], False)
        self.stroke(arch, self.brow_fill, thick)
        line = arch if s > 0 else arch[::-1]
        above = [(t, v - thick / 2) for t, v in along(line, 5)]
        return above + [(t, v + thick / 2) for t, v in along(line, 4)[::-1]]

    def glasses(self) -> None:
        kind = self.character.glasses
        if not kind:
            return
        frame, y, r = FRAMES[self.character.glasses_colour], -0.05, 0.32
        for s in (-1, 1):
            x = self.centre(s)
            self.stroke([(x + s * r, y - 0.05), (s * self.w * 1.0 + self.shift * 0.4, y - 0.08)], frame, 0.085)
            corner = [
                (-1, -0.8),
                (-0.85, -0.95),
                (0.85, -0.95),
                (1, -0.8),
                (0.92, 0.75),
                (0.75, 0.95),
                (-0.75, 0.95),
                (-0.92, 0.75),
            ]
            rim = ring(x, y, r, r) if kind == "round" else [(x + r * t, y + r * 0.92 * v) for t, v in corner]
            self.shape(rim, None, frame, 0.095)
        inner = 0.41 * self.character.eye_gap - r
        self.stroke([(self.shift - inner, y - 0.06), (self.shift + inner, y - 0.06)], frame, 0.09)

    # --- hats ---

    def hat(self) -> None:
        w, hat = self.w, self.shot.hat
        colour = GOLD if hat == "crown" else CLOTHES.get(self.shot.hat_colour, GOLD)
        dark = mix(colour, NIGHT if self.shot.hat_colour != "black" else WHITE, 0.3)
        if hat == "hat":
            self.shape(
                spline(mirror([(0, -1.9), (w * 0.62, -1.84), (w * 0.86, -1.4), (w * 0.94, -0.75), (0, -0.7)])), colour
            )
            self.shape(mirror([(w * 0.93, -1.14), (w * 0.97, -0.84)]), dark, None)
            self.shape(
                spline(mirror([(0, -0.94), (w * 0.9, -0.92), (w * 1.55, -0.8), (w * 1.35, -0.66), (0, -0.7)])), colour
            )
        elif hat == "beanie":
            self.shape(ring(0, -1.74, 0.22, 0.2), dark)
            self.shape(
                spline(mirror([(0, -1.68), (w * 0.6, -1.56), (w * 1.02, -1.15), (w * 1.1, -0.75), (0, -0.7)])), colour
            )
            self.shape(
                spline(
                    mirror(
                        [(0, -1.04), (w * 0.7, -1.0), (w * 1.16, -0.9), (w * 1.16, -0.62), (w * 0.7, -0.68), (0, -0.72)]
                    )
                ),
                dark,
            )
        elif hat == "crown":
            right = [(0, -1.92), (w * 0.4, -1.38), (w * 0.98, -1.8), (w * 0.88, -0.98), (w * 0.45, -0.9), (0, -0.88)]
            self.shape(mirror(right), colour)
            for x, jewel in ((-0.5, "red"), (0, "blue"), (0.5, "red")):
                self.shape(ring(w * x, -1.13 + 0.06 * (x == 0), 0.1, 0.1), CLOTHES[jewel], None)
