"""What several pictures have in common is drawn once: bases, first steps, and in whatever order they are asked for."""

from dataclasses import replace
from itertools import product

import pytest
import torch

from pipeline.errors import Stopped
from pipeline.families import tiny
from pipeline.schedule import build
from pipeline.starter import FORKS_BYTES
from pipeline.trajectory import Trajectory
from sweeps.plan import plan

AXES = {
    "guidance_scale": (4.0, 6.0, 8.0),
    "seed": (1, 2, 3, 4),
    "weight": (0.6, 0.8, 1.0, 1.2, 1.4),
    "denoise": (0.35, 0.5),
}
ORDERS = (
    ("guidance_scale", "seed", "weight", "denoise"),
    ("denoise", "weight", "seed", "guidance_scale"),
    ("weight", "guidance_scale", "denoise", "seed"),
)


def draw_all(engine, recipes, photos):
    """Hands over a few at a time, as a worker with as many lanes does."""
    waiting, drawings = list(recipes), []
    while waiting:
        batch, waiting = waiting[:32], waiting[32:]
        drawings += [future.result(120) for future in [engine.draw(each, photos=photos) for each in batch]]
    return drawings


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_the_120_cell_grid_takes_2520_evaluations_instead_of_6840(new_engine_v2, recipe, photos, calls_v2, order):
    """3 guidance x 4 seeds x 5 weights x 2 denoise, 20 + 20 steps, one face: 12 bases and 120 face passes."""
    cells = [
        recipe(prompt="a woman img", face_folder="mina", detail=True, steps=20, **dict(zip(order, values, strict=True)))
        for values in product(*(AXES[name] for name in order))
    ]
    planned = plan(cells)
    drawings = draw_all(new_engine_v2(), cells, photos)
    executed = sum(len(timesteps) for timesteps in calls_v2)
    assert len({drawing.png for drawing in drawings}) == 120
    assert all(drawing.notes == () for drawing in drawings)
    assert (planned.naive_evaluations, planned.evaluations, executed) == (6840, 2520, 2520)


def bases(recipe, **settings):
    return recipe(prompt="a woman img", face_folder="mina", steps=8, guidance_scale=3.0, **settings)


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "euler_a", "ddim"])
@pytest.mark.parametrize("order", [(2, 5, 150), (150, 5, 2), (5, 150, 2)], ids=str)
def test_bases_fork_where_identity_enters_and_equal_separate_runs_bit_for_bit(
    new_engine_v2, recipe, photos, trajectories, calls_v2, sampler, order
):
    """Steps 0..k use the text. One picture a call, so that the batch is the same too."""
    one = 16 * 16
    cells = [bases(recipe, start_merge_step=k, weight=w, sampler=sampler) for k, w in product(order, (0.5, 1.5))]
    alone = {}
    for cell in cells:
        new_engine_v2(memory_budget=one).draw(cell, photos=photos).result(60)
        alone[cell] = trajectories.pop(cell).latents
    separate = sum(map(len, calls_v2))
    calls_v2.clear()

    draw_all(new_engine_v2(memory_budget=one), cells, photos)
    executed = sum(map(len, calls_v2))
    assert separate == 2 * 8 * len(cells)
    assert executed == plan(cells).evaluations == 2 * (8 + 2 * 5 + 2 * 2)
    for cell in cells:
        if cell in trajectories:  # the second of the two that nobody enters is the first
            assert torch.equal(trajectories[cell].latents, alone[cell])
    assert len({alone[cell].numpy().tobytes() for cell in cells}) == 5


@pytest.mark.parametrize("k", [0, 3, 6])
def test_a_fork_taken_late_needs_no_step_again(new_engine_v2, recipe, photos, calls_v2, k):
    """From right after the first step to right before the last."""
    engine = new_engine_v2()
    engine.draw(bases(recipe, start_merge_step=150), photos=photos).result(60)
    calls_v2.clear()
    engine.draw(bases(recipe, start_merge_step=k), photos=photos).result(60)
    assert sum(map(len, calls_v2)) == 2 * (8 - (k + 1))


def test_when_the_one_ahead_is_stopped_the_next_goes_on_from_its_last_step(
    gate, new_engine_v2, recipe, photos, calls_v2
):
    engine = new_engine_v2()
    first = engine.draw(bases(recipe, start_merge_step=150), photos=photos, on_step=gate, should_stop=gate.open.is_set)
    assert gate.reached.wait(30)
    second = engine.draw(bases(recipe, start_merge_step=4), photos=photos)
    gate.open.set()
    with pytest.raises(Stopped):
        first.result(60)
    assert second.result(60).png
    assert sum(map(len, calls_v2)) == 2 * 8


def test_pictures_that_wait_for_one_base_all_go_on_with_it(gate, new_engine_v2, recipe, photos, calls_v2):
    engine = new_engine_v2()
    plain = engine.draw(bases(recipe), photos=photos, on_step=gate)
    assert gate.reached.wait(30)
    details = [engine.draw(bases(recipe, detail=True, detail_steps=4, weight=w), photos=photos) for w in (0.5, 1.0)]
    gate.open.set()
    drawn = {future.result(60).png for future in (plain, *details)}
    assert len(drawn) == 3
    assert sum(map(len, calls_v2)) == 2 * (8 + 2 * 2)


def test_people_of_the_same_class_word_share_the_base_that_nobody_enters(new_engine_v2, recipe, photos, calls_v2):
    engine = new_engine_v2()
    settings = {"prompt": "in the rain", "detail": True, "detail_steps": 4, "guidance_scale": 1.0}
    drawings = [
        engine.draw(recipe(face_folder=name, **settings, detail_guidance=1.0), photos=photos).result(60)
        for name in ("mina", "theo")
    ]
    assert drawings[0].png != drawings[1].png
    assert sum(map(len, calls_v2)) == 4 + 2 * 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_with_and_without_the_person_the_first_steps_are_the_same(new_engine_v2, recipe, photos, calls_v2, order):
    """A prompt with a trigger is the same text to both; steps 0..4 are walked once, as the plan counts."""
    person = bases(recipe, start_merge_step=4)
    cells = [(person, replace(person, face_folder=""))[index] for index in order]
    draw_all(new_engine_v2(), cells, photos)
    assert sum(map(len, calls_v2)) == plan(cells).evaluations == 2 * (8 + 3)


def test_the_forks_of_many_bases_under_way_at_full_size_fit(modules_v2, recipe, photos):
    """32 lanes with k = 10 at 1024 x 1024: 11 states a base, each a latent of 256 KiB (Euler)."""
    fork = Trajectory(
        torch.zeros(1, 4, 128, 128), build(tiny.SCHEDULER, "euler", "ays", 20), None, torch.zeros(2, 6), 4.0
    ).fork()
    assert fork.size == 256 * 2**10
    assert 32 * 11 * fork.size <= FORKS_BYTES


def test_with_little_room_for_forks_nothing_is_wrong_only_drawn_again(
    new_engine_v2, recipe, photos, trajectories, monkeypatch
):
    cells = [bases(recipe, start_merge_step=k, weight=w) for k in (2, 5) for w in (0.5, 1.5)]
    draw_all(new_engine_v2(memory_budget=16 * 16), cells, photos)
    expected = {cell: trajectories.pop(cell).latents for cell in cells}
    monkeypatch.setattr("pipeline.starter.FORKS_BYTES", 0)
    draw_all(new_engine_v2(memory_budget=16 * 16), cells, photos)
    for cell in cells:
        assert torch.equal(trajectories[cell].latents, expected[cell])
