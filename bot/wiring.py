"""The only wiring: everything the console is made of is constructed here, opened in order, closed in the reverse."""

import asyncio
import faulthandler
import resource
import signal
from collections.abc import Collection, Coroutine, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import structlog

from bot.cogs.context import Services
from bot.cogs.upload import Uploads
from bot.console import Console
from bot.domain.errors import Unavailable
from bot.gate.gate import gate_of
from bot.jobs.delivery import Post
from bot.jobs.desk import Desk
from bot.jobs.erasure import Erasure
from bot.jobs.forecast import Forecast
from bot.jobs.meter import Meter
from bot.jobs.moderation import Moderation
from bot.jobs.outbox import Outbox
from bot.jobs.queue import JobQueue
from bot.jobs.quotes import Quotes, Stores
from bot.jobs.removal import resuming
from bot.jobs.sheets import renewed
from bot.jobs.showing import Showing
from bot.jobs.worker import Worker
from bot.mecene.sources import open_ideas
from bot.renderer import LocalRenderer
from bot.settings import BadSettings, Settings
from bot.store.audit import Audit
from bot.store.books import auditing
from bot.store.database import open_database
from bot.store.erasures import ErasureStore
from bot.store.faces import Faces
from bot.store.folder import belong
from bot.store.images import Images
from bot.store.incidents import IncidentStore
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.ledger import Ledger
from bot.store.members import MemberSettings
from bot.store.orders import OrderStore
from bot.store.owed import OwedStore
from bot.store.presence import Presence
from bot.store.publications import PublicationStore
from bot.store.web_sessions import WebSessions
from bot.ui.announcer import Announcer
from bot.ui.answers import Answers
from bot.ui.memberships import Memberships
from bot.ui.sheet import contact_sheet
from bot.wall.provenance import signer_of
from bot.wall.wall import Wall
from bot.web.key import session_key
from bot.web.messages import discord_pages
from bot.web.oauth import DiscordSignIn
from bot.web.server import address_of, listen, serving
from bot.web.site import Rooms, application
from pipeline.config import Config
from sweeps.errors import SweepError
from sweeps.parameters import Value
from sweeps.parse import parse_values
from sweeps.plan import Prices

log = structlog.get_logger("atelier")

BEATS_A_LEASE = 6
"""Heartbeats in the time after which a silent worker is taken for dead, so that some may fail."""

ANSWER_SECONDS = 40.0
"""How long closing waits for answers under way: an upload (20 s) and a quote's patience (15 s) fit into it.

Ideas of a slow server take longer; whoever asked for them may have to ask again."""

OPEN_FILES = 65_536

CLOSING_SECONDS = 90.0
"""How long closing takes. What is not drawn or posted by then is at the next start."""

STAGE_SECONDS, STAGES = 1.0, 10
"""How long each stage of closing has left after that."""

LAST_SECONDS = 108.0
"""When the process ends whatever holds it: a spot machine is gone 120 s after it said so."""


async def run_until_signal(settings: Settings) -> None:
    stop = asyncio.Event()

    def end() -> None:
        if not stop.is_set():
            stop.set()
            faulthandler.dump_traceback_later(LAST_SECONDS, exit=True)

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, end)
    _open_files()
    await run_console(settings, stop)


