"""Equal pictures are drawn once: from the memo when finished, together when in flight."""

import pytest

from pipeline import pixels
from pipeline.errors import Stopped


def test_120_recipes_with_one_base_draw_it_once(engine, recipe, calls):
    """Without a person in the base stage, weight and denoise decide nothing about it."""
    recipes = [recipe(weight=w / 20, denoise=d / 10) for w in range(24) for d in range(1, 6)]
    assert len(set(recipes)) == 120
    drawings = [future.result() for future in [engine.draw(wanted) for wanted in recipes]]
    assert len(calls) == 4
    assert [drawing.repeated for drawing in drawings].count(False) == 1
    assert [pixels.read_recipe(drawing.png) for drawing in drawings] == recipes


def test_a_finished_picture_comes_from_the_memo_with_the_askers_own_recipe(engine, recipe, calls):
    first = engine.draw(recipe()).result()
    again = engine.draw(recipe(weight=0.5)).result(timeout=30)
    assert (first.repeated, again.repeated, again.seconds) == (False, True, 0.0)
    assert pixels.read_recipe(again.png) == recipe(weight=0.5)
    assert len(calls) == 4


def test_the_memo_lets_go_of_pictures_beyond_its_bytes(new_engine, recipe, calls):
    engine = new_engine(memo_bytes=0)
    first, again = engine.draw(recipe()).result(), engine.draw(recipe()).result()
    assert not again.repeated
    assert first.png == again.png
    assert len(calls) == 8


def test_whoever_asks_in_flight_waits_for_the_same_picture(gate, engine, recipe, calls):
    watched = []
    first = engine.draw(recipe(), on_step=gate)
    assert gate.reached.wait(30)
    second = engine.draw(recipe(), on_step=lambda done, steps: watched.append((done, steps)))
    gate.open.set()
    assert first.result().png == second.result().png
    assert (first.result().repeated, second.result().repeated) == (False, True)
    assert watched == [(2, 4), (3, 4), (4, 4)]
    assert len(calls) == 4


def test_when_the_first_asker_stops_the_second_takes_the_flight_over(gate, engine, recipe, calls):
    first = engine.draw(recipe(), on_step=gate, should_stop=gate.open.is_set)
    assert gate.reached.wait(30)
    second = engine.draw(recipe())
    gate.open.set()
    with pytest.raises(Stopped):
        first.result()
    assert not second.result().repeated
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
