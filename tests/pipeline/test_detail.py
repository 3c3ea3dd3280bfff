"""Stage 2: faces are drawn again and pasted back, as whoever they are meant to be, and nothing else changes."""

import io
from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from pipeline import geometry, masks, pixels
from pipeline.analysers import Cascade
from pipeline.brief import brief
from pipeline.engine import Engine
from pipeline.errors import BadPhoto, BadRecipe, PipelineError
from pipeline.faces import Face, Faces
from pipeline.people import People
from pipeline.stages import base, detail

LEFT, RIGHT, SMALL = (10.0, 40.0, 50.0, 90.0), (70.0, 40.0, 115.0, 95.0), (55.0, 5.0, 65.0, 15.0)


class Places:
    """An analyser that sees faces at given places, whatever the picture; it cannot tell people apart."""

    identifies, name = False, "places"

    def __init__(self, *boxes):
        self.boxes = boxes

    def find(self, image):
        return tuple(Face(box, 0.9) for box in sorted(self.boxes))


@pytest.fixture
def at_places(modules, new_engine, cache_dir):
    """Opens engines whose analyser sees faces at given places; they draw people with PhotoMaker V1."""
    opened = []

    def open_one(*boxes, **settings):
        opened.append(Engine(modules, new_engine.config(**settings), Faces(Places(*boxes))))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.close()


def array(drawing):
    return np.asarray(Image.open(io.BytesIO(drawing.png)))


def region_mask(box, crop_factor=3.0, width=128, height=128):
    """The change mask of a face over the whole picture."""
    region = geometry.crop_region(geometry.squared(box), crop_factor, width, height)
    whole = np.zeros((height, width), np.float32)
    whole[region[1] : region[3], region[0] : region[2]] = masks.change_mask(Face(box, 0.9), region, (width, height))
    return whole


def test_pixels_outside_the_mask_are_bit_identical_and_those_inside_are_not(at_places, recipe):
    engine = at_places(LEFT)
    base = array(engine.draw(recipe()).result(60)).astype(int)
    drawn = array(engine.draw(recipe(detail=True, denoise=0.9)).result(60)).astype(int)
    mask, changed = region_mask(LEFT), np.abs(drawn - base).max(axis=2)
    assert (mask == 0).sum() > 5000
    assert changed[mask == 0].max() == 0
    assert (changed[mask > 0.5] > 0).mean() > 0.9


def test_denoise_decides_how_many_steps_a_face_is_drawn_again(at_places, recipe, calls):
    engine = at_places(LEFT)
    engine.draw(recipe()).result(60)
    counts, pictures = [], set()
    for denoise in (0.1, 0.35, 0.9, 1.0):
        calls.clear()
        pictures.add(engine.draw(recipe(detail=True, detail_steps=20, denoise=denoise)).result(60).png)
        counts.append(len(calls))
    assert counts == [2, 7, 18, 20]
    assert len(pictures) == 4


@pytest.mark.parametrize("denoise", [0.0, 0.04])
def test_a_strength_that_leaves_no_step_is_refused(engine, recipe, calls, denoise):
    wanted = replace(recipe(detail=True, detail_steps=20), denoise=denoise)
    with pytest.raises(BadRecipe, match=rf"^denoise {denoise:g} of 20 detail_steps leaves no step to draw\.$"):
        engine.draw(wanted).result(60)
    assert calls == []


def test_without_a_face_the_base_picture_is_returned_and_says_so(at_places, recipe, calls):
    engine = at_places()
    base = engine.draw(recipe()).result(60)
    drawn = engine.draw(recipe(detail=True)).result(60)
    assert drawn.notes == ("No face found: the picture stays as it was.",)
    assert (array(drawn) == array(base)).all()
    assert len(calls) == 4


def test_a_face_beyond_the_picture_has_an_empty_mask_and_counts_as_none(at_places, recipe):
    drawn = at_places((300.0, 300.0, 340.0, 340.0)).draw(recipe(detail=True)).result(60)
    assert drawn.notes == ("No face found: the picture stays as it was.",)


