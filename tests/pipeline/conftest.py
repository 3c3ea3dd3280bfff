"""The tiny family, loaded once for all pipeline tests, and engines on top of it."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import pixels
from pipeline.analysers import open_analyser
from pipeline.config import Config
from pipeline.engine import Engine
from pipeline.faces import Faces
from pipeline.flight import Flight
from pipeline.weights import load
from sweeps.recipe import resolve
from tests.pipeline.face_pack import write_pack


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def modules(cache_dir):
    torch.set_num_threads(1)  # as open_engine does
    return load(Config(family="tiny", cache_dir=cache_dir, device="cpu"))


@pytest.fixture
def new_engine(modules, cache_dir):
    """Opens engines on the shared modules and closes them after the test."""
    opened = []

    def open_one(**settings):
        opened.append(Engine(modules, Config(family="tiny", cache_dir=cache_dir, **settings)))
        return opened[-1]

    open_one.config = lambda **settings: Config(family="tiny", cache_dir=cache_dir, device="cpu", **settings)
    yield open_one
    for engine in opened:
        engine.close()


@pytest.fixture(scope="session")
def with_faces(tmp_path_factory, cache_dir):
    """A config with a face model pack: insightface finds one face in the middle of every picture, so V2 is used."""
    model_dir = tmp_path_factory.mktemp("models")
    write_pack(model_dir, always=[(0.3, 0.3, 0.7, 0.7)], sex="F")
    return Config(family="tiny", cache_dir=cache_dir, model_dir=model_dir, device="cpu")


@pytest.fixture(scope="session")
def modules_v2(with_faces):
    torch.set_num_threads(1)
    return load(with_faces)


@pytest.fixture(scope="session")
def faces(with_faces):
    return Faces(open_analyser(with_faces))


@pytest.fixture
def new_engine_v2(modules_v2, with_faces, faces):
    """Opens engines that know people, and closes them after the test."""
    opened = []

    def open_one(**settings):
        opened.append(Engine(modules_v2, replace(with_faces, **settings), faces))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.close()


@pytest.fixture(scope="session")
def photos():
    """Two people with two photos each: colours, in which the packs of these tests see a face."""
    random = np.random.default_rng(7)
    shots = [random.integers(0, 255, (8, 8, 3), np.uint8).repeat(16, 0).repeat(16, 1) for _ in range(4)]
    mina, theo = (tuple(pixels.encode_png(shot) for shot in pair) for pair in (shots[:2], shots[2:]))
    return {"mina": mina, "theo": theo}


@pytest.fixture
def engine(new_engine):
    return new_engine()


@pytest.fixture
def recipe(modules):
    """Makes complete recipes: few steps and no face pass unless told otherwise."""

    def make(**settings):
        settings = {"prompt": "a red fox in the snow", "seed": 1, "steps": 4, "detail": False} | settings
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
    yield from listened(modules.unet)


@pytest.fixture
def calls_v2(modules_v2):
    yield from listened(modules_v2.unet)


def listened(unet):
    asked = []
    hook = unet.register_forward_pre_hook(lambda _, arguments: asked.append(arguments[1].tolist()))
    yield asked
    hook.remove()


@pytest.fixture
def trajectories(monkeypatch):
    """The trajectory of every recipe that was admitted, the last one where there were several."""
    seen = {}
    begin = Flight.begin

    def spy(flight, trajectory, notes):
        seen[flight.brief.asked] = trajectory
        begin(flight, trajectory, notes)

    monkeypatch.setattr(Flight, "begin", spy)
    return seen
