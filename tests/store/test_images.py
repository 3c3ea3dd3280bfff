"""Finished pictures are files named by their content, whole or not there."""

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from bot.store.images import Images


async def test_images_are_addressed_by_content(tmp_path: Path) -> None:
    images = Images(tmp_path)
    image = await images.put(b"picture")
    assert await images.put(b"picture") == image
    assert await images.get(image) == b"picture"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{image}.png"]


async def test_an_image_that_is_removed_is_gone_and_may_come_again(tmp_path: Path) -> None:
    images = Images(tmp_path)
    image, other = await images.put(b"picture"), await images.put(b"another")
    assert await images.remove(image)
    assert not await images.remove(image)
    with pytest.raises(FileNotFoundError):
        await images.get(image)
    assert await images.get(other) == b"another"
    assert await images.put(b"picture") == image
    assert await images.get(image) == b"picture"


async def test_a_picture_is_kept_by_writing_it_again_where_it_went(tmp_path: Path) -> None:
    images = Images(tmp_path)
    image = await images.put(b"picture")
    await images.keep(image, b"picture")
    await images.remove(image)
    await images.keep(image, b"picture")
    assert await images.get(image) == b"picture"


def aged(folder: Path, image: str, seconds: float) -> None:
    """The file was put there so long ago."""
    then = time.time() - seconds
    os.utime(folder / image[:2] / f"{image}.png", (then, then))


async def test_old_files_are_told_of_and_what_is_put_again_is_young(tmp_path: Path) -> None:
    images = Images(tmp_path)
    old, young, again = [await images.put(each) for each in (b"old", b"young", b"again")]
    aged(tmp_path, old, 100)
    aged(tmp_path, again, 100)
    await images.put(b"again")
    (tmp_path / "notes.txt").write_text("what else lies there")
    found = [each async for some in images.old(50) for each in some]
    assert [image for image, _ in found] == [old]
    assert abs(time.time() - 100 - found[0][1]) < 20
    assert not await images.remove(young, older=50)
    assert await images.remove(old, older=50)
    assert await images.get(young) == b"young"


async def test_what_was_half_written_long_ago_is_deleted(tmp_path: Path) -> None:
    images = Images(tmp_path)
    image = await images.put(b"picture")
    old, young = (tmp_path / image[:2] / f".part-{name}" for name in ("old", "young"))
    for half in (old, young):
        half.write_bytes(b"pic")
    os.utime(old, (1, 1))
    assert [some async for some in images.old(50) if some] == []
    assert (old.exists(), young.exists()) == (False, True)


async def test_a_removal_that_is_called_off_is_over_before_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = Images(tmp_path)
    image = await images.put(b"picture")
    at_it, go_on, unlink = threading.Event(), threading.Event(), Path.unlink

    def slowly(path: Path, missing_ok: bool = False) -> None:
        at_it.set()
        go_on.wait(10)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", slowly)
    removing = asyncio.create_task(images.remove(image))
    await asyncio.to_thread(at_it.wait, 10)
    removing.cancel()
    await asyncio.sleep(0.02)
    assert not removing.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await removing
    assert not (tmp_path / image[:2] / f"{image}.png").exists()
