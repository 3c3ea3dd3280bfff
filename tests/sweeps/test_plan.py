"""A plan counts what must be drawn once, and quotes it."""

from dataclasses import replace
from itertools import permutations

import pytest

from sweeps.expand import expand
from sweeps.parse import parse
from sweeps.plan import Pace, Plan, Prices, plan
from sweeps.recipe import resolve

AXES = {
    "guidance_scale": "[4, 6, 8]",
    "seed": "[1, 2, 3, 4]",
    "weight": "'0.6-1.4 (+0.2)'",
    "denoise": "[0.35, 0.5]",
}


def planned(text: str) -> Plan:
    return plan(expand(parse(text), seed=1).recipes)


@pytest.mark.parametrize("names", list(permutations(AXES)), ids="-".join)
def test_the_example_grid_needs_the_optimum_in_any_axis_order(names: tuple[str, ...]) -> None:
    found = planned(f"base: {{face_folder: mina}}\nparameters: {{{', '.join(f'{n}: {AXES[n]}' for n in names)}}}")
    assert found.summary() == "120 cells = 12 bases + 120 face passes"
    assert (found.unique_encodes, found.unique_faces, found.duplicates) == (1, 12, 0)
    assert (found.naive_evaluations, found.evaluations) == (6840, 2520)


def test_equal_bases_are_drawn_side_by_side() -> None:
    found = planned("base: {face_folder: mina}\nparameters: {weight: [0.5, 1], seed: [1, 2, 3]}")
    assert found.order == (0, 3, 1, 4, 2, 5)
    bases = [found.recipes[index].base_key() for index in found.order]
    assert bases[0::2] == bases[1::2]


def test_nobodys_face_weight_decides_nothing() -> None:
    found = planned("parameters: {weight: [0.5, 1, 1.5]}")
    assert found.summary() == "3 cells = 1 base + 1 face pass, 2 equal to another"


def test_without_detail_there_are_no_face_passes() -> None:
    found = planned("base: {detail: false}\nparameters: {steps: [10, 20]}")
    assert found.summary() == "2 cells = 2 bases"
    assert (found.unique_faces, found.unique_details, found.evaluations) == (0, 0, 60)


def test_guidance_one_takes_half_the_evaluations() -> None:
    assert planned("base: {detail: false, steps: 10, guidance_scale: 1}").evaluations == 10


def test_prices_count_each_stage_once() -> None:
    found = planned("base: {face_folder: mina}\nparameters: {weight: [0.5, 1, 1.5]}")
    assert found.tokens(Prices(base=3, detail=2)) == 3 + 3 * 2


def test_time_grows_with_steps_guidance_and_pixels() -> None:
    pace = Pace(evaluation=(0.1, 0.2), stage=(1.0, 1.5))
    whole = planned("base: {detail: false, steps: 10}")
    assert whole.seconds(pace) == pytest.approx((3.0, 5.5))  # 20 evaluations of one megapixel and one stage
    assert planned("base: {detail: false, steps: 10, width: 512}").seconds(pace) == pytest.approx((2.0, 3.5))
    face = planned("base: {steps: 10, detail_steps: 10, detail_size: 512}")
    assert face.seconds(pace) == pytest.approx((3.0 + 0.25 + 1.0, 5.5 + 0.5 + 1.5))


def test_work_is_evaluations_weighed_by_their_megapixels() -> None:
    found = planned("base: {steps: 10, width: 512, detail_steps: 10, denoise: 0.5, detail_size: 512}")
    assert found.work == 20 / 2 + 10 / 4


def test_the_first_of_several_recipes_that_share_a_stage_has_its_work() -> None:
    text = (
        "base: {face_folder: mina, prompt: a man img, steps: 20, detail_steps: 10, detail_size: 1024}\nparameters: {%s}"
    )
    found = planned(text % "denoise: [0.5, 0.5, 0.3], seed: [1, 2]")
    base, half, third = 40, 10, 6
    assert found.works == (base + half, base + half, 0, 0, third, third)
    assert found.work == sum(found.works) == 2 * (base + half + third)
    forked = planned(text % "start_merge_step: [10, 5], detail: [false]")
    assert forked.works == (2 * 14, 2 * 20)  # the one that merges first walks the steps that they share


def test_an_empty_plan_costs_nothing() -> None:
    empty = plan([])
    assert empty.summary() == "0 cells = 0 bases"
    assert (empty.tokens(Prices()), empty.seconds(Pace((1, 1))), empty.order) == (0, (0, 0), ())


def test_bases_that_differ_from_a_step_on_are_counted_once_up_to_there() -> None:
    """20 text steps where nobody enters; the others fork after 6 and 11 of them, for 14 + 9 steps each weight."""
    text = "base: {face_folder: mina, prompt: a man img, detail: false}\nparameters: {%s, %s}"
    merge, weight = "start_merge_step: [10, 150, 5]", "weight: [0.5, 1]"
    for axes in ((merge, weight), (weight, merge)):
        found = planned(text % axes)
        assert (found.cells, found.unique_bases, found.duplicates) == (6, 5, 1)
        assert found.evaluations == 2 * (20 + 2 * (14 + 9))
        assert found.naive_evaluations == 2 * 6 * 20


def test_a_photo_costs_its_face_pass_alone() -> None:
    recipe = replace(resolve({"prompt": "a man", "detail_size": 512}, seed=1), photo="5" * 64)
    found = plan([recipe])
    assert found.summary() == "1 cell = 1 face pass"
    assert (found.evaluations, found.unique_bases) == (20, 0)
    assert found.seconds(Pace((1.0, 2.0), (0.5, 0.5))) == pytest.approx((5.5, 10.5))


def test_bases_that_share_their_first_steps_are_drawn_side_by_side() -> None:
    text = "base: {face_folder: mina, prompt: a man img, detail: false}\nparameters: {%s}"
    found = planned(text % "start_merge_step: [5, 10], seed: [1, 2]")
    assert [found.recipes[index].seed for index in found.order] == [1, 1, 2, 2]
    assert found.order == (0, 2, 1, 3)


def test_two_people_in_one_picture_are_two_face_passes() -> None:
    found = planned("base: {face_folder: 'mina, theo', prompt: two people img}\nparameters: {seed: [1, 2]}")
    assert found.summary() == "2 cells = 2 bases + 4 face passes"
    assert found.evaluations == found.naive_evaluations == 2 * (2 * 20 + 2 * 2 * 10)
    assert found.tokens(Prices(base=1, detail=1)) == 2 + 4


def test_equal_bases_stand_together_among_those_that_share_their_first_steps() -> None:
    text = "base: {face_folder: mina, prompt: a man img}\nparameters: {denoise: [0.35, 0.5], start_merge_step: [5, 10]}"
    found = planned(text)
    assert (found.unique_bases, found.order) == (2, (0, 2, 1, 3))


def test_bases_whose_text_depends_on_a_class_word_not_known_yet_are_at_most_as_many() -> None:
    text = "base: {prompt: '%s'}\nparameters: {face_folder: [mina, theo], seed: [1, 2]}"
    assert planned(text % "in the rain").summary() == "4 cells = up to 4 bases + 4 face passes"
    assert planned(text % "a person img in the rain").summary() == "4 cells = 2 bases + 4 face passes"
    entered = planned("base: {prompt: in the rain, start_merge_step: 2}\nparameters: {face_folder: [mina, theo]}")
    assert entered.summary() == "2 cells = 2 bases + 2 face passes"
    one = planned("base: {prompt: in the rain, face_folder: mina}\nparameters: {seed: [1, 2]}")
    assert one.summary() == "2 cells = 2 bases + 2 face passes"
