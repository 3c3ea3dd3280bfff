"""A card says what a job is, in words for its kind, and what is good to know of its pictures."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.job import Job, JobState, Layout, Member, Place, Progress, Quote
from bot.ui.cards import card

TALE = "waiting for somebody on a deserted railway platform, noir mood, wearing a *wide-brimmed* felt hat"
LAYOUT = Layout(
    (("face_folder", ("mina",)), ("idea", (TALE,) * 7), ("generation", ("#1", "#2"))),
    "idea",
    "generation",
    "face_folder",
    fixed=(("seed", "1651"),),
)
TEST = Job(
    42,
    "test",
    "Face test · noir",
    Member(1, "Mina"),
    Place(1),
    JobState.QUOTED,
    datetime.now(UTC),
    layout=LAYOUT,
    quote=Quote(14, 0, 14, 14, 1.0, (61.0, 61.0), "14 cells = 14 bases + 14 face passes"),
)


DETAIL = Layout(fixed=(("face_folder", "mi*na"), ("denoise", "0.5")))


def embed_of(job: Job, progress: Progress | None = None, *remarks: tuple[str, str]) -> dict[str, Any]:
    embed, _ = card(job, progress or Progress(14), remarks)
    return dict(embed.to_dict())


def fields_of(embed: dict[str, Any]) -> dict[str, str]:
    return {field["name"]: field["value"] for field in embed.get("fields", [])}


def test_a_face_test_is_told_in_people_ideas_and_generations() -> None:
    embed = embed_of(TEST)
    assert embed["title"] == "T42 · Face test · noir"
    assert embed["description"] == (
        "**1 person × 7 ideas × 2 generations**\n14 images = 14 bases + 14 face passes\nAbout 1 min 1 s."
    )
    several = replace(LAYOUT, axes=(("face_folder", ("mina", "theo")), ("idea", ("a",)), ("generation", ("#1",))))
    first = embed_of(replace(TEST, layout=several))["description"].splitlines()[0]
    assert first == "**2 people × 1 idea × 1 generation**"
    running = embed_of(replace(TEST, state=JobState.RUNNING), Progress(14, drawn=7))["description"]
    assert running.splitlines()[1] == "1 person × 7 ideas × 2 generations"


def test_long_labels_stand_in_lines_below_the_short_ones() -> None:
    embed = embed_of(TEST)
    assert [(field["name"], field["inline"]) for field in embed["fields"]] == [
        ("First seed", True),
        ("People (1)", True),
        ("Generations → (2)", True),
        ("Ideas ↓ (7)", False),
    ]
    assert (fields_of(embed)["First seed"], fields_of(embed)["Generations → (2)"]) == ("1651", "`#1` `#2`")
    told = TALE.replace("*", "\\*")
    assert fields_of(embed)["Ideas ↓ (7)"].splitlines() == [f"- {told}"] * 7
    more = replace(LAYOUT, axes=(("idea", (TALE,) * 30),))
    lines = fields_of(embed_of(replace(TEST, layout=more)))["Ideas ↓ (30)"].splitlines()
    assert lines == [f"- {told}"] * (len(lines) - 1) + [f"- … and {31 - len(lines)} more"]
    assert len(lines) > 7


@pytest.mark.parametrize("axes", [1, 2, 12, 20])
def test_the_longest_labels_stay_within_discords_limits(axes: int) -> None:
    layout = Layout(tuple((f"axis{number}", ("*" * 1500,) * 100) for number in range(axes)))
    embed = embed_of(replace(TEST, kind="sweep", layout=layout), Progress(14, failed=9), ("c001", "*" * 5000))
    assert all(len(field["value"]) <= 1024 for field in embed["fields"])
    told = [
        embed["title"],
        embed["description"],
        embed["footer"]["text"],
        *fields_of(embed),
        *fields_of(embed).values(),
    ]
    assert sum(map(len, told)) <= 6000


def test_what_is_said_of_the_job_comes_first_and_then_what_is_said_of_most_pictures() -> None:
    noted = replace(TEST, state=JobState.DONE, notes=("The photo was scaled down.",))
    remarks = [
        ("c001", "The prompt is too long.\nNo face found: the picture stays as it was."),
        ("c002", "No face found: the picture stays as it was."),
    ]
    assert fields_of(embed_of(noted, Progress(14, drawn=14), *remarks))["Good to know"].splitlines() == [
        "The photo was scaled down.",
        "`c001` and 1 more: No face found: the picture stays as it was.",
        "`c001`: The prompt is too long.",
    ]


def test_a_detail_is_told_by_its_file_and_its_face_pass() -> None:
    quote = Quote(1, 0, 0, 1, 1.0, None, "1 cell = 1 face pass")
    job = replace(TEST, kind="detail", title="me_at_sea.jpg", layout=DETAIL, quote=quote, state=JobState.QUEUED)
    embed = embed_of(job, Progress(1))
    assert embed["title"] == "D42 · me_at_sea.jpg"
    assert embed["description"] == "**Its faces, drawn again**\nQueued."
    assert fields_of(embed) == {"People": "mi\\*na", "Denoise": "0.5"}


def test_a_face_that_was_not_found_is_told_once_and_plainly() -> None:
    remark = "No face found: the picture stays as it was."
    photo = replace(TEST, kind="detail", title="cat_on_*mat*.jpg", layout=Layout(), state=JobState.DONE)
    told = fields_of(embed_of(photo, Progress(1, drawn=1), ("c001", remark)))
    assert told == {"Good to know": "No face found in cat_on\\_\\*mat\\*.jpg, so nothing was drawn again."}
    done = replace(TEST, state=JobState.DONE)
    all_of_them = [(f"c{number:03d}", remark) for number in range(1, 15)]
    assert fields_of(embed_of(done, Progress(14, drawn=14), *all_of_them))["Good to know"] == (
        "No face was found in any of the 14 pictures: they stay as they were."
    )
    assert remark in fields_of(embed_of(done, Progress(14, drawn=14), *all_of_them[:13]))["Good to know"]


def test_only_a_sweep_has_cells() -> None:
    quote = Quote(1, 0, 1, 1, 1.0, None, "1 cell = 1 base + 1 face pass")
    sweep, imagine = (replace(TEST, kind=kind, quote=quote, state=JobState.QUEUED) for kind in ("sweep", "imagine"))
    assert embed_of(sweep)["description"] == "**1 cell = 1 base + 1 face pass**\nQueued."
    assert embed_of(imagine)["description"] == "**1 image = 1 base + 1 face pass**\nQueued."
