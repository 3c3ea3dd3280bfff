"""The command itself, as a process: light in memory, on this machine alone, and gone at SIGTERM."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from bot.mecene.client import Client, Patience
from bot.mecene.grammar import Grammar
from bot.mecene.outage import PAUSE_SECONDS
from tests.mecene.conftest import Clock
from tests.mecene.test_client import Elsewhere

MOST_RESIDENT_BYTES = 159_000_000
HEAVY = ("torch", "disnake", "sqlalchemy", "PIL", "diffusers", "numpy")


@contextmanager
def command(folder: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`python -m bot mecene …`, ended at the end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MECENE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "mecene", *arguments],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    """What it says that it listens on."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"address=(http://\S+)", line):
            return found[1]
    raise AssertionError(f"it ended with {process.wait()} and said no address")


def ask(address: str, count: int, seed: int) -> list[dict[str, object]]:
    body = json.dumps({"theme": "noir", "person": "woman", "count": count, "seed": seed}).encode()
    request = urllib.request.Request(f"{address}/ideas", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        ideas = json.load(response)["ideas"]
    assert isinstance(ideas, list)
    return ideas


def test_a_thousand_ideas_leave_it_light_and_it_ends_when_told_to(tmp_path: Path) -> None:
    with command(tmp_path, "--port", "0") as process:
        address = address_of(process)
        assert address.startswith("http://127.0.0.1:")
        for seed in range(3):
            assert len(ask(address, 1_000, seed)) == 1_000
        seen = psutil.Process(process.pid)
        resident = seen.memory_info().rss
        print(f"Mecene after 3 × 1,000 ideas: {resident / 1e6:.1f} MB resident")
        assert resident < MOST_RESIDENT_BYTES
        mapped = " ".join(region.path for region in seen.memory_maps())
        assert not [name for name in HEAVY if f"/{name}/" in mapped]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None and "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["--port", "99999"], {}, "--port: expected a number from 0 to 65535, got 99999."),
        (["--port", "0"], {"MECENE_WORDS": "nowhere"}, "MECENE_WORDS: nowhere is no folder"),
        (["--port", "0"], {"MECENE_LLM_URL": "localhost"}, "MECENE_LLM_URL: must begin with http"),
    ],
)
def test_what_keeps_it_from_starting_is_a_sentence(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], sentence: str
) -> None:
    with command(tmp_path, *arguments, **environment) as process:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1
        assert sentence in said and "Traceback" not in said


def test_an_outage_is_one_line_in_the_log_of_a_real_process(tmp_path: Path) -> None:
    with command(tmp_path, "--port", "0", MECENE_LLM_URL="http://127.0.0.1:9/v1", MECENE_LLM_MODEL="m") as process:
        address = address_of(process)
        for seed in range(4):
            assert len(ask(address, 3, seed)) == 3
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        assert len(said.splitlines()) == 1 and "the language model fails" in said


async def test_a_process_that_is_stopped_is_left_alone_and_used_again_when_it_goes_on(
    tmp_path: Path, http: aiohttp.ClientSession, clock: Clock
) -> None:
    with command(tmp_path, "--port", "0") as process:
        client = Client(address_of(process), http, Elsewhere(), patience=Patience(health=2.0))
        grammar, fallback = await Grammar().ideas("noir", 3, 1), await Elsewhere().ideas("noir", 3, 1)
        assert await client.ideas("noir", 3, 1) == grammar
        process.send_signal(signal.SIGSTOP)
        for _ in range(2):
            assert await client.ideas("noir", 3, 1) == fallback
        process.send_signal(signal.SIGCONT)
        assert await client.ideas("noir", 3, 1) == fallback  # nobody looks before the pause is over
        clock.passed += PAUSE_SECONDS + 1
        assert await client.ideas("noir", 3, 1) == grammar
