"""What the pages are dressed with: all of it there, none of it inline, and new addresses for what has changed."""

import re
from pathlib import Path

import pytest

from bot.web import assets
from tests.web.exhibition import Exhibition, visiting

WEB = Path(assets.__file__).parent
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
MODULES = sorted((WEB / "static").glob("*.js"))


def test_every_file_that_a_template_names_is_there() -> None:
    named = {name for file in TEMPLATES for name in re.findall(r"static\('([^']+)'\)", file.read_text())}
    assert len(named) > 5
    assert named <= set(assets.assets())


def test_every_icon_that_a_template_names_is_drawn() -> None:
    named = {name for file in TEMPLATES for name in re.findall(r'icon\("([a-z]+)"', file.read_text())}
    drawn = set(re.findall(r'id="([a-z]+)"', assets.assets()["icons.svg"].decode()))
    assert len(named) > 5
    assert named <= drawn


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_every_module_imports_modules_that_are_there(file: Path) -> None:
    named = re.findall(r'^import .* from "(.+)";', file.read_text(), re.MULTILINE)
    assert all(name.startswith("./") and name[2:] in assets.assets() for name in named)


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_no_template_has_script_or_style_of_its_own(file: Path) -> None:
    text = file.read_text()
    assert not re.search(r"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=|javascript:", text)


async def test_a_file_is_kept_for_good_under_its_edition_and_asked_for_anew_under_another() -> None:
    async with visiting(Exhibition()) as client:
        answer = await client.get(assets.address("page.css"))
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
        assert "immutable" in answer.headers["Cache-Control"]
        older = await client.get("/static/0123456789ab/page.css")
        assert (older.status, older.headers["Cache-Control"]) == (200, "no-cache")
        again = await client.get(assets.address("page.css"), headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304


@pytest.mark.parametrize("name", ["nope.css", "../pages.py", "%2e%2e%2fpages.py", "openapi.json"])
async def test_no_other_file_is_served(name: str) -> None:
    async with visiting(Exhibition()) as client:
        assert (await client.get(f"/static/{assets.edition()}/{name}")).status == 404


def test_a_file_that_is_not_there_has_no_address() -> None:
    with pytest.raises(KeyError):
        assets.address("nope.css")
