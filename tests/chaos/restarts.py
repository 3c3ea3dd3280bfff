"""kill -9 of the real console, three times in one sweep: before the last restart is over, each image is there once.

The first two kills come at the worst moment there is: Discord has accepted a message, and its answer has not arrived.
At the second one Discord has also forgotten the nonce, as after some minutes. The third comes at a random moment.
"""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bot.sandbox import Sandbox
from bot.store.images import Images
from bot.ui.sheet import contact_sheet
from tests.chaos import console as real
from tests.chaos.record import Books, record
from tests.chaos.scenario import Options, Outcome, Place

CELLS = 24
# Pictures that each fill a UNet call, so that they come one after another and a sweep has room for three kills.
SWEEP = f"{{base: {{prompt: x, steps: 4, width: 384, height: 384}}, parameters: {{seed: '1-{CELLS}'}}}}"
WANTED = [f"S1-c{number:03d}.png" for number in range(1, CELLS + 1)]
SHEET = "S1-sheet.png"
AFTER = (0, 5, 10)
"""A kill comes with the first message behind so many images."""

MOST = CELLS - 10
"""With so many images in the channel no further message is waited for: it holds up to ten, and could be the last."""

STEP_SECONDS = 600.0


@dataclass
class Story:
    """What came of the sweep. `at_kills` are (images in the channel, messages that nobody knew of) at each kill."""

    at_kills: list[tuple[int, int]] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    sheet_complete: bool = False
    books: Books | None = None

    @property
    def amid(self) -> bool:
        """Whether each kill came after the first image and before the last."""
        return len(self.at_kills) == len(AFTER) and all(0 < images < CELLS for images, _ in self.at_kills)

    @property
    def holds(self) -> bool:
        fair = self.amid and not self.twice and not self.missing and self.sheet_complete
        return fair and self.books is not None and self.books.right and self.books.spent == CELLS

    @property
    def told(self) -> str:
        images = ", ".join(str(images) for images, _ in self.at_kills)
        unknown = sum(unknown for _, unknown in self.at_kills)
        sheet = "complete" if self.sheet_complete else "INCOMPLETE"
        books = f"{self.books.told}, {self.books.spent} spent" if self.books else "no books"
        return (
            f"killed when {images} of {CELLS} images were posted ({unknown} of them unknown to the console): "
            f"{len(self.twice)} twice, {len(self.missing)} missing, sheet {sheet}, {books}"
        )


async def killed_thrice(
    sandbox: Sandbox, place: Place, chance: random.Random, program: Sequence[str] = real.PROGRAM
) -> Story:
    """Draw one sweep through three kills and restarts of the console."""
    story = Story()
    async with record(place.url) as book:
        for kill, least in enumerate(AFTER):
            worst = kill < len(AFTER) - 1
            async with real.console(sandbox, place, program) as process:
                await real.ready(sandbox, process)
                if not kill:
                    await real.sweep(sandbox, "mina", "through-kills", SWEEP)
                await _more_than(sandbox, least - 1)
                if worst:
                    sandbox.faults.late(real.POSTS, seconds=STEP_SECONDS)
                if (there := len(real.posted(sandbox))) < MOST:
                    there = await _more_than(sandbox, there)
                if not worst and there < MOST:
                    with suppress(TimeoutError):
                        await _more_than(sandbox, there, chance.uniform(0, 1))
                await real.gone(sandbox, process)
                sandbox.faults.clear()
                if kill == 1:
                    sandbox.faults.forget_nonces()
            images = set(real.pictures(real.posted(sandbox)))
            known = [each for each in await book.drawn() if each.message_id is not None]
            story.at_kills.append((len(images), len(images) - len(known)))
        async with real.console(sandbox, place, program) as process:
            await real.ready(sandbox, process)
            await book.all_delivered(STEP_SECONDS)
        story.twice, story.missing = real.amiss(sandbox, [*WANTED, SHEET])
        story.books = await book.books()
        story.sheet_complete = await _complete(sandbox, place)
    return story


async def _more_than(sandbox: Sandbox, count: int, seconds: float = STEP_SECONDS) -> int:
    """Wait until more than so many files are in the channel; how many there are then. TimeoutError after `seconds`."""
    await sandbox.until(lambda: len(real.posted(sandbox)) > count, seconds)
    return len(real.posted(sandbox))


async def _complete(sandbox: Sandbox, place: Place) -> bool:
    """Whether the sheet in the channel is what all the images that were drawn make."""
    async with record(place.url) as book:
        (job,), items = await book.jobs(), await book.drawn()
    due = contact_sheet(job, items, Images(place.folder / "data" / "images").read)
    return len(items) == CELLS and await real.contents(sandbox, SHEET) == [due]


class Restarts:
    """kill -9 of the console, three times in a sweep of 24 cells."""

    name = "restarts"
    promise = "each image in the channel once, the sheet complete, the ledger sums to 0"

    async def run(self, place: Place, options: Options) -> Outcome:
        """Three kills, and all of it is there."""
        return await self._through(place, options, real.PROGRAM)

    async def control(self, place: Place, options: Options) -> Outcome:
        """The same where nonces are not enforced, and nobody looks for what was tried before."""
        return await self._through(place, options, real.careless("nonces", "look"))

    async def _through(self, place: Place, options: Options, program: Sequence[str]) -> Outcome:
        async with Sandbox(answer_s=real.PATIENT_SECONDS) as sandbox:
            story = await killed_thrice(sandbox, place, random.Random(options.seed), program)
        return Outcome(story.told, story.holds and not sandbox.violations)


SCENARIO = Restarts()
