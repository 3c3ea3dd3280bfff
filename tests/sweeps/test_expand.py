"""A document expands to its cells in YAML order, over the member's settings, with every seed known."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.errors import SweepError
from sweeps.expand import Sweep, expand
from sweeps.parameters import LARGEST_SEED, Value
from sweeps.parse import parse
from sweeps.recipe import Recipe
from tests.sweeps.samples import EVERYTHING, WANDB_GRID, WANDB_RANDOM


def cells(text: str, *fields: str, own: Mapping[str, Value] | None = None, seed: int | None = 7) -> list[object]:
    found = expand(parse(text), settings=own or {}, seed=seed).recipes
    rows = [tuple(getattr(recipe, field) for field in fields) for recipe in found]
    return [row[0] for row in rows] if len(fields) == 1 else list(rows)


def names(sweep: Sweep) -> list[str]:
    return [axis.name for axis in sweep.axes]


def test_the_formats_own_example_expands() -> None:
    sweep = expand(parse(EVERYTHING), faces=["team-ada", "theo", "team-mina"], seed=7)
    assert names(sweep) == ["prompt", "steps", "guidance_scale", "weight", "face_folder", "sampler+schedule", "repeat"]
    assert [len(axis.values) for axis in sweep.axes] == [2, 3, 3, 5, 2, 2, 2]
    assert len(sweep.cells) == 500  # run_cap: of 2·(3·3 - 1)·5·2·2·2 = 640 in the grid and 2 included
    assert sweep.left_out == 142
    assert (sweep.rows, sweep.columns) == ("guidance_scale", "steps")
    assert sweep.axes[5].values == (("euler", "ays"), ("dpmpp_2m", "karras"))
    assert sweep.axes[5].labels == ("euler · ays", "dpmpp_2m · karras")
    first, second, last = sweep.cells[0], sweep.cells[1], sweep.cells[-1]
    assert (first.id, first.at, first.recipe.seed) == ("c001", (0, 0, 0, 0, 0, 0, 0), 7)
    assert (second.id, second.at, second.recipe.seed) == ("c002", (0, 0, 0, 0, 0, 0, 1), 8)
    assert (last.id, last.at, last.recipe.steps) == ("c500", (None, None, None, None, None, None, 1), 80)
    assert last.recipe.prompt == "a portrait of a woman img"
    assert not [c for c in sweep.recipes if c.steps == 30 and c.guidance_scale == 7]


def test_a_wandb_grid_runs_unmodified() -> None:
    sweep = expand(parse(WANDB_GRID))
    assert names(sweep) == ["guidance_scale", "sampler", "face_id_weight", "weight"]
    assert len(sweep.cells) == 2 * 2 * 3 * 3
    assert {recipe.steps for recipe in sweep.recipes} == {12}
    assert sweep.axes[3].values == (0.5, 0.75, 1.0)


def test_the_first_axis_is_the_slowest() -> None:
    text = "parameters: {steps: [3, 1], weight: [0.5, 1], detail: [true, false]}"
    assert cells(text, "steps", "weight", "detail") == [
        (steps, weight, detail) for steps in (3, 1) for weight in (0.5, 1.0) for detail in (True, False)
    ]


def test_a_prompt_in_braces_is_the_slowest_axis_and_zip_comes_after_parameters() -> None:
    sweep = expand(
        parse(
            "zip: [{sampler: [euler, ddim], schedule: [ays, uniform], labels: [fast, even]}]\n"
            "parameters: {steps: 1-2, prompt: 'a {red|blue} hat'}"
        )
    )
    assert names(sweep) == ["prompt", "steps", "sampler+schedule"]
    assert sweep.axes[0].labels == ("red", "blue")
    assert sweep.axes[2].labels == ("fast", "even")


def test_braces_in_a_list_of_prompts_expand_where_they_stand() -> None:
    assert cells("parameters: {steps: 1-2, prompt: [x, 'a {b|c}']}", "steps", "prompt") == [
        (steps, prompt) for steps in (1, 2) for prompt in ("x", "a b", "a c")
    ]


def test_the_members_own_prompt_may_hold_braces_too() -> None:
    assert cells("parameters: {steps: 1-2}", "prompt", "steps", own={"prompt": "{a|b}"}) == [
        ("a", 1), ("a", 2), ("b", 1), ("b", 2),
    ]  # fmt: skip
    assert cells("base: {prompt: mine}", "prompt", own={"prompt": "{a|b}"}) == ["mine"]


@pytest.mark.parametrize(
    "entry",
    [
        "[10, 20, 30]",
        "{values: [10, 20, 30]}",
        '"10-30 (+10)"',
        '{values: "10, 20, .., 30"}',
        "{min: 10, max: 30, q: 10}",
        "{distribution: q_uniform, min: 10, max: 39, q: 10}",
    ],
)
def test_an_axis_may_be_written_in_many_ways(entry: str) -> None:
    assert cells(f"parameters: {{steps: {entry}}}", "steps") == [10, 20, 30]


def test_an_axis_stands_over_base_and_base_over_settings() -> None:
    text = "base: {steps: 5, weight: 0.5}\nparameters: {steps: [1, 2]}\ninclude: [{denoise: 0.7}]"
    own: dict[str, Value] = {"steps": 9, "weight": 1.5, "crop_factor": 2.0}
    assert cells(text, "steps", "weight", "crop_factor", "denoise", own=own) == [
        (1, 0.5, 2.0, 0.5), (2, 0.5, 2.0, 0.5), (5, 0.5, 2.0, 0.7),
    ]  # fmt: skip


def test_a_family_gives_defaults_and_production_mode_overrides_the_file() -> None:
    sweep = expand(
        parse("base: {prompt: x, production_mode: on}\nparameters: {steps: [1, 2]}"),
        defaults={"width": 128, "detail": False},
        production={"steps": 30},
    )
    assert [(r.steps, r.width, r.detail, r.prompt) for r in sweep.recipes] == [(30, 128, False, "x")] * 2


# seeds


def test_one_seed_is_drawn_for_all_cells_and_recorded() -> None:
    for text in ("parameters: {steps: 1-3}", "seed: shared\nparameters: {steps: 1-3}"):
        sweep = expand(parse(text))
        assert {recipe.seed for recipe in sweep.recipes} == {sweep.seed}
        assert expand(parse(text), seed=sweep.seed).recipes == sweep.recipes
    assert len({expand(parse("seed: shared")).seed for _ in range(8)}) > 1


def test_the_members_seed_is_taken_unless_the_file_speaks_of_seeds() -> None:
    assert cells("base: {steps: 3}", "seed", own={"seed": 5}, seed=None) == [5]
    assert cells("seed: shared", "seed", own={"seed": 5}, seed=9) == [9]
    assert cells("seed: 6", "seed", own={"seed": 5}) == [6]
    assert cells("base: {seed: 6}", "seed", own={"seed": 5}) == [6]
    assert cells("seed: [1, 2]", "seed", own={"seed": 5}) == [1, 2]
    assert cells('seed: "1-3"', "seed", own={"seed": 5}) == [1, 2, 3]
    assert cells("parameters: {seed: [4, 3]}", "seed", own={"seed": 5}) == [4, 3]


def test_each_cell_may_have_its_own_seed() -> None:
    text = "seed: per_cell\nparameters: {steps: 1-20}"
    first = cells(text, "seed")
    assert len(set(first)) == 20
    assert first == cells(text, "seed")
    assert first != cells(text, "seed", seed=8)


def test_repeats_add_to_a_cells_seed_and_never_leave_the_range() -> None:
    assert cells("repeats: 3\nseed: [10, 20]", "seed") == [10, 11, 12, 20, 21, 22]
    assert cells(f"repeats: 2\nseed: {LARGEST_SEED}", "seed") == [LARGEST_SEED, 0]
    drawn = cells("repeats: 2\nseed: per_cell\nparameters: {steps: 1-2}", "seed")
    assert [drawn[1], drawn[3]] == [(int(str(drawn[0])) + 1), (int(str(drawn[2])) + 1)]
    assert drawn[0] != drawn[2]


# exclude, include, caps


def test_exclude_compares_what_a_cell_would_have_wherever_it_comes_from() -> None:
    text = "parameters: {{steps: [10, 20], weight: [0.5, 1]}}\nexclude: [{}]"
    assert cells(text.format("{steps: 10, weight: 0.5}"), "steps", "weight") == [(10, 1.0), (20, 0.5), (20, 1.0)]
    assert cells(text.format("{steps: 10, denoise: 0.5}"), "steps") == [20, 20]
    assert len(cells(text.format("{steps: 10, denoise: 0.6}"), "steps")) == 4


def test_exclude_knows_that_a_person_who_is_named_turns_detail_on() -> None:
    text = "base: {{prompt: x{}}}\nparameters: {{seed: [1, 2]}}\nexclude: [{{detail: true, seed: 2}}]"
    for person, seeds in (("", [1, 2]), (", face_folder: mina", [1]), (", face_folder: mina, detail: false", [1, 2])):
        sweep = expand(parse(text.format(person)), defaults={"detail": False})
        assert [recipe.seed for recipe in sweep.recipes] == seeds


def test_an_excluded_pair_need_not_exist() -> None:
    text = "parameters: {sampler: [euler, ddim], schedule: [ays, uniform]}\nexclude: [{sampler: ddim, schedule: ays}]"
    assert cells(text, "sampler", "schedule") == [("euler", "ays"), ("euler", "uniform"), ("ddim", "uniform")]


def test_run_cap_leaves_out_the_end_of_a_grid_and_says_how_much() -> None:
    sweep = expand(parse("run_cap: 5\nparameters: {steps: 1-9}\ninclude: [{steps: 50}]"))
    assert [recipe.steps for recipe in sweep.recipes] == [1, 2, 3, 4, 50]
    assert sweep.left_out == 5


def test_too_many_cells_are_refused_unless_allowed() -> None:
    text = "parameters: {seed: '0-1000'}"
    with pytest.raises(SweepError, match="1,001 cells"):
        expand(parse(text))
    sweep = expand(parse(text), max_cells=1001)
    assert len(sweep.cells) == 1001
    assert (sweep.cells[98].id, sweep.cells[-1].id) == ("c099", "c1001")


def test_equal_cells_are_kept_in_each_place() -> None:
    assert cells("parameters: {steps: [5, 5, 6]}", "steps") == [5, 5, 6]


# samplers, people, random


def test_a_sampler_without_the_default_schedule_takes_its_own() -> None:
    text = "parameters: {sampler: [euler, ddim, unipc]}"
    assert cells(text, "schedule") == ["ays", "uniform", "karras"]
    assert cells(text, "schedule", own={"schedule": "karras"}) == ["karras", "uniform", "karras"]
    assert cells("base: {steps: 3}\ninclude: [{sampler: ddim}]", "schedule", own={"schedule": "ays"}) == [
        "ays",
        "uniform",
    ]


def test_a_glob_matches_the_names_that_the_caller_passes_in() -> None:
    sweep = expand(parse('parameters: {face_folder: {glob: "team-?"}}'), faces=["team-b", "team-a", "x", "team-cc"])
    assert [recipe.face_folder for recipe in sweep.recipes] == ["team-b", "team-a"]
    with pytest.raises(SweepError) as caught:
        expand(parse('parameters: {face_folder: {glob: "tim*"}}'), faces=["mina", "theo"])
    assert str(caught.value) == (
        'parameters.face_folder.glob: expected a pattern that fits a person\'s name, got "tim*"; there are mina, theo'
    )


def test_a_random_search_draws_within_its_bounds_and_again_the_same_from_its_seed() -> None:
    sweep = expand(parse(WANDB_RANDOM), seed=11)
    assert len(sweep.cells) == 40
    assert {cell.at for cell in sweep.cells} == {(None,) * 6}
    assert (sweep.rows, sweep.columns) == (None, None)
    for recipe in sweep.recipes:
        assert 2 <= recipe.guidance_scale <= 12
        assert 0.1 <= recipe.denoise <= 0.9
        assert 0 <= recipe.weight <= 2
        assert recipe.steps in range(5, 10)
        assert recipe.crop_factor in (1, 1.5, 2, 2.5, 3)
    assert len({recipe.guidance_scale for recipe in sweep.recipes}) > 30
    assert Counter(recipe.sampler for recipe in sweep.recipes)["euler"] > 25  # 36 expected at 0.9; < 26 is 1 in 10⁵
    assert expand(parse(WANDB_RANDOM), seed=11).recipes == sweep.recipes
    assert expand(parse(WANDB_RANDOM), seed=12).recipes != sweep.recipes


def test_a_random_search_draws_from_ranges_too_large_to_build() -> None:
    drawn = cells("method: random\nrun_cap: 9\nparameters: {seed: {min: 0, max: 4294967295}}", "seed")
    assert len(set(drawn)) == 9


def test_a_random_search_draws_again_what_is_excluded() -> None:
    text = "method: random\nrun_cap: 12\nparameters: {steps: [1, 2]}\nexclude: [{steps: 1}]"
    assert cells(text, "steps") == [2] * 12


@pytest.mark.parametrize(("repeats", "include", "count"), [(1, "", 7), (2, "", 7), (2, "include: [{steps: 3}]", 7)])
def test_run_cap_counts_every_cell_of_a_random_search(repeats: int, include: str, count: int) -> None:
    text = f"method: random\nrun_cap: 7\nrepeats: {repeats}\nparameters: {{weight: {{min: 0.1, max: 1.9}}}}\n{include}"
    assert len(cells(text, "weight")) == count


# the contact sheet


@pytest.mark.parametrize(
    ("text", "rows", "columns"),
    [
        ("base: {steps: 1}", None, None),
        ("parameters: {steps: 1-2}", None, "steps"),
        ("repeats: 2\nparameters: {steps: 1-2}", "steps", "repeat"),
        ("repeats: 2\nparameters: {steps: 1-2, weight: [0, 1]}", "steps", "weight"),
        ("parameters: {steps: 1-2, weight: [0, 1], denoise: [0.4, 0.6]}", "steps", "denoise"),
        ("rows: weight\nparameters: {steps: 1-2, weight: [0, 1]}", "weight", "steps"),
        ("columns: steps\nparameters: {steps: 1-2, weight: [0, 1]}", "weight", "steps"),
        ("rows: schedule\nzip: [{sampler: [euler, ddim], schedule: [ays, uniform]}]", "sampler+schedule", None),
        ("rows: repeat\nrepeats: 2\nparameters: {steps: 1-2}", "repeat", "steps"),
    ],
)
def test_the_sheets_axes_are_the_outermost_and_the_innermost_unless_stated(
    text: str, rows: str | None, columns: str | None
) -> None:
    sweep = expand(parse(text))
    assert (sweep.rows, sweep.columns) == (rows, columns)


def test_labels_name_values_for_the_sheet() -> None:
    sweep = expand(parse("parameters: {weight: {values: [0.5, 1], labels: [faint, 1]}, detail: [true, false]}"))
    assert [axis.labels for axis in sweep.axes] == [("faint", "1"), ("on", "off")]


axes = st.dictionaries(
    st.sampled_from(["steps", "face_id_weight", "start_merge_step", "detail_steps"]),
    st.lists(st.integers(5, 16), min_size=1, max_size=4),
    min_size=1,
)


@settings(deadline=None)
@given(axes, st.integers(1, 3))
def test_a_cell_lies_where_its_values_are(moving: dict[str, list[int]], repeats: int) -> None:
    text = f"repeats: {repeats}\nparameters:\n" + "".join(f"  {name}: {values}\n" for name, values in moving.items())
    sweep = expand(parse(text), seed=3, max_cells=10_000)
    assert [cell.at for cell in sweep.cells] == sorted(cell.at for cell in sweep.cells)
    assert len({cell.at for cell in sweep.cells}) == len(sweep.cells)
    for cell in sweep.cells:
        for axis, index in zip(sweep.axes, cell.at, strict=True):
            assert index is not None
            name, value = axis.name, axis.values[index]
            assert (cell.recipe.seed - 3 if name == "repeat" else getattr(cell.recipe, name)) == value
        assert Recipe.from_dict(cell.recipe.as_dict()) == cell.recipe


def test_run_cap_holds_for_included_cells_too() -> None:
    text = "{base: {prompt: x}, run_cap: 2, parameters: {steps: [1, 2]}, include: [{steps: 7}, {steps: 8}, {steps: 9}]}"
    sweep = expand(parse(text))
    assert [recipe.steps for recipe in sweep.recipes] == [7, 8]
    assert sweep.left_out == 2


def test_a_cell_whose_triggers_cannot_be_drawn_is_named_where_its_prompt_stands() -> None:
    """Once its braces are cells: each of these has one trigger, or two."""
    choices = "'a {man img|woman}, {a hat|img}'"
    expand(parse(f"parameters: {{prompt: {choices}}}"))  # nobody is drawn
    said = '"a man img, img" holds the trigger word "img" 2 times; write it once, right after a class word, such as'
    for text, path in (
        (f"{{base: {{face_folder: mina}}, parameters: {{prompt: {choices}}}}}", "parameters.prompt"),
        (f"{{parameters: {{prompt: {choices}, face_folder: [mina, theo]}}}}", "parameters.prompt"),
        (f"{{base: {{face_folder: mina, prompt: {choices}}}}}", "base.prompt"),
        ("{base: {face_folder: mina}, zip: [{prompt: [a man, 'a man img, img'], steps: [2, 3]}]}", "zip[0].prompt"),
    ):
        with pytest.raises(SweepError) as refused:
            expand(parse(text))
        assert str(refused.value) == f'{path}: {said} "man img"'
