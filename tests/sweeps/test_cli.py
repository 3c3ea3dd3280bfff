"""`python -m sweeps FILE` prints the cells, or every error with its path and exit code 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.__main__ import main
from sweeps.parameters import CATALOGUE
from sweeps.recipe import Recipe
from tests.sweeps.samples import EXAMPLES

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sweep.yaml"


def test_json_has_the_cells_and_the_plan(file: Path) -> None:
    file.write_text("base: {prompt: 'a {red|blue} hat', detail: false}\nparameters: {steps: [5, 10]}", "utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "sweeps", file, "--json", "--seed", "7"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = json.loads(ran.stdout)
    assert list(said) == ["cells", "plan"]
    assert said["plan"] == {"cells": 4, "unique_bases": 4, "unique_details": 0}
    assert [cell["id"] for cell in said["cells"]] == ["c001", "c002", "c003", "c004"]
    for cell in said["cells"]:
        assert list(cell) == ["id", "recipe"]
        assert list(cell["recipe"]) == list(CATALOGUE)
        assert cell["recipe"]["seed"] == 7
        assert Recipe.from_dict(cell["recipe"]).as_dict() == cell["recipe"]
    assert ran.stderr == ""


def test_errors_go_to_stderr_with_their_paths_and_exit_code_2(file: Path) -> None:
    file.write_text("base: {steps: 0}\nparameters: {guidance_scale: {values: [4, 7, high]}}", "utf-8")
    ran = subprocess.run([sys.executable, "-m", "sweeps", file], cwd=REPOSITORY, capture_output=True, text=True)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.splitlines() == [
        "base.steps: expected a whole number from 1 to 150, got 0",
        'parameters.guidance_scale.values[2]: expected a number from 1 to 30, got "high"',
    ]


def test_more_than_a_thousand_cells_need_max_cells(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("parameters: {seed: 0-1000}", "utf-8")
    assert main([str(file), "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "the sweep has 1,001 cells (1,001 seed), more than the 1,000 allowed\n(--max-cells N allows more)\n"
    )
    assert main([str(file), "--json", "--max-cells", "1001"]) == 0
    assert json.loads(capsys.readouterr().out)["plan"]["cells"] == 1001


def test_people_are_passed_in_by_name(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("parameters: {face_folder: {glob: '*'}}", "utf-8")
    assert main([str(file), "--json", "--faces", "mina, theo"]) == 0
    recipes = [cell["recipe"] for cell in json.loads(capsys.readouterr().out)["cells"]]
    assert [recipe["face_folder"] for recipe in recipes] == ["mina", "theo"]


def test_the_table_says_what_moves_what_stays_and_what_it_costs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(
        "name: strength\nbase: {prompt: a hat, face_folder: mina}\n"
        "parameters: {seed: [1, 2], weight: '0.5-1.5 (+0.5)'}",
        "utf-8",
    )
    assert main([str(file)]) == 0
    assert (
        capsys.readouterr().out
        == """\
strength: 6 cells = 2 bases + 6 face passes
200 UNet evaluations, 1.80 times fewer than cell by cell

axes, the slowest first:
  seed: 1, 2
  weight: 0.5, 1, 1.5
  contact sheet: rows seed, columns weight

in every cell: prompt "a hat", face_folder "mina", else the catalogue's defaults

cell  seed  weight
c001  1     0.5
c002  1     1
c003  1     1.5
c004  2     0.5
c005  2     1
c006  2     1.5
"""
    )


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory\n"


def test_a_wrong_option_is_refused_with_exit_code_2(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("base: {steps: 1}", "utf-8")
    with pytest.raises(SystemExit) as left:
        main([str(file), "--seed", "x"])
    assert left.value.code == 2
    assert "expected a whole number from 0 to 4294967295, got 'x'" in capsys.readouterr().err


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_usable_as_it_is(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(example), "--json", "--faces", "bruno, cleo, olga"]) == 0
    cells = json.loads(capsys.readouterr().out)["cells"]
    assert 2 <= len(cells) <= 20
    assert all(cell["recipe"]["prompt"] for cell in cells) or example.stem == "wandb"
    assert all(cell["recipe"]["steps"] <= 20 for cell in cells)
    assert example.read_text("utf-8").startswith("# ")


def test_the_examples_cover_what_people_ask_for() -> None:
    stems = {path.stem for path in EXAMPLES}
    assert {"guidance", "steps-and-sampler", "seeds", "prompts", "faces", "face-weight", "random"} <= stems
