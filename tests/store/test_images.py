"""Finished pictures are files named by their content, whole or not there."""

from pathlib import Path

from bot.store.images import Images


async def test_images_are_addressed_by_content(tmp_path: Path) -> None:
    images = Images(tmp_path)
    image = await images.put(b"picture")
    assert await images.put(b"picture") == image
    assert await images.get(image) == b"picture"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{image}.png"]
