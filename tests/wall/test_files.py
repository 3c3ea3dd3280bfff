"""Only pictures are served: what is disguised, cut, huge, a link or a pipe is skipped, and one line says so."""

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.domain.wall import Query
from bot.wall.prints import Prints
from tests.wall.gallery import OPERATOR, VISITOR, Studio, png, until

HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


def bomb(side: int = 9000) -> bytes:
    """A PNG of side² pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compressobj(9)
    line = bytes(1 + 3 * side)
    data = b"".join(rows.compress(line) for _ in range(side)) + rows.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(png(1))).save(file, "JPEG")
    return file.getvalue()


DISGUISED: dict[str, Callable[[], bytes]] = {
    "html": lambda: HTML,
    "svg": lambda: SVG,
    "html behind a PNG's first bytes": lambda: b"\x89PNG\r\n\x1a\n" + HTML,
    "jpeg": jpeg,
    "cut": lambda: png(1)[:150],
    "empty": lambda: b"",
    "bomb": bomb,
    "too small": lambda: png(1, (32, 32)),
}


@pytest.mark.parametrize("kind", DISGUISED)
async def test_what_is_no_picture_is_skipped_with_one_line_and_never_served(
    studio: Studio, lines: list[Any], kind: str
) -> None:
    image = studio.disguised(DISGUISED[kind]())
    job = await studio.draw(image, png(2))
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, Query()).total and _skipped(lines))
        await studio.publications.star(job.id, 1, 1, True)
        for _ in range(2):
            await wall.reload()
            await wall.settled()
        assert [each.number for each in wall.find(OPERATOR, Query()).pictures] == [2]
        assert wall.statistics.total_images == 1
        assert await wall.blob(OPERATOR, f"{image}.png") is None
        (line,) = _skipped(lines)
        assert line["image"] == image and line["reason"]
    assert all(image not in path.name for path in studio.cached())


async def test_what_lies_there_under_another_name_than_its_own_is_not_served(studio: Studio, lines: list[Any]) -> None:
    image = studio.disguised(png(1))
    studio.file(image).write_bytes(png(3))
    await studio.draw(image)
    async with studio.showing() as wall:
        await until(lambda: _skipped(lines))
        assert wall.find(OPERATOR, Query()).total == 0
        studio.file(image).write_bytes(png(1))  # put right by hand, and seen by itself
        await until(lambda: wall.find(VISITOR, Query()).total == 1)


async def test_a_picture_that_is_swapped_later_is_seen_no_more(studio: Studio, lines: list[Any]) -> None:
    await studio.draw(png(1))
    async with studio.showing(budget=0) as wall:
        await until(lambda: wall.find(VISITOR, Query()).total)
        (picture,) = wall.find(VISITOR, Query()).pictures
        studio.file(picture.image or "").write_bytes(HTML)
        assert await wall.blob(VISITOR, wall.full(picture).name) is None
        assert wall.find(OPERATOR, Query()).total == 0
        await until(lambda: _skipped(lines))
        assert [line["pictures"] for line in _skipped(lines)] == [[picture.name]]


async def test_links_and_pipes_are_neither_followed_nor_waited_for(studio: Studio, lines: list[Any]) -> None:
    outside = studio.data.parent / "outside.png"
    outside.write_bytes(png(1))
    linked, piped, folder = (studio.disguised(png(number)) for number in (1, 2, 3))
    for image in (linked, piped, folder):
        studio.file(image).unlink()
    studio.file(linked).symlink_to(outside)
    os.mkfifo(studio.file(piped))
    studio.file(folder).mkdir()
    await studio.draw(linked, piped, folder, png(4))
    async with studio.showing() as wall:
        await until(lambda: len(_skipped(lines)) == 3 and wall.find(VISITOR, Query()).total)
        assert [each.number for each in wall.find(OPERATOR, Query()).pictures] == [4]


async def test_a_persons_photos_that_are_none_are_skipped_and_the_others_shown(
    studio: Studio, lines: list[Any]
) -> None:
    folder = studio.lay("mina", png(201), HTML, bomb(), SVG, png(202)[:90])
    (folder / "linked.png").symlink_to(studio.data.parent / "secret.png")
    (studio.data.parent / "secret.png").write_bytes(png(9))
    os.mkfifo(folder / "pipe.png")
    studio.whitelist("people: [mina]")
    async with studio.showing() as wall:
        await until(lambda: len([line for line in lines if "photo is skipped" in line["event"]]) == 4)
        (mina,) = wall.people(VISITOR)
        assert len(mina.photos) == 1 and wall.statistics.total_images == 1
        told = [(line["person"], line["photo"]) for line in lines if "photo is skipped" in line["event"]]
        assert sorted(told) == [("mina", f"0{number}.png") for number in range(1, 5)]


async def test_of_a_persons_photo_only_its_pixels_are_served(studio: Studio) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.new("RGB", (1200, 900), (90, 120, 30)).save(file, "JPEG", exif=exif)
    folder = studio.lay("mina")
    (folder / "00.png").unlink()
    (folder / "a.jpg").write_bytes(file.getvalue())
    studio.whitelist("people: [mina]")
    async with studio.showing() as wall:
        await until(lambda: wall.people(VISITOR) and wall.people(VISITOR)[0].photos)
        media = wall.people(VISITOR)[0].photos[0]
        blob = await wall.blob(VISITOR, media.name)
        assert blob is not None and b"taken at home" not in blob.data
        served = Image.open(io.BytesIO(blob.data))
        assert (served.format, served.size, media.width, media.height) == ("WEBP", (480, 360), 480, 360)
        assert not served.getexif() and blob.data not in (file.getvalue(),)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../../etc/passwd", "..%2f..", "/etc/passwd", "wall.yaml", "faces/mina/00.png", "\0"),
        *("a" * 5000, "../images/ab/x.png", "person.json", "….webp"),
    ],
)
async def test_a_files_name_never_becomes_a_path(studio: Studio, name: str) -> None:
    studio.lay("mina")
    await studio.draw(png(1))
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, Query()).total)
        assert await wall.blob(OPERATOR, name) is None
        assert wall.picture(OPERATOR, name) is None
        assert wall.of_job(OPERATOR, name) == ()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(min_size=1, max_size=20).filter(lambda each: "/" not in each and "\0" not in each))
async def test_no_folders_name_whatever_is_shown_without_being_listed_as_it_is(studio: Studio, name: str) -> None:
    try:
        folder = studio.data / "faces" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "a.png").write_bytes(png(1))
    except (OSError, UnicodeEncodeError):
        return
    studio.whitelist("people: [mina]")
    async with studio.showing() as wall:
        assert wall.people(VISITOR) == () and wall.statistics.total_images == 0


def _skipped(lines: list[Any]) -> list[Any]:
    return [line for line in lines if line["event"] == "a picture on the wall is skipped"]


def test_prints_are_found_by_their_names_alone_and_odd_ones_are_left_out(studio: Studio) -> None:
    drawer = studio.data / "cache" / "wall" / "pictures" / "ab"
    drawer.mkdir(parents=True)
    source, other = "ab" + "0" * 62, "cd" + "0" * 62
    for name in (
        f"{source}.{'1' * 64}.96x64.100.webp",
        f"{other}.{'1' * 64}.96x64.100.webp",
        f"{source}.{'1' * 64}.96x64.100.png",
        f"{source}.{'1' * 64}.-1x64.100.webp",
        "notes.txt",
        ".part-half",
        ".part-under-way",
    ):
        (drawer / name).write_bytes(b"x")
    os.utime(drawer / ".part-half", (1, 1))
    prints = Prints(studio.images, studio.data, None)
    prints.survey()
    assert prints.has(source) and not prints.has(other)
    assert not (drawer / ".part-half").exists() and (drawer / ".part-under-way").exists()
    assert (prints.thumb(source).width, prints.thumb(source).height) == (96, 64)


async def test_a_photos_name_that_is_no_text_keeps_nobody_off_the_wall(studio: Studio) -> None:
    folder = studio.lay("mina", png(201))
    (folder / os.fsdecode(b"\xff\xfe.png")).write_bytes(png(202))
    studio.whitelist("people: [mina]")
    async with studio.showing() as wall:
        await until(lambda: wall.people(VISITOR) and len(wall.people(VISITOR)[0].photos) == 2)
