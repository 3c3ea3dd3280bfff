"""Files under the hash of their bytes: kept for good, in parts where that is asked, and only for who may see them."""

import hashlib

import pytest

from bot.domain.wall import Visitor
from tests.web.exhibition import ELSEWHERE, LOOKING, NOBODY, OLGA, OPERATING, Exhibition, drawn, visiting

PNG = drawn(1)
NAME = f"{hashlib.sha256(PNG).hexdigest()}.png"
ADDRESS = f"/media/{NAME}"


@pytest.fixture
def shown() -> Exhibition:
    exhibition = Exhibition()
    exhibition.hang(PNG)
    return exhibition


async def test_a_file_comes_whole_and_may_be_kept_for_good(shown: Exhibition) -> None:
    async with visiting(shown) as client:
        answer = await client.get(ADDRESS)
        assert (answer.status, await answer.read()) == (200, PNG)
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert answer.headers["ETag"] == f'"{NAME}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("tag", [f'"{NAME}"', f'W/"{NAME}"', f'"other", "{NAME}"', "*"])
async def test_what_the_browser_has_is_not_sent_again(shown: Exhibition, tag: str) -> None:
    async with visiting(shown) as client:
        answer = await client.get(ADDRESS, headers={"If-None-Match": tag})
        assert (answer.status, await answer.read()) == (304, b"")
        assert answer.headers["ETag"] == f'"{NAME}"'


async def test_another_tag_does_not_fit(shown: Exhibition) -> None:
    async with visiting(shown) as client:
        assert (await client.get(ADDRESS, headers={"If-None-Match": '"other"'})).status == 200


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", PNG[:1]),
        ("bytes=2-9", PNG[2:10]),
        ("bytes=10-", PNG[10:]),
        ("bytes=-7", PNG[-7:]),
        ("bytes=5-99999999", PNG[5:]),
        ("bytes=-99999999", PNG),
    ],
)
async def test_a_part_is_what_was_asked_for(shown: Exhibition, asked: str, part: bytes) -> None:
    async with visiting(shown) as client:
        answer = await client.get(ADDRESS, headers={"Range": asked})
        assert (answer.status, await answer.read()) == (206, part)
        first = PNG.index(part) if part != PNG[:1] else 0
        assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(part) - 1}/{len(PNG)}"


@pytest.mark.parametrize("asked", [f"bytes={len(PNG)}-", "bytes=-0", "bytes=99999999-99999999"])
async def test_a_part_beyond_the_end_is_refused(shown: Exhibition, asked: str) -> None:
    async with visiting(shown) as client:
        answer = await client.get(ADDRESS, headers={"Range": asked})
        assert (answer.status, await answer.read()) == (416, b"")
        assert answer.headers["Content-Range"] == f"bytes */{len(PNG)}"


@pytest.mark.parametrize(
    "asked", ["bytes=9-2", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "bytes=" + "9" * 40]
)
async def test_what_is_no_single_range_gets_the_whole(shown: Exhibition, asked: str) -> None:
    async with visiting(shown) as client:
        answer = await client.get(ADDRESS, headers={"Range": asked})
        assert (answer.status, await answer.read()) == (200, PNG)


async def test_a_range_of_another_edition_gets_the_whole(shown: Exhibition) -> None:
    async with visiting(shown) as client:
        asked = {"Range": "bytes=0-3"}
        assert (await client.get(ADDRESS, headers=asked | {"If-Range": '"other"'})).status == 200
        assert (await client.get(ADDRESS, headers=asked | {"If-Range": f'"{NAME}"'})).status == 206


async def test_head_tells_the_same_without_the_bytes(shown: Exhibition) -> None:
    async with visiting(shown) as client:
        answer = await client.head(ADDRESS)
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(PNG))
        assert answer.headers["ETag"] == f'"{NAME}"'


@pytest.mark.parametrize("visitor", [NOBODY, ELSEWHERE])
async def test_who_may_not_see_a_picture_learns_nothing_of_its_file(shown: Exhibition, visitor: Visitor) -> None:
    async with visiting(shown, visitor) as client:
        for headers in ({}, {"If-None-Match": "*"}, {"Range": "bytes=0-3"}):
            real = await client.get(ADDRESS, headers=headers)
            absent = await client.get(f"/media/{'0' * 64}.png", headers=headers)
            assert real.status == absent.status == 404
            assert await real.read() == await absent.read()
            assert PNG[:4] not in await real.read()
            assert "immutable" not in real.headers["Cache-Control"]


async def test_a_hidden_picture_is_its_operators_alone(shown: Exhibition) -> None:
    await shown.hide(OLGA, 1, 0, True)
    async with visiting(shown, LOOKING) as client:
        assert (await client.get(ADDRESS)).status == 404
    async with visiting(shown, OPERATING) as client:
        assert (await client.get(ADDRESS)).status == 200


@pytest.mark.parametrize(
    "path",
    ["/media/", "/media/../bot/settings.py", "/media/%2e%2e%2fetc%2fpasswd", "/media/x.png", f"/media/{'a' * 64}.svg"],
)
async def test_no_other_name_is_a_file(shown: Exhibition, path: str) -> None:
    async with visiting(shown) as client:
        assert (await client.get(path)).status == 404
