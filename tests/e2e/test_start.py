"""What a console does not wait for at its start, and what it does not start without."""

import asyncio
from pathlib import Path

import pytest

import bot.store.books as books
from bot.domain.errors import Unavailable
from bot.settings import BadSettings
from bot.store.leases import LeaseStore
from tests.e2e.conftest import Open

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_neither_long_books_nor_a_busy_database_keep_a_console_from_connecting(
    open_console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def read_on(_: object) -> list[str]:
        return await asyncio.Future()

    async def claim(*_: object) -> None:
        tried.append(True)
        raise Unavailable("the database does not answer: locked")

    monkeypatch.setattr(books, "audit_books", read_on)
    monkeypatch.setattr(LeaseStore, "claim", claim)
    async with open_console() as atelier:
        await atelier.sandbox.until(lambda: tried, 60)


async def test_a_console_without_the_folder_of_its_databases_pictures_is_refused(
    open_console: Open, tmp_path: Path
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'shared.db'}"
    async with open_console(tmp_path / "one", database_url=url):
        pass
    with pytest.raises(BadSettings, match="Consoles that share a database share DATA_DIR too"):
        async with open_console(tmp_path / "another", database_url=url):
            raise AssertionError("it was let in")
