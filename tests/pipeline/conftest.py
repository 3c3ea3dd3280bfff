"""The tiny family, loaded once for all pipeline tests, and engines on top of it."""

import threading

import pytest
import torch

from pipeline.config import Config
from pipeline.engine import Engine
from pipeline.flight import Flight
from pipeline.weights import load
from sweeps.recipe import resolve


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def modules(cache_dir):
    torch.set_num_threads(1)  # as open_engine does
    return load(Config(cache_dir=cache_dir, device="cpu"))


@pytest.fixture
def new_engine(modules, cache_dir):
    """Opens engines on the shared modules and closes them after the test."""
    opened = []

    def open_one(**settings):
        opened.append(Engine(modules, Config(cache_dir=cache_dir, **settings)))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(new_engine):
    return new_engine()


@pytest.fixture
def recipe(modules):
    """Makes complete recipes: few steps unless told otherwise."""

    def make(**settings):
        settings = {"prompt": "a red fox in the snow", "seed": 1, "steps": 4} | settings
        return resolve(settings, defaults=modules.card.defaults)

    return make


class Gate:
    """Holds the engine's thread at the first step of a picture until it is opened."""

    def __init__(self):
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, done, steps):
        self.reached.set()
        assert self.open.wait(30)


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def calls(modules):
    """What the UNet is asked, call by call: the timestep of each sample."""
    asked = []
    hook = modules.unet.register_forward_pre_hook(lambda _, arguments: asked.append(arguments[1].tolist()))
    yield asked
    hook.remove()


@pytest.fixture
def trajectories(monkeypatch):
    """The trajectory of every recipe that was admitted."""
    seen = {}
    begin = Flight.begin

    def spy(flight, trajectory, notes):
        seen[flight.recipe] = trajectory
        begin(flight, trajectory, notes)

    monkeypatch.setattr(Flight, "begin", spy)
    return seen
