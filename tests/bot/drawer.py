"""A renderer for tests of the use cases: real in its promises, it only paints nothing."""

import asyncio
from collections.abc import Callable, Mapping

from bot.domain.errors import CannotDraw, Interrupted
from sweeps.parameters import Value
from sweeps.plan import Pace
from sweeps.recipe import Recipe


class Drawer:
    """Draws `recipe.steps` steps of a millisecond, asks before each whether to stop, and can be told to fail."""

    def __init__(self, slots: int = 2) -> None:
        self.slots = slots
        self.defaults: Mapping[str, Value] = {"detail": False}
        self.drawn: list[int] = []
        self.failing: set[int] = set()
        self.hold = asyncio.Event()
        self.hold.set()

    def pace(self) -> Pace | None:
        return Pace((1.0, 2.0))

    async def measured(self, patience: float) -> None:
        return

    def check(self, recipe: Recipe) -> None:
        if recipe.detail:
            raise CannotDraw("set detail to false")

    async def draw(
        self, recipe: Recipe, *, owner: str, urgent: bool, should_stop: Callable[[], bool]
    ) -> tuple[bytes, tuple[str, ...]]:
        for _ in range(recipe.steps):
            await asyncio.sleep(0.001)
            while not self.hold.is_set() and not should_stop():
                await asyncio.sleep(0.001)
            if should_stop():
                raise Interrupted
        if recipe.seed in self.failing:
            raise CannotDraw(f"seed {recipe.seed} cannot be drawn")
        self.drawn.append(recipe.seed)
        return f"picture {recipe.seed}".encode(), ()
