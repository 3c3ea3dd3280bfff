"""The command line without Discord: one sweep through the demo, one image by `render`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.conftest import data_folder

SWEEP = """
name: "[two] by two"
base: {prompt: "a {red|blue} hat", steps: 2, width: 64, height: 64}
parameters: {guidance_scale: {values: [2, 6]}}
seed: 3
"""
FACES = """
base: {prompt: smiling, steps: 2, detail_steps: 2}
parameters: {face_folder: {glob: "*"}}
seed: 1
"""


def atelier(data: Path, *arguments: str, family: str = "tiny") -> subprocess.CompletedProcess[str]:
    """`python -m bot …` with its data below `data` and no token; family "": whichever is drawn with by default."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DISCORD_")}
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        env=environment | {"DATA_DIR": str(data), "COLUMNS": "200", "MODEL_FAMILY": family},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def data(tmp_path: Path, weights_cache: Path) -> Path:
    return data_folder(tmp_path / "data", weights_cache)


def test_the_demo_draws_one_sweep_and_writes_what_it_drew(data: Path, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    out = tmp_path / "out"
    out.mkdir()
    (out / "S1-c009.png").write_bytes(b"of an earlier run")
    (out / "mine.png").write_bytes(b"somebody's own")
    sweep, folder = str(tmp_path / "sweep.yaml"), str(out)
    done = atelier(data, "demo", "--once", "--sweep", sweep, "--out", folder, "--data", str(data))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 cells = 4 bases" in done.stdout
    assert "About" in done.stdout  # a quote names a time, also just after the start
    names = sorted(path.name for path in out.iterdir())
    assert names == ["S1-c001.png", "S1-c002.png", "S1-c003.png", "S1-c004.png", "mine.png", "sheet.png", "sweep.json"]
    summary = json.loads((out / "sweep.json").read_text())
    drawn = [(cell["id"], cell["recipe"]["prompt"], cell["recipe"]["guidance_scale"]) for cell in summary["cells"]]
    assert drawn == [
        ("c001", "a red hat", 2),
        ("c002", "a red hat", 6),
        ("c003", "a blue hat", 2),
        ("c004", "a blue hat", 6),
    ]


def test_a_sweep_of_one_cell_has_a_sheet_too(data: Path, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("base: {prompt: x, steps: 1, width: 64, height: 64}")
    sweep, out = str(tmp_path / "one.yaml"), tmp_path / "out"
    done = atelier(data, "demo", "--once", "--sweep", sweep, "--out", str(out), "--data", str(data))
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["S1-c001.png", "sheet.png", "sweep.json"]


def test_the_demo_has_people_to_draw_from_the_first_minute(data: Path, tmp_path: Path) -> None:
    (tmp_path / "faces.yaml").write_text(FACES)
    sweep, out = str(tmp_path / "faces.yaml"), tmp_path / "out"
    done = atelier(data, "demo", "--once", "--sweep", sweep, "--out", str(out), "--data", str(data), family="")
    assert done.returncode == 0, done.stdout + done.stderr
    cells = json.loads((out / "sweep.json").read_text())["cells"]
    assert [cell["recipe"]["face_folder"] for cell in cells] == ["bruno", "cleo", "olga"]
    with Image.open(out / cells[0]["file"]) as picture:
        assert picture.size == (128, 128)
        assert "Model: sketch" in picture.info["parameters"]


def test_the_demo_says_why_it_cannot_draw_and_fails(data: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("parameters: {guidance_scale: [high]}")
    out = str(tmp_path / "out")
    refused = atelier(data, "demo", "--once", "--sweep", str(tmp_path / "bad.yaml"), "--out", out, "--data", str(data))
    missing = atelier(data, "demo", "--once", "--sweep", str(tmp_path / "none.yaml"), "--out", out)
    without = atelier(data, "demo", "--sweep", str(tmp_path / "bad.yaml"))
    assert "parameters.guidance_scale" in refused.stderr
    assert missing.stderr == f"--sweep: there is no file {tmp_path / 'none.yaml'}.\n"
    assert without.stderr.startswith("--sweep goes with --once")
    assert {done.returncode for done in (refused, missing, without)} == {1}
    assert "Traceback" not in refused.stderr + missing.stderr + without.stderr


def test_render_draws_one_image_that_carries_its_recipe(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "x.png"
    arguments = ["--prompt", "a fox", "--seed", "5", "--set", "guidance_scale=5", "--set", "steps=2"]
    done = atelier(data, "render", *arguments, "--out", str(out))
    assert done.returncode == 0, done.stderr
    with Image.open(out) as picture:
        recipe, parameters = json.loads(picture.info["atelier"]), picture.info["parameters"]
        assert picture.size == (128, 128)
    assert (recipe["prompt"], recipe["seed"], recipe["guidance_scale"], recipe["steps"]) == ("a fox", 5, 5, 2)
    assert parameters.startswith("a fox\nSteps: 2, Sampler: Euler")
    assert "CFG scale: 5, Seed: 5, Size: 128x128" in parameters


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--set", "guidance=5"], '--set: there is no parameter "guidance"; did you mean guidance_scale?'),
        (["--set", "steps"], '--set takes parameter=value, got "steps".'),
        (["--set", "steps=many"], '--set steps: expected a whole number from 1 to 150, got "many"'),
        (["--set", "face_folder=mina"], 'There is nobody named "mina", or their photos were removed.'),
        (["--set", "sampler=ddim", "--set", "schedule=ays"], 'schedule: expected uniform for sampler ddim, got "ays"'),
        (["--prompt", " "], "--prompt is empty; say what to draw."),
        (["--out", "x.jpg"], "--out: x.jpg is not the name of a PNG file, such as x.png."),
    ],
)
def test_render_says_what_is_wrong(data: Path, tmp_path: Path, arguments: list[str], sentence: str) -> None:
    given = {"--prompt": "x", "--out": str(tmp_path / "x.png")}
    base = [part for name, value in given.items() if name not in arguments for part in (name, value)]
    done = atelier(data, "render", *base, *arguments)
    assert (done.returncode, done.stderr) == (1, sentence + "\n")
