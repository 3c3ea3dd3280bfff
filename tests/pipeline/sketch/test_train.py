"""The one command that makes the sketch family, at a scale of next to nothing."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from pipeline.analysers import Insightface
from pipeline.families.sketch import CARD, train
from pipeline.identity import photomaker
from pipeline.layouts import Folder
from pipeline.lock import SUMS
from pipeline.weights import load_layout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The command's working folder and the family that it wrote: a dozen people, two steps of everything."""
    work, out = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("family")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "LOOK_EVERY", 2)
        train.make(work, out, scale=0.0005, processes=1)
    return work, out


def test_the_command_writes_a_family_that_the_loader_reads(made: tuple[Path, Path]) -> None:
    _, out = made
    modules = load_layout(Folder(out), CARD, torch.device("cpu"), torch.float32)
    found = photomaker.load(out / "photomaker-v2.safetensors", modules.unet, torch.device("cpu"), torch.float32)
    assert found.version == "v2" and found.lora.attached
    assert modules.latent_scale == 8
    assert modules.scheduler["prediction_type"] == "v_prediction"
    assert Insightface(out / "insightface" / "models" / "sketch", "cpu").identifies
    assert (out / "README.md").read_text("utf-8").count("last loss") == 7
    listed = {line.split("  ")[1] for line in (out / SUMS).read_text("utf-8").splitlines()}
    assert listed == {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} - {SUMS, "README.md"}


def test_it_shows_samples_on_the_way(made: tuple[Path, Path]) -> None:
    work, _ = made
    for name in ("denoiser", "identity"):
        assert Image.open(work / f"{name}-00002.png").size == (8 * 128, 3 * 128)


def test_a_folder_of_another_scale_is_refused(made: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"holds a training at the scale 0\.0005, not 1; name another --work"):
        train.make(made[0], tmp_path, scale=1, processes=1)


def test_started_again_it_trains_nothing_and_writes_the_same(made: tuple[Path, Path], tmp_path: Path) -> None:
    work, out = made
    before = {path: path.stat().st_mtime_ns for path in work.glob("*.pt")}
    assert len(before) == 8  # four of faces, the VAE, the material, the denoiser, the identity
    train.make(work, tmp_path, scale=0.0005, processes=1)
    assert {path: path.stat().st_mtime_ns for path in work.glob("*.pt")} == before
    assert (tmp_path / SUMS).read_text("utf-8") == (out / SUMS).read_text("utf-8")
