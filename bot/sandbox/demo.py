"""The demo: the sandbox with the unmodified console beside it, for a person in a browser or for one sweep at once.

The console runs as a process of its own, and all it knows of the sandbox is DISCORD_API_URL.
"""

import asyncio
import io
import json
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image
from rich.console import Console as Terminal
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .cast import CAST, lay
from .driver import File, Member
from .interactions import NoAnswer
from .options import Rejected
from .server import Sandbox

DRAIN_SECONDS = 110.0
READY_SECONDS = 60.0
RESULT = re.compile(r"(?P<job>[A-Z]\d+)-(?P<cell>c\d+)\.png")
SHEET_SUFFIX = "-sheet.png"
terminal = Terminal()


class DemoFailed(OSError):
    """The demo could not do what it was asked; the text says why."""


async def run_demo(port: int, data: Path) -> None:
    """Serve the page and run the console until Ctrl-C."""
    stop = _stop_signal()
    lay(data)
    try:
        sandbox = await Sandbox(port=port, state=data / "sandbox.db").__aenter__()
    except OSError as error:
        raise DemoFailed(f"Port {port} is taken ({error.strerror}). Choose another: --port 8421.") from error
    try:
        wall = _free_port(sandbox.port + 1)
        sandbox.oauth.redirects.add(f"http://{sandbox.host}:{wall}/login/discord/callback")
        extra = {
            "WEB_PORT": str(wall),
            "WALL_IMAGES": "posted",
            "WALL_VISITORS": "everyone",
            "DISCORD_CLIENT_ID": sandbox.oauth.client_id,
            "DISCORD_CLIENT_SECRET": sandbox.oauth.client_secret,
        }
        async with console_process(sandbox, data, log=None, extra=extra) as console:
            stopped = asyncio.create_task(stop.wait())
            try:
                await _first(sandbox.ready(READY_SECONDS), stopped, console)
                if not stop.is_set():
                    terminal.print(f"\n  Atelier's sandbox is open: [bold]{sandbox.url}[/bold]")
                    terminal.print("  Type /sweep there and choose an example, or /test_face_mecene:")
                    terminal.print(f"  {', '.join(CAST)} sit for you. What is drawn comes on the photo wall:")
                    terminal.print(f"  [bold]http://{sandbox.host}:{wall}[/bold]   Ctrl-C ends it.\n")
                    await _first(asyncio.Event().wait(), stopped, console)
                    terminal.print("Stopping; unfinished sweeps go on at the next start.")
            finally:
                stopped.cancel()
    finally:
        await sandbox.__aexit__(None, None, None)


