"""The tiny family's PhotoMakers, and a UNet of its own for each test that changes one."""

import copy
import json

import pytest
import torch

from pipeline import weights
from pipeline.config import Config
from pipeline.families import tiny
from pipeline.identity import checkpoint
from tests.pipeline.truth.folder import OURS

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def tiny_folder(cache_dir):
    return tiny.prepare(Config(cache_dir=cache_dir)).path


@pytest.fixture(scope="session", params=["v1", "v2"])
def version(request):
    return request.param


@pytest.fixture(scope="session")
def written(tiny_folder):
    """Reads the tiny family's checkpoint of a version."""
    return lambda version: checkpoint.read(tiny_folder / f"photomaker-{version}.safetensors")


@pytest.fixture(scope="session")
def built(written):
    """Builds the tiny family's ID encoder of a version."""
    return lambda version, dtype=torch.float32: written(version).build(CPU, dtype)


@pytest.fixture(scope="session")
def plain(tiny_folder):
    """The tiny family without a PhotoMaker: nothing is fused into its UNet."""
    return weights.load_layout(tiny.prepare(Config(cache_dir=tiny_folder.parent)), tiny.CARD, CPU, torch.float32)


@pytest.fixture
def unet(plain):
    return copy.deepcopy(plain.unet)


@pytest.fixture(scope="session")
def manifest():
    """Every key of the published checkpoint of a version, with its shape."""

    def read(version):
        listed = json.loads((OURS / f"photomaker_{version}_manifest.json").read_text())
        return {key: tuple(shape) for key, (shape, _) in listed.items()}

    return read
