"""The grid of a sweep: any two axes span it, the others stand still."""

from urllib.parse import parse_qsl

from bot.domain.job import Layout
from bot.domain.wall import Published
from bot.web.grid import Grid, lay
from tests.web.exhibition import Exhibition, grid, recipe


def cube() -> list[Published]:
    """Two people, three weights, two seeds."""
    shown = Exhibition()
    layout = Layout(
        (("face_folder", ("mina", "theo")), ("weight", ("0", "1", "2")), ("seed", ("5", "6"))), "weight", "seed"
    )
    return [
        shown.hang(layout=layout, at={"face_folder": face, "weight": weight, "seed": seed}, recipe=recipe(seed=seed))
        for face in range(2)
        for weight in range(3)
        for seed in range(2)
    ]


def laid(pictures: list[Published], **asked: str) -> Grid:
    found = lay(pictures, {name.replace("__", "."): value for name, value in asked.items()})
    assert found is not None
    return found


def test_a_grid_lies_as_its_sweep_was_laid_out() -> None:
    pictures = cube()
    found = laid(pictures)
    assert (found.rows, found.columns, found.heads) == ("weight", "seed", ("5", "6"))
    assert [label for label, _ in found.lines] == ["0", "1", "2"]
    assert [cell for _, cells in found.lines for cell in cells] == pictures[:6]
    assert [(fixed.axis, fixed.index) for fixed in found.fixed] == [("face_folder", 0)]


def test_another_axis_takes_the_place_that_it_is_asked_for() -> None:
    pictures = cube()
    found = laid(pictures, rows="face_folder", columns="weight", at__seed="1")
    assert [cell for _, cells in found.lines for cell in cells] == [pictures[at] for at in (1, 3, 5, 7, 9, 11)]


def test_the_other_value_of_a_fixed_axis_shows_the_other_pictures() -> None:
    pictures = cube()
    assert [cell for _, cells in laid(pictures, at__face_folder="1").lines for cell in cells] == pictures[6:]


def test_one_axis_for_both_directions_makes_room_for_another() -> None:
    found = laid(cube(), rows="seed", columns="seed")
    assert found.columns == "seed"
    assert found.rows != "seed"
    assert laid(cube(), rows="seed").rows == "seed"
    assert laid(cube(), rows="seed").columns != "seed"


def test_nonsense_in_the_address_is_as_if_nothing_stood_there() -> None:
    assert laid(cube(), rows="nope", columns="<b>", at__face_folder="9999999999") == laid(cube())


def test_a_missing_picture_leaves_a_gap() -> None:
    pictures = cube()
    assert laid([*pictures[:2], *pictures[3:]]).lines[1][1] == (None, pictures[3])


def test_no_value_is_told_that_no_picture_has_which_is_seen() -> None:
    pictures = [each for each in cube() if each.at != {"face_folder": 0, "weight": 0, "seed": 0} and each.at]
    seen = [each for each in pictures if (each.at or {})["face_folder"] == 1 and (each.at or {})["weight"] > 0]
    for asked in ({}, {"rows": "face_folder"}, {"columns": "weight", "rows": "-", "at__face_folder": "0"}):
        found = laid(seen, **asked)
        assert found.axes == ("weight", "seed")
        told = {*found.heads, *(label for label, _ in found.lines)}
        told |= {label for fixed in found.fixed for _, label in fixed.options}
        assert not told & {"mina", "theo", "0"}
    one = laid(seen, columns="weight", rows="-")
    assert one.heads == ("1", "2") and [fixed.options for fixed in one.fixed] == [((0, "5"), (1, "6"))]
    assert lay(seen[:1], {}) is None


def test_a_picture_that_an_axis_does_not_know_stands_at_the_first_seen_value() -> None:
    shown = Exhibition()
    layout = Layout((("face_folder", ("mina", "theo", "ada")), ("seed", ("5", "6"))), "face_folder", "seed")
    lone = shown.hang(layout=layout, at={"seed": 1})
    known = [shown.hang(layout=layout, at={"face_folder": face, "seed": 0}) for face in (1, 2)]
    assert laid([lone, *known]).lines == (("theo", (known[0], lone)), ("ada", (known[1], None)))


def test_a_single_axis_makes_one_row() -> None:
    shown = Exhibition()
    found = laid(list(grid(shown, rows=1, columns=3)))
    assert (found.rows, found.columns) == ("", "steps")
    assert [len(cells) for _, cells in found.lines] == [3]


def test_what_lies_off_the_grid_is_beside_it() -> None:
    shown = Exhibition()
    pictures = list(grid(shown))
    included = shown.hang(layout=pictures[0].layout)
    assert laid([*pictures, included]).beside == (included,)


def test_a_job_without_axes_has_no_grid() -> None:
    shown = Exhibition()
    assert lay([shown.hang(), shown.hang()], {}) is None
    assert lay([], {}) is None


def test_the_address_of_a_grid_shows_the_same_grid() -> None:
    found = laid(cube(), rows="face_folder", columns="weight", at__seed="1")
    assert lay(cube(), dict(parse_qsl(found.address().removeprefix("?")))) == found
