"""Noise schedules: the published numbers, and diffusers' own schedulers ready to step."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from diffusers import EulerDiscreteScheduler

from pipeline.errors import BadRecipe
from pipeline.schedule import ays_sigmas, ays_timesteps, build
from sweeps.parameters import SAMPLER_SCHEDULES

GROUND_TRUTH = Path(os.environ.get("GROUND_TRUTH_DIR", Path(__file__).parents[1] / "data"))
TRUTH = json.loads((GROUND_TRUTH / "ays_schedule.json").read_text())
CONFIG = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
PAIRS = [(sampler, schedule) for sampler, schedules in SAMPLER_SCHEDULES.items() for schedule in schedules]


@pytest.mark.parametrize("steps", TRUTH["by_num_steps"])
def test_ays_gives_the_published_sigmas(steps):
    expected = TRUTH["by_num_steps"][steps]["sigmas_published"]
    np.testing.assert_allclose(ays_sigmas(int(steps)), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("steps", TRUTH["by_num_steps"])
@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "dpmpp_2m_sde"])
def test_ays_schedulers_walk_the_published_sigmas_and_their_timesteps(sampler, steps):
    case = TRUTH["by_num_steps"][steps]
    scheduler = build(CONFIG, sampler, "ays", int(steps))
    np.testing.assert_allclose(scheduler.sigmas.numpy(), case["sigmas_published"], rtol=1e-6, atol=0)
    np.testing.assert_allclose(scheduler.timesteps.numpy(), case["euler_timesteps_from_sigmas"], atol=1e-3)
    rounded = scheduler.timesteps.numpy().round().astype(int)
    np.testing.assert_array_equal(rounded, case["timesteps_from_sigmas_rounded"])
    if "seed_buggy_output" in case:
        assert rounded.tolist() != case["seed_buggy_output"]


@pytest.mark.parametrize("steps", [1, 2, 7, 30, 100, 150])
def test_ays_is_what_diffusers_makes_of_the_sigmas(steps):
    theirs = EulerDiscreteScheduler.from_config(CONFIG)
    theirs.set_timesteps(sigmas=ays_sigmas(steps))
    np.testing.assert_allclose(ays_timesteps(theirs, steps), theirs.timesteps.numpy(), atol=1e-3)


@pytest.mark.parametrize("steps", range(1, 151))
def test_ays_timesteps_descend_strictly(steps):
    timesteps = build(CONFIG, "euler", "ays", steps).timesteps.numpy()
    assert len(timesteps) == steps
    assert (np.diff(timesteps) < 0).all()


@pytest.mark.parametrize(("sampler", "schedule"), PAIRS)
@pytest.mark.parametrize("steps", [1, 3, 20, 150])
def test_every_offered_pair_has_as_many_timesteps_as_steps(sampler, schedule, steps):
    scheduler = build(CONFIG, sampler, schedule, steps)
    assert len(scheduler.timesteps) == steps
    assert (np.diff(scheduler.timesteps.numpy().astype(float)) <= 0).all()


def test_a_pair_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(BadRecipe) as caught:
        build(CONFIG, "unipc", "ays", 20)
    assert str(caught.value) == (
        'The sampler "unipc" has the schedules: karras, uniform; not "ays". '
        'The schedule "ays" exists for: euler, dpmpp_2m, dpmpp_2m_sde.'
    )


def test_a_sampler_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(BadRecipe, match='no sampler "lcm"; choose one of: euler, dpmpp_2m'):
        build(CONFIG, "lcm", "ays", 20)
