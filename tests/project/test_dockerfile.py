"""The images, as far as they can be checked without building them."""

import ast
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project.test_versions import closure

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|DATABASE_URL|API_KEY", re.IGNORECASE)


def instructions() -> dict[str, list[tuple[str, str]]]:
    """Each stage's instructions in order, as (WORD, the rest); a here-document follows after a newline."""
    stages: dict[str, list[tuple[str, str]]] = {}
    lines = iter((ROOT / "Dockerfile").read_text().splitlines())
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        while line.endswith("\\"):
            line = line[:-1] + next(lines)
        word, _, rest = line.partition(" ")
        if heredoc := re.search(r"<<'(\w+)'", rest):
            for body in lines:
                if body == heredoc[1]:
                    break
                rest += "\n" + body
        if word == "FROM":
            stages[rest.rpartition(" AS ")[2]] = []
        else:
            next(reversed(stages.values())).append((word, rest))
    return stages


STAGES = instructions()
both = pytest.mark.parametrize("stage", ["console", "generation"])


def all_of(stage: str, word: str) -> list[str]:
    return [rest for name, rest in STAGES[stage] if name == word]


def environment(stage: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for line in all_of(stage, "ENV") for pair in line.split())


def test_there_are_two_images():
    assert list(STAGES) == ["console", "generation"]


@both
def test_an_image_runs_as_nobody_in_particular(stage):
    user, _, group = all_of(stage, "USER")[-1].partition(":")
    assert int(user) > 0 and int(group) > 0
    last_user = max(index for index, (word, _) in enumerate(STAGES[stage]) if word == "USER")
    assert not [word for word, _ in STAGES[stage][last_user:] if word in ("RUN", "COPY", "ADD")]


@both
def test_an_image_brings_the_font_of_names_beyond_ascii(stage):
    assert any("apt-get install" in run and "fonts-dejavu-core" in run for run in all_of(stage, "RUN"))


@both
def test_an_image_holds_nothing_secret(stage):
    assert not all_of(stage, "ADD") and not all_of(stage, "ARG")
    assert not [name for name in environment(stage) if SECRET.search(name)]
    allowed = {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "sweeps", "pipeline", "bot"}
    copied = {name for line in all_of(stage, "COPY") if "<<" not in line for name in line.split()[:-1]}
    assert copied == allowed
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in sent if not line.startswith("#")) == "*"
    assert {line[1:] for line in sent if line.startswith("!")} == allowed


@both
def test_an_image_keeps_what_it_writes_in_its_mounts(stage):
    assert json.loads(all_of(stage, "VOLUME")[0]) == ["/data", "/models"]
    values = environment(stage)
    assert (values["DATA_DIR"], values["MODEL_DIR"]) == ("/data", "/models")
    assert all(values[name].startswith("/data") for name in ("HOME", "XDG_CACHE_HOME"))
    assert values["PYTHONDONTWRITEBYTECODE"] == "1"
    assert values["HF_HUB_OFFLINE"] == values["TRANSFORMERS_OFFLINE"] == "1"


@both
def test_an_image_stops_by_the_signal_that_the_console_drains_on(stage):
    assert all_of(stage, "STOPSIGNAL") == ["SIGTERM"]
    assert json.loads(all_of(stage, "CMD")[-1]) == ["atelier"]


@pytest.fixture
def health_server() -> Iterator[ThreadingHTTPServer]:
    """A server whose /health answers with `status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(self.server.status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@both
def test_the_health_check_follows_the_health_page(stage, health_server):
    _, _, command = all_of(stage, "HEALTHCHECK")[0].partition(" CMD ")
    program, *arguments = json.loads(command)
    assert program == "python"
    port = {"WEB_PORT": str(health_server.server_port)}

    def check() -> int:
        return subprocess.run([sys.executable, *arguments], env=port, stderr=subprocess.DEVNULL).returncode

    health_server.status = 200
    assert check() == 0
    health_server.status = 503
    assert check() != 0


def console_libraries() -> list[str]:
    (install,) = [run for run in all_of("console", "RUN") if "pip install" in run and "--no-deps" not in run]
    return re.sub(r"^.*-c constraints\.txt", "", install).split()


def test_the_console_image_names_libraries_of_the_project_only():
    known = [Requirement(text) for text in PROJECT["dependencies"]]
    known_names = {(canonicalize_name(item.name), frozenset(item.extras)) for item in known}
    named = [Requirement(text) for text in console_libraries()]
    assert {(canonicalize_name(item.name), frozenset(item.extras)) for item in named} <= known_names


def test_the_console_image_brings_no_engine():
    libraries = closure(console_libraries())
    assert not {"torch", "diffusers", "transformers", "onnxruntime", "opencv-python"} & set(libraries)


def imported_at_start(path: Path) -> set[str]:
    """The top-level names that a module imports when it is itself imported."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_the_console_image_holds_each_library_that_the_console_imports():
    modules = [path for path in (ROOT / "bot").rglob("*.py") if "sandbox" not in path.parts]
    modules += (ROOT / "sweeps").rglob("*.py")
    ours = {"bot", "pipeline", "sweeps"}
    imported = set().union(*map(imported_at_start, modules)) - set(sys.stdlib_module_names) - ours
    assert "disnake" in imported
    held = closure(console_libraries())
    home = metadata.packages_distributions()
    missing = {name for name in imported if not {canonicalize_name(found) for found in home[name]} & set(held)}
    assert not missing


def test_the_generation_image_installs_every_library_of_the_project():
    (install,) = [run for run in all_of("generation", "RUN") if "tomllib" in run]
    listing, _, _ = install.partition(" > /tmp/libraries.txt")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    listed = subprocess.run(
        ["sh", "-c", listing], cwd=ROOT, env={"PATH": path}, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert listed == PROJECT["dependencies"]


def test_the_generation_image_ends_with_the_gpu_build_of_onnxruntime_alone():
    (install,) = [run for run in all_of("generation", "RUN") if "onnxruntime" in run]
    words = (
        "pip install --no-cache-dir -c constraints.txt -r /tmp/libraries.txt",
        "pip uninstall -y onnxruntime ",
        "--force-reinstall --no-deps onnxruntime-gpu",
        "get_available_providers",
    )
    places = [install.find(step) for step in words]
    assert -1 not in places and places == sorted(places)
    # What comes later brings no library, and so cannot bring the other build back.
    later = [run for run in all_of("generation", "RUN") if "pip install" in run and run != install]
    assert all("--no-deps" in run for run in later)


def test_the_generation_image_refuses_in_one_sentence_to_start_without_cuda(tmp_path):
    (script,) = [rest for rest in all_of("generation", "COPY") if "<<" in rest]
    target, _, source = script.partition("\n")
    assert json.loads(all_of("generation", "ENTRYPOINT")[0]) == [Path(target.split()[-1]).name]
    started = tmp_path / "with-cuda-provider"
    started.write_text(source)
    result = subprocess.run(
        [sys.executable, started, "touch", tmp_path / "drawn"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("onnxruntime cannot use CUDA here; start the container with --gpus all")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "drawn").exists()
