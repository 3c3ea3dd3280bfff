"""The contact sheet shows each picture in its place, under its labels, within Discord's limits."""

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image, ImageDraw

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


TALE = (
    "standing on a pebble beach, noir mood, wearing an oilskin coat, grey light before rain, a steely gaze, film still"
)
PARTS = Layout(
    (("face_folder", ("mina", "theo")), ("idea", (TALE, "reading")), ("seed", ("1", "2"))),
    "idea",
    "seed",
    "face_folder",
)


def part(person: int) -> list[Item]:
    places = [{"face_folder": person, "idea": idea, "seed": seed} for idea in (0, 1) for seed in (0, 1)]
    return [
        item(4 * person + number, colour, at)
        for number, (colour, at) in enumerate(zip(COLOURS, places, strict=True), start=1)
    ]


def test_a_part_has_a_sheet_of_its_own_without_a_heading_that_repeats_its_title() -> None:
    one, other = (opened(contact_sheet(job(PARTS), part(person), read)) for person in (0, 1))
    without = Layout(tuple(axis for axis in PARTS.axes if axis[0] != "face_folder"), PARTS.rows, PARTS.columns)
    assert one.size == other.size == opened(contact_sheet(job(without), part(0), read)).size
    both = opened(contact_sheet(job(PARTS), [*part(0), *part(1)], read))
    assert both.height > 2 * (one.height - 150)
    red, white = centre(one, "red"), centre(one, "white")
    assert red[0] < white[0] and red[1] < white[1]
    title = (0, 0, one.width, 100)
    assert one.crop(title).tobytes() != other.crop(title).tobytes()
    rest = (0, 100, one.width, one.height)
    assert one.crop(rest).tobytes() == other.crop(rest).tobytes()


def ink_rows(picture: Image.Image, box: tuple[int, int, int, int]) -> int:
    """How many separate lines of dark ink there are in a box."""
    margin = picture.crop(box).convert("L")
    dark = [margin.crop((0, y, margin.width, y + 1)).getextrema()[0] < 100 for y in range(margin.height)]
    return sum(now and not before for before, now in zip([False, *dark], dark, strict=False))


def test_a_long_label_becomes_a_paragraph_beside_its_row_and_never_reaches_the_pictures() -> None:
    picture = opened(contact_sheet(job(PARTS), part(0), read))
    left, top = (round(value) for value in centre(picture, "red"))
    assert ink_rows(picture, (40, top - 80, left - 84, top + 80)) >= 3
    assert ink_rows(picture, (left - 88, top - 80, left - 81, top + 80)) == 0
    below = round(centre(picture, "blue")[1])
    assert ink_rows(picture, (40, below - 80, left - 84, below + 80)) == 1


def test_a_label_that_is_longer_than_its_picture_is_high_is_cut() -> None:
    layout = Layout((("idea", (" ".join([TALE] * 9), "reading")), *PARTS.axes[2:]), "idea", "seed")
    items = [replace(each, at={name: (each.at or {})[name] for name in ("idea", "seed")}) for each in part(0)]
    picture = opened(contact_sheet(job(layout), items, read))
    left, top = (round(value) for value in centre(picture, "red"))
    assert ink_rows(picture, (40, top - 80, left - 84, top + 80)) >= 5
    assert ink_rows(picture, (40, top + 80, left - 84, top + 88)) == 0


def test_the_place_of_a_deleted_picture_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = sheet_module.write

    def noting(pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, *how: Any) -> None:
        written.append(text)
        write(pen, at, text, *how)

    monkeypatch.setattr(sheet_module, "write", noting)
    withheld = item(3, None, {"steps": 1, "guidance_scale": 0}, ItemState.WITHHELD)
    deleted = item(4, None, {"steps": 1, "guidance_scale": 1})
    picture = opened(contact_sheet(job(GRID), [*FOUR[:2], withheld, deleted], read))
    assert (written.count("deleted"), written.count("withheld")) == (1, 1)
    with pytest.raises(AssertionError, match="nothing is white"):
        centre(picture, "white")


def test_a_failed_cell_keeps_its_place_empty() -> None:
    failed = [*FOUR[:3], item(4, None, {"steps": 1, "guidance_scale": 1}, ItemState.FAILED)]
    picture = opened(contact_sheet(job(GRID), failed, read))
    green, blue = centre(picture, "green"), centre(picture, "blue")
    assert picture.getpixel((int(green[0]) - 70, int(blue[1]) - 70)) == sheet_module.HOLLOW


@pytest.mark.parametrize("missing", [FileNotFoundError, PermissionError])
def test_a_picture_that_cannot_be_read_leaves_its_place_empty(missing: type[OSError]) -> None:
    def read_(image: str) -> bytes:
        if image == "green":
            raise missing
        return read(image)

    picture = opened(contact_sheet(job(GRID), FOUR, read_))
    assert centre(picture, "red")[0] < centre(picture, "white")[0]
    with pytest.raises(AssertionError):
        centre(picture, "green")


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


def test_each_picture_of_a_face_test_stands_over_its_number() -> None:
    test = replace(job(PARTS), kind="test")
    plain, numbered = (opened(contact_sheet(each, part(0), read)) for each in (job(PARTS), test))
    assert numbered.height > plain.height
    left, top = (round(value) for value in centre(numbered, "red"))
    under = numbered.crop((left - 60, top + 82, left + 60, top + 100)).convert("L")
    assert under.getextrema()[0] < 180


def test_a_sheet_says_the_first_seed_once() -> None:
    fixed = replace(PARTS, fixed=(("seed", "16510"),))
    without, told = (opened(contact_sheet(job(layout), part(0), read)) for layout in (PARTS, fixed))
    assert without.size == told.size
    subtitle = (0, 60, told.width, 100)
    assert without.crop(subtitle).tobytes() != told.crop(subtitle).tobytes()
    rest = (0, 100, told.width, told.height)
    assert without.crop(rest).tobytes() == told.crop(rest).tobytes()
