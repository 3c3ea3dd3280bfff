"""The real console as a process beside the sandbox: started, killed and asked by the scenarios that need all of it."""

import asyncio
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from bot.sandbox import File, Interaction, Member, NoAnswer, Rejected, Sandbox
from bot.sandbox.demo import RESULT, console_process
from tests.chaos.scenario import Place

PROGRAM = ("-m", "bot")
ROOMY = {"MODEL_FAMILY": "tiny", "STARTING_TOKENS": "10000000", "QUEUE_CAPACITY": "10000", "MEMBER_QUEUED": "10000"}
"""The console is what is tried, not the family; and no limit of members or queue stands in the way."""

POSTS = "POST /channels/{channel_id}/messages"
READY_SECONDS = 300.0
PATIENT_SECONDS = 60.0
"""How long a sandbox waits for an answer where answering quickly is not what is promised: a machine may be busy."""

TAIL = 3000


def careless(*faults: str) -> tuple[str, ...]:
    """The console without these mechanisms, as a program of Python's (see careless_console.py)."""
    # -P: this folder's modules must not come before those they are called like
    return ("-P", str(Path(__file__).with_name("careless_console.py")), *faults)


@asynccontextmanager
async def console(
    sandbox: Sandbox, place: Place, program: Sequence[str] = PROGRAM, **settings: str
) -> AsyncIterator[Process]:
    """A console at that place, which may go on where another one ended; drained on the way out."""
    data = place.folder / "data"
    data.mkdir(exist_ok=True)
    log = place.folder / f"console-{len(list(place.folder.glob('console-*.log'))) + 1}.log"
    extra = {**ROOMY, "DATABASE_URL": place.url, **settings}
    try:
        async with console_process(sandbox, data, log=log, extra=extra, program=program) as process:
            yield process
    except BaseException as error:
        if log.is_file():
            error.add_note(f"The end of {log.name}:\n{log.read_text(errors='replace')[-TAIL:]}")
        raise


async def ready(sandbox: Sandbox, console: Process) -> float:
    """Wait until a console that was just started is connected; the moment, as time.monotonic tells it."""
    waiting, ended = asyncio.create_task(sandbox.ready(READY_SECONDS)), asyncio.create_task(console.wait())
    try:
        await asyncio.wait((waiting, ended), return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise RuntimeError(f"the console ended with code {console.returncode}")
        await waiting
    finally:
        for task in (waiting, ended):
            task.cancel()
        await asyncio.gather(waiting, ended, return_exceptions=True)
    return time.monotonic()


async def gone(sandbox: Sandbox, console: Process) -> None:
    """Kill a console as kill -9 does, and wait until the sandbox has seen its connection break."""
    console.kill()
    await console.wait()
    await sandbox.until(lambda: not sandbox.gateway.connected, 30)


async def drawn_once(sandbox: Sandbox) -> None:
    """Have one image drawn, so that the weights are there."""
    asked = await sandbox.members["mina"].run("/imagine", prompt="warm", steps=1, width=64, height=64)
    await sandbox.until(lambda: ended(asked), READY_SECONDS)


def ended(asked: Interaction) -> bool:
    """Whether the card of a job says that it is over."""
    return asked.message is not None and bool(asked.embeds) and not _offers(asked, "cancel")


async def sweep(sandbox: Sandbox, member: str, name: str, text: str) -> Interaction:
    """Upload a sweep file, press Run and wait until that was accepted; the interaction whose answer is the card."""
    by = sandbox.members[member]
    quoted = await by.run("/sweep", config=File(f"{name}.yaml", text.encode()))
    await quoted.reply(60)
    if not _offers(quoted, "run"):
        raise RuntimeError(f"{name} was refused: {quoted.content}")
    await by.press(quoted, "Run")
    await sandbox.until(lambda: not _offers(quoted, "run"), READY_SECONDS)
    return quoted


def _offers(asked: Interaction, act: str) -> bool:
    """Whether there is such a button on a card."""
    rows = asked.original.components if asked.original else []
    return any((each.get("custom_id") or "").startswith(f"{act}:") for row in rows for each in row["components"])


def posted(sandbox: Sandbox) -> list[str]:
    """The names of all files in the channels, in the order in which they came."""
    return [file.filename for message in sandbox.world.messages.values() for file in message.attachments]


async def contents(sandbox: Sandbox, name: str) -> list[bytes]:
    """The files of that name as they stand in the channels."""
    files = [file for message in sandbox.messages() for file in message["attachments"]]
    async with aiohttp.ClientSession(raise_for_status=True) as browser:
        return [await (await browser.get(file["url"])).read() for file in files if file["filename"] == name]


def pictures(names: Sequence[str]) -> list[str]:
    """Those of the names that are single pictures', not sheets'."""
    return [name for name in names if RESULT.fullmatch(name)]


def amiss(sandbox: Sandbox, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands twice in the channels (a name for each one too many), and what is wanted and not there."""
    found = Counter(posted(sandbox))
    return sandbox.duplicates(), sorted(set(wanted) - set(found))


async def until_answered(member: Member, command: str, patience: float) -> float:
    """Run a command again and again until it is answered; the seconds that took. TimeoutError after `patience`."""
    began = time.monotonic()
    while time.monotonic() - began < patience:
        with suppress(NoAnswer, Rejected):
            await member.run(command)
            return time.monotonic() - began
        await asyncio.sleep(0.2)
    raise TimeoutError(f"{command} was not answered within {patience:g} s")
