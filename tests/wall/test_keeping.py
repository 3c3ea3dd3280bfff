"""What was made is found again, what is broken is made anew, what is gone leaves nothing, and changes are seen."""

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.domain.errors import Unavailable
from bot.domain.wall import Published, Query
from bot.store.publications import PublicationStore
from bot.wall import keeper
from bot.wall.holdings import METADATA
from bot.wall.watching import changes
from tests.wall.gallery import BUDGET, MINA, OPERATOR, VISITOR, Studio, names, png, until

ALL = Query()


async def test_a_second_start_makes_nothing_and_opens_no_picture(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.lay("mina", png(201))
    studio.whitelist("title: Ours\npeople: [mina]")
    job = await studio.draw(*(png(number, (600, 400)) for number in range(5)))
    async with studio.showing() as wall:
        await until(lambda: wall.statistics.images_loaded == 6)
        first = [wall.thumb(each).name for each in wall.of_job(VISITOR, job.name)]
    made = {path: path.stat().st_mtime_ns for path in studio.cached()}
    assert len(made) == 6
    read: list[str] = []
    monkeypatch.setattr(studio.images, "read", lambda image: read.append(image))
    async with studio.showing() as wall:
        # All of it is there when it opens: nothing is waited for.
        assert [wall.thumb(each).name for each in wall.of_job(VISITOR, job.name)] == first
        assert len(wall.people(VISITOR)[0].photos) == 1 and wall.title == "Ours"
        assert wall.thumb(wall.of_job(VISITOR, job.name)[0]).width == 480
        await until(lambda: wall.statistics.images_loaded == 6)
        told = wall.statistics
        files = [studio.file(each.image or "") for each in wall.of_job(VISITOR, job.name)]
        size = sum(path.stat().st_size for path in [*files, studio.data / "faces/mina/00.png"])
        assert (told.total_images, told.total_size_bytes) == (6, size) and told.last_updated is not None
    assert read == [] and {path: path.stat().st_mtime_ns for path in studio.cached()} == made


@pytest.mark.parametrize("content", [b"", b"<html>", None])
async def test_a_broken_thumbnail_is_made_anew(studio: Studio, content: bytes | None) -> None:
    job = await studio.draw(png(1))
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total)
    (thumb,) = studio.cached()
    whole = thumb.read_bytes()
    thumb.unlink() if content is None else thumb.write_bytes(content)
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total)
        name = wall.thumb(wall.of_job(VISITOR, job.name)[0]).name
        blob = await wall.blob(VISITOR, name)
        assert blob is not None and blob.data == whole
        assert studio.cached() == [thumb] and thumb.read_bytes() == whole


async def test_a_persons_broken_thumbnail_is_made_anew(studio: Studio) -> None:
    studio.lay("mina", png(201))
    studio.whitelist("people: [mina]")
    async with studio.showing() as wall:
        await until(lambda: wall.statistics.images_loaded)
    (thumb,) = studio.cached()
    thumb.write_bytes(b"<html>")
    async with studio.showing() as wall:
        await until(lambda: wall.people(VISITOR)[0].photos and wall.statistics.images_loaded)
        blob = await wall.blob(VISITOR, wall.people(VISITOR)[0].photos[0].name)
        assert blob is not None and blob.data.startswith(b"RIFF")


async def test_memory_stays_within_the_budget_and_all_is_served_all_the_same(studio: Studio) -> None:
    job = await studio.draw(*(png(number, (300, 300)) for number in range(20)))
    budget = 20 * METADATA + 6_000
    async with studio.showing(budget=budget) as wall:
        await until(lambda: wall.find(VISITOR, ALL).total == 20)
        for picture in wall.of_job(VISITOR, job.name):
            for media in (wall.thumb(picture), wall.full(picture)):
                assert await wall.blob(VISITOR, media.name) is not None
                assert 20 * METADATA < wall.memory <= budget
        assert 0 < wall.statistics.images_loaded < 20


