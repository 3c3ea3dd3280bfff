"""The family that comes with Atelier: whole, unchanged, its own in every part, and small."""

import json
import logging
import re
import shutil
import subprocess

import pytest
import torch
from safetensors import safe_open

from pipeline import lock
from pipeline.analysers import open_analyser
from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.families import sketch
from pipeline.families.sketch.evaluation.costs import MOST_BYTES
from pipeline.weights import load
from tests.pipeline.face_pack import write_pack


@pytest.fixture
def config(tmp_path):
    """A machine whose operator has laid a pack and a PhotoMaker of his own into MODEL_DIR."""
    write_pack(tmp_path, name="antelopev2")
    (tmp_path / "photomaker-v2.bin").write_bytes(b"SDXL's")
    return Config(model_dir=tmp_path, cache_dir=tmp_path / "cache", device="cpu")


@pytest.fixture
def few(tmp_path, monkeypatch):
    """A small folder in place of the shipped weights."""
    folder = tmp_path / "weights"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "model.safetensors").write_bytes(b"numbers")
    (folder / "README.md").write_text("What this is.\n")
    lock.write_sums(folder)
    monkeypatch.setattr(sketch, "WEIGHTS", folder)
    return folder


def test_it_is_the_family_of_whoever_names_none(config):
    assert Config().family == "sketch"
    assert load(config).card is sketch.CARD


def test_its_photomaker_and_its_face_models_are_its_own_whatever_lies_in_model_dir(config, caplog):
    assert sketch.photomaker(config).is_relative_to(sketch.WEIGHTS)
    with caplog.at_level(logging.INFO, "pipeline"):
        assert open_analyser(config).name == "insightface (sketch)"
    assert "non-commercial" not in caplog.text  # they are ours, under our own licence


def test_every_shipped_file_is_listed_and_all_are_small():
    files = {path.relative_to(sketch.WEIGHTS).as_posix(): path for path in sketch.WEIGHTS.rglob("*") if path.is_file()}
    assert sum(path.stat().st_size for path in files.values()) <= MOST_BYTES
    listed = {line.partition("  ")[2] for line in files.pop(lock.SUMS).read_text().splitlines()}
    assert listed == {name for name in files if not name.endswith(".md")}


def test_the_weights_are_half_precision():
    for path in sketch.WEIGHTS.rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}, path  # noqa: SIM118


def test_the_written_card_is_the_card():
    written = json.loads((sketch.WEIGHTS / "card.json").read_text())
    assert written["defaults"] == dict(sketch.CARD.defaults)
    assert (written["name"], written["title"]) == (sketch.CARD.name, sketch.CARD.title)
    assert {written["native_width"], written["native_height"]} == {sketch.CARD.native_width}


def test_the_sums_are_those_of_sha256sum(few):
    assert shutil.which("sha256sum")
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", lock.SUMS], cwd=few, check=True)


def lose(few):
    (few / "unet" / "model.safetensors").unlink()


def change(few):
    (few / "unet" / "model.safetensors").write_bytes(b"others")


def forget(few):
    (few / lock.SUMS).unlink()


def remove(few):
    shutil.rmtree(few)


def test_a_text_for_people_may_be_corrected(config, few):
    (few / "README.md").write_text("Something else.\n")
    assert sketch.prepare(config).path == few


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lose, r"weights/unet/model\.safetensors is missing; reinstall Atelier\."),
        (
            change,
            r"weights/unet/model\.safetensors is not the file that came with Atelier: its SHA-256 differs; "
            r"reinstall Atelier\.",
        ),
        (forget, r"weights/SHA256SUMS is missing; reinstall Atelier\."),
        (remove, r"weights/SHA256SUMS is missing; reinstall Atelier\."),
    ],
)
def test_what_is_lost_or_changed_is_one_sentence(config, few, spoil, sentence):
    assert sketch.prepare(config).path == few
    spoil(few)
    with pytest.raises(BadWeights) as caught:
        sketch.prepare(config)
    assert re.search(rf"{sentence}$", str(caught.value))
