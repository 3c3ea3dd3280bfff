"""Files that no record tells of stay, whatever database is put back, but for those of people who were revoked."""

import asyncio
import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

import bot.jobs.departures as departures_module
import bot.jobs.orphans as orphans_module
from bot.domain.erasure import Departure
from bot.domain.errors import Unavailable
from bot.jobs.erasure import Erasure
from bot.jobs.orphans import delete_of, tell
from bot.store.database import Sessions, open_database
from bot.store.erasures import ErasureStore
from sweeps.recipe import resolve
from tests.bot.channel import ShortMemory, until
from tests.bot.shift import Shift
from tests.wall.gallery import png

OLD = orphans_module.SAFE_SECONDS + 60
KEPT = "the images folder holds pictures that the database does not know, and keeps them: "


@pytest.fixture
def shift(sessions: Sessions, tmp_path: Path) -> Shift:
    return Shift(sessions, tmp_path)


@pytest.fixture
def erasures(sessions: Sessions) -> ErasureStore:
    return ErasureStore(sessions)


def files(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "images").rglob("*.png"))


def of(people: str, number: int = 0) -> bytes:
    """A picture as the engine makes it, of these people."""
    return png(number, recipe=resolve({"prompt": "x", "face_folder": people}, seed=number))


async def put(shift: Shift, folder: Path, *pictures: bytes, seconds: float = OLD) -> list[str]:
    """Pictures that nobody has recorded, since so long ago."""
    images = [await shift.images.put(picture) for picture in pictures]
    for image in images:
        then = time.time() - seconds
        os.utime(folder / "images" / image[:2] / f"{image}.png", (then, then))
    return images


def age(folder: Path, seconds: float = OLD) -> None:
    for path in (folder / "images").rglob("*.png"):
        os.utime(path, (time.time() - seconds,) * 2)


def counted(lines: list[Any]) -> list[int]:
    return [line["count"] for line in lines if line["event"].startswith(KEPT)]


# --- an older copy of the database


