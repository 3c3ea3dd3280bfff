"""Discord's faults while hundreds of messages are posted: accepted and answered 502, refused with 429, cut off.

Members ask for one image after another; whatever goes wrong meanwhile, each is in its channel once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import cycle

from bot.sandbox import NoAnswer, Rejected, Sandbox
from bot.sandbox.world import GENERAL, STUDIO
from tests.chaos import console as real
from tests.chaos.record import files
from tests.chaos.scenario import Options, Outcome, Place
from tests.chaos.scene import Scene, scene

FULL_POSTS = 500
POSTS_BETWEEN = 8
"""Messages that are posted from one fault to the next."""

AT_ONCE = 6
STALLED_SECONDS = 600.0
RETRIES = 5
"""disnake's own tries of one post: so many answers of 502 in a row come through to the outbox."""


KINDS = {
    "accepted": "accepted and answered 502",
    "429": "refused with 429",
    "gateway": "gateways dropped",
    "storm": "refused with 503",
    "late": "answered late",
    "op": "reconnects and ended sessions ordered",
}


def troubles(sandbox: Sandbox) -> Sequence[Callable[[], None]]:
    """Everything that goes wrong, in turn; the first ones also in a short run."""
    faults, posts = sandbox.faults, real.POSTS
    return (
        lambda: faults.accepted_then_502(posts),
        lambda: faults.rate_limit(posts, retry_after_s=0.3),
        faults.drop_gateway,
        lambda: faults.storm(posts, times=2, status=503),
        lambda: faults.accepted_then_502(posts, times=3),
        lambda: faults.rate_limit(posts, via=False),
        lambda: faults.rate_limit(posts, everywhere=True),
        faults.ask_to_reconnect,
        lambda: faults.late(posts, seconds=3.0),
        lambda: faults.accepted_then_502(posts, times=RETRIES),
        lambda: faults.storm("PATCH /channels/{channel_id}/messages/{message_id}", times=3),
        lambda: faults.invalidate_sessions(resumable=False),
    )


async def posted_amid_faults(scene: Scene, posts: int) -> Outcome:
    """Have so many images asked for and posted while one fault follows the other; what is there in the end."""
    sandbox, book = scene.sandbox, scene.book
    striking = asyncio.create_task(_strike(sandbox))
    asking = asyncio.Semaphore(AT_ONCE)
    try:
        asked = await asyncio.gather(*(_ask(sandbox, number, asking) for number in range(posts)))
        await book.all_delivered(STALLED_SECONDS)
    finally:
        striking.cancel()
        sandbox.faults.clear()
    jobs, drawn, books = await book.jobs(), await book.drawn(), await book.books()
    twice, missing = real.amiss(sandbox, files(jobs, drawn))
    struck = Counter(each.split(" ", 1)[0] for each in sandbox.faults.struck)
    told = ", ".join(f"{count} {KINDS[kind]}" for kind, count in sorted(struck.items()))
    figures = f"{len(drawn)} posts, {told}: {len(twice)} twice, {len(missing)} missing, {books.told}"
    enough = len(drawn) > posts and sum(asked) == posts and struck["accepted"] > 0
    return Outcome(figures, enough and not (twice or missing or sandbox.violations) and books.right)


async def _strike(sandbox: Sandbox) -> None:
    """One fault after the other, each behind some more messages."""
    for trouble in cycle(troubles(sandbox)):
        due = len(real.posted(sandbox)) + POSTS_BETWEEN
        await sandbox.until(lambda: len(real.posted(sandbox)) >= due, STALLED_SECONDS)  # noqa: B023
        trouble()


async def _ask(sandbox: Sandbox, number: int, asking: asyncio.Semaphore) -> bool:
    """One image, asked for as often as it takes until there is its card: a connection may just be down."""
    members = list(sandbox.members.values())
    member, channel = members[number % len(members)], (STUDIO, GENERAL)[number % 2]
    async with asking:
        for _ in range(100):
            with suppress(NoAnswer, Rejected):
                asked = await member.run("/imagine", to=channel, prompt="x", seed=number, steps=1, width=64, height=64)
                await sandbox.until(lambda: real.ended(asked), STALLED_SECONDS)  # noqa: B023
                return True
            await asyncio.sleep(0.2)
    return False


class Faults:
    """502 after acceptance, 429s, 503s, dropped gateways during 500 posts."""

    name = "faults"
    promise = "every image in its channel once"

    async def run(self, place: Place, options: Options) -> Outcome:
        """The console as it is."""
        return await self._amid(place, options.scaled(FULL_POSTS, 24), real.PROGRAM)

    async def control(self, place: Place, options: Options) -> Outcome:
        """The same where nonces are not enforced."""
        return await self._amid(place, options.scaled(FULL_POSTS // 5, 24), real.careless("nonces"))

    async def _amid(self, place: Place, posts: int, program: Sequence[str]) -> Outcome:
        async with scene(place, program) as set_up:
            return await posted_amid_faults(set_up, posts)


SCENARIO = Faults()
