"""Who is in a photo: a face and what is known of it, what finds faces, and a memory of what was found."""

import hashlib
import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import NoFaceFound
from pipeline.memo import Memo

MEMO_BYTES = 8 * 2**20
CLASS_WORDS = {"F": "woman", "M": "man", None: "person"}


@dataclass(frozen=True, eq=False)
class Face:
    """One face; what the analyser cannot know is None.

    box: x1, y1, x2, y2 in pixels of the photo, perhaps a little beyond its edges. score: 0..1, how surely it is a face.
    keypoints: [5, 2] float32, the left eye, right eye, nose, left and right corner of the mouth as seen in the photo.
    landmarks: [106, 2] float32. embedding: [512] float32, raw: not normed. sex: "F" or "M". age: years.
    """

    box: tuple[float, float, float, float]
    score: float
    keypoints: NDArray[np.float32] | None = None
    landmarks: NDArray[np.float32] | None = None
    embedding: NDArray[np.float32] | None = None
    sex: str | None = None
    age: int | None = None

    @property
    def class_word(self) -> str:
        """The word that names such a person in a prompt."""
        return CLASS_WORDS[self.sex]

    @property
    def area(self) -> float:
        """Square pixels of the box."""
        x1, y1, x2, y2 = self.box
        return (x2 - x1) * (y2 - y1)

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        arrays = (self.keypoints, self.landmarks, self.embedding)
        return 500 + sum(array.nbytes for array in arrays if array is not None)


class Analyser(Protocol):
    """What finds faces. Not asked from two threads at once: `Faces` sees to that."""

    @property
    def identifies(self) -> bool:
        """Whether faces carry an embedding, by which people are told apart."""
        ...

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        ...

    def find(self, image: NDArray[np.uint8]) -> tuple[Face, ...]:
        """The faces of an RGB photo [H, W, 3], left to right."""
        ...


class Faces:
    """An analyser that remembers what it found, by the photo's pixels. May be asked from several threads."""

    def __init__(self, analyser: Analyser, limit_bytes: int = MEMO_BYTES) -> None:
        self._analyser = analyser
        self._found: Memo[tuple[Face, ...]] = Memo(limit_bytes)
        self._remembering = threading.Lock()  # held for a moment only: what is known never waits for an analysis
        self._analysing = threading.Lock()
        self._forgotten = 0

    @property
    def identifies(self) -> bool:
        """Whether faces carry an embedding, by which people are told apart."""
        return self._analyser.identifies

    @property
    def name(self) -> str:
        """What to call the analyser in a sentence."""
        return self._analyser.name

    def find(self, image: NDArray[np.uint8]) -> tuple[Face, ...]:
        """The faces of an RGB photo [H, W, 3], left to right; each photo is analysed once, whoever asks and when."""
        digest = hashlib.sha256(f"{image.shape}".encode())
        digest.update(np.ascontiguousarray(image).data)
        key = digest.hexdigest()
        found = self._remembered(key)
        if found is None:
            with self._analysing:
                found = self._remembered(key)  # by somebody who asked for the same at the same time
                if found is None:
                    forgotten = self._forgotten
                    found = self._analyser.find(image)
                    with self._remembering:
                        if forgotten == self._forgotten:
                            self._found.keep(key, found, 100 + sum(face.size for face in found))
        return found

    def largest(self, image: NDArray[np.uint8], what: str) -> Face:
        """The largest face, not the surest. Raises NoFaceFound, a sentence that names `what`."""
        found = self.find(image)
        if not found:
            raise NoFaceFound(f"No face was found in {what}: use one with a large, sharp face seen from the front.")
        return max(found, key=lambda face: face.area)

    def forget(self) -> None:
        """Let go of every face that was found."""
        with self._remembering:
            self._found.clear()
            self._forgotten += 1  # what is being looked at just now is not remembered either

    def _remembered(self, key: str) -> tuple[Face, ...] | None:
        with self._remembering:
            return self._found.find(key)
