"""What several pictures have in common is drawn once: bases, first steps, and in whatever order they are asked for."""

from itertools import product

import pytest
import torch

from pipeline.errors import Stopped
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
    """Hands over as the worker does: in order, a few at a time."""
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


def test_a_fork_taken_late_needs_no_step_again(new_engine_v2, recipe, photos, calls_v2):
    engine = new_engine_v2()
    engine.draw(bases(recipe, start_merge_step=150), photos=photos).result(60)
    calls_v2.clear()
    engine.draw(bases(recipe, start_merge_step=3), photos=photos).result(60)
    assert sum(map(len, calls_v2)) == 2 * 4


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
