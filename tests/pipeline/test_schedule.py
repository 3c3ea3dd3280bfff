"""Noise schedules: diffusers' own schedulers ready to step (the published numbers: see test_ground_truth)."""

import numpy as np
import pytest
from diffusers import EulerDiscreteScheduler

from pipeline.errors import BadRecipe
from pipeline.schedule import ays_sigmas, ays_timesteps, build
from sweeps.parameters import SAMPLER_SCHEDULES

CONFIG = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
PAIRS = [(sampler, schedule) for sampler, schedules in SAMPLER_SCHEDULES.items() for schedule in schedules]


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
