"""Text on pictures is set in a font that has its letters; where none has, nothing is ever shown as a box."""

from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw

from bot.ui import lettering
from bot.ui.lettering import NOWHERE, Font, fit, length, write

TEXTS = ["mina", "théo · 3", "Ümlaut café", "Łódź", "東京", "a\u200bb", "e\u0301", "naïve – 小 no"]


@pytest.fixture
def no_dejavu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lettering, "WIDE", "no-such-font.ttf")
    for cache in (lettering._wide, lettering._set):
        cache.cache_clear()
    yield
    for cache in (lettering._wide, lettering._set):
        cache.cache_clear()


def boxes(text: str) -> bool:
    """Whether some letter of a text, as it is set, looks like a letter that no font has."""
    face, spelled = lettering._set(Font(20), text)
    box = bytes(face.getmask(NOWHERE))
    return any(bytes(face.getmask(letter)) == box for letter in spelled if letter != " ")


@pytest.mark.parametrize("text", TEXTS)
def test_no_box_is_drawn(text: str) -> None:
    assert not boxes(text)


@pytest.mark.usefixtures("no_dejavu")
@pytest.mark.parametrize("text", TEXTS)
def test_no_box_is_drawn_where_the_system_has_no_other_font(text: str) -> None:
    assert not boxes(text)


@pytest.mark.usefixtures("no_dejavu")
def test_without_another_font_letters_lose_their_accents() -> None:
    spelled = {text: lettering._set(Font(20), text)[1] for text in TEXTS}
    assert spelled == {
        "mina": "mina",
        "théo · 3": "theo · 3",
        "Ümlaut café": "Umlaut cafe",
        "Łódź": "…odz",
        "東京": "…",
        "a\u200bb": "ab",
        "e\u0301": "e",
        "naïve – 小 no": "naive … … no",
    }


def test_plain_text_stays_in_the_built_in_font() -> None:
    assert lettering._set(Font(20), "mina · c001 …") == (lettering._plain(20), "mina · c001 …")
    wide = lettering._wide(20)
    if wide is None:
        pytest.skip("DejaVu Sans is not on this system")
    assert lettering._set(Font(20), "théo") == (wide, "théo")
    assert lettering._set(Font(20).suiting("théo and mina"), "mina") == (wide, "mina")
    assert lettering._set(Font(20), "東京 café") == (wide, "… café")


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_measured_is_what_is_drawn(text: str) -> None:
    font, paper = Font(24), Image.new("L", (600, 60))
    write(ImageDraw.Draw(paper), (10, 10), text, 255, font)  # type: ignore[arg-type]
    ink = paper.getbbox()
    assert ink is not None
    assert abs(ink[2] - 10 - length(font, text)) <= 4
    assert ink[3] <= 10 + 24 * 1.5
    assert length(font, fit(font, text * 20, 200)) <= 200