def test_several_faces_are_drawn_left_to_right_each_from_a_seed_of_its_own(modules, recipe):
    canvas = np.zeros((128, 128, 3), np.uint8)
    wanted = brief(recipe(seed=2**32 - 1, detail=True))
    passes, notes = detail.passes(wanted, canvas, [Face(RIGHT, 0.9), Face(SMALL, 0.9), Face(LEFT, 0.9)])
    assert [each.face.box for each in passes] == [LEFT, SMALL, RIGHT]
    assert [each.seed for each in passes] == [2**32 - 1, 0, 1]
    assert notes == ()


def test_no_more_than_eight_faces_are_drawn_again_the_largest(recipe):
    canvas = np.zeros((128, 1280, 3), np.uint8)
    crowd = [Face((x * 100.0 + 20, 20.0, x * 100.0 + 40 + x, 60.0), 0.9) for x in range(10)]
    passes, notes = detail.passes(brief(recipe(detail=True)), canvas, crowd)
    assert [each.face for each in passes] == crowd[2:]
    assert notes == ("10 faces found; the 8 largest were drawn again.",)
    assert detail.passes(brief(recipe(detail=True)), canvas, crowd[2:])[1] == ()


def test_the_second_face_is_cut_out_of_the_picture_with_the_first_one_drawn(at_places, recipe, monkeypatch):
    opened = []
    open_crop = detail.open_crop

    def spy(canvas, face_pass):
        opened.append(canvas.copy())
        return open_crop(canvas, face_pass)

    monkeypatch.setattr(detail, "open_crop", spy)
    drawn = at_places(LEFT, RIGHT).draw(recipe(detail=True)).result(60)
    first, second = opened
    assert (first != second).any(axis=2)[region_mask(LEFT) > 0.5].mean() > 0.9
    assert (first == second)[region_mask(LEFT) == 0].all()
    assert (array(drawn) != second).any(axis=2)[region_mask(RIGHT) > 0.5].mean() > 0.9


def test_people_are_assigned_left_to_right_to_the_largest_faces(modules, photos, recipe):
    people = People(Faces(Places(LEFT)), modules.photomaker)
    mina, theo = (people.identify(name, photos[name]) for name in ("mina", "theo"))
    wanted = brief(recipe(face_folder="mina, theo", detail=True), [mina, theo])
    canvas = np.zeros((128, 128, 3), np.uint8)
    passes, _ = detail.passes(wanted, canvas, [Face(LEFT, 0.9), Face(SMALL, 0.9), Face(RIGHT, 0.9)])
    assert [each.person for each in passes] == [mina, None, theo]
    passes, notes = detail.passes(wanted, canvas, [Face(RIGHT, 0.9)])
    assert [each.person for each in passes] == [mina]
    assert notes == ("Too few faces for everybody: theo found none.",)


def test_two_people_in_one_picture_get_a_face_each(at_places, recipe, photos, calls):
    """Other photos of the right one change the right face alone."""
    settings = {"detail": True, "weight": 2.0, "detail_steps": 4, "denoise": 1.0, "prompt": "two people img"}
    engine = at_places(LEFT, RIGHT)
    pair = recipe(face_folder="mina, theo", **settings)
    both = array(engine.draw(pair, photos=photos).result(60))
    steps = len(calls)
    other = array(engine.draw(pair, photos={"mina": photos["mina"], "theo": photos["mina"]}).result(60))
    assert steps == 4 + 2 * 4
    changed = (both != other).any(axis=2)
    assert not changed[region_mask(RIGHT) == 0].any()
    assert changed[region_mask(RIGHT) > 0.9].any()


def test_detailing_without_a_person_uses_the_text_alone(at_places, recipe):
    settings = {"detail": True, "detail_steps": 4}
    engine = at_places(LEFT)
    plain = engine.draw(recipe(prompt="a man", **settings)).result(60)
    triggered = engine.draw(recipe(prompt="a man img", **settings)).result(60)
    assert (array(plain) == array(triggered)).all()


