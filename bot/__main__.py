"""The command line, and the only wiring: everything the console is made of is constructed here.

`atelier` runs the console, `atelier render` draws one image without Discord, `atelier demo` opens the sandbox.
"""

import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import aiohttp
import structlog
import typer

from bot.cogs.context import Services
from bot.cogs.upload import Uploads
from bot.console import Console
from bot.domain.errors import Refusal, Unavailable
from bot.jobs.delivery import Post
from bot.jobs.desk import Desk
from bot.jobs.forecast import Forecast
from bot.jobs.meter import Meter
from bot.jobs.outbox import Outbox
from bot.jobs.queue import JobQueue
from bot.jobs.quotes import Quotes, Stores
from bot.jobs.worker import Worker
from bot.log import configure_log
from bot.mecene.grammar import Grammar
from bot.renderer import LocalRenderer, at_work
from bot.settings import BadSettings, Settings, read
from bot.store.audit import Audit
from bot.store.books import auditing
from bot.store.database import open_database
from bot.store.faces import Faces
from bot.store.folder import belong
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.ledger import Ledger
from bot.store.members import MemberSettings
from bot.store.orders import OrderStore
from bot.store.owed import OwedStore
from bot.store.presence import Presence
from bot.store.web_sessions import WebSessions
from bot.ui.announcer import Announcer
from bot.ui.answers import Answers
from bot.ui.sheet import contact_sheet
from bot.web.ops import serving
from pipeline.config import Config
from pipeline.errors import PipelineError
from pipeline.families import card
from sweeps.errors import SweepError
from sweeps.parameters import CATALOGUE, Value, nearest
from sweeps.parse import parse_values
from sweeps.plan import Prices
from sweeps.recipe import Recipe, resolve

app = typer.Typer(
    name="atelier",
    help="A Discord operations console for identity-preserving image generation.",
    invoke_without_command=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
)

log = structlog.get_logger("atelier")

BEATS_A_LEASE = 6
"""Heartbeats in the time after which a silent worker is taken for dead, so that some may fail."""

ANSWER_SECONDS = 40.0
"""How long closing waits for answers under way: an upload (20 s) and a quote's patience (15 s) fit into it."""

CLOSING_SECONDS = 90.0
"""How long closing takes. What is not drawn or posted by then is at the next start."""

STAGE_SECONDS, STAGES = 1.0, 10
"""How long each stage of closing has left after that."""

LAST_SECONDS = 108.0
"""When the process ends whatever holds it: a spot machine is gone 120 s after it said so."""


@app.callback(invoke_without_command=True)
def console(context: typer.Context) -> None:
    """Run the console (without a subcommand). Settings come from the environment; see .env.example."""
    if context.invoked_subcommand is None:
        with _sentences():
            settings = read()
            configure_log(settings.log_level, settings.discord_token.get_secret_value())
            asyncio.run(_until_signal(settings))


