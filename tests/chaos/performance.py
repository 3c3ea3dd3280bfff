"""Performs scenarios, each on each database, followed by its control; whatever breaks on the way has not held."""

import tempfile
import time
import traceback
from collections.abc import Awaitable, Sequence
from contextlib import ExitStack
from pathlib import Path

import asyncpg
from sqlalchemy import make_url

from tests.chaos.report import Row
from tests.chaos.scenario import Options, Outcome, new_place, scenario
from tests.postgres import Server, serving


async def perform_all(names: Sequence[str], databases: Sequence[str], options: Options) -> tuple[list[Row], str | None]:
    """Their rows, and the version of PostgreSQL if it took part. Each row is printed once it is there."""
    rows, version = [], None
    with ExitStack() as stack:
        server = stack.enter_context(serving()) if "postgresql" in databases else None
        if server is not None:
            version = await _version(server)
        for name in names:
            for database in databases:
                rows.append(await perform(name, database, options, server))
                print(rows[-1].line, flush=True)
    return rows, version


async def perform(name: str, database: str, options: Options, server: Server | None) -> Row:
    """One scenario and its control, each with a place of its own."""
    began = time.monotonic()
    acting = scenario(name)
    with tempfile.TemporaryDirectory(prefix="atelier-chaos-") as folder:
        async with new_place(database, Path(folder) / "run", server) as place:
            outcome = await _outcome(acting.run(place, options), holds=False)
        async with new_place(database, Path(folder) / "control", server) as place:
            control = await _outcome(acting.control(place, options), holds=True)
    assert outcome is not None, "a run has an outcome"
    return Row(acting, database, outcome, control, time.monotonic() - began)


async def _outcome(doing: Awaitable[Outcome | None], *, holds: bool) -> Outcome | None:
    """What came of it. One that broke off counts as bad: a run that does not hold, a control that does not fail."""
    try:
        return await doing
    except Exception as error:
        traceback.print_exc()
        return Outcome(f"broke off: {error!r}", holds)


async def _version(server: Server) -> str:
    connection = await asyncpg.connect(
        make_url(server.url("postgres")).set(drivername="postgresql").render_as_string(False)
    )
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