async def run_once(sweep: Path, out: Path, data: Path) -> None:
    """Drive one sweep through /sweep and Run; write its images, `sheet.png` and `sweep.json` to `out`.

    Raises DemoFailed with a sentence when the quote is refused or any image is missing.
    """
    if not sweep.is_file():
        raise DemoFailed(f"--sweep: {sweep} is a folder." if sweep.is_dir() else f"--sweep: there is no file {sweep}.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoFailed(f"--out: {out} cannot be a folder ({error.strerror}); name another.") from error
    terminal.print("Starting the sandbox and the console …")
    lay(data)
    log = data / "console.log"
    with tempfile.TemporaryDirectory(prefix="atelier-") as fresh:
        # A database of its own, so that nothing half-done of another day is drawn along with this sweep.
        extra = {"DATABASE_URL": f"sqlite+aiosqlite:///{fresh}/atelier.db"}
        async with Sandbox() as sandbox, console_process(sandbox, data, log=log, extra=extra) as console:
            stop = _stop_signal()
            stopped = asyncio.create_task(stop.wait())
            try:
                await _first(sandbox.ready(READY_SECONDS), stopped, console, log)
                await _first(_draw(sandbox, sandbox.members["mina"], sweep, out), stopped, console, log)
            finally:
                stopped.cancel()
            if stop.is_set():
                raise DemoFailed("The demo was stopped before the sweep was drawn.")


async def _draw(sandbox: Sandbox, member: Member, sweep: Path, out: Path) -> None:
    try:
        quoted = await member.run("sweep", config=File(sweep.name, sweep.read_bytes()))
        answer = await quoted.reply(timeout=60)
    except (Rejected, NoAnswer) as error:
        raise DemoFailed(f"{sweep} was not taken: {error}") from error
    run = next((button for button in _buttons(answer) if button["label"].startswith("Run")), None)
    if run is None:
        raise DemoFailed(f"{sweep} was refused:\n{answer['content']}")
    card = answer["embeds"][0]
    quote = card["description"].replace("**", "")
    terminal.print(f"[bold]{escape(card['title'])}[/bold]\n{escape(quote)}")
    total = int(re.sub(r"\D", "", run["label"]))
    await member.press(quoted, "Run")
    files: dict[str, str] = {}
    columns = (TextColumn("drawing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal) as progress:
        bar = progress.add_task("drawing", total=total)

        def look() -> bool:
            for message in sandbox.messages():
                files.update({each["filename"]: each["url"] for each in message["attachments"]})
            results = sum(1 for name in files if RESULT.fullmatch(name))
            progress.update(bar, completed=results)
            # Until a job has ended there is a Cancel on its card; behind the end it may be tried again.
            ended = not any(button["label"].startswith("Cancel") for button in _buttons(quoted.message or {}))
            sheet = any(name.endswith(SHEET_SUFFIX) for name in files)
            return ended and (sheet or results == 0)

        await sandbox.until(look, timeout=24 * 3600)
    ended = (quoted.message or {})["embeds"][0]
    cells = await _write(files, out)
    summary = {"sweep": sweep.name, "title": ended["title"], "quote": quote, "cells": cells}
    (out / "sweep.json").write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if len(cells) < total:
        said = [field["value"] for field in ended.get("fields", []) if field["name"] == "What went wrong"]
        raise DemoFailed(f"Only {len(cells)} of {total} images were drawn.\n" + "\n".join(said))
    terminal.print(f"{len(cells)} images, sheet.png and sweep.json are in {out}")


async def _write(files: Mapping[str, str], out: Path) -> list[dict[str, Any]]:
    """Every image as a file; for each cell its recipe as the PNG itself carries it."""
    for former in (path for path in out.iterdir() if RESULT.fullmatch(path.name)):
        former.unlink()  # an earlier run's, which would pass for this one's
    cells = []
    async with aiohttp.ClientSession(raise_for_status=True) as browser:
        for name in sorted(files):
            async with browser.get(files[name]) as response:
                content = await response.read()
            match = RESULT.fullmatch(name)
            (out / (name if match else "sheet.png")).write_bytes(content)
            if match:
                with Image.open(io.BytesIO(content)) as picture:
                    recipe = json.loads(picture.info["atelier"])
                cells.append({"id": match["cell"], "file": name, "recipe": recipe})
    return cells


def _free_port(first: int) -> int:
    """A port that nobody listens on at this moment: `first`, or else any."""
    for port in (first, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return int(probe.getsockname()[1])
    raise DemoFailed("No port is free on this machine.")


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop


def _buttons(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [button for row in message.get("components", []) for button in row["components"]]


@asynccontextmanager
async def console_process(
    sandbox: Sandbox,
    data: Path,
    *,
    log: Path | None,
    extra: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "bot"),
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The console as a child process (`program` is what Python is to run); on the way out it is asked to drain, and
    given time to."""
    folder = data.resolve()
    environment = {
        **os.environ,
        "DISCORD_TOKEN": sandbox.token,
        "DISCORD_API_URL": sandbox.api_url,
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/atelier.db",
        "WEB_PORT": "0",
        **(extra or {}),
    }
    output = log.open("wb") if log else None
    try:
        # In the demo's own folder no operator's .env is read; in a session of its own the console hears no
        # Ctrl-C, which reaches the demo alone, and the demo then drains it in order.
        console = await asyncio.create_subprocess_exec(
            sys.executable, *program, env=environment, cwd=folder, stderr=output, start_new_session=True
        )
        try:
            yield console
        finally:
            if console.returncode is None:
                console.terminate()
                try:
                    await asyncio.wait_for(console.wait(), DRAIN_SECONDS)
                except TimeoutError:
                    console.kill()
                    await console.wait()
    finally:
        if output:
            output.close()


async def _first(
    work: Coroutine[Any, Any, Any],
    stopped: asyncio.Task[Any],
    console: asyncio.subprocess.Process,
    log: Path | None = None,
) -> None:
    """Do the work, unless the demo is stopped or the console ends before it."""
    doing, ended = asyncio.create_task(work), asyncio.create_task(console.wait())
    try:
        await asyncio.wait((doing, stopped, ended), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
        elif ended.done():
            said = log.read_text(encoding="utf-8", errors="replace").strip()[-1500:] if log else "see above."
            raise DemoFailed(f"The console ended with code {console.returncode}: {said}")
    finally:
        for task in (doing, ended):
            task.cancel()
        await asyncio.gather(doing, ended, return_exceptions=True)
