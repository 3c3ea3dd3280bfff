"""The step loop: who steps with whom, who goes first, and what survives a failure."""

import io
import logging
import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline import pixels
from pipeline.config import Config
from pipeline.engine import open_engine
from pipeline.errors import OutOfMemory, PipelineError, Stopped
from pipeline.stages import base

MIXED = (
    {"seed": 1, "steps": 12, "guidance_scale": 8.0},
    {"seed": 2, "steps": 9, "guidance_scale": 1.0},
    {"seed": 3, "steps": 7, "guidance_scale": 3.0, "prompt": "a city at night", "sampler": "dpmpp_2m_sde"},
    {"seed": 4, "steps": 5, "guidance_scale": 12.0, "sampler": "euler_a", "negative_prompt": "blurry"},
    {"seed": 5, "steps": 6, "guidance_scale": 5.0, "sampler": "unipc"},
)


def array(drawing):
    return np.asarray(Image.open(io.BytesIO(drawing.png))).astype(int)


def test_a_drawing_carries_its_recipe_its_size_and_its_time(engine, recipe):
    wanted = recipe(width=160, height=96)
    drawing = engine.draw(wanted).result()
    assert pixels.read_recipe(drawing.png) == drawing.recipe == wanted
    assert array(drawing).shape == (96, 160, 3)
    assert (drawing.steps, drawing.bases, drawing.passes) == (4, 1, 0)
    assert drawing.seconds > 0


def test_the_same_recipe_draws_the_same_bytes_in_another_engine(new_engine, recipe):
    first, second = (new_engine().draw(recipe()).result() for _ in range(2))
    assert first.png == second.png
    assert second.bases == 1


def test_a_mixed_batch_draws_what_separate_runs_draw(gate, new_engine, recipe, trajectories, calls):
    """Latents have a standard deviation of about 20; sharing a call may change them by rounding, up to 1e-3."""
    alone = {}
    for settings in MIXED:
        wanted = recipe(**settings)
        new_engine().draw(wanted).result()
        alone[wanted] = trajectories.pop(wanted).latents
    calls.clear()

    engine = new_engine()
    first, *others = alone
    futures = [engine.draw(first, on_step=gate)]
    assert gate.reached.wait(30)
    futures += [engine.draw(wanted) for wanted in others]  # they join one step late
    gate.open.set()
    for future in futures:
        future.result()
    assert max(len(timesteps) for timesteps in calls) == 5 + 4  # all at once; guidance 1 brings no negative
    assert max(len(set(timesteps)) for timesteps in calls) == 5  # each at a timestep of its own
    for wanted, latents in alone.items():
        torch.testing.assert_close(trajectories[wanted].latents, latents, atol=1e-3, rtol=0)


def test_guidance_one_costs_one_evaluation_a_step_and_others_two(engine, recipe, calls):
    engine.draw(recipe(guidance_scale=1.0)).result()
    assert [len(timesteps) for timesteps in calls] == [1] * 4
    calls.clear()
    engine.draw(recipe(guidance_scale=1.5)).result()
    assert [len(timesteps) for timesteps in calls] == [2] * 4


def test_the_budget_bounds_a_call_and_slots_says_how_many_fit(new_engine, recipe, calls):
    engine = new_engine(memory_budget=3 * 16 * 16)
    assert (engine.slots(128, 128), engine.slots(256, 256), engine.slots(64, 64)) == (3, 1, 12)
    for future in [engine.draw(recipe(seed=seed, guidance_scale=1.0)) for seed in range(7)]:
        future.result()
    assert max(len(timesteps) for timesteps in calls) == 3
    assert sum(len(timesteps) for timesteps in calls) == 7 * 4


def test_sizes_take_turns_and_both_are_drawn(gate, engine, recipe, calls):
    wide = engine.draw(recipe(width=160, steps=6), on_step=gate)
    assert gate.reached.wait(30)
    order = []
    square = engine.draw(recipe(steps=6), on_step=lambda done, steps: order.append(wide.done()))
    gate.open.set()
    assert array(wide.result()).shape == (128, 160, 3)
    assert array(square.result()).shape == (128, 128, 3)
    assert order[:4] == [False] * 4  # the square one did not wait for the wide one to end


