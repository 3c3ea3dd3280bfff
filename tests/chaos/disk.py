"""Disk: it is full while pictures are written, the database's too where that is a file, and later there is room."""

import asyncio
import errno
import hashlib
import os
import signal

from bot.store.database import open_database
from bot.store.images import Images
from tests.chaos.crew import crew
from tests.chaos.exchange import Exchange
from tests.chaos.hand import Hand, Scribbler, Task
from tests.chaos.orders import quotes
from tests.chaos.reckoning import reckon
from tests.chaos.room import Room
from tests.chaos.scenario import Options, Outcome, Place, told

JOBS, IMAGES_A_JOB = 12, 5
PICTURE_BYTES = 200_000
DISK_BYTES = 6 * 2**20
"""Room for half of the pictures, or less where the database is there too."""

KEPT = 20
REFUSALS, SECONDS_MORE = 6, 1.5
FULL = (errno.ENOSPC, errno.EFBIG)


class Watched(Images):
    """Tells how often there was no room, and how many files of a name were not what the name says."""

    hand: "Cramped"
    kept = 0

    async def put(self, png: bytes) -> str:
        if self.kept == KEPT:
            self.hand.room.narrow()
        self.kept += 1
        try:
            return await super().put(png)
        except OSError as error:
            if error.errno in FULL:
                self.hand.tell("full")
                for path in self._folder.glob("*/*.png"):
                    if hashlib.sha256(path.read_bytes()).hexdigest() != path.stem:
                        self.hand.tell("half a picture")
            raise


class Sloppy(Watched):
    """Writes a picture under its final name at once."""

    def _put(self, png: bytes) -> str:
        image = hashlib.sha256(png).hexdigest()
        path = self._path(image)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png)
        return image


class Cramped(Hand):
    """A console on a small disk, which is enlarged at SIGUSR1."""

    kind: type[Watched] = Watched
    own_disk = True
    accepted_at_once, accept_seconds = 1, 0.2  # so that there are quotes left when it is full

    def prepare(self) -> None:
        self.room = Room(self.task.folder, DISK_BYTES, own_disk=self.own_disk)
        signal.signal(signal.SIGUSR1, lambda *_: self.room.enlarge())

    def conclude(self) -> None:
        self.room.leave()

    def images(self) -> Images:
        images = self.kind(self.task.folder / "images")
        images.hand = self
        return images

    def renderer(self) -> Scribbler:
        self.tell(self.room.way)
        return Scribbler(self.task.slots, PICTURE_BYTES)


class Limited(Cramped):
    """The same without a disk of its own, as where that is forbidden."""

    own_disk = False


class SloppyCramped(Cramped):
    """The same with sloppy files."""

    kind = Sloppy


class Disk:
    """A console fills its disk, and waits until that is enlarged; the control writes its files in place."""

    name = "disk"
    promise = "a full disk loses nothing, and no file is ever half there; all goes on when there is room"

    def __init__(self, kind: type[Cramped] = Cramped) -> None:
        self._kind = kind

    async def run(self, place: Place, options: Options) -> Outcome:
        return await filled(place, options, self._kind)

    async def control(self, place: Place, options: Options) -> Outcome:
        outcome = await filled(place, options, SloppyCramped)
        return Outcome(f"files written in place: {outcome.figures}", outcome.holds)


SCENARIO = Disk()


async def filled(place: Place, options: Options, kind: type[Cramped]) -> Outcome:
    """Draw until the disk has been full for a while, make room, and let all be done."""
    data = place.folder / "disk"
    data.mkdir()
    url = f"sqlite+aiosqlite:///{data / 'atelier.db'}" if place.name == "sqlite" else place.url
    async with Exchange(options.seed).open() as exchange, crew() as hands:
        async with open_database(url) as sessions:
            await quotes(sessions, JOBS, IMAGES_A_JOB)
        heard, everything = exchange.heard["hand"], JOBS * (IMAGES_A_JOB + 1)  # with a sheet each
        hand = hands.start(kind, Task(url, data, exchange.address))
        await exchange.until(lambda: heard["full"] + heard["unavailable"] >= REFUSALS)
        await asyncio.sleep(SECONDS_MORE)
        before = len(exchange.copies)
        assert hand.pid is not None
        os.kill(hand.pid, signal.SIGUSR1)
        await exchange.until(lambda: len(exchange.copies) == everything)
        code = await hands.drain(hand)
        async with open_database(url) as sessions:
            reckoning = await reckon(sessions, exchange, data / "images")
    (way,) = (word for word in ("tmpfs", "file limit") if heard[word])
    errors = [word for word in heard if word.startswith("error")]
    counts = {
        "pictures without room": heard["full"],
        "members told so by the database": heard["unavailable"],
        "half files": heard["half a picture"],
    }
    figures = f"full ({way}) at {before} of {everything} posts, {told(counts)}, {reckoning}"
    good = code == 0 and before < everything and not heard["half a picture"] and not errors
    return Outcome(", ".join([figures, *errors[:1]]), good and reckoning.well)
