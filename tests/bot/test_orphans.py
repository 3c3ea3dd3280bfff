"""Files that nothing refers to go at the start, and nothing else does."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import bot.jobs.orphans as orphans_module
from bot.domain.errors import Unavailable
from bot.jobs.orphans import sweep
from bot.store.database import Sessions
from bot.store.erasures import ErasureStore
from tests.bot.channel import until
from tests.bot.shift import Shift

OLD, OLDER = orphans_module.SAFE_SECONDS + 60, orphans_module.SAFE_SECONDS + 7200


@pytest.fixture
def shift(sessions: Sessions, tmp_path: Path) -> Shift:
    return Shift(sessions, tmp_path)


@pytest.fixture
def erasures(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> ErasureStore:
    """A store that knows its first job for a while."""
    store, since = ErasureStore(sessions), ErasureStore.since

    async def earlier(self: ErasureStore) -> object:
        first = await since(self)
        return None if first is None else first.fromtimestamp(first.timestamp() - OLD - 60, first.tzinfo)

    monkeypatch.setattr(ErasureStore, "since", earlier)
    return store


def files(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "images").rglob("*.png"))


async def put(shift: Shift, folder: Path, *names: str, seconds: float = OLD) -> list[str]:
    """Pictures that nobody has recorded, since so long ago."""
    images = [await shift.images.put(name.encode()) for name in names]
    for image in images:
        then = time.time() - seconds
        os.utime(folder / "images" / image[:2] / f"{image}.png", (then, then))
    return images


def age(folder: Path, seconds: float) -> None:
    for path in (folder / "images").rglob("*.png"):
        os.utime(path, (time.time() - seconds,) * 2)


async def test_what_nothing_refers_to_goes_and_what_is_young_or_recorded_stays(
    shift: Shift, erasures: ErasureStore, tmp_path: Path
) -> None:
    await shift.drawn(2)
    age(tmp_path, OLD)
    recorded = files(tmp_path)
    await put(shift, tmp_path, "an orphan", "another")
    young = await shift.images.put(b"about to be recorded")
    with capture_logs() as said:
        await sweep(erasures, shift.images)
    assert files(tmp_path) == sorted([*recorded, young])
    assert [each["count"] for each in said if each["event"] == "files that nothing referred to were deleted"] == [2]


async def test_what_is_put_there_again_while_it_is_looked_for_stays(
    shift: Shift, erasures: ErasureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shift.job(1)
    (orphan,) = await put(shift, tmp_path, "an orphan")
    look = erasures.orphans

    async def looked(images: list[str]) -> list[str]:
        found = await look(images)
        await shift.images.put(b"an orphan")  # drawn again at this moment, and not recorded yet
        return found

    monkeypatch.setattr(erasures, "orphans", looked)
    await sweep(erasures, shift.images)
    assert files(tmp_path) == [orphan]


async def test_the_pictures_of_another_database_stay(
    shift: Shift, erasures: ErasureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = await put(shift, tmp_path, "theirs", seconds=OLD)
    await sweep(erasures, shift.images)  # there is no job at all
    await shift.job(1)
    mine = await put(shift, tmp_path, "before the first job", seconds=OLDER)
    assert files(tmp_path) == sorted([*theirs, *mine])
    monkeypatch.setattr(orphans_module, "MANY", 0)
    await sweep(erasures, shift.images)  # of those that are not too old, most are no orphans by chance
    assert files(tmp_path) == sorted([*theirs, *mine])
    monkeypatch.setattr(orphans_module, "MANY", 1)
    await sweep(erasures, shift.images)
    assert files(tmp_path) == mine


async def test_a_store_that_is_away_is_asked_again(
    shift: Shift, erasures: ErasureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans_module, "AGAIN_SECONDS", 0.01)
    await shift.job(1)
    await put(shift, tmp_path, "an orphan")
    look, away = erasures.orphans, ["once", "twice"]

    async def absent(images: list[str]) -> list[str]:
        if away:
            raise Unavailable(away.pop())
        return await look(images)

    monkeypatch.setattr(erasures, "orphans", absent)
    sweeping = asyncio.create_task(sweep(erasures, shift.images))
    await until(sweeping.done)
    assert files(tmp_path) == []