async def test_a_file_in_memory_is_given_without_a_thread(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    await studio.draw(png(1))
    async with studio.showing() as wall:
        await until(lambda: wall.statistics.images_loaded)
        name = wall.thumb(wall.find(VISITOR, ALL).pictures[0]).name
        asked = wall.blob(VISITOR, name)
        with pytest.raises(StopIteration) as given:  # it ends at its first step, without waiting for anything
            asked.send(None)
        assert given.value.value.content_type == "image/webp"


async def test_what_is_forgotten_is_gone_from_memory_and_disk_at_once(studio: Studio) -> None:
    job = await studio.draw(png(1), png(2))
    async with studio.showing() as wall:
        await until(lambda: wall.statistics.images_loaded == 2)
        gone, stays = wall.of_job(VISITOR, job.name)
        addresses = [wall.thumb(gone).name, wall.full(gone).name]
        for name in addresses:
            assert await wall.blob(VISITOR, name) is not None
        async with wall._keeper._turn:  # while something is being read
            forgetting = asyncio.ensure_future(wall.forget([gone.image or ""]))
            await asyncio.sleep(0)
            assert names(wall.find(OPERATOR, ALL).pictures) == [stays.name]
        await forgetting
        assert [await wall.blob(OPERATOR, name) for name in addresses] == [None, None]
        assert len(studio.cached()) == 1
        assert (wall.statistics.total_images, wall.statistics.images_loaded) == (1, 1)


async def test_what_is_forgotten_while_it_is_made_leaves_nothing(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await studio.draw(png(1), publish=False)
    async with studio.showing() as wall:
        prints, loop, reading = wall._holdings.prints, asyncio.get_running_loop(), asyncio.Event()
        make, resume, made = prints.make, asyncio.Event(), asyncio.Event()

        def slowly(*arguments: Any) -> None:
            loop.call_soon_threadsafe(reading.set)
            asyncio.run_coroutine_threadsafe(resume.wait(), loop).result(20)
            make(*arguments)
            assert studio.cached()
            loop.call_soon_threadsafe(made.set)

        monkeypatch.setattr(prints, "make", slowly)
        await studio.publications.publish(MINA, job.id)
        wall.touch()
        await asyncio.wait_for(reading.wait(), 20)
        await studio.publications.take_down(job.id)
        (image,) = wall._holdings.missing()
        await wall.forget([image])
        resume.set()
        await asyncio.wait_for(made.wait(), 20)
        await until(lambda: not studio.cached())
        assert not prints.has(image)


async def test_who_is_removed_or_no_longer_listed_leaves_no_thumbnail(studio: Studio) -> None:
    folder = studio.lay("mina", png(201), png(202))
    studio.lay("theo", png(203))
    studio.whitelist("people: [mina, theo]")
    async with studio.showing() as wall:
        await until(lambda: len(studio.cached()) == 3)
        (folder / "00.png").unlink()
        await until(lambda: len(studio.cached()) == 2)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        await wall.forget([])
        assert len(studio.cached()) == 1 and [each.name for each in wall.people(VISITOR)] == ["theo"]
        studio.whitelist("people: []")
        await until(lambda: not studio.cached())


async def test_what_went_while_the_console_was_down_leaves_nothing_behind_either(studio: Studio) -> None:
    studio.lay("mina", png(201))
    studio.whitelist("people: [mina]")
    job = await studio.draw(png(1), png(2))
    async with studio.showing() as wall:
        await wall.settled()
        assert len(studio.cached()) == 3
    await studio.publications.take_down(job.id, [1])
    (studio.data / "wall.yaml").unlink()
    shutil.rmtree(studio.data / "faces" / "mina")
    async with studio.showing() as wall:
        assert len(studio.cached()) == 1 and wall.statistics.total_images == 1


async def test_another_console_publishes_and_takes_down_and_it_is_seen(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.1)
    job = await studio.draw(png(1), png(2), publish=False)
    theirs = PublicationStore(studio.sessions)
    async with studio.showing() as wall:
        await theirs.publish(MINA, job.id, [1])
        await until(lambda: len(wall.of_job(VISITOR, job.name)) == 1)
        await theirs.star(job.id, 1, 5, True)
        await until(lambda: wall.of_job(VISITOR, job.name)[0].stars == 1)
        await theirs.publish(MINA, job.id)
        await until(lambda: len(wall.of_job(VISITOR, job.name)) == 2)
        await theirs.take_down(job.id, [1])
        await until(lambda: [each.number for each in wall.of_job(VISITOR, job.name)] == [2])
        await until(lambda: len(studio.cached()) == 1)


async def test_two_walls_of_one_folder_serve_the_same(studio: Studio) -> None:
    await studio.draw(*(png(number) for number in range(6)))
    async with studio.showing() as one, studio.showing() as other:
        await until(lambda: one.find(VISITOR, ALL).total == other.find(VISITOR, ALL).total == 6)
        for picture in one.find(VISITOR, ALL).pictures:
            assert one.thumb(picture) == other.thumb(picture)
            assert await other.blob(VISITOR, one.thumb(picture).name) is not None
        assert len(studio.cached()) == 6


async def test_a_broken_whitelist_keeps_the_last_good_one_and_says_so_once(studio: Studio) -> None:
    studio.lay("mina")
    studio.whitelist("people: [mina")
    with structlog.testing.capture_logs() as lines:
        async with studio.showing() as wall:
            assert wall.people(VISITOR) == ()
            studio.whitelist("people: [mina]")
            await until(lambda: wall.people(VISITOR))
            studio.whitelist("people: [mina, mina]")
            await until(lambda: len(_told(lines)) == 2)
            await wall.reload()
            await wall.reload()
            assert [each.name for each in wall.people(VISITOR)] == ["mina"]
            (studio.data / "wall.yaml").unlink()
            await until(lambda: not wall.people(VISITOR))
    assert ["cannot be read as YAML" in _told(lines)[0], "stands twice" in _told(lines)[1]] == [True, True]


async def test_a_whitelist_that_is_replaced_or_reordered_is_seen_at_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 3600.0)  # so that only watching can see it
    studio.lay("mina")
    studio.lay("theo")
    studio.whitelist("people: [mina, theo]")
    async with studio.showing() as wall:
        await asyncio.sleep(0.5)  # until the folders are watched
        new = studio.data / "wall.yaml.new"
        new.write_text("people: [theo, mina]")
        os.replace(new, studio.data / "wall.yaml")
        await until(lambda: [each.name for each in wall.people(VISITOR)] == ["theo", "mina"])
        (studio.data / "faces" / "theo" / "01.png").write_bytes(png(9))
        await until(lambda: len(wall.people(VISITOR)[0].photos) == 2)


async def test_what_changes_behind_a_link_wakes_nobody(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.lay("mina")
    faces, elsewhere = studio.data / "faces", tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (faces / "linked").symlink_to(elsewhere)
    monkeypatch.chdir(studio.data)
    seen = set[Path]()

    async def watch() -> None:
        async for paths in changes(Path("faces")):
            seen.update(paths)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.5)  # until the folder is watched
    for path in (elsewhere / "console.log", elsewhere / "deep" / "a.png"):
        path.write_bytes(b"x")
    await asyncio.sleep(1.0)
    (faces / "mina" / "last.png").write_bytes(b"x")
    await until(lambda: faces / "mina" / "last.png" in seen)
    (faces / "linked").unlink()
    await until(lambda: faces / "linked" in seen)
    watching.cancel()
    assert {path.relative_to(faces) for path in seen} == {Path("mina/last.png"), Path("linked")}


async def test_a_picture_whose_file_is_deleted_by_hand_goes_and_comes_back_with_it(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 3600.0)
    job = await studio.draw(png(1))
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total)
        await asyncio.sleep(0.5)
        file = studio.file(wall.of_job(VISITOR, job.name)[0].image or "")
        content = file.read_bytes()
        file.unlink()
        await until(lambda: not wall.find(VISITOR, ALL).total)
        file.write_bytes(content)
        await until(lambda: wall.find(VISITOR, ALL).total)


