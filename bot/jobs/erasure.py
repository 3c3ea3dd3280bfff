"""Erasure: pictures go from the records, the disk and the wall at once, and out of the channels as Discord allows.

What is still in a channel or on the disk stands in the store, so it goes on after a failure, and after a restart.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from enum import Enum

import structlog

from bot.domain.erasure import DISK, Erased, ErasureReceipt, Foreseen, Withdrawal
from bot.domain.errors import CannotDeliver, Unavailable
from bot.domain.person import Person
from bot.domain.ports import Channel, ImageStore
from bot.domain.stores import AuditLog, Erasures
from bot.jobs.departures import see_off
from bot.jobs.orphans import tell

log = structlog.get_logger("atelier.erasure")

WAIT_SECONDS = 20.0
"""How long who asked for an erasure waits for the channels; what is not out of them by then goes on without them."""

LOOK_SECONDS = 10.0
"""How often it is looked for what is to be taken away: also another console, or a delivery, notes that down."""
LONGEST_PAUSE_SECONDS = 300.0
AGAIN_SECONDS = 1.0

STUCK_SECONDS = 6 * 3600.0
"""How long a message is left alone that Discord does not let us change: its channel may be opened to us again."""


class Outcome(Enum):
    """What came of taking something away."""

    GONE = "gone"
    LATER = "later"
    STUCK = "stuck"


async def keep_receipt(audit: AuditLog, noted: int, receipt: ErasureReceipt) -> None:
    """The audit log is to tell what went in an act that was noted; where it cannot, that went all the same."""
    try:
        await audit.amend(noted, gone=receipt.kept())
    except Unavailable as error:
        log.warning("a receipt was not kept", act=noted, reason=str(error), **receipt.kept())


async def _by_none(_: Withdrawal) -> bool:
    """Where nobody makes sheets, all of them go."""
    return False


class Erasure:
    """Takes pictures away wherever they are.

    `forgotten` is told the images (SHA-256) that are gone, whenever something left the wall; `changed` the job whose
    card is to be shown anew. `renewed` puts another sheet in the place of one, where that is possible.
    """

    def __init__(
        self,
        erasures: Erasures,
        images: ImageStore,
        channel: Channel,
        forgotten: Callable[[Collection[str]], Awaitable[None]],
        changed: Callable[[int], Awaitable[None]],
        renewed: Callable[[Withdrawal], Awaitable[bool]] = _by_none,
    ) -> None:
        self._erasures = erasures
        self._images = images
        self._channel = channel
        self._forgotten = forgotten
        self._changed = changed
        self._renewed = renewed
        self._wanted = asyncio.Event()
        self._turn = asyncio.Lock()  # so that of two who would take the same out of a channel, one does
        self._disk_turn = asyncio.Lock()
        self._cards: set[asyncio.Task[None]] = set()
        self._stuck: dict[Withdrawal, float] = {}  # and when each was tried last

    @asynccontextmanager
    async def withdrawing(self) -> AsyncIterator[None]:
        """Take away what is to go while the context is open: now, when there is more, and again after failures.

        Beside that it is told which files nothing refers to, and nothing is left of who was revoked.
        """
        work = asyncio.create_task(self._withdraw_for_ever(), name="withdrawals")
        telling = asyncio.create_task(tell(self._erasures, self._images), name="orphans")
        seeing = asyncio.create_task(see_off(self._erasures, self._images, self._show), name="departures")
        try:
            yield
        finally:
            ending = [work, telling, seeing, *self._cards]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def person(self, person: Person, remark: str) -> ErasureReceipt:
        """Erase every picture of a person, whom nobody may draw any more, and their name; the remark stands in place.

        Pictures that were drawn before the person was added are of somebody else, who had the name before.
        """
        since = None if person.owner_id is None else person.added_at
        gone = await self._erasures.depart(person.name, since)  # from here on it is seen to, whatever ends this
        receipt = await self.pictures(await self._erasures.of_person(person.name, since), remark)
        try:
            unnamed, _ = await self._erasures.unname(gone)
        except Unavailable as error:  # what is erased is erased, and the name is seen to again and again
            log.warning("a name is not taken off yet", reason=str(error))
        else:
            await self._show(unnamed)
        return receipt

    async def foreseen(self, job_id: int, number: int) -> Foreseen:
        """What the erasure of one picture would take away at this moment, beside its records and its file."""
        return await self._erasures.foreseen(job_id, number)

    async def pictures(
        self, pictures: Collection[tuple[int, int]], remark: str, *, renewing: bool = False
    ) -> ErasureReceipt:
        """Erase pictures by job and number; the remark stands in their place.

        The sheets that show them go too, as they may tell whom they showed, or (`renewing`) others take their places.
        """
        async with self._disk_turn:  # so that who asked is the one who counts the files
            erased = await self._erasures.erase(pictures, remark, renewing=renewing)
            await self._tell(self._forgotten(erased.images))
            files, files_left = (0, 0) if erased.disk is None else await self._from_disk(erased.disk)
        cards = asyncio.create_task(self._show(erased.jobs))  # they may be many, and nobody is to wait for them
        self._cards.add(cards)
        cards.add_done_callback(self._cards.discard)
        left, stuck = await self._from_channels(erased)
        self._wanted.set()
        messages = len(erased.messages) - left - len(stuck)
        return ErasureReceipt(
            erased.pictures, erased.wall_entries, files, messages, left, files_left, tuple(stuck), erased.sheets
        )

    def look(self) -> None:
        """Something was noted down to be taken away, or a sheet to be renewed: see to it soon."""
        self._wanted.set()

    async def clear_disk(self) -> frozenset[str]:
        """Delete the files that the records have let go of; those (SHA-256) that are left, to be tried again."""
        for each in await self._erasures.withdrawals():
            if each.channel_id == DISK:
                await self._withdraw(each)
        noted = await self._erasures.withdrawals()
        return frozenset(image for each in noted if each.channel_id == DISK for image in each.files or ())

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

    async def _from_channels(self, erased: Erased) -> tuple[int, list[str]]:
        """Withdraw the messages now; how many could not be in time, and the addresses of those that never can."""
        left, stuck = len(erased.messages), list[str]()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                for message in erased.messages:
                    outcome = await self._withdraw(message)
                    left -= outcome is not Outcome.LATER
                    stuck += [message.link] if outcome is Outcome.STUCK else []
        except TimeoutError:
            log.info("the channels take their time", messages_left=left)
        return left, stuck

    async def _withdraw_for_ever(self) -> None:
        pause = AGAIN_SECONDS
        while True:
            self._wanted.clear()
            try:
                noted = await self._erasures.withdrawals()
                self._stuck = {each: at for each, at in self._stuck.items() if each in noted}
                tried = [await self._withdraw(each) for each in noted]
                failed = tried.count(Outcome.LATER)
            except Exception as error:  # the store is away
                log.warning("what is to be taken away is not known", reason=str(error))
                failed = 1
            wait, pause = (pause, min(2 * pause, LONGEST_PAUSE_SECONDS)) if failed else (LOOK_SECONDS, AGAIN_SECONDS)
            try:
                await asyncio.wait_for(self._wanted.wait(), wait)
                pause = AGAIN_SECONDS
            except TimeoutError:
                continue

    def _rests(self, withdrawal: Withdrawal) -> bool:
        """Whether a message is left alone for now: it could not be changed a while ago."""
        tried = self._stuck.get(withdrawal)
        return tried is not None and time.monotonic() - tried < STUCK_SECONDS

    async def _withdraw(self, withdrawal: Withdrawal) -> Outcome:
        """Take something away. What fails stands in the store, and is tried again."""
        try:
            if withdrawal.channel_id == DISK:
                async with self._disk_turn:
                    return Outcome.LATER if (await self._from_disk(withdrawal))[1] else Outcome.GONE
            async with self._turn:
                if self._rests(withdrawal):  # it was tried while we waited
                    return Outcome.STUCK
                try:
                    if not await self._renewed(withdrawal):
                        await self._channel.withdraw(withdrawal.channel_id, withdrawal.message_id, withdrawal.files)
                except CannotDeliver as error:
                    self._stuck[withdrawal] = time.monotonic()
                    log.error("a message stays in its channel", reason=str(error), again_in_s=STUCK_SECONDS)
                    return Outcome.STUCK
                await self._erasures.withdrawn(withdrawal)
                return Outcome.GONE
        except Exception as error:
            log.warning("not withdrawn yet", message=withdrawal.message_id, error=repr(error))
            return Outcome.LATER

    async def _from_disk(self, withdrawal: Withdrawal) -> tuple[int, int]:
        """Delete the files of pictures: how many there were, and how many are left to be tried again."""
        return await self._erasures.clear(withdrawal, self._remove)

    async def _remove(self, image: str) -> bool:
        try:
            return await self._images.remove(image)
        except OSError as error:
            log.error("a picture cannot be deleted yet", reason=str(error))
            raise
