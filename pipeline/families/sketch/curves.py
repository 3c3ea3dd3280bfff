"""The curves the drawings are made of, as lists of points."""

import math
from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]


def spline(points: Sequence[Point], closed: bool = True, steps: int = 6) -> list[Point]:
    """A smooth curve through the points (Catmull-Rom)."""
    n, out = len(points), []
    for i in range(n if closed else n - 1):
        around = [points[j % n] if closed else points[max(0, min(j, n - 1))] for j in range(i - 1, i + 3)]
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = around
        for j in range(steps):
            t = j / steps
            p, q, r, s = -t + 2 * t * t - t**3, 2 - 5 * t * t + 3 * t**3, t + 4 * t * t - 3 * t**3, t**3 - t * t
            out.append(((p * ax + q * bx + r * cx + s * dx) / 2, (p * ay + q * by + r * cy + s * dy) / 2))
    return out if closed else [*out, points[-1]]


def mirror(right: Sequence[Point]) -> list[Point]:
    """A closed shape from its right half, top first; a first or last point on the axis is not doubled."""
    return [*right, *((-x, y) for x, y in reversed(right) if x)]


def ring(x: float, y: float, rx: float, ry: float, n: int = 28) -> list[Point]:
    """An ellipse, walked from its left end through its bottom."""
    return [(x - rx * math.cos(2 * math.pi * i / n), y + ry * math.sin(2 * math.pi * i / n)) for i in range(n)]


def along(points: Sequence[Point], n: int) -> list[Point]:
    """n points spread evenly along an open line."""
    xy = np.array(points)
    way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    to = np.linspace(0, way[-1], n)
    return list(zip(np.interp(to, way, xy[:, 0]).tolist(), np.interp(to, way, xy[:, 1]).tolist(), strict=True))
