"""The meter: how long the machine takes for a unit of work, measured over all that it draws at one time.

Pictures share UNet calls, and everything else, so one picture's own time says little. What counts is the work that
was brought to its end in a second in which anything was being drawn. Pictures that had the machine to themselves are
kept apart: they share nothing, and take longer for the same work.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from bot.domain.ports import Drawn
from sweeps.recipe import Recipe

ENOUGH = 8
"""Pictures before what was measured is told."""

LATELY = 128
"""The latest pictures, which alone count: more than are drawn at one time, for of those nothing is measured yet."""

FEW = 3
"""Pictures before it is told how long single ones take: alone, or urgent ones beside others."""

MOST_FORKS = 256
"""Bases whose first steps are remembered, because others go on from there."""


class Meter:
    """Seconds of drawing for a unit of work: one UNet evaluation of one megapixel (2^20 pixels).

    What was remembered and not drawn is neither work nor time. `clock` tells seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._together: deque[tuple[float, float]] = deque(maxlen=LATELY)
        self._alone: deque[tuple[float, float]] = deque(maxlen=LATELY)
        self._urgent: deque[tuple[float, float]] = deque(maxlen=ENOUGH)
        self._walked: OrderedDict[str, int] = OrderedDict()
        self._drawing = 0
        self._shared = False
        self._since = 0.0

    @contextmanager
    def drawing(self, recipe: Recipe, *, urgent: bool = False) -> Iterator[Callable[[Drawn], None]]:
        """A picture is being drawn while the context is open; call what it gives with the picture, if one comes."""
        began, work = self._begin(), 0.0

        def came(drawn: Drawn) -> None:
            nonlocal work
            work = self._work(recipe, drawn)

        try:
            yield came
        finally:
            self._end(work)
            if urgent and work and self._shared:
                self._urgent.append((self._clock() - began, work))

    def pace(self, *, alone: bool = False) -> float | None:
        """Seconds for a unit of work, of pictures drawn together or `alone`; None before enough was drawn.

        As long as only the other was measured, it stands for both.
        """
        if alone and len(self._alone) >= FEW:
            return _ratio(self._alone)
        return next((_ratio(log) for log in (self._together, self._alone) if len(log) >= ENOUGH), None)

    def urgent_pace(self) -> float | None:
        """Seconds of its own that an urgent picture takes for a unit of work, beside others whose calls it shares.

        It comes first, but not faster. None before a few were drawn.
        """
        return _ratio(self._urgent) if len(self._urgent) >= FEW else None

    @property
    def under_way(self) -> float:
        """Seconds spent on what is being drawn now; with each picture that comes it begins anew."""
        return self._clock() - self._since if self._drawing else 0.0

    def _begin(self) -> float:
        now = self._clock()
        self._shared = self._drawing > 0
        if not self._shared:
            self._since = now
        self._drawing += 1
        return now

    def _end(self, work: float) -> None:
        self._drawing -= 1
        if work:
            now = self._clock()
            (self._together if self._shared else self._alone).append((now - self._since, work))
            self._since = now

    def _work(self, recipe: Recipe, drawn: Drawn) -> float:
        """What was drawn for a picture: less than its recipe says where stages were remembered, or a base forked."""
        passes = drawn.passes * recipe.detail_work / (recipe.face_passes or 1)
        return self._base_evaluations(recipe) * recipe.megapixels + passes if drawn.bases else passes

    def _base_evaluations(self, recipe: Recipe) -> int:
        """Those of a base that was drawn now: one that forks from another goes on from the steps that they share."""
        prefix = recipe.prefix_key()
        walked = self._walked.pop(prefix, 0)
        self._walked[prefix] = max(walked, recipe.text_steps)
        if len(self._walked) > MOST_FORKS:
            self._walked.popitem(last=False)
        return recipe.forked_evaluations(walked) or recipe.base_evaluations  # all of it: it was forgotten meanwhile


def _ratio(log: Iterable[tuple[float, float]]) -> float:
    seconds, work = map(sum, zip(*log, strict=True))
    return seconds / work
