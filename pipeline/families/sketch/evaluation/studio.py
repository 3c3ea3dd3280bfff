"""Where the evaluation's pictures are drawn: the product's own engine, once a core, each in a process of its own."""

import io
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pipeline.config import Config
from pipeline.engine import Engine, open_engine
from pipeline.errors import NoFaceFound
from pipeline.faces import Face
from pipeline.families.sketch import CARD
from sweeps.parameters import Value
from sweeps.recipe import Recipe, resolve

T = TypeVar("T")


@dataclass(frozen=True)
class Order:
    """A picture that is wanted, and the photos of whom its recipe names."""

    recipe: Recipe
    photos: Mapping[str, Sequence[bytes]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawn picture, RGB [H, W, 3], the faces that the family's own pack finds in it, and what the engine noted."""

    pixels: NDArray[np.uint8]
    faces: tuple[Face, ...]
    notes: tuple[str, ...]

    @property
    def face(self) -> Face | None:
        """The largest face."""
        return max(self.faces, key=lambda face: face.area, default=None)


class Studio:
    """One process a core, each with an engine; a context, with a progress bar for each kind of work."""

    def __init__(self, work: Path) -> None:
        """`work`: a folder for what the engines remember of their files."""
        self.cores = 1 if torch.cuda.is_available() else len(os.sched_getaffinity(0))
        config = Config(family=CARD.name, cache_dir=work / "cache")
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._progress = Progress(TextColumn("{task.description}"), *columns, console=Console(stderr=True))
        self._pool = ProcessPoolExecutor(self.cores, get_context("spawn"), _open, (config,))

    def __enter__(self) -> "Studio":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._progress.stop()

    def start(self, what: str, function: Callable[..., T], jobs: Sequence[Any]) -> "list[Future[T]]":
        """Have `function(job)` called for each job, in the order in which they were started, as cores are free."""
        task = self._progress.add_task(what, total=len(jobs))
        futures = [self._pool.submit(function, job) for job in jobs]
        for future in futures:
            future.add_done_callback(lambda _: self._progress.advance(task))
        return futures


def order(photos: Mapping[str, Sequence[bytes]] | None = None, **settings: Value) -> Order:
    """An order for these settings over the family's own defaults."""
    return Order(resolve(settings, defaults=CARD.defaults), photos or {})


def drawn(orders: Sequence[Order]) -> list[Picture | None]:
    """A job: the pictures ordered; None where a person's photos were refused because no face was found in them."""
    futures = [_engine().draw(one.recipe, photos=one.photos) for one in orders]
    pictures: list[Picture | None] = []
    for future in futures:
        try:
            drawing = future.result()
        except NoFaceFound:
            pictures.append(None)
            continue
        pixels = np.asarray(Image.open(io.BytesIO(drawing.png)).convert("RGB"))
        pictures.append(Picture(pixels, faces_in(pixels), drawing.notes))
    return pictures


def faces_in(pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
    """In a job: the faces that the family's own pack finds."""
    return _engine().faces.find(pixels)


_opened: list[Engine] = []
"""The engine of this process, where it is one of a studio's."""


def _engine() -> Engine:
    return _opened[0]


def _open(config: Config) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    engine = open_engine(config)
    _opened.append(engine)
    Finalize(None, engine.close, exitpriority=10)
