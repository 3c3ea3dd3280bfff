"""The APIs answer as their OpenAPI descriptions say, whatever is asked: schemathesis asks, over real sockets."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from bot.mecene.service import serving
from tests.e2e.gallery_house import OPERATOR, House, opened
from tests.mecene.conftest import plain_settings

CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance"
EXAMPLES = 15
"""Requests of each kind to each operation; more only take longer."""


async def asked(description: str, folder: Path, *more: str) -> str:
    """What schemathesis says of an API by its description; fails where a check does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", description),
        *("--checks", CHECKS, "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"),
        *("--generation-database", "none", "--phases", "examples,coverage,fuzzing", *more),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told = (await process.communicate())[0].decode()
    assert process.returncode == 0, told
    assert re.search(r"(\d+) (test cases )?(generated|passed)", told), told
    return told


async def signed_in(house: House) -> dict[str, str]:
    """What an operator's browser sends along."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"Origin": house.address}) as browser:
        async with browser.get(f"{house.address}/link") as page:
            token = re.search(r'name="token" value="([^"]+)"', await page.text())
        assert token is not None
        form = {"code": await house.code(OPERATOR.id), "token": token[1]}
        async with browser.post(f"{house.address}/link", data=form) as answer:
            page_text = await answer.text()
            assert answer.status == 200
        token = re.search(r'name="token" value="([^"]+)"', page_text)
        assert token is not None
        cookies = "; ".join(f"{each.key}={each.value}" for each in jar)
        return {"Cookie": cookies, "X-Atelier-Token": token[1], "Origin": house.address}


@pytest.mark.parametrize("who", ["an operator", "nobody"])
async def test_the_walls_api_never_fails(tmp_path: Path, who: str) -> None:
    async with opened(cast(Any, None), tmp_path / "data") as house:
        headers = await signed_in(house) if who == "an operator" else {}
        given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
        await asked(f"{house.address}/api/openapi.json", tmp_path, *given)


async def test_mecenes_api_never_fails(tmp_path: Path) -> None:
    async with serving("127.0.0.1", 0, plain_settings()) as address:
        await asked(f"{address}/openapi.json", tmp_path)
