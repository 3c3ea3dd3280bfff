"""Which DATA_DIR a database belongs to: its pictures lie there and nowhere else.

A console with another one would find nothing of what it has to post, and take it for lost.
"""

import asyncio
from pathlib import Path
from uuid import uuid4

from sqlalchemy.exc import IntegrityError

from bot.settings import BadSettings
from bot.store.database import Sessions
from bot.store.files import write_whole
from bot.store.schema import DataFolderRow

NAME = "folder-id"
"""The file in DATA_DIR that says which one it is."""

LENGTH = 32
ONE = 1


async def belong(sessions: Sessions, folder: Path) -> None:
    """Hold the database and that DATA_DIR together, from now on. Raises BadSettings where it belongs to another."""
    try:
        known = await _known(sessions, folder)
    except IntegrityError:  # another console was first, just now
        known = await _known(sessions, folder)
    mine = await asyncio.to_thread(_read, folder / NAME)
    if mine != known:
        raise BadSettings(
            f"DATA_DIR: the pictures that this database (DATABASE_URL) tells of lie in another folder than {folder}. "
            "Consoles that share a database share DATA_DIR too: let this one have that folder. If it is lost, write "
            f"{known} into {folder / NAME}; what was not posted yet is then given up."
        )


async def _known(sessions: Sessions, folder: Path) -> str:
    """The id of the folder that the database belongs to; a new database takes this one, which gets an id if need be."""
    async with sessions.begin() as session:
        if row := await session.get(DataFolderRow, ONE):
            return row.id
        mine = await asyncio.to_thread(_read, folder / NAME)
        row = DataFolderRow(one=ONE, id=mine or uuid4().hex)
        session.add(row)
        await session.flush()  # PostgreSQL waits here for another console that does the same, and then refuses
        if mine is None:
            await asyncio.to_thread(write_whole, folder / NAME, f"{row.id}\n".encode())
        return row.id


def _read(path: Path) -> str | None:
    """The id in that file, if there is one. Raises BadSettings for what cannot be one."""
    try:
        said = path.read_text("utf-8", errors="replace").strip()
    except FileNotFoundError:
        return None
    if len(said) != LENGTH or not said.isalnum():
        raise BadSettings(f"DATA_DIR: {path} holds no folder's id; put back what it held, or remove it.")
    return said