@app.command()
def render(
    prompt: Annotated[str, typer.Option(help="What to draw.")],
    out: Annotated[Path, typer.Option(help="The PNG to write.")],
    seed: Annotated[int | None, typer.Option(help="Left out: drawn, and noted in the PNG.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="parameter=value; may be repeated.")] = None,
) -> None:
    """Draw one image without Discord."""
    with _sentences():
        settings = read()
        asked: dict[str, Value] = {"prompt": prompt} | ({} if seed is None else {"seed": seed})
        for assignment in set_ or []:
            name, equals, text = assignment.partition("=")
            if not equals:
                raise BadSettings(f'--set takes parameter=value, got "{assignment}".')
            if name not in CATALOGUE:
                close = nearest(name, CATALOGUE)
                hint = f"did you mean {close}?" if close else f"there are {', '.join(CATALOGUE)}."
                raise BadSettings(f'--set: there is no parameter "{name}"; {hint}')
            asked[name] = CATALOGUE[name].read(text, f"--set {name}")
        if not prompt.strip():
            raise BadSettings("--prompt is empty; say what to draw.")
        if out.suffix.lower() != ".png" or out.is_dir():
            raise BadSettings(f"--out: {out} is not the name of a PNG file, such as x.png.")
        family = card(_engine_config(settings))
        recipe = resolve(asked, defaults=family.defaults, production=_production(settings))
        notes = asyncio.run(_render(settings, recipe, out))
        for note in notes:
            typer.echo(note, err=True)
        typer.echo(f"{out}: seed {recipe.seed}, {recipe.steps} steps, {recipe.width} x {recipe.height}")


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Drive one sweep through /sweep and Run, then end.")] = False,
    sweep: Annotated[Path | None, typer.Option(help="The sweep file for --once.")] = None,
    out: Annotated[Path, typer.Option(help="Where --once writes the images.")] = Path("out"),
    port: Annotated[int, typer.Option(help="The page's port; 0 takes any free one.")] = 8420,
    data: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path("data/demo"),
) -> None:
    """Open the console in a sandbox that looks like Discord; no token is needed."""
    from bot.sandbox.demo import run_demo, run_once

    with _sentences():
        if not once:
            if sweep is not None:
                raise BadSettings("--sweep goes with --once; on the page you upload the file to /sweep yourself.")
            asyncio.run(run_demo(port, data))
        elif sweep is None:
            raise BadSettings("--once needs --sweep FILE: the sweep to draw.")
        else:
            asyncio.run(run_once(sweep, out, data))


async def _until_signal(settings: Settings) -> None:
    stop = asyncio.Event()

    def end() -> None:
        if not stop.is_set():
            stop.set()
            faulthandler.dump_traceback_later(LAST_SECONDS, exit=True)

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, end)
    await run_console(settings, stop)