async def copied(url: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """A copy of a database to which nobody is connected: its file, or as PostgreSQL copies one."""
    if url.startswith("sqlite"):
        shutil.copy(str(make_url(url).database), folder / "copy.db")
        return f"sqlite+aiosqlite:///{folder / 'copy.db'}"
    server = request.getfixturevalue("postgres")
    copy: str = await server.new_database()
    await server.drop(copy)
    name = make_url(copy).database
    await server._execute(f'CREATE DATABASE "{name}" TEMPLATE "{make_url(url).database}"')
    server.made.add(name)
    return copy


async def at_work(url: str, folder: Path, numbers: range) -> None:
    """A console that starts, draws these pictures, and stops two hours later."""
    async with open_database(url) as sessions:
        shift = Shift(sessions, folder)
        erasure = Erasure(ErasureStore(sessions), shift.images, ShortMemory(), _nothing, _nothing)
        with capture_logs() as lines:
            async with erasure.withdrawing():
                await asyncio.sleep(0.3)
                job = await shift.job(len(numbers))
                for number, drawn in enumerate(numbers, start=1):
                    await shift.store(job, number, await shift.images.put(of("mina", drawn)))
                await shift.end(job)
        assert [line for line in lines if line["log_level"] == "error"] == []
    age(folder, 2 * OLD)


async def _nothing(_: object) -> None:
    pass


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_an_older_copy_of_the_database_that_is_put_back_costs_no_picture(
    database_url: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departures_module, "LOOK_SECONDS", 0.02)
    await at_work(database_url, tmp_path, range(3))
    older = await copied(database_url, request, tmp_path)
    await at_work(database_url, tmp_path, range(3, 9))
    for first in (20, 30, 40):  # it goes on, for three starts
        await at_work(older, tmp_path, range(first, first + 2))
    assert len(files(tmp_path)) == 3 + 6 + 3 * 2
    for url, unknown in ((older, 6), (database_url, 6)):  # put back itself, the newer one knows its own
        async with open_database(url) as sessions:
            with capture_logs() as lines:
                await tell(ErasureStore(sessions), Shift(sessions, tmp_path).images)
        assert counted(lines) == [unknown]


# --- what is told


async def test_operators_are_told_how_many_there_are_and_since_when(
    shift: Shift, erasures: ErasureStore, tmp_path: Path
) -> None:
    await shift.drawn(2)
    age(tmp_path)
    with capture_logs() as lines:
        await tell(erasures, shift.images)
        await put(shift, tmp_path, b"about to be recorded", seconds=0)
        await tell(erasures, shift.images)
    assert lines == []
    await put(shift, tmp_path, b"an orphan", b"another")
    before = files(tmp_path)
    with capture_logs() as lines:
        await tell(erasures, shift.images)
    (line,) = lines
    day = datetime.fromtimestamp(time.time() - OLD, UTC).date().isoformat()
    assert (counted(lines), line["put_there"].count(day)) == ([2], 2)
    assert files(tmp_path) == before


async def test_a_store_that_is_away_is_asked_again(
    shift: Shift, erasures: ErasureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans_module, "AGAIN_SECONDS", 0.01)
    await put(shift, tmp_path, b"an orphan")
    look, away = erasures.orphans, ["once", "twice"]

    async def absent(images: list[str]) -> list[str]:
        if away:
            raise Unavailable(away.pop())
        return await look(images)

    monkeypatch.setattr(erasures, "orphans", absent)
    with capture_logs() as lines:
        await tell(erasures, shift.images)
    assert counted(lines) == [1]


# --- people who were revoked


async def test_orphans_that_show_who_was_revoked_go_and_all_others_stay(
    shift: Shift, erasures: ErasureStore, tmp_path: Path
) -> None:
    recorded = await shift.images.put(of("mina", 1))
    await shift.store(await shift.job(1), 1, recorded)
    age(tmp_path)
    stay = await put(
        shift,
        tmp_path,
        of("theo", 2),
        of("", 3),
        png(4),
        b"nothing of ours",
        of("mina b.", 5),
        of("Mina", 6),
        of("", 7)[:90],
    )
    earlier = await put(shift, tmp_path, of("mina", 8), seconds=2 * OLD)  # who had the name before
    await put(shift, tmp_path, of("mina", 9), of("theo, mina", 10))
    since = datetime.now(UTC) - timedelta(seconds=1.5 * OLD)
    gone = Departure(1, "mina", since, datetime.now(UTC))
    await delete_of(gone, erasures, shift.images)
    assert files(tmp_path) == sorted([recorded, *stay, *earlier])
    await delete_of(replace(gone, since=None), erasures, shift.images)
    assert files(tmp_path) == sorted([recorded, *stay])


async def test_what_is_put_there_again_while_it_is_looked_for_stays(
    shift: Shift, erasures: ErasureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (orphan,) = await put(shift, tmp_path, of("mina"))
    look = erasures.orphans

    async def looked(images: list[str]) -> list[str]:
        found = await look(images)
        await shift.images.put(of("mina"))  # drawn again at this moment, and not recorded yet
        return found

    monkeypatch.setattr(erasures, "orphans", looked)
    await delete_of(Departure(1, "mina", None, datetime.now(UTC)), erasures, shift.images)
    assert files(tmp_path) == [orphan]


async def test_a_picture_that_a_dead_console_left_of_who_was_revoked_meanwhile_goes_when_it_is_old(
    shift: Shift, erasures: ErasureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    monkeypatch.setattr(departures_module, "LOOK_SECONDS", 0.02)
    await erasures.depart("mina", None)
    erasure = Erasure(erasures, shift.images, ShortMemory(), _nothing, _nothing)
    async with erasure.withdrawing():
        await clock.looks(2)
        await put(shift, tmp_path, of("mina"), seconds=60)  # it was being drawn, and the console died
        await clock.looks(2)
        assert len(files(tmp_path)) == 1 and len(await erasures.departures()) == 1
        age(tmp_path)
        clock.ahead = timedelta(seconds=departures_module.LATE_SECONDS)
        await until(lambda: files(tmp_path) == [])
        await clock.looks(2)
    assert await erasures.departures() == []


class Clock:
    """The departures' clock, set `ahead`; and it counts how often it is looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta()
        self._looks = 0
        monkeypatch.setattr(departures_module, "datetime", self)

    def now(self, zone: Any) -> datetime:
        self._looks += 1
        return datetime.now(zone) + self.ahead

    async def looks(self, number: int) -> None:
        """Until it was looked at so often from now on, or nobody looks any more."""
        wanted = self._looks + number
        try:
            async with asyncio.timeout(2):
                await until(lambda: self._looks >= wanted)
        except TimeoutError:
            return


async def test_a_file_that_cannot_be_read_keeps_no_other_and_no_other_person_waiting(
    shift: Shift, erasures: ErasureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departures_module, "LOOK_SECONDS", 3600.0)
    barred, gone, *_ = await put(shift, tmp_path, of("x"), of("x", 1), of("ada", 2), of("mina", 3))
    read = shift.images.get

    async def get(image: str) -> bytes:
        if image == barred:
            raise PermissionError(13, "Permission denied")
        if image == gone:
            raise FileNotFoundError(image)  # deleted by another console a moment ago
        return await read(image)

    monkeypatch.setattr(shift.images, "get", get)
    for name in ("ada", "mina"):
        await erasures.depart(name, None)
    with capture_logs() as logged:
        async with Erasure(erasures, shift.images, ShortMemory(), _nothing, _nothing).withdrawing():
            await until(lambda: files(tmp_path) == sorted([barred, gone]))
            await until(lambda: sum(each["event"].startswith("what is left of a person") for each in logged) == 2)
    told = [each["reason"] for each in logged if each["event"].startswith("what is left of a person")]
    assert (
        told
        == [f"1 of the files that nothing refers to cannot be read, e.g. {barred}: [Errno 13] Permission denied"] * 2
    )
