"""Discord is away for minutes while sweeps are drawn: work goes on, and when it is back all arrives, in order, once.

The outage begins at the worst moment: a message was accepted, and its answer never arrives.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

from bot.sandbox import Interaction, NoAnswer, Rejected
from tests.chaos import console as real
from tests.chaos.record import LOOK_SECONDS, Books, Record, files
from tests.chaos.scenario import Options, Outcome, Place
from tests.chaos.scene import Scene, scene

SHORT_CELLS = 6
CELLS_A_SECOND = 1.0
"""How long the last sweep is made, so that there is work for most of the outage; what is left then is cancelled."""

SWEEP = "{{base: {{prompt: x, steps: 20, width: 384, height: 384}}, parameters: {{seed: '{first}-{last}'}}}}"
MOST_CELLS = 900
BACK_SECONDS = 600.0


@dataclass
class Story:
    """What came of the outage."""

    seconds: float = 0.0
    drawn_before: int = 0
    drawn_after: int = 0
    last_drawn: float = 0.0
    answered: float = 0.0
    first_post: float = 0.0
    all_posted: float = 0.0
    images: int = 0
    out_of_order: int = 0
    twice: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    books: Books | None = None

    @property
    def holds(self) -> bool:
        whole = not (self.twice or self.missing or self.out_of_order)
        return whole and self.drawn_after > self.drawn_before and self.books is not None and self.books.right

    @property
    def told(self) -> str:
        return (
            f"away for {self.seconds:.0f} s, in which {self.drawn_after - self.drawn_before} images were drawn; back: "
            f"a command answered after {self.answered:.1f} s, first message after {self.first_post:.1f} s, all of "
            f"them after {self.all_posted:.0f} s; of {self.images} images {self.out_of_order} out of order, "
            f"{len(self.twice)} twice, {len(self.missing)} missing, {self.books.told if self.books else ''}"
        )


async def through_an_outage(scene: Scene, seconds: float) -> Story:
    """Sweeps of three members through an outage of so many seconds."""
    sandbox, book = scene.sandbox, scene.book
    story = Story(seconds)
    members = list(sandbox.members)
    cards: list[Interaction] = []
    last = min(MOST_CELLS, max(2 * SHORT_CELLS, round(seconds * CELLS_A_SECOND)))
    for number, cells in enumerate((SHORT_CELLS, SHORT_CELLS, SHORT_CELLS, last)):
        text = SWEEP.format(first=1000 * number + 1, last=1000 * number + cells)
        cards.append(await real.sweep(sandbox, members[number % 3], f"sweep-{number}", text))
    sandbox.faults.late(real.POSTS, seconds=BACK_SECONDS)
    before = len(real.posted(sandbox))
    await sandbox.until(lambda: len(real.posted(sandbox)) > before, BACK_SECONDS)
    await sandbox.off()
    sandbox.faults.clear()
    there = len(real.posted(sandbox))
    story.drawn_before = len(await book.drawn())
    await asyncio.sleep(seconds)
    backlog = await book.drawn()
    story.drawn_after = len(backlog)
    if scene.console.returncode is not None:
        raise RuntimeError(f"the console ended with code {scene.console.returncode}")
    await sandbox.on()
    back = time.monotonic()
    asking = asyncio.create_task(real.until_answered(sandbox.members[members[0]], "/queue", BACK_SECONDS))
    await sandbox.until(lambda: len(real.posted(sandbox)) > there, BACK_SECONDS)
    story.first_post = time.monotonic() - back
    await _posted(book, {(item.job_id, item.number) for item in backlog})
    story.all_posted = time.monotonic() - back
    story.answered = await asking
    if not real.ended(cards[-1]):  # more than there was time for
        with suppress(Rejected, NoAnswer):
            await sandbox.members[members[0]].press(cards[-1], "Cancel")
    await book.all_delivered(BACK_SECONDS)
    jobs, drawn = await book.jobs(), await book.drawn()
    story.books = await book.books()
    story.images = len(drawn)
    story.twice, story.missing = real.amiss(sandbox, files(jobs, drawn))
    places = {name: place for place, name in enumerate(real.pictures(files(jobs, backlog)))}
    came = [places[name] for name in dict.fromkeys(real.posted(sandbox)[there:]) if name in places]
    story.out_of_order = sum(a > b for a, b in pairwise(came))
    return story


async def _posted(book: Record, due: set[tuple[int, int]]) -> None:
    """Wait until all of these items are known to be in a message. TimeoutError."""
    async with asyncio.timeout(BACK_SECONDS):
        while due - {(each.job_id, each.number) for each in await book.drawn() if each.message_id is not None}:
            await asyncio.sleep(LOOK_SECONDS)


class Outage:
    """Discord away for some minutes."""

    name = "outage"
    promise = "work goes on; when Discord is back, results arrive in order, each once"

    async def run(self, place: Place, options: Options) -> Outcome:
        """The console as it is."""
        return await self._through(place, options.outage_minutes, real.PROGRAM)

    async def control(self, place: Place, options: Options) -> Outcome:
        """The same where nobody looks for what was tried before, and the last in the line goes first."""
        return await self._through(place, min(options.outage_minutes, 0.5), real.careless("look", "order"))

    async def _through(self, place: Place, minutes: float, program: Sequence[str]) -> Outcome:
        async with scene(place, program) as set_up:
            story = await through_an_outage(set_up, 60 * minutes)
        return Outcome(story.told, story.holds and not set_up.sandbox.violations)


SCENARIO = Outage()
