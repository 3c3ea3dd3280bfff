"""A card says what a job is and how it stands, in words for its kind, and offers what can be done with it now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.job import Job, JobState, Layout, Member, Outlook, Place, Progress, Quote
from bot.ui.cards import RED, card

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


SWEEP = replace(
    TEST,
    kind="sweep",
    title="two by two",
    layout=Layout((("guidance_scale", ("2", "6")),)),
    quote=Quote(24, 0, 24, 0, 1.0, (61.0, 61.0), "24 cells = 24 bases", tokens=24),
)
DETAIL = Layout(fixed=(("face_folder", "mi*na"), ("denoise", "0.5")))


def embed_of(job: Job, progress: Progress | None = None, *remarks: tuple[str, str]) -> dict[str, Any]:
    embed, _ = card(job, progress or Progress(14), remarks)
    return dict(embed.to_dict())


def story(job: Job, progress: Progress | None = None, **more: Any) -> list[str]:
    """The lines of a card that tell how its job stands."""
    embed, _ = card(job, progress or Progress(24), (), **more)
    return (embed.description or "").splitlines()


def buttons(job: Job, progress: Progress | None = None, **more: Any) -> dict[str, str]:
    """Label by custom_id."""
    _, rows = card(job, progress or Progress(24), (), **more)
    found = [button for row in rows for button in row.to_component_dict()["components"]]
    return {button["custom_id"]: button["label"] for button in found}


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
    assert embed["description"] == "**Its faces, drawn again**\nQueued"
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
    assert embed_of(sweep)["description"] == "**1 cell = 1 base + 1 face pass**\nQueued"
    assert embed_of(imagine)["description"] == "**1 image = 1 base + 1 face pass**\nQueued"


def test_a_quote_says_what_it_costs_and_at_most_where_faces_are_yet_to_be_found() -> None:
    assert story(SWEEP)[-1] == "About 1 min 1 s. 24 tokens."
    one = Quote(1, 0, 1, 0, 1.0, None, "1 cell = 1 base", tokens=1)
    assert story(replace(SWEEP, quote=one))[-1] == "How long it takes is measured with the first images. 1 token."
    assert TEST.quote is not None
    faces = replace(TEST, quote=replace(TEST.quote, tokens=1028))
    assert story(faces)[-1] == "About 1 min 1 s. At most 1,028 tokens."
    assert story(replace(faces, state=JobState.RUNNING))[-1].endswith(" · at most 1,028 tokens")


def test_where_nothing_costs_anything_no_card_speaks_of_tokens() -> None:
    for state in JobState:
        for progress in (Progress(14), Progress(14, drawn=3, failed=1)):
            assert "token" not in "\n".join(story(replace(TEST, state=state), progress)), state


def test_a_queued_job_tells_its_place_and_about_when_it_is_done() -> None:
    queued = replace(SWEEP, state=JobState.QUEUED)
    head = "**24 cells = 24 bases**"
    assert story(queued) == [head, "Queued · 24 tokens"]
    told = story(queued, outlook=Outlook(312.0, 3))
    assert told == [head, "Place 3 in the queue · done in about 5 min 12 s · 24 tokens"]
    assert story(queued, outlook=Outlook(None, 1)) == [head, "Place 1 in the queue · 24 tokens"]


def test_what_is_queued_again_shows_what_is_drawn_already_and_no_price_that_was_paid() -> None:
    again = replace(SWEEP, state=JobState.QUEUED, attempt=1)
    bars, place = story(again, Progress(24, drawn=12), outlook=Outlook(9.0, 1))
    assert bars.endswith("**12** of 24")
    assert place == "Place 1 in the queue · done in about 9 s"


def test_a_running_job_tells_how_far_it_is_and_how_long_it_takes_yet() -> None:
    running = replace(SWEEP, state=JobState.RUNNING)
    bars, work = story(running, Progress(24, drawn=11, failed=1), outlook=Outlook(200.0, 1))
    assert bars == "▰▰▰▰▰▰▰▰▱▱▱▱▱▱▱▱  **12** of 24 · about 3 min 20 s left"
    assert work == "24 cells = 24 bases · 24 tokens"


def test_a_paused_job_says_how_it_goes_on_also_while_the_console_restarts() -> None:
    paused = replace(SWEEP, state=JobState.PAUSED)
    for pausing in (False, True):
        bars, how = story(paused, Progress(24, drawn=6), pausing=pausing)
        assert bars.endswith("**6** of 24 · paused")
        assert how == "Nothing further of it is drawn until **Resume**, and what it has not spent stays reserved."


def test_a_restart_is_told_of_jobs_that_it_holds_up_and_of_no_others() -> None:
    told = {
        state: "restarting" in "\n".join(story(replace(SWEEP, state=state), Progress(24, drawn=6), pausing=True))
        for state in JobState
    }
    assert {state for state, restarting in told.items() if restarting} == {JobState.QUEUED, JobState.RUNNING}


def test_an_ended_job_tells_what_was_drawn_and_spent() -> None:
    done = replace(SWEEP, state=JobState.DONE, queued_at=datetime.now(UTC) - timedelta(seconds=500))
    told = story(done, Progress(24, drawn=23, failed=1, spent=23))
    assert told == ["**23 images**, 1 failure in 8 min 20 s · 23 tokens spent", "24 cells = 24 bases"]
    cancelled = replace(SWEEP, state=JobState.CANCELLED)
    told = story(cancelled, Progress(24, drawn=3, cancelled=21, spent=1))
    assert told == ["Cancelled after 3 images of 24 · 1 token spent."]
    assert story(cancelled, Progress(24, cancelled=24)) == ["Cancelled before anything was drawn."]
    failed = replace(SWEEP, state=JobState.FAILED)
    assert story(failed, Progress(24, failed=24)) == ["Nothing could be drawn, so nothing was spent."]


def test_a_job_that_was_set_aside_says_why_in_red() -> None:
    dead = replace(SWEEP, state=JobState.DEAD, reason="The console died 3 times at c003_*x*.")
    embed, _ = card(dead, Progress(24, drawn=5, failed=19, spent=5))
    assert (embed.description or "").splitlines() == [
        "**Set aside** after 5 images of 24 · 5 tokens spent.",
        "The console died 3 times at c003\\_\\*x\\*.",
    ]
    assert embed.colour is not None and embed.colour.value == RED
    assert embed.footer.text == "asked by Mina · set aside"
    assert story(replace(dead, reason=None), Progress(24, failed=24)) == ["**Set aside** after 0 images of 24."]


def test_the_buttons_are_what_can_be_done_with_a_job_now() -> None:
    by_state = {state: buttons(replace(SWEEP, state=state)) for state in JobState if not state.ended}
    assert by_state == {
        JobState.QUOTED: {"run:42": "Run 24 images", "cancel:42": "Cancel"},
        JobState.QUEUED: {"pause:42": "Pause", "cancel:42": "Cancel"},
        JobState.RUNNING: {"pause:42": "Pause", "cancel:42": "Cancel"},
        JobState.PAUSED: {"resume:42": "Resume", "cancel:42": "Cancel"},
    }
    for state in (state for state in JobState if state.ended):
        ended = replace(SWEEP, state=state)
        assert buttons(ended, Progress(24, drawn=24)) == {}
        assert buttons(ended, Progress(2000, failed=1003)) == {"retry:42": "Retry 1,003 failed"}


def test_what_is_about_to_be_accepted_promises_nothing_and_can_be_cancelled() -> None:
    embed, _ = card(SWEEP, Progress(24), accepting=True)
    assert embed.description == "**24 cells = 24 bases**\nBeing queued …"
    assert embed.footer.text == "asked by Mina"
    assert buttons(SWEEP, accepting=True) == {"cancel:42": "Cancel"}
    running = replace(SWEEP, state=JobState.RUNNING)  # it was accepted meanwhile
    assert story(running, accepting=True) == story(running)
