"""How fast the wall starts and answers with ten thousand pictures, and how much memory it takes.

    python -m tests.bench.wall [--pictures 10000] [--pairs 4] [--seconds 4] [--signed] [--write]

Made in a temporary folder: small real PNGs with their recipes, a database, people. Measured: the first start (which
makes all thumbnails), a second one, memory against the budget, the wall's API as a signed-in member asks it, and with
`wrk` the bytes of thumbnails, of whole pictures that fit into memory beside them, and of more than fit, against
aiohttp's own static file handler over the same files. Both serve at the same time, each in a process of its own, and
are measured in turn: wall, static, static, wall. With `--signed` the wall signs its pictures. `--write` puts the table
into tests/bench/RESULTS.md. Goals: a second start under 10 s, memory within the budget, p99 of the API under 50 ms, and
at least 0.8 of the static handler's requests per second.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.exhibits import make
from tests.bench.results import record
from tests.wall.certificates import certified

BUDGET_MIB = 256
QUESTIONS = 1500
AT_ONCE = 4
CONNECTIONS = 16
FEW, MANY = 100, 1000
"""Whole pictures that fit into memory beside the thumbnails, and more than fit."""
TOKEN = re.compile(r'name="token" value="([^"]*)"')
RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
ERRORS = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")
SCRIPT = """
local paths, at = {}, 0
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
request = function() at = at % #paths + 1; return wrk.format("GET", paths[at]) end
"""


@dataclass
class Serving:
    """A server in a process of its own, and what it told of its start."""

    process: asyncio.subprocess.Process
    told: dict[str, Any]
    cookie: str = ""

    @property
    def address(self) -> str:
        return str(self.told["address"])


@dataclass
class Figures:
    """What was measured."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, measured: str, goal: str = "") -> None:
        self.rows.append((what, measured, goal))
        print(f"{what:<34} {measured:<60} {goal}", flush=True)


@asynccontextmanager
async def served(role: str, data: Path) -> AsyncIterator[Serving]:
    """`tests.bench.served ROLE DATA`, from when it tells that it is ready."""
    command = (sys.executable, "-m", "tests.bench.served", role, str(data), str(BUDGET_MIB))
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 1800)
        if not line:
            raise SystemExit(f"the {role} server did not start")
        yield Serving(process, json.loads(line))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def sign_in(server: Serving) -> str:
    """Type the code of /link as a browser does; the cookie."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(f"{server.address}/link", headers={"Accept": "text/html"}) as page:
            found = TOKEN.search(await page.text())
        form = {"code": str(server.told["code"]), "token": found[1] if found else ""}
        origin = {"Origin": server.address}
        async with browser.post(f"{server.address}/link", data=form, headers=origin, allow_redirects=False) as answer:
            if answer.status not in (302, 303):
                raise SystemExit(f"signing in was refused with {answer.status}: {await answer.text()}")
        return "; ".join(f"{each.key}={each.value}" for each in browser.cookie_jar)


async def ask(server: Serving) -> tuple[list[float], list[str], list[str]]:
    """Times of questions to the wall's API in seconds, in order, and what it told: thumbnails and whole pictures."""
    queries = (
        "", "?q=harbour", "?q=lighthouse+night", "?person=mina", "?order=best", "?order=starred",
        "?rating=4", "?steps=30", "?job=S7", "?person=theo&q=rain&order=best",
    )  # fmt: skip
    times: list[float] = []
    thumbs, wholes = dict[str, None](), dict[str, None]()
    left = iter(range(QUESTIONS))

    async def browse(browser: aiohttp.ClientSession) -> None:
        after = ""
        for number in left:
            query = queries[number % len(queries)]
            # Every other question goes on where the newest pictures ended.
            path = f"/api/wall?after={after}" if after and number % 2 else f"/api/wall{query}"
            begun = time.perf_counter()
            async with browser.get(server.address + path) as answer:
                found = await answer.json()
                times.append(time.perf_counter() - begun)
                if answer.status != 200:
                    raise SystemExit(f"{path} was answered with {answer.status}")
            if not query or "after=" in path:
                after = found["after"] or ""
            thumbs.update(dict.fromkeys(picture["thumb"]["url"] for picture in found["pictures"]))
            wholes.update(dict.fromkeys(picture["full"]["url"] for picture in found["pictures"]))

    async with aiohttp.ClientSession(headers={"Cookie": server.cookie, "Accept": "application/json"}) as browser:
        async with browser.get(f"{server.address}/api/wall/choices") as answer:
            assert answer.status == 200
        await asyncio.gather(*(browse(browser) for _ in range(AT_ONCE)))
    return sorted(times), list(thumbs), list(wholes)


