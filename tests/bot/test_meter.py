"""The meter tells the machine's time for a unit of work: of what was drawn, while it was drawn."""

from contextlib import ExitStack

import pytest

from bot.domain.ports import Drawn
from bot.jobs.meter import ENOUGH, LATELY, Meter
from sweeps.recipe import Recipe, resolve
from tests.bot.leased import WORK, recipes

IMAGE = recipes(1)[0]
DRAWN, REMEMBERED = Drawn(b"", bases=1), Drawn(b"", bases=0)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meter(clock: Clock) -> Meter:
    return Meter(clock)


def draw(meter: Meter, clock: Clock, seconds: float, *drawn: Drawn | None, recipe: Recipe = IMAGE) -> None:
    """Pictures that are begun together, and come together after so many seconds; None is one that does not come."""
    with ExitStack() as together:
        came = [together.enter_context(meter.drawing(recipe)) for _ in drawn]
        clock.seconds += seconds
        for each, picture in zip(came, drawn, strict=True):
            if picture:
                each(picture)


def test_nothing_is_told_before_enough_was_drawn(meter: Meter, clock: Clock) -> None:
    draw(meter, clock, 2, DRAWN)
    assert meter.pace(alone=True) is None
    for _ in range(ENOUGH - 2):
        draw(meter, clock, 2, DRAWN)
    assert meter.pace() is None
    assert meter.pace(alone=True) == pytest.approx(2 / WORK)
    draw(meter, clock, 2, DRAWN)
    assert meter.pace() == pytest.approx(2 / WORK)


def test_pictures_that_share_the_machine_share_its_time(meter: Meter, clock: Clock) -> None:
    draw(meter, clock, 20, *[DRAWN] * 16)
    assert meter.pace() == pytest.approx(20 / (16 * WORK))


def test_who_has_the_machine_alone_is_measured_apart(meter: Meter, clock: Clock) -> None:
    for _ in range(ENOUGH):
        draw(meter, clock, 5, DRAWN)
    assert meter.pace() == meter.pace(alone=True) == pytest.approx(5 / WORK)  # as long as nothing else is known
    draw(meter, clock, 20, *[DRAWN] * 16)
    assert meter.pace() == pytest.approx(20 / (16 * WORK))
    assert meter.pace(alone=True) == pytest.approx(5 / WORK)


def test_an_urgent_picture_is_timed_beside_others_and_not_alone(meter: Meter, clock: Clock) -> None:
    for _ in range(ENOUGH):
        with meter.drawing(IMAGE, urgent=True) as alone:
            clock.seconds += 1
            alone(DRAWN)
    assert meter.urgent_pace() is None
    for _ in range(3):
        with meter.drawing(IMAGE) as sweep:
            clock.seconds += 1
            with meter.drawing(IMAGE, urgent=True) as quick:
                clock.seconds += 4
                quick(DRAWN)
            sweep(DRAWN)
    assert meter.urgent_pace() == pytest.approx(4 / WORK)


def test_a_machine_that_is_idle_is_not_slow(meter: Meter, clock: Clock) -> None:
    for _ in range(3):
        draw(meter, clock, 4, *[DRAWN] * 4)
        clock.seconds += 3600
    assert meter.pace() == pytest.approx(1 / WORK)
    assert meter.under_way == 0


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_what_was_remembered_makes_it_neither_faster_nor_slower(meter: Meter, clock: Clock, seconds: float) -> None:
    draw(meter, clock, 8, *[DRAWN] * 8)
    for _ in range(50):
        draw(meter, clock, seconds, REMEMBERED)
        draw(meter, clock, seconds, *[REMEMBERED] * 4)
    assert meter.pace() == pytest.approx(1 / WORK)


def test_what_is_remembered_beside_what_is_drawn_is_no_work(meter: Meter, clock: Clock) -> None:
    for _ in range(4):
        draw(meter, clock, 4, DRAWN, REMEMBERED, DRAWN, REMEMBERED)
    assert meter.pace() == pytest.approx(2 / WORK)


def test_what_was_stopped_is_neither_work_nor_time(meter: Meter, clock: Clock) -> None:
    draw(meter, clock, 8, *[DRAWN] * 8)
    draw(meter, clock, 100, None, None)
    with pytest.raises(RuntimeError), meter.drawing(IMAGE):
        clock.seconds += 100
        raise RuntimeError
    assert meter.pace() == pytest.approx(1 / WORK)
    assert meter.under_way == 0


def test_old_times_are_forgotten(meter: Meter, clock: Clock) -> None:
    for seconds in (50, 2):
        for _ in range(LATELY // 2):
            draw(meter, clock, seconds, DRAWN, DRAWN)
    assert meter.pace() == pytest.approx(1 / WORK)


def test_a_face_pass_counts_for_each_face_that_was_drawn(meter: Meter, clock: Clock) -> None:
    values = {"prompt": "two people img", "steps": 10, "face_folder": "mina, theo", "detail": True}
    recipe = resolve({**values, "detail_steps": 10, "denoise": 0.5, "detail_size": 1024}, seed=1)
    for _ in range(ENOUGH):
        draw(meter, clock, 15, Drawn(b"", bases=0, passes=1), Drawn(b"", bases=0, passes=2), recipe=recipe)
    assert meter.pace() == pytest.approx(15 / (3 * 10))  # five steps of two evaluations, of a megapixel


def test_a_base_that_goes_on_from_anothers_steps_counts_what_is_new(meter: Meter, clock: Clock) -> None:
    """12 bases of 20 steps, 11 of them shared: 20 + 11 x 9 steps of two evaluations are walked."""
    values = {"prompt": "a man img", "detail": False, "face_folder": "mina", "steps": 20, "start_merge_step": 10}
    forks = [resolve({**values, "weight": 0.5 + number / 10}, seed=1) for number in range(12)]
    for recipe in forks:
        draw(meter, clock, 7, DRAWN, REMEMBERED, recipe=recipe)
    assert meter.pace() == pytest.approx(12 * 7 / (2 * (20 + 11 * 9)))


def test_a_base_shares_with_another_only_the_steps_before_its_person_enters(meter: Meter, clock: Clock) -> None:
    """20 steps for nobody, then 9 for each person who enters after the 11th."""
    values = {"prompt": "a man img", "detail": False, "steps": 20, "start_merge_step": 10}
    people = [resolve({**values, "face_folder": name}, seed=1) for name in "abcdefghi"]
    for recipe in (resolve(values, seed=1), *people):
        draw(meter, clock, 7, DRAWN, REMEMBERED, recipe=recipe)
    assert meter.pace() == pytest.approx(10 * 7 / (2 * (20 + 9 * 9)))


def test_a_base_that_is_drawn_again_counts_whole(meter: Meter, clock: Clock) -> None:
    """What was forgotten has to be walked from its first step, and the first steps are what the prompt says."""
    for _ in range(ENOUGH):
        draw(meter, clock, 3, DRAWN, REMEMBERED)
    assert meter.pace() == pytest.approx(3 / WORK)


def test_the_time_under_way_begins_anew_with_each_picture(meter: Meter, clock: Clock) -> None:
    assert meter.under_way == 0
    with meter.drawing(IMAGE) as first:
        clock.seconds += 3
        assert meter.under_way == 3
        with meter.drawing(IMAGE) as second:
            clock.seconds += 1
            second(DRAWN)
        assert meter.under_way == 0
        clock.seconds += 2
        assert meter.under_way == 2
        first(DRAWN)
    assert meter.under_way == 0