async def run_console(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop`, then drain: all answered, what is drawn posted, the rest kept for the next start.

    Draining has an end: what holds it up for too long is called off, stage by stage.
    """
    console, stopping = asyncio.create_task(_console(settings, stop)), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((console, stopping), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((console,), timeout=CLOSING_SECONDS)
        for _ in range(STAGES):
            if console.done():
                break
            log.warning("closing takes too long; what it waits for is called off")
            console.cancel()
            await asyncio.wait((console,), timeout=STAGE_SECONDS)
    except asyncio.CancelledError:
        console.cancel()
        await asyncio.wait((console,))
        raise
    finally:
        stopping.cancel()
    if console.done() and not console.cancelled():
        console.result()


async def _console(settings: Settings, stop: asyncio.Event) -> None:
    # Opened in this order, closed in the reverse: first nobody is left unanswered, then drawing stops,
    # then what is drawn is posted, and only then Discord and the database are let go.
    token = settings.discord_token.get_secret_value()
    if not token:
        raise BadSettings("DISCORD_TOKEN is empty. Put the bot's token there, or try `make demo` without one.")
    async with AsyncExitStack() as stack:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        prices = Prices(settings.price_image, settings.price_face_pass)
        renderer = LocalRenderer(_engine_config(settings))
        faces = Faces(settings.data_dir / "faces")
        await faces.tidy()
        sessions = await stack.enter_async_context(open_database(settings.database))
        await belong(sessions, settings.data_dir)
        members, jobs, images = MemberSettings(sessions), Jobs(sessions), Images(settings.data_dir / "images")
        audit, owed, tokens = Audit(sessions), OwedStore(sessions), settings.starting_tokens
        await stack.enter_async_context(renderer.drawing())
        renderer.load()
        answers = Answers()
        client = Console(answers)
        stack.push_async_callback(client.close)
        queue, meter = JobQueue(settings.queue_capacity, settings.member_images), Meter()
        forecast = Forecast(renderer, queue, meter, prices)
        post = Post(
            jobs, owed, images, Announcer(client, forecast.outlook), contact_sheet, lambda job: desk.give_up(job)
        )
        outbox = await stack.enter_async_context(Outbox(post).delivering())
        presence = Presence(settings.data_dir / "workers")
        leases = await stack.enter_async_context(LeaseStore(sessions, presence, settings.lease_seconds).held())
        worker = Worker(queue, leases, images, faces, renderer, meter, prices, outbox.changed)
        orders = OrderStore(sessions, leases.worker, tokens)
        desk = Desk(jobs, orders, faces, queue, worker, audit, settings.rules, prices)
        quotes = Quotes(
            stores=Stores(jobs, members, images, faces),
            queue=queue,
            renderer=renderer,
            forecast=forecast,
            ideas=Grammar(),
            max_cells=settings.max_run_cap,
            production=_production(settings),
        )
        http = await stack.enter_async_context(aiohttp.ClientSession())
        client.offer(
            Services(
                desk=desk,
                quotes=quotes,
                forecast=forecast,
                queue=queue,
                jobs=jobs,
                settings=members,
                renderer=renderer,
                uploads=Uploads(http, settings.discord_api_url),
                answers=answers,
                faces=faces,
                operator_roles=frozenset(settings.operator_roles),
                accounts=Ledger(sessions, tokens),
                web_sessions=WebSessions(sessions, tokens),
                audit=audit,
                rules=settings.rules,
            )
        )

        def health() -> Mapping[str, object]:
            connected = client.is_ready() and not client.is_closed()
            return {
                "ready": connected and renderer.ready and not answers.closing,
                "connected": connected,
                "weights": "loaded" if renderer.ready else "loading",
                "family": settings.model_family,
                "jobs": len(queue),
            }

        await stack.enter_async_context(serving(settings.web_host, settings.web_port, health))
        await client.open(settings.discord_api_url, token)
        await stack.enter_async_context(worker.beating(settings.lease_seconds / BEATS_A_LEASE))
        await stack.enter_async_context(worker.working())
        try:
            await worker.claim()
        except Unavailable as error:
            log.warning("left to the next heartbeat", reason=str(error))
        await outbox.resume()
        await stack.enter_async_context(auditing(sessions))
        stack.push_async_callback(answers.finish, ANSWER_SECONDS)
        await _until(stop, client.stay(), renderer.loaded())


async def _until(
    stop: asyncio.Event, connection: Coroutine[None, None, None], loading: Coroutine[None, None, None]
) -> None:
    """Return at the signal; raise what ends the connection, or keeps the weights from loading, before it."""
    stopping, connected, loaded = (asyncio.ensure_future(work) for work in (stop.wait(), connection, loading))
    try:
        await asyncio.wait((stopping, connected, loaded), return_when=asyncio.FIRST_COMPLETED)
        if loaded.done() and not stopping.done() and not connected.done():
            loaded.result()
            await asyncio.wait((stopping, connected), return_when=asyncio.FIRST_COMPLETED)
        if connected.done() and not stopping.done():
            connected.result()
    finally:
        for task in (stopping, loaded):
            task.cancel()


async def _render(settings: Settings, recipe: Recipe, out: Path) -> tuple[str, ...]:
    renderer = LocalRenderer(_engine_config(settings))
    faces = Faces(settings.data_dir / "faces")
    photos = {name: await faces.photos(name, None) for name in recipe.people}
    async with renderer.drawing():
        renderer.load(measure=False)
        drawn = await renderer.draw(
            recipe, owner="", urgent=True, should_stop=lambda: False, photos=photos, canvas=None
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(drawn.png)
    return drawn.notes


def _engine_config(settings: Settings) -> Config:
    return Config(family=settings.model_family, model_dir=settings.models, cache_dir=settings.data_dir / "cache")


def _production(settings: Settings) -> Mapping[str, Value]:
    """The operator's production recipe: PRODUCTION_RECIPE's values. Raises BadSettings."""
    if not settings.production_recipe:
        return {}
    try:
        return parse_values(Path(settings.production_recipe).read_bytes())
    except OSError as error:
        raise BadSettings(f"PRODUCTION_RECIPE: {settings.production_recipe} cannot be read ({error}).") from error
    except SweepError as error:
        raise BadSettings(f"PRODUCTION_RECIPE: {settings.production_recipe}: {error}") from error


@contextmanager
def _sentences() -> Iterator[None]:
    """What an operator can mend ends the program with a sentence and exit code 1, never with a traceback."""
    try:
        yield
    except (BadSettings, Refusal, SweepError, PipelineError, OSError) as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from error
    except Unavailable as error:
        typer.secho(f"DATABASE_URL: {error}. Start again when it does; nothing was lost.", fg="red", err=True)
        raise typer.Exit(1) from error


def main() -> None:
    """The console script `atelier`."""
    try:
        app()
    except SystemExit as ended:
        if at_work():
            # The interpreter's end would tear the engine's threads out of torch, and with that abort the process.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended.code if isinstance(ended.code, int) else 0)
        raise


if __name__ == "__main__":
    main()
