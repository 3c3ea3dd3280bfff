"""kill -9 of the real console, three times in one sweep of 24 cells: in the end it is as though nothing had been."""

import random
from pathlib import Path

import pytest

from tests.chaos.restarts import CELLS, SHEET, WANTED, killed_thrice
from tests.chaos.scenario import Place
from tests.e2e.conftest import data_folder, strict_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_a_sweep_survives_three_kills_with_each_image_once_and_its_sheet(
    database_url: str, tmp_path: Path, weights_cache: Path
) -> None:
    data_folder(tmp_path / "data", weights_cache)
    async with strict_sandbox() as sandbox:
        story = await killed_thrice(sandbox, Place("", database_url, tmp_path), random.Random())
        shown = [each["filename"] for message in sandbox.messages() for each in message["attachments"]]
    assert len(story.at_kills) == 3
    assert all(0 < images < CELLS for images, _ in story.at_kills), story.told
    assert sum(unknown for _, unknown in story.at_kills) > 0, "no message was accepted that the console did not know of"
    assert sorted(shown) == sorted([*WANTED, SHEET])
    assert story.sheet_complete
    assert story.books is not None
    assert (story.books.total, story.books.held, story.books.wrong) == (0, 0, ())
    assert story.books.spent == CELLS
