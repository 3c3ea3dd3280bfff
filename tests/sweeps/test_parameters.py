"""The catalogue checks what people write and says what would do instead."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.errors import SweepError
from sweeps.parameters import CATALOGUE, SAMPLER_SCHEDULES, Parameter, nearest

NAMES = (
    "prompt", "negative_prompt", "seed", "width", "height", "steps", "guidance_scale", "sampler", "schedule",
    "face_folder", "weight", "face_id_weight", "start_merge_step", "detail", "detail_steps", "detail_guidance",
    "detail_size", "denoise", "crop_factor", "production_mode",
)  # fmt: skip
BOUNDS = {
    "seed": (0, 2**32 - 1), "width": (64, 2048), "height": (64, 2048), "steps": (1, 150), "guidance_scale": (1, 30),
    "weight": (0, 2), "face_id_weight": (0, 16), "start_merge_step": (0, 150), "detail_steps": (1, 150),
    "detail_guidance": (1, 30), "detail_size": (128, 2048), "denoise": (0.05, 1), "crop_factor": (1, 8),
}  # fmt: skip

parameters = pytest.mark.parametrize("parameter", CATALOGUE.values(), ids=lambda parameter: parameter.name)


def test_the_catalogue_names_every_parameter_in_order() -> None:
    assert tuple(CATALOGUE) == NAMES


def test_defaults_follow_the_two_stage_pipeline() -> None:
    wanted = {"steps": 20, "guidance_scale": 8.0, "detail_steps": 20, "detail_guidance": 4.0, "detail": True,
              "detail_size": 1024, "sampler": "euler", "schedule": "ays", "production_mode": False}  # fmt: skip
    assert {name: CATALOGUE[name].default for name in wanted} == wanted


def test_the_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CATALOGUE["steps"] = CATALOGUE["width"]  # type: ignore[index]


@parameters
def test_defaults_and_landmarks_are_allowed_values(parameter: Parameter) -> None:
    for value in (parameter.default, *parameter.landmarks):
        assert parameter.check(value) == value


@parameters
def test_what_is_shown_can_be_typed_again(parameter: Parameter) -> None:
    for value in (parameter.default, *parameter.landmarks):
        assert parameter.read(parameter.show(value)) == value


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_are_inclusive_and_kept(name: str) -> None:
    parameter, (low, high) = CATALOGUE[name], BOUNDS[name]
    step = parameter.multiple_of if parameter.kind == "int" else 1e-6
    assert parameter.check(low) == low
    assert parameter.check(high) == high
    for outside in (low - step, high + step, -math.inf, math.inf, math.nan, True, str(high), 10**400, [high]):
        with pytest.raises(SweepError, match=f"^{name}: expected "):
            parameter.check(outside)


@given(st.floats(1, 30))
def test_a_float_is_kept_as_it_is(value: float) -> None:
    assert CATALOGUE["guidance_scale"].read(CATALOGUE["guidance_scale"].show(value)) == value


def test_whole_numbers_may_be_written_as_floats_but_not_halves() -> None:
    checked = CATALOGUE["steps"].check(12.0)
    assert checked == 12
    assert isinstance(checked, int)
    with pytest.raises(SweepError, match=r"steps: expected a whole number from 1 to 150, got 12\.5"):
        CATALOGUE["steps"].check(12.5)


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("guidance_scale", " 7.5 ", 7.5),
        ("steps", "12", 12),
        ("sampler", "Euler", "euler"),
        ("detail", "on", True),
        ("detail", "No", False),
        ("seed", "random", None),
        ("seed", "4294967295", 4294967295),
        ("prompt", "a {red|blue} hat", "a {red|blue} hat"),
        ("face_folder", "mina,theo ", "mina, theo"),
    ],
)
def test_what_members_type_is_understood(name: str, typed: str, value: object) -> None:
    assert CATALOGUE[name].read(typed) == value


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        (
            "guidance_scale",
            "7,5",
            'expected a number from 1 to 30, got "7,5" (decimals are written with a point: 7.5)',
        ),
        ("guidance_scale", "31", "expected a number from 1 to 30, got 31"),
        ("guidance_scale", "nan", "expected a number from 1 to 30, got nan"),
        ("guidance_scale", "1" * 50, f'expected a number from 1 to 30, got "{"1" * 50}"'),
        ("steps", "twelve", 'expected a whole number from 1 to 150, got "twelve"'),
        ("detail", "maybe", 'expected true or false, got "maybe"'),
        ("schedule", "ais", 'expected ays, karras or uniform, got "ais"; did you mean ays?'),
        ("width", "1030", "expected a multiple of 8 from 64 to 2048, got 1030; the nearest are 1024 and 1032"),
        ("prompt", "bell\a", "expected plain text, got one with control characters in it"),
    ],
)
def test_a_wrong_value_is_answered_with_what_is_allowed(name: str, typed: str, sentence: str) -> None:
    with pytest.raises(SweepError) as caught:
        CATALOGUE[name].read(typed)
    assert str(caught.value) == f"{name}: {sentence}"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("guidance", "guidance_scale"), ("Steps", "steps"), ("cfg", None), ("negativePrompt", "negative_prompt"),
     ("facefolder", "face_folder"), ("x" * 5000, None)],
)  # fmt: skip
def test_the_nearest_name_is_offered_when_there_is_one(name: str, meant: str | None) -> None:
    assert nearest(name, CATALOGUE) == meant


def test_every_sampler_of_the_catalogue_has_schedules_of_the_catalogue() -> None:
    assert tuple(SAMPLER_SCHEDULES) == CATALOGUE["sampler"].choices
    for schedules in SAMPLER_SCHEDULES.values():
        assert set(schedules) <= set(CATALOGUE["schedule"].choices)