def _open_files() -> None:
    """Let the process have as many sockets as it may: a crowd at the pages must not take the one to Discord."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(most, OPEN_FILES)
    if now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


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
        answers = Answers()
        client = Console(answers)
        bound = listen(settings.web_host, settings.web_port)
        stack.callback(bound.close)
        address = settings.web_url or address_of(bound)
        key = session_key(settings.session_key.get_secret_value(), settings.data_dir)
        signer = signer_of(settings.c2pa_certificate, settings.c2pa_key)
        gate = gate_of(settings, lambda thread: getattr(client.get_channel(thread), "parent_id", None))
        stack.callback(gate.close)
        prices = Prices(settings.price_image, settings.price_face_pass)
        renderer = LocalRenderer(engine_config(settings))
        faces = Faces(settings.data_dir / "faces")
        await faces.tidy()
        sessions = await stack.enter_async_context(open_database(settings.database))
        await belong(sessions, settings.data_dir)
        members, jobs, images = MemberSettings(sessions), Jobs(sessions), Images(settings.data_dir / "images")
        audit, tokens = Audit(sessions), settings.starting_tokens
        owed = OwedStore(sessions, publishing=settings.wall_images == "posted")
        publications, incidents = PublicationStore(sessions), IncidentStore(sessions)
        gallery = Wall(
            publications,
            images,
            faces,
            settings.data_dir,
            budget=settings.wall_memory_mib * 2**20,
            visitors=settings.wall_visitors,
            signer=signer,
        )
        await gate.load()
        await stack.enter_async_context(gallery.open())
        ideas = await stack.enter_async_context(open_ideas(settings))
        await stack.enter_async_context(renderer.drawing())
        renderer.load()
        stack.push_async_callback(client.close)
        queue, meter = JobQueue(settings.queue_capacity, settings.member_images), Meter()
        forecast = Forecast(renderer, queue, meter, prices)
        announcer = Announcer(client, forecast.outlook)
        post = Post(
            jobs,
            owed,
            images,
            announcer,
            contact_sheet,
            lambda job: desk.give_up(job),
            drawn_here=lambda job: queue.lease(job) is not None,
        )
        outbox = await stack.enter_async_context(Outbox(post).delivering())
        presence = Presence(settings.data_dir / "workers")
        leases = await stack.enter_async_context(LeaseStore(sessions, presence, settings.lease_seconds).held())
        worker = Worker(queue, leases, images, faces, renderer, gate, meter, prices, outbox.changed)
        orders = OrderStore(sessions, leases.worker, tokens)
        desk = Desk(jobs, orders, faces, queue, worker, gate, audit, settings.rules, prices)
        quotes = Quotes(
            stores=Stores(jobs, members, images, faces, incidents),
            queue=queue,
            renderer=renderer,
            forecast=forecast,
            ideas=ideas,
            gate=gate,
            max_cells=settings.max_run_cap,
            production=production(settings),
        )

        async def card_anew(job_id: int) -> None:
            if job := await jobs.get(job_id):
                outbox.changed(job)

        async def forgotten(gone: Collection[str]) -> None:
            await gallery.forget(gone)
            gallery.touch()  # also where the files are in use elsewhere

        erasure = Erasure(
            ErasureStore(sessions), images, announcer, forgotten, card_anew, lambda stands: renewed(post, stands)
        )
        moderation = Moderation(
            publications,
            incidents,
            jobs,
            images,
            erasure,
            audit,
            outbox.changed,
            gallery.touch,
            faces,
            gate.mistake,
        )
        accounts, web_sessions = Ledger(sessions, tokens), WebSessions(sessions, tokens)
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
                accounts=accounts,
                web_sessions=web_sessions,
                audit=audit,
                rules=settings.rules,
                showing=Showing(jobs, publications, members, faces, gallery, renderer.usual),
                wall_address=address,
                erasure=erasure,
                moderation=moderation,
                people_changed=gallery.people_anew,
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

        memberships = Memberships(client, settings.operator_roles)
        site = application(
            Rooms(gallery, publications, moderation, web_sessions, memberships),
            health,
            key=key,
            address=address,
            session_tokens=settings.session_tokens,
            discord=_discord_sign_in(settings, address),
            discord_pages=discord_pages(settings.discord_api_url),
            usual=renderer.usual,
        )
        await stack.enter_async_context(serving(site, bound))
        log.info("pages", address=address)
        await client.open(settings.discord_api_url, token)
        await stack.enter_async_context(worker.beating(settings.lease_seconds / BEATS_A_LEASE))
        await stack.enter_async_context(worker.working())
        try:
            await worker.claim()
        except Unavailable as error:
            log.warning("left to the next heartbeat", reason=str(error))
        await outbox.resume()
        await stack.enter_async_context(erasure.withdrawing())
        await stack.enter_async_context(resuming(faces, renderer, erasure))
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


def _discord_sign_in(settings: Settings, address: str) -> DiscordSignIn | None:
    """How members sign in through Discord, where the operator has set that up. Raises BadSettings."""
    secret = settings.discord_client_secret
    if bool(settings.discord_client_id) != bool(secret.get_secret_value()):
        raise BadSettings("DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET belong together: set both, or neither.")
    if not settings.discord_client_id:
        return None
    return DiscordSignIn(settings.discord_api_url, settings.discord_client_id, secret, address)


def engine_config(settings: Settings) -> Config:
    return Config(family=settings.model_family, model_dir=settings.models, cache_dir=settings.data_dir / "cache")


def production(settings: Settings) -> Mapping[str, Value]:
    """The operator's production recipe: PRODUCTION_RECIPE's values. Raises BadSettings."""
    if not settings.production_recipe:
        return {}
    try:
        return parse_values(Path(settings.production_recipe).read_bytes())
    except OSError as error:
        raise BadSettings(f"PRODUCTION_RECIPE: {settings.production_recipe} cannot be read ({error}).") from error
    except SweepError as error:
        raise BadSettings(f"PRODUCTION_RECIPE: {settings.production_recipe}: {error}") from error
