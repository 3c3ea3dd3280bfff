"""Imports flow one way, bot to pipeline to sweeps, and each foreign library stays in the rooms meant for it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

# What a module (by the start of its name) may import of ours. The longest start that fits counts.
OURS: dict[str, tuple[str, ...]] = {
    "sweeps": ("sweeps",),
    "pipeline": ("pipeline", "sweeps.recipe", "sweeps.parameters", "sweeps.errors"),
    "bot.domain": ("bot.domain", "sweeps"),
    "bot.pictures": ("bot.domain", "pipeline.photo", "pipeline.errors"),
    "bot.store": ("bot.store", "bot.domain", "bot.pictures", "bot.settings", "sweeps"),
    "bot.jobs": ("bot.jobs", "bot.domain", "bot.pictures", "sweeps"),
    "bot.ui": ("bot.ui", "bot.domain", "bot.pictures", "sweeps"),
    "bot.cogs": ("bot.cogs", "bot.ui", "bot.jobs", "bot.domain", "bot.pictures", "bot.settings", "sweeps"),
    "bot.gate": ("bot.gate", "bot.domain", "bot.pictures", "bot.settings", "sweeps"),
    "bot.wall": ("bot.wall", "bot.domain", "bot.pictures", "bot.settings", "sweeps"),
    "bot.web": ("bot.web", "bot.domain", "bot.jobs", "bot.settings", "sweeps"),
    "bot.mecene": ("bot.mecene", "bot.domain", "bot.settings", "sweeps"),
    # It meets the console over sockets only; the demo's people are drawings of the sketch family's.
    "bot.sandbox": ("bot.sandbox", "pipeline.families.sketch.draw"),
    "bot": ("bot", "pipeline", "sweeps"),
}
# Which of our modules may import a foreign library.
ROOMS: dict[str, tuple[str, ...]] = {
    "yaml": ("sweeps.parse",),
    "dynamicprompts": ("sweeps.prompts",),
    "torch": ("pipeline", "bot.gate.classifier"),
    "diffusers": ("pipeline",),
    "transformers": ("pipeline", "bot.gate.classifier"),
    "onnxruntime": ("pipeline", "bot.gate.classifier"),
    "disnake": ("bot.console", "bot.cogs", "bot.ui"),
    "sqlalchemy": ("bot.store",),
    "c2pa": ("bot.wall",),
    "watchfiles": ("bot.wall",),
    "aiohttp.web": ("bot.web", "bot.mecene.service", "bot.sandbox"),
    "pipeline.engine": ("pipeline", "bot.wiring", "bot.renderer"),
    "bot.cogs": ("bot.cogs", "bot.console", "bot.wiring"),
}
ONLY_STANDARD_LIBRARY_AND = {"sweeps": ("yaml", "dynamicprompts"), "bot.domain": ()}


def within(name: str, starts: tuple[str, ...]) -> bool:
    return any(name == start or name.startswith(start + ".") for start in starts)


def imports(source: str, module: str) -> Iterator[tuple[int, str]]:
    """Every name that a module imports, dotted and absolute, with its line; also those inside of functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            package = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{package}.{alias.name}"


def complaints(source: str, module: str) -> list[str]:
    """The imports of a module that run against an arrow."""
    start = max((start for start in OURS if within(module, (start,))), key=len)
    found: list[str] = []
    for line, name in imports(source, module):
        top = name.split(".")[0]
        if top in ("bot", "pipeline", "sweeps") and not allowed(name, OURS[start]):
            found.append(f"{module}:{line} imports {name}, but {start} may import only {', '.join(OURS[start])}")
        for library, rooms in ROOMS.items():
            if within(name, (library,)) and not within(module, rooms):
                found.append(f"{module}:{line} imports {name}, which belongs to {', '.join(rooms)}")
        for pure, besides in ONLY_STANDARD_LIBRARY_AND.items():
            foreign = top not in sys.stdlib_module_names and top not in ("bot", "sweeps", *besides)
            if within(module, (pure,)) and foreign:
                found.append(f"{module}:{line} imports {name}, but {pure} knows the standard library alone")
    return found


def allowed(name: str, starts: tuple[str, ...]) -> bool:
    """Whether an imported name lies within what is allowed, or is a bare package on the way to it."""
    return within(name, starts) or any(start.split(".")[0] == name for start in starts)


def modules() -> list[tuple[str, Path]]:
    found = []
    for package in ("sweeps", "pipeline", "bot"):
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            parts = path.relative_to(REPOSITORY).with_suffix("").parts
            found.append((".".join(parts), path))
    return found


def test_no_arrow_runs_back() -> None:
    walked = modules()
    assert len(walked) > 40
    assert [line for name, path in walked for line in complaints(path.read_text("utf-8"), name)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sweeps.plan", "import pipeline.engine"),
        ("sweeps.plan", "def later():\n    import torch"),
        ("sweeps.expand", "import yaml"),
        ("sweeps.parse", "import numpy"),
        ("pipeline.engine", "from bot.domain import job"),
        ("pipeline.engine", "from sweeps.plan import Plan"),
        ("pipeline.engine", "from sweeps import plan"),
        ("pipeline.stages.base", "from ...bot import settings"),
        ("bot.domain.job", "from PIL import Image"),
        ("bot.domain.job", "from bot.store import jobs"),
        ("bot.jobs.worker", "from bot.cogs.draw import DrawCog"),
        ("bot.jobs.worker", "import disnake"),
        ("bot.cogs.draw", "from bot.web import ops"),
        ("bot.cogs.draw", "import pipeline"),
        ("bot.web.ops", "import bot.cogs.draw"),
        ("bot.store.jobs", "from bot.jobs.queue import JobQueue"),
        ("bot.settings", "from sqlalchemy import select"),
        ("bot.wall.prints", "from bot.store.images import Images"),
        ("bot.web.media", "import c2pa"),
        ("bot.gate.gate", "def later():\n    import torch"),
        ("bot.gate.classifier", "from pipeline.photo import open_photo"),
        ("bot.sandbox.demo", "from bot.console import Console"),
        ("bot.sandbox.demo", "from sweeps.parse import parse"),
        ("bot.console", "from aiohttp import web"),
        ("bot.console", "from pipeline.engine import open_engine"),
    ],
)
def test_the_check_sees_an_arrow_that_runs_back(module: str, source: str) -> None:
    assert complaints(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sweeps.parse", "import yaml\nfrom sweeps.errors import SweepError"),
        ("pipeline.engine", "import torch\nfrom sweeps.recipe import Recipe"),
        ("pipeline.stages.base", "from ..schedule import sigmas"),
        ("bot.sandbox.__init__", "from .server import Sandbox"),
        ("bot.cogs.draw", "import disnake\nimport sweeps\nfrom bot.jobs.desk import Desk"),
        ("bot.console", "import aiohttp"),
        ("bot.sandbox.rest", "from aiohttp import web"),
        ("bot.wiring", "from pipeline.engine import open_engine"),
    ],
)
def test_the_check_lets_the_arrows_of_the_house_pass(module: str, source: str) -> None:
    assert complaints(source, module) == []