async def test_reload_reads_all_anew(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 3600.0)
    image = studio.disguised(png(1))
    studio.file(image).rename(studio.data / "aside")
    await studio.draw(image, png(2))
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total == 1 and wall._holdings.broken)
        for path in studio.cached():
            path.unlink()
        job = await studio.draw(png(3))
        (studio.data / "aside").rename(studio.file(image))
        await wall.reload()
        await until(lambda: wall.find(VISITOR, ALL).total == 3)
        assert wall.of_job(VISITOR, job.name)


async def test_a_database_that_is_away_is_told_once_and_the_wall_goes_on(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.02)
    await studio.draw(png(1))
    changed = studio.publications.changed
    asked = 0

    async def away(since: object = None) -> list[Published]:
        nonlocal asked
        asked += 1
        raise Unavailable("the database does not answer: gone")

    with structlog.testing.capture_logs() as lines:
        async with studio.showing() as wall:
            await until(lambda: wall.find(VISITOR, ALL).total)
            monkeypatch.setattr(studio.publications, "changed", away)
            await until(lambda: asked >= 5)
            assert wall.find(VISITOR, ALL).total == 1
            with pytest.raises(Unavailable):
                await wall.reload()
            monkeypatch.setattr(studio.publications, "changed", changed)
            await studio.draw(png(2))
            await until(lambda: wall.find(VISITOR, ALL).total == 2)
    assert len([line for line in lines if "cannot read the database" in line["event"]]) == 1


async def test_nothing_goes_on_behind_a_wall_that_was_closed(studio: Studio) -> None:
    await studio.draw(*(png(number) for number in range(30)))
    before = asyncio.all_tasks()
    with contextlib.suppress(RuntimeError):
        async with studio.showing(budget=BUDGET):
            raise RuntimeError("closed while it is busy")
    assert asyncio.all_tasks() == before
    assert not [path for path in Path(studio.data / "cache").rglob(".part-*")]


def _told(lines: list[Any]) -> list[str]:
    return [line["reason"] for line in lines if line["event"].startswith("wall.yaml cannot be used")]