def test_at_weight_zero_nobody_is_there_and_above_it_everybody_is_someone_else(at_places, recipe, photos):
    engine = at_places(LEFT)
    swapped = {"mina": photos["theo"]}

    def drawn(weight, shots):
        wanted = recipe(prompt="a man img", face_folder="mina", detail=True, weight=weight)
        return array(engine.draw(wanted, photos=shots).result(60)).tobytes()

    assert drawn(0.0, photos) == drawn(0.0, swapped)
    others = [drawn(weight, shots) for weight in (0.5, 2.0) for shots in (photos, swapped)]
    assert len({*others, drawn(0.0, photos)}) == 5


def test_faces_and_bases_share_calls(gate, at_places, recipe, calls):
    """A face pass of 256 pixels and a base of that size are one shape."""
    engine = at_places(LEFT)
    first = engine.draw(
        recipe(detail=True, detail_steps=12, denoise=1.0), on_step=lambda done, steps: done == 6 and gate(done, steps)
    )
    assert gate.reached.wait(30)
    second = engine.draw(recipe(width=256, height=256, steps=4, guidance_scale=1.0))
    gate.open.set()
    for future in (first, second):
        future.result(60)
    assert 3 in {len(timesteps) for timesteps in calls}


def test_the_steps_of_both_stages_are_counted_for_those_who_watch(at_places, recipe):
    seen = []
    at_places(LEFT, RIGHT).draw(recipe(detail=True, detail_steps=4), on_step=lambda *step: seen.append(step)).result(60)
    assert seen == [(1, 6), (2, 6), (3, 6), (4, 6), (5, 8), (6, 8), (7, 8), (8, 8)]


def test_a_face_pass_that_runs_out_of_memory_while_encoding_tries_again(at_places, recipe, modules, monkeypatch):
    encode, tried = detail.encode, []

    def small_once(*arguments):
        tried.append(1)
        if len(tried) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return encode(*arguments)

    monkeypatch.setattr(detail, "encode", small_once)
    assert at_places(LEFT).draw(recipe(detail=True)).result(60).notes == ()
    assert len(tried) == 2


def test_a_picture_that_runs_out_of_memory_while_decoding_tries_again_and_only_then(
    at_places, recipe, modules, monkeypatch
):
    decode, tried = base.decode, []

    def broken(*arguments):
        tried.append(1)
        if len(tried) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        if len(tried) == 3:
            raise ValueError("a bug of ours")
        return decode(*arguments)

    monkeypatch.setattr(base, "decode", broken)
    engine = at_places(LEFT)
    assert engine.draw(recipe()).result(60).png
    assert len(tried) == 2
    with pytest.raises(PipelineError, match="ValueError"):
        engine.draw(recipe(seed=2)).result(60)
    assert len(tried) == 3


def test_an_uploaded_photo_is_redrawn_at_its_face_and_nowhere_else(modules, new_engine, recipe, calls):
    """The astronaut that scikit-image ships, found by the LBP cascade; no base stage is drawn."""
    photo = skimage.data.astronaut()
    png = pixels.encode_png(photo)
    with Engine(modules, new_engine.config(), Faces(Cascade())) as engine:
        (face,) = engine.faces.find(photo)
        wanted = replace(recipe(prompt="a woman", detail=True, denoise=0.8, detail_steps=10), photo="5" * 64)
        drawing = engine.draw(wanted, canvas=png).result(120)
    assert drawing.notes == ()
    assert pixels.read_recipe(drawing.png) == wanted
    drawn, mask = array(drawing), region_mask(face.box, 3.0, 512, 512)
    assert drawn.shape == photo.shape
    changed = (drawn != photo).any(axis=2)
    assert not changed[mask == 0].any()
    assert changed[mask > 0.5].mean() > 0.9
    assert 0.01 < (mask > 0).mean() < 0.12
    assert len(calls) == 8


def test_a_photo_that_is_gone_or_no_picture_is_a_sentence(engine, recipe):
    wanted = replace(recipe(detail=True), photo="5" * 64)
    with pytest.raises(BadRecipe, match=r"^The photo that this recipe begins with is gone; upload it again\.$"):
        engine.draw(wanted).result(60)
    with pytest.raises(BadPhoto, match=r"^The photo is no picture that can be read here; send a PNG, JPEG or WebP\.$"):
        engine.draw(wanted, canvas=b"<svg/>").result(60)
