"""How fast pictures lately advanced, measured step by step."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds per UNet evaluation of one megapixel (2^20) as lately achieved: the median, and what nine of ten
    steps stay below. Whatever shared a step counts together, so this is the machine's pace, not one picture's."""

    p50: float
    p90: float


class Stopwatch:
    """Remembers the last 200 steps, but for the very first: it allocates and compiles, and says nothing of the pace."""

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=200)
        self._warm = False

    def note(self, seconds: float, work: float) -> None:
        """A step took that long for so much work: UNet evaluations times megapixels."""
        if self._warm:
            self._lately.append(seconds / work)
        self._warm = True

    def pace(self) -> Pace | None:
        """None before the second step."""
        lately = sorted(tuple(self._lately))
        return Pace(lately[len(lately) // 2], lately[len(lately) * 9 // 10]) if lately else None