async def rate(server: Serving, paths: Path, seconds: int, script: Path) -> float:
    """Requests per second that wrk counts. Raises SystemExit where any was not answered with 200."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    cookie = ["-H", f"Cookie: {server.cookie}"] if server.cookie else []
    process = await asyncio.create_subprocess_exec(
        *command, *cookie, server.address, stdout=subprocess.PIPE, env=os.environ | {"PATHS": str(paths)}
    )
    output = (await process.communicate())[0].decode()
    counted = RATE.search(output)
    if counted is None or ERRORS.search(output):
        raise SystemExit(f"wrk had trouble:\n{output}")
    return float(counted[1])


async def main(pictures: int, pairs: int, seconds: int, signed: bool, write: bool) -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not here; install Debian's package wrk.")
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        if signed:
            certified(data / "certificates")
        begun = time.perf_counter()
        size = await make(data, pictures)
        print(f"{pictures:,} pictures made in {time.perf_counter() - begun:.0f} s, {size / 2**20:,.0f} MiB", flush=True)
        async with served("wall", data) as first:
            told = first.told
            figures.add("first start", f"open after {told['open']:.1f} s, all made after {told['loaded']:.1f} s")
        async with served("wall", data) as wall:
            told = wall.told
            opened = f"open after {told['open']:.1f} s, all in memory after {told['loaded']:.1f} s"
            figures.add("second start", opened, "under 10 s")
            memory = (
                f"counted {told['counted'] / 2**20:.0f} MiB of {BUDGET_MIB}, process +{told['grown'] / 2**20:.0f} MiB "
                f"to {told['resident'] / 2**20:.0f} MiB"
            )
            figures.add("memory", memory, f"within {BUDGET_MIB} MiB")
            wall.cookie = await sign_in(wall)
            times, thumbs, wholes = await ask(wall)
            p50, p99 = (times[int(len(times) * share)] * 1e3 for share in (0.5, 0.99))
            api = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {AT_ONCE} at a time"
            figures.add("GET /api/wall", api, "p99 under 50 ms")
            wholes = wholes[:MANY]
            await copy(wall, thumbs + wholes, data / "static")
            async with served("static", data) as static:
                for what, paths in (
                    ("thumbnails", thumbs),
                    ("pictures in memory", wholes[:FEW]),
                    ("pictures, not all in memory", wholes),
                ):
                    await compare(figures, wall, static, what, paths, Path(folder), pairs, seconds)
    if write:
        moment = datetime.now(UTC)
        record(
            "The wall, signing its pictures" if signed else "The wall",
            f"{pictures:,} pictures, {moment:%Y-%m-%d}",
            figures.rows,
        )


async def copy(wall: Serving, paths: list[str], folder: Path) -> None:
    """The same files, for the static handler."""
    (folder / "media").mkdir(parents=True)
    async with aiohttp.ClientSession(headers={"Cookie": wall.cookie}) as browser:
        for path in paths:
            async with browser.get(wall.address + path) as answer:
                assert answer.status == 200, path
                (folder / "media" / path.rpartition("/")[2]).write_bytes(await answer.read())


async def compare(
    figures: Figures, wall: Serving, static: Serving, what: str, addresses: list[str], folder: Path, pairs: int,
    seconds: int,
) -> None:  # fmt: skip
    """Requests per second of both, in turn."""
    paths, script = folder / "paths", folder / "paths.lua"
    paths.write_text("\n".join(addresses) + "\n")
    script.write_text(SCRIPT)
    rates: dict[str, list[float]] = {"wall": [], "static": []}
    servers = {"wall": wall, "static": static}
    for server in servers.values():
        await rate(server, paths, 1, script)
    for number in range(pairs):
        order = ("wall", "static") if number % 2 == 0 else ("static", "wall")
        for name in order:
            rates[name].append(await rate(servers[name], paths, seconds, script))
    ratios = [one / other for one, other in zip(rates["wall"], rates["static"], strict=True)]
    for name, label in (("wall", f"{what}: the wall"), ("static", f"{what}: aiohttp's static")):
        told = ", ".join(f"{each:,.0f}" for each in rates[name])
        figures.add(label, f"{statistics.median(rates[name]):,.0f} requests/s (of {told})")
    told = ", ".join(f"{each:.2f}" for each in ratios)
    figures.add(f"{what}: ratio", f"{statistics.median(ratios):.2f} (of {told})", "at least 0.8")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pictures", type=int, default=10_000)
    arguments.add_argument("--pairs", type=int, default=4)
    arguments.add_argument("--seconds", type=int, default=4)
    arguments.add_argument("--signed", action="store_true", help="sign pictures with throwaway certificates (C2PA)")
    arguments.add_argument("--write", action="store_true", help="put the table into tests/bench/RESULTS.md")
    chosen = arguments.parse_args()
    asyncio.run(main(chosen.pictures, chosen.pairs, chosen.seconds, chosen.signed, chosen.write))
