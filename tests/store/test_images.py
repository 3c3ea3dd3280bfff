"""Finished pictures are files named by their content, whole or not there."""

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
