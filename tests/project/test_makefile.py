"""`make setup`: one command, idempotent, and sound again after an interruption.

A recorder stands in for Python, so that no test installs anything.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEW_VENV = ["-m", "venv", "--clear", ".venv"]
INSTALL = ["-m", "pip", "install", "--disable-pip-version-check", "-c", "constraints.txt", "-e", ".[dev]"]

# Stands for Python: notes its arguments, makes a .venv holding itself when asked to, and is new enough.
PYTHON = """#!/bin/bash
case "$1" in
  -c) exit 0 ;;
  --version) echo Python 3.13.0; exit 0 ;;
esac
(IFS=$'\\x1f'; echo "$*") >> calls
if [ "$2" = venv ]; then mkdir -p .venv/bin; rm -f .venv/ready; cp "$0" .venv/bin/python; fi
if [ "$2" = pip ] && [ -e pip-fails ]; then exit 1; fi
"""
OLD_PYTHON = """#!/bin/bash
if [ "$1" = --version ]; then echo Python 3.9.2; exit 0; fi
exit 1
"""


class Checkout:
    """A copy of what `make setup` reads, in a folder with spaces in its name."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True)
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder)
        self.python("python", PYTHON)

    def python(self, name: str, script: str) -> None:
        program = self.folder / name
        program.write_text(script)
        program.chmod(0o755)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        if not shutil.which("make"):
            pytest.skip("make is not installed")
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        command = ["make", "PYTHON=./python", *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)

    def calls(self) -> list[list[str]]:
        """What Python was asked to do since the last look."""
        log = self.folder / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line.split("\x1f") for line in lines]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a folder" / "with spaces")


def test_the_first_setup_makes_a_venv_and_installs_the_exact_versions(checkout):
    result = checkout.make("setup")
    assert result.returncode == 0, result.stderr
    assert checkout.calls() == [NEW_VENV, INSTALL]


def test_a_second_setup_starts_nothing(checkout):
    checkout.make("setup")
    checkout.calls()
    assert checkout.make("setup").returncode == 0
    assert checkout.calls() == []
    assert checkout.make("--question", "setup").returncode == 0


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_requirement_is_installed_into_the_same_venv(checkout, name):
    checkout.make("setup")
    checkout.calls()
    later = (checkout.folder / ".venv" / "ready").stat().st_mtime + 60
    os.utime(checkout.folder / name, (later, later))
    assert checkout.make("setup").returncode == 0
    assert checkout.calls() == [INSTALL]


def test_an_interrupted_setup_is_started_over(checkout):
    (checkout.folder / "pip-fails").touch()
    assert checkout.make("setup").returncode != 0
    (checkout.folder / "pip-fails").unlink()
    checkout.calls()
    assert checkout.make("setup").returncode == 0
    assert checkout.calls() == [NEW_VENV, INSTALL]


def test_an_interrupted_update_is_started_over_too(checkout):
    checkout.make("setup")
    later = (checkout.folder / ".venv" / "ready").stat().st_mtime + 60
    os.utime(checkout.folder / "pyproject.toml", (later, later))
    (checkout.folder / "pip-fails").touch()
    assert checkout.make("setup").returncode != 0
    (checkout.folder / "pip-fails").unlink()
    checkout.calls()
    assert checkout.make("setup").returncode == 0
    assert checkout.calls() == [NEW_VENV, INSTALL]


def test_a_moved_folder_is_set_up_anew(checkout, tmp_path):
    checkout.make("setup")
    checkout.calls()
    checkout.folder = checkout.folder.rename(tmp_path / "elsewhere")
    assert checkout.make("setup").returncode == 0
    assert checkout.calls() == [NEW_VENV, INSTALL]


def test_a_venv_whose_python_is_gone_is_set_up_anew(checkout):
    checkout.make("setup")
    checkout.calls()
    (checkout.folder / ".venv" / "bin" / "python").unlink()
    assert checkout.make("setup").returncode == 0
    assert checkout.calls() == [NEW_VENV, INSTALL]


def test_an_old_python_is_refused_with_what_to_do(checkout):
    checkout.python("python", OLD_PYTHON)
    result = checkout.make("setup")
    assert result.returncode != 0
    assert "Atelier needs Python 3.11 or newer; ./python is Python 3.9.2." in result.stderr
    assert "make setup PYTHON=" in result.stderr
    assert not (checkout.folder / ".venv").exists()


def test_each_command_sets_itself_up_and_passes_its_arguments_on_with_their_quotes(checkout):
    result = checkout.make("test", "ARGS=-k 'one and two' --maxfail=1")
    assert result.returncode == 0, result.stderr
    *before, tested = checkout.calls()
    assert before == [NEW_VENV, INSTALL]
    assert (tested[:2], tested[-3:]) == (["-m", "pytest"], ["-k", "one and two", "--maxfail=1"])


def test_make_alone_lists_the_commands(checkout):
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lines = [line.split(maxsplit=2) for line in checkout.make().stdout.splitlines()]
    assert {"setup", "demo", "test", "lint"} < {command for _, command, _ in lines}
    assert [command for _, command, _ in lines] == phony.removesuffix(" start-over").split()
