"""Whether memory is flat: a robust line through the later samples, and the end compared with the middle."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

FLAT_MIB_AN_HOUR = 64.0
FLAT_MIB = 10.0
"""What a short second half may rise all the same: so much is noise, and minutes make many MiB an hour of it."""

FLAT_GROWTH = 0.05
LEAST_SAMPLES = 12

Sample = tuple[float, float]
"""When (seconds), and how much (MiB)."""


@dataclass(frozen=True)
class Flatness:
    """How memory went on behind its warm-up.

    `slope` is that of a Theil-Sen line (the median of the slopes between any two samples) through the second half, in
    MiB an hour, `hours` the length of that; `growth` is how far the median of the last quarter lies above that of the
    second, as a share of it.
    """

    first: float
    last: float
    slope: float
    hours: float
    growth: float

    @property
    def flat(self) -> bool:
        """Whether neither says that it goes on growing."""
        line = self.slope <= FLAT_MIB_AN_HOUR or self.slope * self.hours <= FLAT_MIB
        return line and self.growth <= FLAT_GROWTH

    @property
    def told(self) -> str:
        return (
            f"{self.first:.0f} MiB in the second quarter, {self.last:.0f} in the last ({self.growth:+.1%}), "
            f"second half {self.slope:+.0f} MiB an hour"
        )


def flatness(samples: Sequence[Sample]) -> Flatness:
    """Judge samples in the order of time. Raises ValueError for too few of them."""
    if len(samples) < LEAST_SAMPLES:
        raise ValueError(f"{len(samples)} samples tell nothing; take at least {LEAST_SAMPLES}")
    quarter = len(samples) // 4
    slopes = [3600 * (b - a) / (to - at) for (at, a), (to, b) in combinations(samples[2 * quarter :], 2) if to > at]
    first = median(size for _, size in samples[quarter : 2 * quarter])
    last = median(size for _, size in samples[-quarter:])
    hours = (samples[-1][0] - samples[2 * quarter][0]) / 3600
    return Flatness(first, last, median(slopes), hours, last / first - 1)
