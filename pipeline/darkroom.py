"""The darkroom: all that becomes of a picture beside the device, on threads of its own, so that this never waits.

People are identified at the door, faces found, cut out and pasted back, pictures written and handed over. Urgent work
goes first, and each kind has its own threads: a picture is not written behind the faces of others.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline import pixels
from pipeline.brief import Brief, brief
from pipeline.errors import BadRecipe, Stopped
from pipeline.faces import Faces
from pipeline.faults import translate
from pipeline.flight import Asker, Drawing, Flight
from pipeline.memo import Memo
from pipeline.people import People
from pipeline.photo import open_photo
from pipeline.pool import Pool
from pipeline.roster import UNFINISHED, Roster
from pipeline.stages import detail

V = TypeVar("V")
CLOSED = "The engine is closed; nothing more is drawn."
NOTHING = (0, 0)
"""Bases and faces that a picture took which was drawn before, or for somebody else."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What the memo keeps of a finished stage: its pixels [H, W, 3], and what is to be said about it."""

    array: NDArray[np.uint8]
    notes: tuple[str, ...]


class Darkroom:
    """Takes askers in at one end and hands them their pictures at the other; remembers pictures by stage key."""

    def __init__(self, model: str, roster: Roster, faces: Faces, people: People, memo_bytes: int) -> None:
        self._model = model
        self._roster = roster
        self._faces = faces
        self._people = people
        self._pictures: Memo[Picture] = Memo(memo_bytes)
        self._door, self._newcomers = Pool(1, "door"), Pool(1, "newcomers")
        self._finders, self._writers = Pool(2, "faces"), Pool(2, "png")

    def enter(self, asker: Asker, photos: Mapping[str, Sequence[bytes]], canvas: bytes | None) -> None:
        """Let somebody ask for a picture; returns at once, since it may be called on an event loop's thread."""
        if not (asker.recipe.people or asker.recipe.photo):
            self._find_out(asker, photos, None)  # there are no photos to read
        elif not self._door.submit(lambda: self._greet(asker, photos, canvas), urgent=asker.urgent):
            asker.fail(Stopped(CLOSED))

    def develop(self, flight: Flight, decoded: torch.Tensor) -> None:
        """Go on with a flight whose trajectory has ended in these pixels [3, H, W]."""
        self._send(self._writers, self._base_done if flight.canvas is None else self._face_done, flight, decoded)

    def forget(self) -> None:
        """Let go of all pictures."""
        with self._roster.lock:
            self._pictures.clear()

    def close(self) -> None:
        """Stop what is unfinished, once the engine takes no further step."""
        for pool in (self._door, self._newcomers, self._finders, self._writers):
            pool.close()
        for flight in list(self._roster.flights.values()):
            self._roster.fail(flight, Stopped(UNFINISHED))

    def _greet(self, asker: Asker, photos: Mapping[str, Sequence[bytes]], canvas: bytes | None) -> None:
        """Newcomers' photos are read on a thread of their own, so that nobody who is known waits for them."""
        if all(self._people.knows(name, photos.get(name, ())) for name in asker.recipe.people):
            self._find_out(asker, photos, canvas)
        elif not self._newcomers.submit(lambda: self._find_out(asker, photos, canvas), urgent=asker.urgent):
            asker.fail(Stopped(CLOSED))

    def _find_out(self, asker: Asker, photos: Mapping[str, Sequence[bytes]], canvas: bytes | None) -> None:
        """Find out who is meant, then let the asker join the flight to their picture, or begin one."""
        try:
            wanted = self._brief(asker, photos, canvas)
        except Exception as error:
            return asker.fail(translate(error, asker.recipe))
        start, flight = None if wanted.photo is None else Picture(wanted.photo, ()), None
        with self._roster.lock:
            if self._roster.closed:
                return asker.fail(Stopped(CLOSED))
            known = self._pictures.find(wanted.key)
            if known is None:
                flight = self._roster.join(asker, wanted)
                start = start or self._pictures.find(wanted.base_key)
                if flight and not start:
                    self._roster.wait(flight)
        if known:
            self._hand_over([asker], known)
        elif flight and start:
            self._send(self._writers, self._look, flight, start)

    def _brief(self, asker: Asker, photos: Mapping[str, Sequence[bytes]], canvas: bytes | None) -> Brief:
        """The recipe with its people and its photo. Raises BadRecipe, BadPhoto, NoFaceFound, Stopped."""
        recipe = asker.recipe
        if recipe.detail and recipe.detail_run < 1:
            raise BadRecipe(f"denoise {recipe.denoise:g} of {recipe.detail_steps} detail_steps leaves no step to draw.")
        if recipe.photo and canvas is None:
            raise BadRecipe("The photo that this recipe begins with is gone; upload it again.")

        def wanted() -> bool:
            return not self._roster.closed and not asker.left()

        people = [self._people.identify(name, photos.get(name, ()), wanted) for name in recipe.people]
        return brief(recipe, people, np.asarray(open_photo(canvas, "The photo")) if canvas and recipe.photo else None)

    def _base_done(self, flight: Flight, decoded: torch.Tensor) -> None:
        """Remember the base picture, and let everybody who waits for it go on with it."""
        picture = Picture(pixels.to_array(decoded), flight.notes)
        with self._roster.lock:
            self._pictures.keep(flight.brief.base_key, picture, picture.array.nbytes)
            others = self._roster.release(flight, picture.array)
        for other in others:
            self._send(self._writers, self._look, other, picture)
        self._look(flight, picture)

    def _look(self, flight: Flight, picture: Picture) -> None:
        """Begin with the base picture: have its faces found where they are to be drawn again."""
        flight.note(picture.notes)
        flight.canvas = picture.array
        if flight.brief.recipe.detail:
            self._send(self._finders, self._find_faces, flight, picture.array)
        else:
            self._next_face(flight)

    def _find_faces(self, flight: Flight, canvas: NDArray[np.uint8]) -> None:
        """Find the faces, on threads of their own: it takes longest, and pictures without need not wait for it."""
        passes, notes = detail.passes(flight.brief, canvas, self._faces.find(canvas))
        flight.passes.extend(passes)
        flight.note(notes)
        self._next_face(flight)

    def _face_done(self, flight: Flight, decoded: torch.Tensor) -> None:
        """Paste a face, so that the next one is cut out of the picture with it."""
        assert flight.canvas is not None and flight.crop is not None
        flight.canvas = detail.close_crop(flight.canvas, flight.crop, pixels.to_array(decoded))
        self._next_face(flight)

    def _next_face(self, flight: Flight) -> None:
        """Open the next face pass and wait for room, or hand the picture over."""
        assert flight.canvas is not None
        crop = detail.open_crop(flight.canvas, flight.passes.popleft()) if flight.passes else None
        picture = Picture(flight.canvas, flight.notes)
        with self._roster.lock:
            if crop is not None:
                flight.crop = crop
                return self._roster.wait(flight)
            self._pictures.keep(flight.key, picture, picture.array.nbytes)
            self._roster.forget(flight)
        seconds = time.perf_counter() - flight.admitted if flight.admitted else 0.0
        self._hand_over(flight.askers, picture, seconds, flight.taken)

    def _hand_over(
        self, askers: Sequence[Asker], picture: Picture, seconds: float = 0.0, taken: tuple[int, int] = NOTHING
    ) -> None:
        """Write the PNG, not behind anybody's faces, and give it to all who wait, each with their recipe inside.

        The first who takes it has the base and the faces that it took; whoever left meanwhile takes nothing.
        """

        def write() -> None:
            due = taken
            try:
                png = pixels.encode_png(picture.array)
                for asker in askers:
                    own = pixels.inscribe(png, asker.recipe, self._model)
                    if asker.resolve(Drawing(own, asker.recipe, seconds, asker.recipe.steps, *due, picture.notes)):
                        due = NOTHING
            except Exception as error:
                for asker in askers:
                    asker.fail(translate(error, asker.recipe))

        if not self._writers.submit(write, urgent=any(asker.urgent for asker in askers)):
            for asker in askers:
                asker.fail(Stopped(UNFINISHED))

    def _send(self, pool: Pool, work: Callable[[Flight, V], None], flight: Flight, what: V) -> None:
        """Go on with a flight on another thread; what goes wrong there concerns this flight alone."""

        def run() -> None:
            with self._roster.blame(flight):
                work(flight, what)

        if not pool.submit(run, urgent=flight.urgent):
            self._roster.fail(flight, Stopped(UNFINISHED))
