"""A trajectory walks from any step on, can be left and gone on with, and mixes in what a face pass keeps."""

import pytest
import torch

from pipeline.blend import Blend
from pipeline.families import tiny
from pipeline.prompt import Conditioning
from pipeline.schedule import SAMPLERS, build, noised
from pipeline.trajectory import Trajectory
from sweeps.parameters import SAMPLER_SCHEDULES

PAIRS = [(sampler, schedule) for sampler, schedules in SAMPLER_SCHEDULES.items() for schedule in schedules]
TEXT, IDENTITY = (Conditioning(torch.zeros(2, 77, 8), torch.zeros(2, 4)) for _ in range(2))


def latent(seed=0):
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def trajectory(sampler, schedule, steps=8, **settings):
    scheduler = build(tiny.SCHEDULER, sampler, schedule, steps, settings.get("first", 0))
    draws = SAMPLERS[sampler].draws_noise
    settings.setdefault("noise", torch.Generator().manual_seed(3) if draws else None)
    return Trajectory(latent() * scheduler.init_noise_sigma, scheduler, TEXT, torch.zeros(2, 6), 3.0, **settings)


def walk(way, steps):
    for _ in range(steps):
        way.advance(0.5 * way.model_input + 0.1 * torch.sin(way.timestep.float()))
    return way


@pytest.mark.parametrize(("sampler", "schedule"), PAIRS)
@pytest.mark.parametrize("at", [1, 3, 7])
def test_one_that_goes_on_from_a_fork_ends_where_the_first_does_bit_for_bit(sampler, schedule, at):
    whole = walk(trajectory(sampler, schedule), at)
    fork = whole.fork()
    walk(whole, 8 - at)
    for _ in range(2):  # the fork is not used up, and the first one walking on does not change it
        other = trajectory(sampler, schedule)
        other.resume(fork)
        assert other.done_steps == at
        assert torch.equal(walk(other, 8 - at).latents, whole.latents)


def test_identity_takes_over_at_the_split():
    way = trajectory("euler", "ays", identity=IDENTITY, split=3)
    told = []
    while not way.done:
        told.append(way.conditioning is IDENTITY)
        walk(way, 1)
    assert told == [False] * 3 + [True] * 5


@pytest.mark.parametrize(("sampler", "schedule"), PAIRS)
@pytest.mark.parametrize("index", [0, 4, 7])
def test_noised_is_what_the_scheduler_itself_adds(sampler, schedule, index):
    """Against diffusers' add_noise on a scheduler without a begin index; 1e-5."""
    scheduler = build(tiny.SCHEDULER, sampler, schedule, 8, first=3)
    theirs = build(tiny.SCHEDULER, sampler, schedule, 8)
    if hasattr(theirs, "_begin_index"):
        theirs._begin_index = theirs._step_index = None
    original, noise = latent(1), latent(2)
    timestep = theirs.timesteps[index : index + 1]
    if sampler == "ddim":
        timestep = timestep.long()
    expected = theirs.add_noise(original, noise, timestep)
    torch.testing.assert_close(noised(scheduler, original, noise, index), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("sampler", "schedule"), PAIRS)
def test_what_is_kept_throughout_ends_as_the_original(sampler, schedule):
    """It is put back before each step, the last one too, whose noise is small: within 0.25 of latents of std 1."""
    kept = torch.zeros(1, 1, 8, 8)
    kept[..., 4:] = 1
    original, noise = latent(1), latent(2)
    blend = Blend(original, noise, kept, torch.arange(5) / 5)
    way = trajectory(sampler, schedule, first=3, blend=blend)
    way.latents = blend.start(way.scheduler, 3)
    assert way.steps == 5
    while not way.done:
        way.advance(noise)
    left = (way.latents - original).abs()
    assert left[..., 4:].max() < 0.25


def test_a_pixel_changes_from_the_step_on_at_which_its_threshold_is_passed():
    """Four columns with keep 0, 0.25, 0.5 and 0.75: mixed in before 0, 1, 2 and 3 of the later four steps."""
    keep = torch.tensor([0.0, 0.25, 0.5, 0.75]).repeat_interleave(2).expand(1, 1, 8, 8)
    original, noise = latent(1), latent(2)
    blend = Blend(original, noise, keep, torch.arange(5) / 5)
    way = trajectory("euler", "ays", steps=5, blend=blend)
    way.latents = blend.start(way.scheduler, 0)
    mixed = torch.zeros(8, dtype=torch.int)
    while way.done_steps < 4:
        way.advance(torch.full((1, 4, 8, 8), 9.0))
        here = noised(way.scheduler, original, noise, way.done_steps)
        mixed += (way.latents == here)[0].all(dim=0).all(dim=0).int()
    assert mixed.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
