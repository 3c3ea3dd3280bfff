"""A renderer for tests of the use cases: real in its promises, it only paints nothing."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from PIL import Image, ImageChops

from bot.domain.errors import BadUpload, CannotDraw, Interrupted
from bot.domain.person import FaceSeen, PhotoSeen
from bot.domain.ports import Drawn
from bot.pictures import open_picture
from sweeps.parameters import Value
from sweeps.plan import Pace
from sweeps.recipe import Recipe

FACE_COLOURS = ((255, 0, 0), (0, 0, 255))


class Drawer:
    """Draws `recipe.steps` steps of a millisecond, asks before each whether to stop, and can be told to fail.

    `took` says by seed how many bases and face passes a picture took, where that is not one base; `at_it` counts what
    is being drawn.
    """

    def __init__(self, slots: int = 2) -> None:
        self.slots = slots
        self.defaults: Mapping[str, Value] = {"detail": False}
        self.drawn: list[int] = []
        self.failing: set[int] = set()
        self.notes: tuple[str, ...] = ()
        self.sitters: list[Mapping[str, Sequence[bytes]]] = []
        self.forgot = 0
        self.took: dict[int, tuple[int, int]] = {}
        self.at_it = 0
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
        self,
        recipe: Recipe,
        *,
        owner: str,
        urgent: bool,
        should_stop: Callable[[], bool],
        photos: Mapping[str, Sequence[bytes]],
        canvas: bytes | None,
    ) -> Drawn:
        assert set(photos) == set(recipe.people)
        self.sitters.append(photos)
        assert (canvas is None) is (not recipe.photo)
        self.at_it += 1
        try:
            await self._walk(recipe.steps, should_stop)
        finally:
            self.at_it -= 1
        if recipe.seed in self.failing:
            raise CannotDraw(f"seed {recipe.seed} cannot be drawn")
        self.drawn.append(recipe.seed)
        return Drawn(f"picture {recipe.seed}".encode(), self.notes, *self.took.get(recipe.seed, (1, 0)))

    async def _walk(self, steps: int, should_stop: Callable[[], bool]) -> None:
        for _ in range(steps):
            await asyncio.sleep(0.001)
            while not self.hold.is_set() and not should_stop():
                await asyncio.sleep(0.001)
            if should_stop():
                raise Interrupted

    async def look(self, photo: bytes) -> PhotoSeen:
        """Whatever has one of the FACE_COLOURS is a face, as large as that colour reaches."""
        try:
            picture = open_picture(photo)
        except BadUpload as error:
            raise CannotDraw(str(error)) from error
        boxes = []
        for colour in FACE_COLOURS:
            other = ImageChops.difference(picture, Image.new("RGB", picture.size, colour)).convert("L")
            boxes.append(other.point(lambda level: 0 if level else 255).getbbox())
        faces = [FaceSeen(box, 1.0, None, None, False, None) for box in sorted(filter(None, boxes))]
        return PhotoSeen(*picture.size, tuple(faces))

    async def forget(self) -> None:
        self.forgot += 1
