"""Erasure: pictures go from the records, the disk and the wall at once, and out of the channels as Discord allows.

What is still in a channel or on the disk stands in the store, so it goes on after a failure, and after a restart.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

import structlog

from bot.domain.erasure import DISK, Erased, ErasureReceipt, Withdrawal
from bot.domain.errors import CannotDeliver
from bot.domain.person import Person
from bot.domain.ports import Channel, ImageStore
from bot.domain.stores import Erasures

log = structlog.get_logger("atelier.erasure")

WAIT_SECONDS = 20.0
"""How long who asked for an erasure waits for the channels; what is not out of them by then goes on without them."""

LOOK_SECONDS = 10.0
"""How often it is looked for what is to be taken away: also another console, or a delivery, notes that down."""
LONGEST_PAUSE_SECONDS = 300.0
AGAIN_SECONDS = 1.0


class Erasure:
    """Takes pictures away wherever they are.

    `forgotten` is told the images (SHA-256) that are gone, whenever something left the wall; `changed` the job whose
    card is to be shown anew.
    """

    def __init__(
        self,
        erasures: Erasures,
        images: ImageStore,
        channel: Channel,
        forgotten: Callable[[Collection[str]], Awaitable[None]],
        changed: Callable[[int], Awaitable[None]],
    ) -> None:
        self._erasures = erasures
        self._images = images
        self._channel = channel
        self._forgotten = forgotten
        self._changed = changed
        self._wanted = asyncio.Event()
        self._turn = asyncio.Lock()  # so that of two who would take the same out of a channel, one does
        self._disk_turn = asyncio.Lock()
        self._cards: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def withdrawing(self) -> AsyncIterator[None]:
        """Take away what is to go while the context is open: now, when there is more, and again after failures."""
        work = asyncio.create_task(self._withdraw_for_ever(), name="withdrawals")
        try:
            yield
        finally:
            ending = [work, *self._cards]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def person(self, person: Person, remark: str) -> ErasureReceipt:
        """Erase every picture of a person, whom nobody may draw any more; the remark stands in their place.

        Pictures that were drawn before the person was added are of somebody else, who had the name before.
        """
        since = None if person.owner_id is None else person.added_at
        return await self.pictures(await self._erasures.of_person(person.name, since), remark)

    async def pictures(self, pictures: Collection[tuple[int, int]], remark: str) -> ErasureReceipt:
        """Erase pictures by job and number; the remark stands in their place."""
        async with self._disk_turn:  # so that who asked is the one who counts the files
            erased = await self._erasures.erase(pictures, remark)
            await self._tell(self._forgotten(erased.images))
            files, files_left = (0, 0) if erased.disk is None else await self._from_disk(erased.disk)
        cards = asyncio.create_task(self._show(erased.jobs))  # they may be many, and nobody is to wait for them
        self._cards.add(cards)
        cards.add_done_callback(self._cards.discard)
        left = await self._from_channels(erased)
        self._wanted.set()
        messages = len(erased.messages) - left
        return ErasureReceipt(erased.pictures, erased.wall_entries, files, messages, left, files_left)

    async def clear_disk(self) -> None:
        """Delete the files that the records have let go of; what cannot be deleted now is tried again."""
        for each in await self._erasures.withdrawals():
            if each.channel_id == DISK:
                await self._withdraw(each)

    async def _show(self, jobs: Sequence[int]) -> None:
        for job_id in jobs:
            await self._tell(self._changed(job_id))

    @staticmethod
    async def _tell(listener: Awaitable[None]) -> None:
        """What is erased is erased, whatever becomes of who hears of it."""
        try:
            await listener
        except Exception:
            log.exception("an erasure was not heard of")

    async def _from_channels(self, erased: Erased) -> int:
        """Withdraw the messages now; how many could not be in time."""
        left = len(erased.messages)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                for message in erased.messages:
                    left -= await self._withdraw(message)
        except TimeoutError:
            log.info("the channels take their time", messages_left=left)
        return left

    async def _withdraw_for_ever(self) -> None:
        pause = AGAIN_SECONDS
        while True:
            self._wanted.clear()
            try:
                tried = [await self._withdraw(each) for each in await self._erasures.withdrawals()]
                failed = tried.count(False)
            except Exception as error:  # the store is away
                log.warning("what is to be taken away is not known", reason=str(error))
                failed = 1
            wait, pause = (pause, min(2 * pause, LONGEST_PAUSE_SECONDS)) if failed else (LOOK_SECONDS, AGAIN_SECONDS)
            try:
                await asyncio.wait_for(self._wanted.wait(), wait)
                pause = AGAIN_SECONDS
            except TimeoutError:
                continue

    async def _withdraw(self, withdrawal: Withdrawal) -> bool:
        """Take something away; False where that failed, and will be tried again."""
        try:
            if withdrawal.channel_id == DISK:
                async with self._disk_turn:
                    return not (await self._from_disk(withdrawal))[1]
            async with self._turn:
                try:
                    await self._channel.withdraw(withdrawal.channel_id, withdrawal.message_id, withdrawal.files)
                except CannotDeliver as error:
                    log.error("a message stays in its channel", reason=str(error))
                await self._erasures.withdrawn(withdrawal)
                return True
        except Exception as error:  # it stands in the store
            log.warning("not withdrawn yet", message=withdrawal.message_id, error=repr(error))
            return False

    async def _from_disk(self, withdrawal: Withdrawal) -> tuple[int, int]:
        """Delete the files of pictures: how many there were, and how many are left to be tried again."""
        count = left = 0
        for image in sorted(withdrawal.files or ()):
            try:
                count += await self._images.remove(image)
            except OSError as error:  # it stands in the store
                log.error("a picture cannot be deleted yet", reason=str(error))
                left += 1
        if not left:
            await self._erasures.withdrawn(withdrawal)
        return count, left
