"""Who is in a person's photos: what PhotoMaker must know of them, and which word names them in a prompt."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import BadRecipe, Stopped
from pipeline.faces import CLASS_WORDS, Face, Faces
from pipeline.identity.photomaker import PhotoMaker
from pipeline.memo import Memo
from pipeline.photo import open_photo

MEMO_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Person:
    """One person as their n photos show them.

    pixels: [n, 3, S, S] float32 as the vision tower reads them; embeddings: [n, E] raw, or None where PhotoMaker needs
    none. `digest` is made of the photos alone: equal digest, equal person.
    """

    name: str
    digest: str
    class_word: str
    pixels: torch.Tensor
    embeddings: torch.Tensor | None


class People:
    """Identifies people by their photos, each person once. May be asked from several threads."""

    def __init__(self, faces: Faces, photomaker: PhotoMaker | None) -> None:
        self._faces = faces
        self._photomaker = photomaker
        self._known: Memo[Person] = Memo(MEMO_BYTES)
        self._remembering = threading.Lock()  # held for a moment only: who is known never waits for a newcomer
        self._meeting = threading.Lock()
        self._forgotten = 0

    def check(self) -> None:
        """Raises BadRecipe, a sentence, where nobody can be identified on this machine."""
        if self._photomaker is None:
            raise BadRecipe(
                "There are no PhotoMaker weights here: put photomaker-v2.bin into MODEL_DIR, "
                "or leave face_folder empty."
            )
        if self._photomaker.needs_embeddings and not self._faces.identifies:
            raise BadRecipe(
                f"{self._photomaker.path.name} needs face embeddings, and {self._faces.name} only finds where faces "
                "are: put a face model pack into MODEL_DIR/insightface/models, or use PhotoMaker V1."
            )

    def knows(self, name: str, photos: Sequence[bytes]) -> bool:
        """Whether that person can be identified at once."""
        return self._remembered(_key(name, photos)[0]) is not None

    def identify(self, name: str, photos: Sequence[bytes], wanted: Callable[[], bool] = lambda: True) -> Person:
        """The person in these photos (PNG, JPEG or WebP). Raises BadRecipe, BadPhoto, NoFaceFound.

        Photos take a while: when `wanted()` is no longer true before one of them, Stopped.
        """
        self.check()
        if not photos:
            raise BadRecipe(f"There are no photos of {name}: add some with /faces add.")
        key, digest = _key(name, photos)
        person = self._remembered(key)
        if person is None:
            with self._meeting:
                person = self._remembered(key)  # by somebody who asked at the same time
                if person is None:
                    forgotten = self._forgotten
                    person = self._meet(name, digest, photos, wanted)
                    with self._remembering:
                        if forgotten == self._forgotten:
                            self._known.keep(key, person, person.pixels.nbytes)
        return person

    def forget(self) -> None:
        """Let go of everybody."""
        with self._remembering:
            self._known.clear()
            self._forgotten += 1  # who is being met just now is not remembered either

    def _remembered(self, key: str) -> Person | None:
        with self._remembering:
            return self._known.find(key)

    def _meet(self, name: str, digest: str, photos: Sequence[bytes], wanted: Callable[[], bool]) -> Person:
        assert self._photomaker is not None
        shots, seen = [], []
        for number, photo in enumerate(photos, start=1):
            if not wanted():
                raise Stopped("Stopped before the picture was begun.")
            shot = np.asarray(open_photo(photo, f"Photo {number} of {name}"))
            shots.append(shot)
            if self._photomaker.needs_embeddings:
                # A photo and its embedding stay together: one without a face is an error, never left out in silence.
                seen.append(self._faces.largest(shot, f"photo {number} of {name}"))
            elif found := self._faces.find(shot):  # V1 reads the whole photo; the face tells the class word alone
                seen.append(max(found, key=lambda face: face.area))
        embeddings = None
        if self._photomaker.needs_embeddings:
            embeddings = torch.from_numpy(np.stack([_embedding(face) for face in seen]))
        return Person(
            name=name,
            digest=digest,
            class_word=_class_word(seen),
            pixels=self._photomaker.pixels([Image.fromarray(shot) for shot in shots]),
            embeddings=embeddings,
        )


def _key(name: str, photos: Sequence[bytes]) -> tuple[str, str]:
    """By what a person is remembered, and the digest of the photos alone."""
    digest = hashlib.sha256(b"".join(hashlib.sha256(photo).digest() for photo in photos)).hexdigest()
    return f"{name}/{digest}", digest


def _class_word(seen: Sequence[Face]) -> str:
    """What most of the faces are taken for."""
    words = Counter(face.class_word for face in seen if face.sex)
    return words.most_common(1)[0][0] if words else CLASS_WORDS[None]


def _embedding(face: Face) -> NDArray[np.float32]:
    assert face.embedding is not None  # the analyser identifies
    return face.embedding.astype(np.float32)