def test_a_call_that_runs_out_of_memory_is_made_again_with_half_the_batch(
    gate, new_engine, recipe, modules, monkeypatch, trajectories
):
    """Latents may change by rounding, up to 1e-3 of about 20, and pixels by one of 255."""
    recipes = [recipe(seed=seed, steps=5, guidance_scale=1.0) for seed in range(8)]
    expected, pictures = {}, {}
    for wanted in recipes:
        pictures[wanted] = array(new_engine().draw(wanted).result())
        expected[wanted] = trajectories.pop(wanted).latents

    tried, forward = [], modules.unet.forward

    def forward_of_a_small_device(sample, *arguments, **options):
        tried.append(len(sample))
        if len(sample) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.")
        return forward(sample, *arguments, **options)

    engine = new_engine()
    first = engine.draw(recipes[0], on_step=gate)
    assert gate.reached.wait(30)  # the first one has taken a step when memory runs out
    monkeypatch.setattr(modules.unet, "forward", forward_of_a_small_device)
    futures = [first, *(engine.draw(wanted) for wanted in recipes[1:])]
    gate.open.set()
    drawings = [future.result() for future in futures]
    assert tried[:3] == [8, 4, 2]
    assert set(tried[3:]) <= {1, 2}
    assert sum(tried[2:]) == 8 * 5 - 1  # no step was taken twice and none left out
    for wanted, latents in expected.items():
        torch.testing.assert_close(trajectories[wanted].latents, latents, atol=1e-3, rtol=0)
    assert [pixels.read_recipe(drawing.png) for drawing in drawings] == recipes
    assert all(abs(array(drawing) - pictures[drawing.recipe]).max() <= 1 for drawing in drawings)
    assert [(drawing.bases, drawing.passes) for drawing in drawings] == [(1, 0)] * 8


def test_a_picture_that_has_no_memory_by_itself_fails_alone_among_its_like(
    gate, engine, new_engine, recipe, modules, monkeypatch
):
    """Four of one shape come down to one a call, and then that one has no room for its next step."""
    recipes = [recipe(seed=seed, guidance_scale=1.0) for seed in range(4)]
    pictures = {wanted: array(new_engine().draw(wanted).result()) for wanted in recipes}
    tried, forward = [], modules.unet.forward

    def forward_of_a_full_device(sample, *arguments, **options):
        tried.append(len(sample))
        if len(sample) > 1 or tried.count(1) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.")
        return forward(sample, *arguments, **options)

    futures = [engine.draw(recipes[0], on_step=gate)]
    assert gate.reached.wait(30)
    monkeypatch.setattr(modules.unet, "forward", forward_of_a_full_device)
    futures += [engine.draw(wanted) for wanted in recipes[1:]]
    gate.open.set()
    failures = [future.exception() for future in futures]
    drawings = [future.result() for future, failure in zip(futures, failures, strict=True) if failure is None]
    assert tried[:3] == [4, 2, 1]
    assert [type(failure) for failure in failures if failure] == [OutOfMemory]
    assert all(abs(array(drawing) - pictures[drawing.recipe]).max() <= 1 for drawing in drawings)
    assert sum(drawing.bases for drawing in drawings) == 3


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_a_picture_too_large_for_the_device_fails_alone_with_a_sentence(engine, recipe, modules, monkeypatch, error):
    forward = modules.unet.forward

    def small(sample, *arguments, **options):
        if sample.shape[-1] > 16:
            raise error
        return forward(sample, *arguments, **options)

    monkeypatch.setattr(modules.unet, "forward", small)
    large, fits = engine.draw(recipe(width=256)), engine.draw(recipe())
    with pytest.raises(OutOfMemory, match="not enough memory for a picture of 256 x 128"):
        large.result()
    assert large.exception().__cause__ is error
    assert fits.result().png


