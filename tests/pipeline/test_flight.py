"""Equal pictures are drawn once: from the memo when finished, together when in flight."""

import numpy as np
import pytest
import torch

from pipeline import pixels
from pipeline.brief import brief
from pipeline.errors import Stopped
from pipeline.faces import Face
from pipeline.flight import Asker, Drawing, Flight
from pipeline.stages import base, detail


def test_120_recipes_with_one_base_draw_it_once(engine, recipe, calls):
    """Without a person in the base stage, weight and denoise decide nothing about it."""
    recipes = [recipe(weight=w / 20, denoise=d / 10) for w in range(24) for d in range(1, 6)]
    assert len(set(recipes)) == 120
    drawings = [future.result() for future in [engine.draw(wanted) for wanted in recipes]]
    assert len(calls) == 4
    assert sum(drawing.bases for drawing in drawings) == 1
    assert [pixels.read_recipe(drawing.png) for drawing in drawings] == recipes


def test_a_finished_picture_comes_from_the_memo_with_the_askers_own_recipe(engine, recipe, calls):
    first = engine.draw(recipe()).result()
    again = engine.draw(recipe(weight=0.5)).result(timeout=30)
    assert (first.bases, again.bases, again.seconds) == (1, 0, 0.0)
    assert pixels.read_recipe(again.png) == recipe(weight=0.5)
    assert len(calls) == 4


def test_the_memo_lets_go_of_pictures_beyond_its_bytes(new_engine, recipe, calls):
    engine = new_engine(memo_bytes=0)
    first, again = engine.draw(recipe()).result(), engine.draw(recipe()).result()
    assert again.bases == 1
    assert first.png == again.png
    assert len(calls) == 8


def test_whoever_asks_in_flight_waits_for_the_same_picture(gate, engine, recipe, calls):
    watched = []
    first = engine.draw(recipe(), on_step=gate)
    assert gate.reached.wait(30)
    second = engine.draw(recipe(), on_step=lambda done, steps: watched.append((done, steps)))
    gate.open.set()
    assert first.result().png == second.result().png
    assert (first.result().bases, second.result().bases) == (1, 0)
    assert watched == [(2, 4), (3, 4), (4, 4)]
    assert len(calls) == 4


def test_when_the_first_asker_stops_the_second_takes_the_flight_over(gate, engine, recipe, calls):
    first = engine.draw(recipe(), on_step=gate, should_stop=gate.open.is_set)
    assert gate.reached.wait(30)
    second = engine.draw(recipe())
    gate.open.set()
    with pytest.raises(Stopped):
        first.result()
    assert second.result().bases == 1
    assert len(calls) == 4


def test_a_flight_ends_only_when_the_last_asker_has_left(gate, engine, recipe, calls):
    futures = [engine.draw(recipe(steps=50), on_step=gate, should_stop=gate.open.is_set) for _ in range(3)]
    assert gate.reached.wait(30)
    gate.open.set()
    for future in futures:
        with pytest.raises(Stopped):
            future.result()
    assert len(calls) == 1
    assert engine.draw(recipe(steps=50)).result().png


def test_a_flight_becomes_urgent_when_somebody_urgent_joins(gate, new_engine, recipe):
    engine = new_engine(memory_budget=16 * 16)
    finished = []
    running = engine.draw(recipe(seed=0), on_step=gate)
    assert gate.reached.wait(30)
    futures = [engine.draw(recipe(seed=seed)) for seed in (1, 2, 3)]
    for seed, future in enumerate(futures, 1):
        future.add_done_callback(lambda _, seed=seed: finished.append(seed))
    engine.draw(recipe(seed=3), urgent=True)
    gate.open.set()
    for future in (running, *futures):
        future.result()
    assert finished[0] == 3


def test_prompts_met_before_are_not_encoded_again(engine, recipe, modules):
    encoded = []
    hook = modules.text_encoder.register_forward_hook(lambda *_: encoded.append(1))
    for future in [engine.draw(recipe(seed=seed, steps=1)) for seed in range(5)]:
        future.result()
    hook.remove()
    assert len(encoded) == 2  # the prompt and its negative, once


def test_a_picture_is_fresh_before_its_first_step_alone_and_its_work_is_what_the_unet_does(modules, recipe):
    """A face of 256 pixels after a base of 128; a megapixel is 2^20, and guidance 1 takes one evaluation a step."""
    wanted = brief(recipe(detail=True, steps=1, guidance_scale=1.0, detail_guidance=4.0))
    flight = Flight(wanted.key, wanted, 8, 1, [])
    flight.begin(base.begin(modules, wanted.recipe, None), ())
    assert (flight.fresh, flight.work) == (True, 128 * 128 / 2**20)
    flight.advance(torch.zeros(1, 4, 16, 16))
    assert not flight.fresh
    flight.land()
    flight.canvas = np.zeros((128, 128, 3), np.uint8)
    (face,), _ = detail.passes(wanted, flight.canvas, [Face((40.0, 40.0, 80.0, 80.0), 0.9)])
    flight.crop = detail.open_crop(flight.canvas, face)
    flight.begin(detail.begin(modules, wanted.recipe, flight.crop, torch.zeros(1, 4, 32, 32), None), ())
    assert (flight.fresh, flight.work) == (False, 2 * 256 * 256 / 2**20)


def test_an_asker_ends_once_whatever_comes_first_and_after(recipe):
    drawing = Drawing(b"", recipe(), 0.0, 4, 1, 0)
    stopped = Stopped("Stopped.")
    for first, ends in (("resolve", drawing), ("fail", stopped)):
        asker = Asker(recipe(), "", False, lambda: False, lambda done, steps: None)
        assert getattr(asker, first)(ends) is (True if first == "resolve" else None)
        assert not asker.resolve(drawing)
        asker.fail(stopped)
        assert (asker.future.exception() or asker.future.result()) is ends
    gone = Asker(recipe(), "", False, lambda: False, lambda done, steps: None)
    assert gone.future.cancel()
    assert not gone.resolve(drawing)
    gone.fail(stopped)
    assert gone.future.cancelled()
