"""The contact sheet shows each picture in its place, under its labels, within Discord's limits."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from PIL import Image

from bot.domain.job import Item, ItemState, Job, JobState, Layout, Member, Place
from bot.ui import sheet as sheet_module
from bot.ui.sheet import contact_sheet
from sweeps.recipe import resolve

RECIPE = resolve({"prompt": "x", "detail": False, "width": 160, "height": 160}, seed=1)
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 254)}


def read(image: str) -> bytes:
    """A plain picture of 160 x 160 pixels; its name is its colour."""
    png = io.BytesIO()
    Image.new("RGB", (160, 160), COLOURS[image]).save(png, "PNG")
    return png.getvalue()


def item(number: int, image: str | None, at: Mapping[str, int] | None, state: ItemState = ItemState.DRAWN) -> Item:
    return Item(1, number, f"c{number:03d}", number, RECIPE, at, state, image)


def job(layout: Layout) -> Job:
    return Job(1, "sweep", "a test", Member(1, "Mina"), Place(1), JobState.DONE, datetime.now(UTC), layout=layout)


def opened(png: bytes | None) -> Image.Image:
    assert png is not None
    return Image.open(io.BytesIO(png)).convert("RGB")


def centre(picture: Image.Image, colour: str) -> tuple[float, float]:
    """The middle of everything in that colour."""
    across, down = range(0, picture.width, 4), range(0, picture.height, 4)
    places = [(x, y) for x in across for y in down if picture.getpixel((x, y)) == COLOURS[colour]]
    assert places, f"nothing is {colour}"
    return sum(x for x, _ in places) / len(places), sum(y for _, y in places) / len(places)


GRID = Layout((("steps", ("10", "20")), ("guidance_scale", ("4", "8"))), "steps", "guidance_scale")
FOUR = [
    item(1, "red", {"steps": 0, "guidance_scale": 0}),
    item(2, "green", {"steps": 0, "guidance_scale": 1}),
    item(3, "blue", {"steps": 1, "guidance_scale": 0}),
    item(4, "white", {"steps": 1, "guidance_scale": 1}),
]


def test_rows_run_down_and_columns_across() -> None:
    picture = opened(contact_sheet(job(GRID), FOUR, read))
    red, green, blue, white = (centre(picture, colour) for colour in ("red", "green", "blue", "white"))
    assert red[0] == blue[0] < green[0] == white[0]
    assert red[1] == green[1] < blue[1] == white[1]


def test_exchanged_axes_exchange_the_places() -> None:
    turned = Layout(GRID.axes, "guidance_scale", "steps")
    picture = opened(contact_sheet(job(turned), FOUR, read))
    red, green, blue = (centre(picture, colour) for colour in ("red", "green", "blue"))
    assert red[0] == green[0] < blue[0]
    assert red[1] == blue[1] < green[1]


def test_every_label_leaves_ink_beside_its_row_and_over_its_column() -> None:
    picture = opened(contact_sheet(job(GRID), FOUR, read))
    left, top = centre(picture, "red")
    beside = picture.crop((40, int(top) - 10, int(left) - 84, int(top) + 10))
    over = picture.crop((int(left) - 80, int(top) - 110, int(left) + 80, int(top) - 84))
    assert beside.convert("L").getextrema()[0] < 100
    assert over.convert("L").getextrema()[0] < 100


def test_a_failed_cell_keeps_its_place_empty() -> None:
    failed = [*FOUR[:3], item(4, None, {"steps": 1, "guidance_scale": 1}, ItemState.FAILED)]
    picture = opened(contact_sheet(job(GRID), failed, read))
    green, blue = centre(picture, "green"), centre(picture, "blue")
    assert picture.getpixel((int(green[0]) - 70, int(blue[1]) - 70)) == sheet_module.HOLLOW


def test_cells_off_the_grid_follow_below() -> None:
    picture = opened(contact_sheet(job(GRID), [*FOUR[:3], item(4, "white", None)], read))
    assert centre(picture, "white")[1] > centre(picture, "blue")[1] + 100


def test_repeats_of_one_place_are_all_shown() -> None:
    twice = [FOUR[0], item(2, "green", FOUR[0].at)]
    picture = opened(contact_sheet(job(GRID), twice, read))
    assert centre(picture, "red") != centre(picture, "green")


def test_a_sheet_carries_no_recipe_and_nothing_drawn_is_no_sheet() -> None:
    png = contact_sheet(job(GRID), FOUR, read)
    assert png is not None
    assert "atelier" not in Image.open(io.BytesIO(png)).info
    assert contact_sheet(job(GRID), [item(1, None, None, ItemState.FAILED)], read) is None


@pytest.mark.parametrize("cells", [1, 9, 100, 1000])
def test_a_sheet_of_any_size_stays_within_discords_limits(cells: int) -> None:
    layout = Layout((("seed", tuple(map(str, range(cells)))),), None, "seed")
    items = [item(number + 1, "red", {"seed": number}) for number in range(cells)]
    png = contact_sheet(job(layout), items, read)
    assert png is not None
    assert len(png) <= sheet_module.LARGEST_BYTES
    assert max(Image.open(io.BytesIO(png)).size) <= sheet_module.LARGEST_SIDE


def test_a_cancelled_sweeps_empty_rows_are_left_out() -> None:
    halfway = [*FOUR[:2], *(item(n, None, FOUR[n - 1].at, ItemState.CANCELLED) for n in (3, 4))]
    whole, half = opened(contact_sheet(job(GRID), FOUR, read)), opened(contact_sheet(job(GRID), halfway, read))
    assert half.width == whole.width
    assert whole.height - half.height == 160 + sheet_module.GAP
