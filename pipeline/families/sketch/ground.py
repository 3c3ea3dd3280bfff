"""The grounds of the drawings: plain colours and four scenes."""

from PIL import ImageDraw

from pipeline.families.sketch.people import BACKGROUNDS, WHITE, Colour, mix, rgb


def ground(canvas: ImageDraw.ImageDraw, background: str, n: int) -> None:
    """Fills a canvas of n x n pixels with a background."""

    def box(x1: float, y1: float, x2: float, y2: float, colour: str) -> None:
        canvas.rectangle((x1 * n, y1 * n, x2 * n, y2 * n), fill=rgb(colour))

    def disc(x: float, y: float, r: float, fill: Colour) -> None:
        canvas.ellipse(((x - r) * n, (y - r) * n, (x + r) * n, (y + r) * n), fill=fill)

    if background == "beach":
        box(0, 0, 1, 0.5, "a6def6")
        box(0, 0.5, 1, 0.74, "2f9fd0")
        box(0, 0.74, 1, 1, "f5dda0")
        disc(0.87, 0.14, 0.1, rgb("fff09a"))
    elif background == "night sky":
        box(0, 0, 1, 1, "1e2558")
        disc(0.14, 0.16, 0.1, rgb("fff3c4"))
        disc(0.19, 0.13, 0.085, rgb("1e2558"))
        for x, y in ((0.87, 0.12), (0.93, 0.36), (0.07, 0.46)):
            disc(x, y, 0.02, rgb("fff3c4"))
    elif background == "forest":
        box(0, 0, 1, 0.7, "d6efc6")
        box(0, 0.7, 1, 1, "7cb566")
        for x in (0.12, 0.88):
            box(x - 0.03, 0.6, x + 0.03, 0.8, "7a5236")
            canvas.polygon([(x * n, 0.04 * n), ((x - 0.2) * n, 0.66 * n), ((x + 0.2) * n, 0.66 * n)], rgb("3d8450"))
    elif background == "city":
        box(0, 0, 1, 1, "f9cda0")
        for x, y in ((0.0, 0.2), (0.78, 0.1)):
            box(x, y, x + 0.22, 1, "8b7dab")
            for row in range(3):
                for column in (0.04, 0.13):
                    top = y + 0.06 + 0.16 * row
                    box(x + column, top, x + column + 0.055, top + 0.08, "fde9a0")
    else:
        colour = BACKGROUNDS[background]
        canvas.rectangle((0, 0, n, n), fill=colour)
        disc(0.5, 0.5, 0.46, mix(colour, WHITE, 0.16))