def test_a_failing_unet_fails_those_in_the_call_and_the_engine_goes_on(engine, recipe, modules, monkeypatch, caplog):
    def broken(*_, **__):
        raise ValueError("a bug of ours")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(modules.unet, "forward", broken)
        with pytest.raises(PipelineError, match=r"error in the pipeline \(ValueError\)") as caught:
            engine.draw(recipe()).result()
    assert isinstance(caught.value.__cause__, ValueError)
    assert "a bug of ours" in caplog.text
    assert engine.draw(recipe()).result().png


def test_a_failing_decoder_fails_one_picture_and_not_its_neighbours(engine, recipe, monkeypatch):
    decode, count = base.decode, []

    def broken_once(modules, latents):
        count.append(1)
        if len(count) == 1:
            raise ValueError("a bug of ours")
        return decode(modules, latents)

    monkeypatch.setattr(base, "decode", broken_once)
    futures = [engine.draw(recipe(seed=seed)) for seed in range(3)]
    failures = [future.exception() for future in futures]
    assert sum(isinstance(failure, PipelineError) for failure in failures) == 1
    assert sum(failure is None for failure in failures) == 2


def test_a_defect_of_the_loop_itself_fails_what_is_in_it_and_the_engine_goes_on(engine, recipe, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_batch", lambda: 1 / 0)
        with pytest.raises(PipelineError, match="ZeroDivisionError"):
            engine.draw(recipe()).result()
    assert engine.draw(recipe()).result().png


def test_stopping_midway_fails_the_future_and_takes_no_further_step(engine, recipe, calls):
    done = []
    future = engine.draw(
        recipe(steps=50),
        should_stop=lambda: len(done) == 3,
        on_step=lambda step, steps: done.append((step, steps)),
    )
    with pytest.raises(Stopped, match="Stopped before"):
        future.result()
    assert done == [(1, 50), (2, 50), (3, 50)]
    assert len(calls) == 3


def test_cancelling_the_future_stops_the_picture(gate, engine, recipe, calls):
    future = engine.draw(recipe(steps=50), on_step=gate)
    assert gate.reached.wait(30)
    assert future.cancel()
    gate.open.set()
    with pytest.raises(CancelledError):
        future.result()
    engine.draw(recipe(seed=2)).result()
    assert len(calls) <= 1 + 4


def test_a_failing_callback_stops_its_own_picture_at_most(engine, recipe):
    def broken(*_):
        raise ValueError("a bug of the caller")

    assert engine.draw(recipe(), on_step=broken).result().png
    with pytest.raises(Stopped):
        engine.draw(recipe(seed=2), should_stop=broken).result()
    assert engine.draw(recipe(seed=3)).result().png


def test_an_urgent_picture_takes_its_first_step_next(gate, new_engine, recipe, calls):
    engine = new_engine(memory_budget=2 * 16 * 16)
    sweep = [engine.draw(recipe(seed=seed, steps=30), owner="mina", on_step=gate) for seed in range(8)]
    assert gate.reached.wait(30)
    stepped_at = []
    urgent = engine.draw(
        recipe(seed=99, steps=5),
        owner="ada",
        urgent=True,
        on_step=lambda done, steps: stepped_at.append(len(calls)),
    )
    before = len(calls)
    gate.open.set()
    urgent.result()
    assert stepped_at == [before + i for i in (1, 2, 3, 4, 5)]
    assert not any(future.done() for future in sweep)
    for future in sweep:
        assert future.result().png


def test_an_urgent_picture_of_another_size_goes_next_and_then_takes_turns(gate, engine, recipe, calls):
    sweep = engine.draw(recipe(steps=30), on_step=gate)
    assert gate.reached.wait(30)
    stepped_at = []
    urgent = engine.draw(
        recipe(width=160, steps=3), urgent=True, on_step=lambda done, steps: stepped_at.append(len(calls))
    )
    before = len(calls)
    gate.open.set()
    urgent.result()
    assert stepped_at == [before + 1, before + 3, before + 5]
    assert sweep.result().png


def test_owners_are_served_in_turn_however_much_each_asks_for(gate, new_engine, recipe):
    engine = new_engine(memory_budget=16 * 16)
    finished = []
    first = engine.draw(recipe(seed=0, steps=2), owner="mina", on_step=gate)
    assert gate.reached.wait(30)
    futures = [first]
    for owner, count in (("mina", 6), ("theo", 2), ("ada", 2)):
        for seed in range(count):
            future = engine.draw(recipe(seed=seed + 100 * len(owner), steps=2, prompt=owner), owner=owner)
            future.add_done_callback(lambda _, owner=owner: finished.append(owner))
            futures.append(future)
    gate.open.set()
    for future in futures:
        future.result()
    assert sorted(finished[:3]) == ["ada", "mina", "theo"]
    assert sorted(finished[3:6]) == ["ada", "mina", "theo"]
    assert finished[6:] == ["mina"] * 4


def test_the_pace_is_known_after_the_first_picture(engine, recipe):
    assert engine.pace() is None
    engine.draw(recipe()).result()
    pace = engine.pace()
    assert 0 < pace.p50 <= pace.p90


def test_closing_stops_what_is_unfinished_and_ends_every_thread(gate, new_engine, recipe):
    before = set(threading.enumerate())
    engine = new_engine()
    running = engine.draw(recipe(steps=150), on_step=gate)
    assert gate.reached.wait(30)
    waiting = [engine.draw(recipe(seed=seed, steps=150)) for seed in range(2, 30)]
    closing = threading.Thread(target=engine.close)
    closing.start()
    gate.open.set()
    closing.join()
    for future in (running, *waiting):
        with pytest.raises(Stopped, match="engine was closed"):
            future.result(timeout=0)
    assert set(threading.enumerate()) <= before
    with pytest.raises(Stopped, match="engine is closed"):
        engine.draw(recipe(seed=77)).result(timeout=0)


def test_the_engine_changes_no_weights_and_leaves_no_hooks(new_engine, recipe, modules):
    before = {name: weight.clone() for name, weight in modules.unet.state_dict().items()}
    new_engine().draw(recipe()).result()
    assert all(torch.equal(before[name], weight) for name, weight in modules.unet.state_dict().items())
    assert not modules.unet._forward_pre_hooks
    assert not modules.unet._forward_hooks


def test_open_engine_loads_and_draws(cache_dir, recipe):
    with open_engine(Config(family="tiny", cache_dir=cache_dir, device="cpu")) as engine:
        assert engine.draw(recipe()).result().png


def test_an_owner_with_nothing_running_comes_before_one_with_a_long_picture(gate, new_engine, recipe):
    engine = new_engine(memory_budget=2 * 16 * 16)
    started = []

    def ask(owner, seed):
        begun = lambda done, steps: started.append(owner) if done == 1 else None  # noqa: E731
        return engine.draw(recipe(seed=seed, steps=2), owner=owner, on_step=begun)

    engine.draw(recipe(seed=1, steps=40), owner="mina", on_step=gate)
    assert gate.reached.wait(30)
    futures = [ask("theo", 2), ask("mina", 3), ask("theo", 4)]
    gate.open.set()
    for future in futures:
        future.result()
    assert started == ["theo", "theo", "mina"]


def test_a_small_batch_that_runs_out_of_memory_is_halved_too(gate, engine, recipe, modules, monkeypatch):
    tried, forward = [], modules.unet.forward

    def forward_of_a_small_device(sample, *arguments, **options):
        tried.append(len(sample))
        if len(sample) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.")
        return forward(sample, *arguments, **options)

    futures = [engine.draw(recipe(seed=0, guidance_scale=1.0), on_step=gate)]
    assert gate.reached.wait(30)
    monkeypatch.setattr(modules.unet, "forward", forward_of_a_small_device)
    futures += [engine.draw(recipe(seed=seed, guidance_scale=1.0)) for seed in (1, 2, 3)]
    gate.open.set()
    for future in futures:
        future.result()
    assert tried[:2] == [4, 2]  # half of what was tried, not of the eight that might have been


def test_no_more_pictures_are_begun_than_fit_into_one_call(new_engine, recipe):
    engine, begun = new_engine(memory_budget=2 * 16 * 16), []
    watch = lambda done, steps: begun.append(len(engine.roster.running))  # noqa: E731
    for future in [engine.draw(recipe(seed=seed), on_step=watch) for seed in range(6)]:
        future.result()
    assert max(begun) == 2
