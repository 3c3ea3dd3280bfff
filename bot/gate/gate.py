"""The gate as the console uses it: follows its file while running, and asks the classifier on a thread of its own."""

import asyncio
import errno
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.domain.gate import Cause, Hit, Verdict
from bot.domain.job import Member
from bot.gate.classifier import Classifier, Folder, look_into
from bot.gate.rulebook import ImageRules, Rulebook, read_rulebook
from bot.settings import BadSettings, Settings
from sweeps.errors import SweepError
from sweeps.parse import MOST_BYTES

log = structlog.get_logger("atelier.gate")

NAME = "gate.yaml"
LOOK_SECONDS = 1.0
UNJUDGED = "could not be checked"
GONE: tuple[int, ...] = ()
"""The state of a file that is not there."""


@dataclass(frozen=True)
class _Orders:
    """A rulebook with its classifier's folder, looked into."""

    book: Rulebook
    folder: Folder | None = None


class Gate:
    """The port Gate. Without a file, and where the file says nothing, everything passes.

    The file is looked at again when something is asked, once a second at most. While it cannot be used, what it said
    before holds; a file that was named and is gone, too. One that was not named may be deleted: then everything passes.
    """

    def __init__(
        self,
        file: Path,
        explicit: bool,
        parent: Callable[[int], int | None] = lambda thread: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`explicit`: the operator named the file, so that it must be there. `parent` is the channel of a thread.

        Raises BadSettings with each mistake in it; a classifier's folder is looked into, and loaded by `load`.
        """
        self._file = file
        self._explicit = explicit
        self._parent = parent
        self._clock = clock
        self._told = self._misread = ""
        self._thread = ThreadPoolExecutor(1, "atelier-gate")
        self._classifier: tuple[tuple[object, ...], Classifier] | None = None
        self._troubled: tuple[object, ...] | None = None
        self._state = self._look()
        self._gone_before = False
        if self._state == GONE and explicit:
            raise BadSettings(f"GATE_FILE: there is no file {file}; correct the path, or leave GATE_FILE empty")
        self._orders = self._read() if self._state != GONE else _Orders(Rulebook())
        self._looked = clock()

    async def load(self) -> None:
        """Load the classifier now, on its thread; else it is loaded for the first picture. Raises BadSettings."""
        folder = self._now().folder
        if folder is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._loaded, folder)

    def prompt(self, text: str) -> Hit | None:
        """What in a prompt, a title, a label or a name is on the list. A negative prompt may name what it likes."""
        entry = self._now().book.words.find(text)
        return None if entry is None else Hit(Cause.PROMPT, entry.verdict, entry.written)

    async def image(self, png: bytes) -> Hit | None:
        """What the classifier sees that should be hidden or withheld; one that cannot be judged is withheld."""
        orders = self._now()
        if orders.folder is None or orders.book.images is None:
            return None
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._judge, orders.folder, orders.book.images, png
        )

    def place(self, member: Member, channel_id: int) -> None:
        """Whether the member's roles may draw in that channel. Raises Refusal with where they may."""
        self._now().book.rules.place(member, self._parent(channel_id) or channel_id)

    def spoiler(self, member: Member, channel_id: int) -> bool:
        """Whether all that the member draws in that channel goes behind spoilers."""
        return self._now().book.rules.spoiler(member, self._parent(channel_id) or channel_id)

    def mistake(self) -> str:
        """Why what the file says now does not hold, a line for each mistake in it; empty where it holds.

        Operators of a server read it, whom the folders of this machine do not concern: only the file's name is told.
        """
        self._now()
        return self._told.replace(f"{self._file.parent}{os.sep}", "")

    def close(self) -> None:
        """Let go of the thread; what waits for it is not judged any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    # --- the file

    def _now(self) -> _Orders:
        if self._clock() - self._looked < LOOK_SECONDS:
            return self._orders
        self._looked = self._clock()
        try:
            state = self._look()
            if state == GONE:
                self._miss()
            elif state != self._state:
                self._state, self._gone_before, self._misread = state, False, ""
                try:
                    self._orders = self._read()
                except BadSettings as error:
                    self._misread = str(error)
                    raise
                self._told = ""
                log.info("the gate's file was read anew", file=str(self._file))
            else:  # where it could not be looked at for a while, that is over
                self._gone_before, self._told = False, self._misread
        except BadSettings as error:
            self._tell(str(error))
        return self._orders

    def _miss(self) -> None:
        """An editor may put a new file in the place of the old one: it is gone when it is missing at two looks."""
        if self._state == GONE:
            return
        if not self._gone_before:
            self._gone_before = True
        elif self._explicit:
            self._tell(f"there is no file {self._file} any more")
        else:
            self._state, self._gone_before, self._told, self._misread = GONE, False, "", ""
            self._orders = _Orders(Rulebook())
            log.warning("the gate's file was deleted; everything passes", file=str(self._file))

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            log.error("the gate's file cannot be used; what it said before holds", reason=reason)

    def _look(self) -> tuple[int, ...]:
        """The file's state, by which a change is seen. Raises BadSettings."""
        try:
            facts = self._file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return GONE
        except OSError as error:
            raise self._unreadable(error) from error
        return facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino  # mended rights show in ctime alone

    def _read(self) -> _Orders:
        """What the file says. Raises BadSettings with a line for each mistake."""
        try:
            text = _read_file(self._file)
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            book = read_rulebook(text, self._file.parent)
            images = book.images
            return _Orders(book, None if images is None else look_into(images.model, list(images.labels)))
        except (SweepError, BadSettings) as error:
            lines = "\n".join(f"{self._file}: {line}" for line in str(error).splitlines())
            raise BadSettings(lines) from error

    def _unreadable(self, error: OSError) -> BadSettings:
        return BadSettings(
            f"{self._file} cannot be read ({error.strerror or error}); the gate needs a plain file there"
        )

    # --- on the thread

    def _loaded(self, folder: Folder) -> Classifier:
        """The classifier of that folder, loaded where it was not. Raises BadSettings."""
        try:
            stamp = folder.stamp()
        except OSError as error:
            raise BadSettings(f"images.model: {folder.path} cannot be read ({error.strerror})") from error
        if self._classifier is None or self._classifier[0] != stamp:
            self._classifier = None  # two of them may be more than there is memory for
            try:
                self._classifier = (stamp, Classifier(folder))
            except BadSettings as error:
                raise BadSettings(f"{self._file}: {error}") from error
        return self._classifier[1]

    def _judge(self, folder: Folder, images: ImageRules, png: bytes) -> Hit | None:
        try:
            scores = self._loaded(folder).scores(png)
        except Exception as error:  # whatever it is, nothing is posted that nobody has looked at
            trouble = (folder.path, type(error), str(error))
            if trouble != self._troubled:
                log.error("a picture could not be checked and is withheld", reason=str(error), exc_info=error)
            self._troubled = trouble
            return Hit(Cause.IMAGE, Verdict.WITHHOLD, UNJUDGED)
        self._troubled = None
        hits = [
            Hit(Cause.IMAGE, verdict, label, round(scores[label], 4))
            for label, threshold in images.labels.items()
            if (verdict := threshold.verdict(scores[label])) is not Verdict.PASS
        ]
        return max(hits, key=lambda hit: (hit.verdict is Verdict.WITHHOLD, hit.score), default=None)


def gate_of(settings: Settings, parent: Callable[[int], int | None]) -> Gate:
    """The gate of GATE_FILE, or of gate.yaml in DATA_DIR; `parent` is the channel of a thread. Raises BadSettings."""
    if settings.gate_file:
        return Gate(Path(settings.gate_file), True, parent)
    return Gate(settings.data_dir / NAME, False, parent)


def _read_file(path: Path) -> bytes:
    """A plain file's bytes, one more than is allowed at most. Raises OSError."""
    # Opening a pipe would wait for somebody to write.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no plain file")
    with open(handle, "rb") as file:
        return file.read(MOST_BYTES + 1)
