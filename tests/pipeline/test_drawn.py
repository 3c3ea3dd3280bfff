"""What a picture took: each base and each face has one who took it, and what was drawn before is free."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import pixels
from pipeline.engine import Engine
from pipeline.errors import OutOfMemory, Stopped
from pipeline.faces import Face, Faces
from pipeline.stages import detail
from sweeps.plan import plan

LEFT, RIGHT = (10.0, 40.0, 50.0, 90.0), (70.0, 40.0, 115.0, 95.0)
CANVAS = pixels.encode_png(np.random.default_rng(3).integers(0, 255, (8, 8, 3), np.uint8).repeat(16, 0).repeat(16, 1))


class Places:
    """An analyser that sees faces at given places, whatever the picture, and may be held."""

    identifies, name = False, "places"

    def __init__(self, *boxes):
        self.boxes, self.reached, self.go_on = boxes, threading.Event(), threading.Event()
        self.go_on.set()

    def find(self, image):
        self.reached.set()
        assert self.go_on.wait(30)
        return tuple(Face(box, 0.9) for box in self.boxes)


@pytest.fixture
def seeing(modules, new_engine):
    """Opens engines with an analyser of these tests."""
    opened = []

    def open_one(places, **settings):
        opened.append((Engine(modules, new_engine.config(**settings), Faces(places)), places))
        return opened[-1][0]

    yield open_one
    for engine, places in opened:
        places.go_on.set()
        engine.close()


@pytest.fixture
def two_faces(seeing):
    return seeing(Places(LEFT, RIGHT))


@pytest.fixture
def detailed(recipe):
    """Makes recipes that draw faces again in few steps."""
    return lambda **settings: recipe(detail=True, detail_steps=4, **settings)


def took(future):
    drawing = future.result(60)
    return drawing.bases, drawing.passes


def test_a_picture_takes_one_base_and_each_face_that_was_found(two_faces, recipe, detailed):
    assert took(two_faces.draw(recipe())) == (1, 0)
    assert took(two_faces.draw(detailed(seed=2))) == (1, 2)


def test_without_a_face_the_base_is_all_that_is_taken_and_of_a_photo_nothing(seeing, detailed):
    engine = seeing(Places())
    assert took(engine.draw(detailed())) == (1, 0)
    assert took(engine.draw(replace(detailed(), photo="5" * 64), canvas=CANVAS)) == (0, 0)


def test_of_a_photo_the_faces_alone_are_taken(two_faces, detailed):
    assert took(two_faces.draw(replace(detailed(), photo="5" * 64), canvas=CANVAS)) == (0, 2)


def test_a_base_that_was_drawn_before_is_free_and_its_faces_are_not(two_faces, recipe, detailed):
    two_faces.draw(recipe()).result(60)
    assert took(two_faces.draw(detailed())) == (0, 2)


def test_a_picture_that_was_drawn_before_is_free(two_faces, detailed):
    assert [took(two_faces.draw(detailed(seed=seed))) for seed in (1, 1, 2)] == [(1, 2), (0, 0), (1, 2)]


def test_what_the_memo_let_go_of_is_taken_again(seeing, detailed):
    engine = seeing(Places(LEFT), memo_bytes=0)
    assert [took(engine.draw(detailed())) for _ in range(2)] == [(1, 1), (1, 1)]


def test_of_those_who_share_a_flight_the_first_alone_takes_it(gate, two_faces, detailed):
    futures = [two_faces.draw(detailed(), on_step=gate)]
    assert gate.reached.wait(30)
    futures += [two_faces.draw(detailed()) for _ in range(2)]
    gate.open.set()
    assert [took(future) for future in futures] == [(1, 2), (0, 0), (0, 0)]


def test_who_takes_a_flight_over_takes_all_that_it_took(seeing, detailed):
    """The base is drawn when the second asks, and its faces are being looked for when the first leaves."""
    places, stop = Places(LEFT, RIGHT), threading.Event()
    places.go_on.clear()
    engine = seeing(places)
    first = engine.draw(detailed(), should_stop=stop.is_set)
    assert places.reached.wait(30)
    others = [engine.draw(detailed()) for _ in range(2)]
    stop.set()
    places.go_on.set()
    with pytest.raises(Stopped):
        first.result(60)
    assert [took(future) for future in others] == [(1, 2), (0, 0)]


@pytest.mark.parametrize("leaving", [(0,), (0, 1), (1,)], ids=str)
def test_whoever_leaves_while_the_picture_is_written_leaves_it_to_the_next(
    gate, two_faces, recipe, monkeypatch, leaving
):
    encode = pixels.encode_png

    def left_meanwhile(array):
        assert all(futures[i].cancel() for i in leaving)
        return encode(array)

    monkeypatch.setattr(pixels, "encode_png", left_meanwhile)
    futures = [two_faces.draw(recipe(), on_step=gate)]
    assert gate.reached.wait(30)
    futures += [two_faces.draw(recipe()) for _ in range(2)]
    gate.open.set()
    remaining = [future for i, future in enumerate(futures) if i not in leaving]
    assert [took(future) for future in remaining] == [(1, 0), (0, 0)][: len(remaining)]


def test_of_those_who_wait_for_one_base_the_one_that_walks_it_takes_it(gate, two_faces, recipe, detailed):
    futures = [two_faces.draw(recipe(), on_step=gate)]
    assert gate.reached.wait(30)
    futures += [two_faces.draw(detailed(denoise=denoise)) for denoise in (0.5, 1.0)]
    gate.open.set()
    assert [took(future) for future in futures] == [(1, 0), (0, 2), (0, 2)]


def test_a_base_that_goes_on_from_the_first_steps_of_another_is_taken_whole(new_engine_v2, recipe, photos, calls_v2):
    engine, settings = new_engine_v2(), {"prompt": "a woman img", "face_folder": "mina", "steps": 8}
    futures = [
        engine.draw(recipe(start_merge_step=4, weight=weight, guidance_scale=1.0, **settings), photos=photos)
        for weight in (0.5, 1.5)
    ]
    assert [took(future) for future in futures] == [(1, 0), (1, 0)]
    assert sum(map(len, calls_v2)) == 8 + 3  # five steps were shared


def test_of_a_flight_that_failed_nobody_takes_anything_and_its_base_is_free(two_faces, detailed, monkeypatch):
    """The second of two faces has no memory; who asks again draws both, on the base that is known."""
    begin, begun = detail.begin, []

    def small(*arguments):
        begun.append(1)
        if len(begun) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return begin(*arguments)

    monkeypatch.setattr(detail, "begin", small)
    with pytest.raises(OutOfMemory):
        two_faces.draw(detailed()).result(60)
    assert took(two_faces.draw(detailed())) == (0, 2)


def test_a_sweep_takes_what_its_plan_counts(new_engine_v2, recipe, photos):
    """Seeds x merge steps x weights x denoise, a person in some bases, and each cell asked for twice."""
    named = {"prompt": "a woman img", "face_folder": "mina", "detail": True, "detail_steps": 4}
    cells = [
        recipe(seed=seed, start_merge_step=step, weight=weight, denoise=denoise, **named)
        for seed in (1, 2)
        for step in (1, 150)
        for weight in (0.5, 1.5)
        for denoise in (0.5, 1.0)
    ]
    planned, engine = plan(cells), new_engine_v2()
    taken = [took(future) for future in [engine.draw(cell, photos=photos) for cell in cells * 2]]
    assert (planned.unique_bases, planned.unique_details) == (6, 16)
    assert (sum(bases for bases, _ in taken), sum(passes for _, passes in taken)) == (6, 16)
