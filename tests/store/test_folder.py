"""A database belongs to the folder in which its pictures lie; a console that has another one is not let at it."""

import asyncio
from pathlib import Path

import pytest

from bot.settings import BadSettings
from bot.store.database import Sessions, open_database
from bot.store.folder import NAME, belong


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two data folders."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    return here, there


async def test_a_console_with_the_same_folder_is_welcome_wherever_that_is_now(
    sessions: Sessions, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    here, _ = folders
    await belong(sessions, here)
    await belong(sessions, here)
    await belong(sessions, here.rename(tmp_path / "moved"))


async def test_a_console_with_another_folder_is_refused_and_nothing_is_changed(
    sessions: Sessions, folders: tuple[Path, Path]
) -> None:
    here, there = folders
    await belong(sessions, here)
    with pytest.raises(BadSettings, match="Consoles that share a database share DATA_DIR too"):
        await belong(sessions, there)
    assert not (there / NAME).exists()
    await belong(sessions, here)


async def test_two_folders_that_each_have_an_id_are_told_apart(sessions: Sessions, folders: tuple[Path, Path]) -> None:
    here, there = folders
    await belong(sessions, here)
    async with open_database("sqlite+aiosqlite:///:memory:") as others:
        await belong(others, there)
    with pytest.raises(BadSettings):
        await belong(sessions, there)


async def test_a_new_database_may_take_a_folder_that_another_has(folders: tuple[Path, Path]) -> None:
    here, _ = folders
    for _ in range(2):
        async with open_database("sqlite+aiosqlite:///:memory:") as sessions:
            await belong(sessions, here)


async def test_after_a_loss_another_folder_goes_on_once_it_is_told_to(
    sessions: Sessions, folders: tuple[Path, Path]
) -> None:
    here, there = folders
    await belong(sessions, here)
    known = (here / NAME).read_text().strip()
    with pytest.raises(BadSettings, match=f"write {known} into {there / NAME}"):
        await belong(sessions, there)
    (there / NAME).write_text(known)
    await belong(sessions, there)


@pytest.mark.parametrize("said", ["", "nonsense", "g" * 31, "../" * 11, "g" * 33])
async def test_a_file_that_holds_no_id_is_a_sentence(sessions: Sessions, folders: tuple[Path, Path], said: str) -> None:
    here, _ = folders
    (here / NAME).write_text(said)
    with pytest.raises(BadSettings, match="holds no folder's id"):
        await belong(sessions, here)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_of_consoles_that_start_together_all_with_one_folder_are_let_in(
    database_url: str, folders: tuple[Path, Path]
) -> None:
    here, there = folders
    async with open_database(database_url) as one, open_database(database_url) as two:
        starts = [belong(one, here), belong(two, here), belong(two, there), belong(one, there)]
        results = await asyncio.gather(*starts, return_exceptions=True)
    assert {type(each) for each in results} == {type(None), BadSettings}
    assert [type(each) for each in results[:2]] == [type(results[0])] * 2
    assert [type(each) for each in results[2:]] == [type(results[2])] * 2
