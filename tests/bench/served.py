"""One of the two servers of the wall's bench, in a process of its own.

    python -m tests.bench.served wall|static DATA MIB

It prints one line of JSON when it is ready (its address, and for the wall how its start went), and serves until it is
terminated. `wall` is the site as the console serves it, with one member, and signs pictures if there are certificates
in DATA/certificates; `static` is aiohttp's handler over DATA/static.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

from aiohttp import web
from cryptography.fernet import Fernet

from bot.domain.job import Member
from bot.jobs.moderation import Moderation
from bot.log import configure_log
from bot.store.database import open_database
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.publications import PublicationStore
from bot.store.web_sessions import WebSessions
from bot.wall.provenance import signer_of
from bot.wall.wall import Wall
from bot.web.server import address_of, listen, serving
from bot.web.site import Rooms, application
from tests.bench.exhibits import GUILD, MEMBER, database


class OneServer:
    """The Memberships port: one member on one server."""

    async def of(self, member_id: int) -> tuple[Member, ...]:
        return (Member(member_id, "Mina", guild_id=GUILD),) if member_id == MEMBER else ()


@asynccontextmanager
async def wall_served(data: Path, mib: int) -> AsyncIterator[dict[str, object]]:
    """The site with the wall in it; what is to be told of its start."""
    before, begun = resident(), time.perf_counter()
    async with open_database(database(data)) as sessions:
        publications, web_sessions = PublicationStore(sessions), WebSessions(sessions, 0)
        images, faces = Images(data / "images"), Faces(data / "faces")
        names = (data / "certificates/chain.pem", data / "certificates/key.pem")
        signer = signer_of(*map(str, names)) if all(map(Path.exists, names)) else None
        wall = Wall(publications, images, faces, data, budget=mib * 2**20, signer=signer)
        async with wall.open():
            opened = time.perf_counter() - begun
            await wall.settled()
            loaded = time.perf_counter() - begun
            bound = listen("127.0.0.1", 0)
            nobody = cast(Moderation, None)  # nobody moderates here
            rooms = Rooms(wall, publications, nobody, web_sessions, OneServer())
            site = application(rooms, lambda: {"ready": True}, key=Fernet.generate_key(), address=address_of(bound))
            async with serving(site, bound):
                yield {
                    "address": address_of(bound),
                    "code": await web_sessions.code(MEMBER, timedelta(hours=1)),
                    "open": opened,
                    "loaded": loaded,
                    "counted": wall.memory,
                    "grown": resident() - before,
                    "resident": resident(),
                    "loaded_images": wall.statistics.images_loaded,
                }


@asynccontextmanager
async def static_served(data: Path, _: int) -> AsyncIterator[dict[str, object]]:
    """aiohttp's own static file handler over the same files."""
    site = web.Application()
    site.router.add_static("/media", data / "static" / "media")
    bound = listen("127.0.0.1", 0)
    async with serving(site, bound):
        yield {"address": address_of(bound)}


def resident() -> int:
    """The memory that this process has, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


async def main(role: str, data: Path, mib: int) -> None:
    configure_log("WARNING", "")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    roles = {"wall": wall_served, "static": static_served}
    async with roles[role](data, mib) as told:
        print(json.dumps(told), flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
