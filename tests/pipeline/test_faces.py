"""Faces are remembered by their photo: analysed once, whoever asks, from whatever thread, within a bound in bytes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipeline.analysers import Cascade
from pipeline.errors import NoFaceFound
from pipeline.faces import Face, Faces
from tests.pipeline.face_pack import MAGENTA, open_faces, photo


class Counting:
    """An analyser that counts how often it is asked and is never in two places at once."""

    identifies, name = True, "a counting analyser"

    def __init__(self):
        self.asked = 0
        self._alone = threading.Lock()

    def find(self, image):
        assert self._alone.acquire(blocking=False)
        try:
            self.asked += 1
            time.sleep(0.02)  # long enough for others to come and ask for the same
            value = float(image[0, 0, 0])
            return (Face((value, 0.0, value + 10, 10.0), 0.9),) if value else ()
        finally:
            self._alone.release()


def plain(value, shape=(16, 16, 3)):
    return np.full(shape, value, np.uint8)


def test_each_photo_is_analysed_once_also_one_without_a_face():
    analyser = Counting()
    faces = Faces(analyser)
    assert faces.find(plain(1)) is faces.find(plain(1))
    assert faces.find(plain(0)) == faces.find(plain(0)) == ()
    assert analyser.asked == 2


def test_the_same_bytes_in_another_shape_are_another_photo():
    analyser = Counting()
    faces = Faces(analyser)
    faces.find(plain(1, (8, 32, 3)))
    faces.find(plain(1, (32, 8, 3)))
    assert analyser.asked == 2


def test_a_view_that_is_not_contiguous_is_the_photo_that_it_shows():
    analyser = Counting()
    faces = Faces(analyser)
    image = np.random.default_rng(0).integers(1, 256, (16, 16, 3), dtype=np.uint8)
    faces.find(image[:, ::-1])
    faces.find(image[:, ::-1].copy())
    faces.find(image)
    assert analyser.asked == 2


def test_eight_threads_that_ask_for_three_photos_wait_for_three_analyses():
    analyser, start = Counting(), threading.Barrier(8)
    faces = Faces(analyser)

    def ask(number):
        start.wait(30)
        return [faces.find(plain(value))[0].box[0] for value in (1, 2, 3)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [[1, 2, 3]] * 8
    assert analyser.asked == 3


def test_insightface_gives_eight_threads_the_same_faces(tmp_path):
    faces, image = open_faces(tmp_path), photo(((50, 50, 250, 250), MAGENTA))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: faces.find(image), range(8)))
    assert all(one is found[0] for one in found)
    assert len(found[0]) == 1


def test_what_was_found_is_forgotten_once_it_holds_more_than_the_limit():
    analyser = Counting()
    faces = Faces(analyser, limit_bytes=1500)  # two photos of one bare face
    for value in (1, 2, 3, 3, 2, 1):
        faces.find(plain(value))
    assert analyser.asked == 4


def test_an_analyser_that_fails_is_asked_again():
    class Failing(Counting):
        def find(self, image):
            found = super().find(image)
            if self.asked == 1:
                raise RuntimeError("the device went away")
            return found

    faces = Faces(Failing())
    with pytest.raises(RuntimeError):
        faces.find(plain(1))
    assert len(faces.find(plain(1))) == 1


def test_a_photo_without_a_face_is_a_sentence_that_names_it():
    sentence = "No face was found in photo 2 of anna: use one with a large, sharp face seen from the front."
    with pytest.raises(NoFaceFound) as caught:
        Faces(Counting()).largest(plain(0), "photo 2 of anna")
    assert str(caught.value) == sentence


def test_faces_say_of_their_analyser_whether_it_identifies_and_its_name():
    cascade = Cascade()
    assert (Faces(Counting()).identifies, Faces(Counting()).name) == (True, "a counting analyser")
    assert (Faces(cascade).identifies, Faces(cascade).name) == (False, "the built-in face detector")
