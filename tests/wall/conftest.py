"""A studio in a temporary folder, and certificates of a throwaway authority."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.store.database import open_database
from tests.wall.certificates import Certified, certified
from tests.wall.gallery import Studio


@pytest_asyncio.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    data = tmp_path / "data"
    data.mkdir()
    async with open_database("sqlite+aiosqlite:///:memory:") as sessions:
        yield Studio(sessions, data)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("certificates"))
