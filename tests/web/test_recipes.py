"""A recipe in words, as a sweep file, and beside others."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain.job import Layout
from bot.web.recipes import differences, neighbours, rows, sweep_file, why_no_file
from sweeps.expand import expand
from sweeps.parameters import CATALOGUE, SAMPLER_SCHEDULES
from sweeps.parse import parse
from sweeps.recipe import Recipe, resolve
from tests.web.exhibition import Exhibition, grid, recipe

PLAIN = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="{}_$"), max_size=60)
NUMBERS = {
    name: st.floats(parameter.minimum, parameter.maximum)
    if parameter.kind == "float"
    else st.integers(int(parameter.minimum or 0), int(parameter.maximum or 0)).map(
        lambda value, step=parameter.multiple_of: value - value % step
    )
    for name, parameter in CATALOGUE.items()
    if parameter.is_number and name not in ("detail_steps", "denoise")
}


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    sampler = draw(st.sampled_from(list(SAMPLER_SCHEDULES)))
    return resolve(
        {name: draw(values) for name, values in NUMBERS.items()}
        | {
            "prompt": draw(PLAIN),
            "negative_prompt": draw(PLAIN),
            "sampler": sampler,
            "schedule": draw(st.sampled_from(SAMPLER_SCHEDULES[sampler])),
            "face_folder": draw(st.sampled_from(["", "mina", "mina, theo", "Zoë"])),
            "detail": draw(st.booleans()),
        }
    )


@settings(max_examples=150, deadline=None)
@given(recipes())
@example(recipe(prompt='a "quoted" \\ prompt: with # and - and \n a line, no: yes', negative_prompt="null"))
@example(recipe(prompt="line separators \u2028 \u2029 \x85, a joiner \u200d, \ufeff and \x7f"))
@example(recipe(prompt="7.5", negative_prompt="on"))
@example(recipe(weight=1e-05))
def test_a_sweep_file_draws_the_very_recipe_that_it_was_made_of(drawn: Recipe) -> None:
    sweep = expand(parse(sweep_file(drawn, "S42-c017")))
    assert sweep.recipes == (drawn,)


def test_a_sweep_file_stands_over_all_that_a_member_has_set() -> None:
    drawn = recipe(steps=12, face_folder="mina", sampler="ddim", schedule="uniform")
    own = {"steps": 50, "sampler": "euler", "schedule": "ays", "prompt": "{a|b}", "seed": 3, "detail": False}
    assert expand(parse(sweep_file(drawn, "S1-c001")), settings=own, defaults={"width": 512}).recipes == (drawn,)


def test_a_picture_of_production_mode_is_drawn_again_without_knowing_the_production_recipe() -> None:
    drawn = resolve({"prompt": "a cat", "seed": 1, "production_mode": True}, production={"steps": 33})
    (again,) = expand(parse(sweep_file(drawn, "S1-c001")), production={"steps": 5}).recipes
    assert again.key() == drawn.key()
    assert again.steps == 33


@pytest.mark.parametrize("prompt", ["a {red|blue} hat", "a {red} hat", "__hats__", "${hat}"])
def test_a_prompt_that_a_file_would_read_as_choices_makes_no_file(prompt: str) -> None:
    assert "choices" in (why_no_file(recipe(prompt=prompt)) or "")
    with pytest.raises(ValueError, match="choices"):
        sweep_file(recipe(prompt=prompt), "S1-c001")


def test_a_picture_of_an_uploaded_photo_makes_no_file() -> None:
    brought = Recipe.from_dict(recipe().as_dict() | {"photo": "ab" * 32})
    assert "photo" in (why_no_file(brought) or "")


def test_a_recipe_is_shown_whole_with_what_was_changed_first() -> None:
    shown = rows(recipe(steps=12, negative_prompt=""))
    assert {row.name for row in shown} == set(CATALOGUE)
    assert [row.name for row in shown if row.changed] == ["prompt", "steps"]
    assert [row.name for row in shown[:3]] == ["prompt", "seed", "steps"]
    (steps,) = (row for row in shown if row.name == "steps")
    assert (steps.value, steps.default) == ("12", "20")


def test_what_is_usual_for_the_family_was_not_changed() -> None:
    family = {name: each.default for name, each in CATALOGUE.items()} | {"steps": 12}
    shown = rows(recipe(steps=12), family.get)
    assert [row.name for row in shown if row.changed] == ["prompt"]
    (width,) = (row for row in rows(recipe(), lambda name: 128 if name == "width" else None) if row.name == "width")
    assert (width.default, width.changed) == ("128", True)


def test_differences_are_the_parameters_that_are_not_equal() -> None:
    told = differences(recipe(steps=12, detail=True), recipe(steps=30, detail=False))
    assert [(each.name, each.first, each.second) for each in told] == [("steps", "12", "30"), ("detail", "on", "off")]
    assert differences(recipe(), recipe()) == []


def test_neighbours_lie_one_step_away_on_one_axis() -> None:
    shown = Exhibition()
    pictures = list(grid(shown, rows=3, columns=3))
    guidance, steps = neighbours(pictures[4], pictures)
    assert guidance.axis == "guidance_scale"
    assert guidance.line == (("4", pictures[1]), ("5", pictures[4]), ("6", pictures[7]))
    assert steps.line == (("10", pictures[3]), ("20", pictures[4]), ("30", pictures[5]))


def test_a_gap_is_stepped_over_and_an_edge_has_one_neighbour() -> None:
    shown = Exhibition()
    pictures = list(grid(shown, rows=1, columns=3))
    (steps,) = neighbours(pictures[0], [pictures[0], pictures[2]])
    assert steps.line == (("10", pictures[0]), ("30", pictures[2]))


@pytest.mark.parametrize(("at", "seen"), [(0, "01234"), (1, "01234"), (4, "23456"), (6, "34567"), (7, "34567")])
def test_of_a_long_axis_five_pictures_are_shown_about_this_one(at: int, seen: str) -> None:
    shown = Exhibition()
    pictures = list(grid(shown, rows=1, columns=8))
    (steps,) = neighbours(pictures[at], pictures)
    assert [picture for _, picture in steps.line] == [pictures[int(index)] for index in seen]


def test_a_picture_off_the_grid_has_no_neighbours() -> None:
    shown = Exhibition()
    pictures = list(grid(shown))
    assert neighbours(shown.hang(layout=pictures[0].layout), pictures) == []
    assert neighbours(shown.hang(layout=Layout()), pictures) == []
