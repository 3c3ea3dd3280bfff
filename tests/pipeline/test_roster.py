"""The roster: who goes next, who had better wait for another, and who is let go on."""

import pytest
import torch

from pipeline.brief import brief
from pipeline.flight import Asker
from pipeline.people import Person
from pipeline.roster import Roster
from pipeline.stages import base

ROOM = 100 * 16 * 16
MINA = Person("mina", "the digest of her photos", "woman", torch.zeros(1, 3, 8, 8), None)
CANVAS = torch.zeros(128, 128, 3, dtype=torch.uint8).numpy()


@pytest.fixture
def roster():
    return Roster(8)


@pytest.fixture
def asked(roster, recipe):
    """Sends a flight on its way and lets it wait for room; `k` is the last step of its base without the person."""

    def ask(owner="", k=150, urgent=False, **settings):
        named = {"prompt": "a woman img", "face_folder": "mina", "detail": True, "steps": 8, "start_merge_step": k}
        wanted = recipe(**named | settings)
        asker = Asker(wanted, owner, urgent, lambda: False, lambda done, steps: None)
        with roster.lock:
            flight = roster.join(asker, brief(wanted, [MINA]))
            roster.wait(flight)
        return flight

    return ask


@pytest.fixture
def admit(roster, modules):
    """Takes the flight whose turn it is and lets it walk so many steps of its base."""

    def begin(done=0):
        flight = roster.next(ROOM)
        flight.begin(base.begin(modules, flight.brief.recipe, None), ())
        flight.walk.done_steps = done
        roster.running.append(flight)
        return flight

    return begin


def look(roster, flight):
    """Its base picture is there, and it waits for room for its first face."""
    roster.land(flight)
    flight.land()
    with roster.lock:
        flight.canvas = CANVAS
        roster.wait(flight)


def test_one_on_its_way_goes_on_before_another_is_begun_whoever_asked(roster, asked, admit):
    face = asked("ada", seed=1)
    assert admit() is face
    asked("ada", seed=2)
    admit()  # ada has one running, theo has none
    asked("theo", seed=3)
    look(roster, face)
    assert roster.next(ROOM) is face


@pytest.mark.parametrize(
    ("other", "own", "done", "waits"),
    [
        (5, 2, 2, True),  # of six shared by the one ahead the newcomer needs three
        (5, 2, 3, False),  # it has been there
        (2, 5, 2, True),  # it shares three alone
        (2, 5, 3, False),  # from now on it draws a person
        (150, 150, 0, True),
        (150, 150, 7, True),  # the same base to its end
    ],
)
def test_a_base_waits_as_long_as_another_will_come_by_a_step_that_both_share(
    roster, asked, admit, other, own, done, waits
):
    asked(k=other)
    admit(done)
    flight = asked(k=own, weight=0.5)
    assert roster.next(ROOM) is (None if waits else flight)


def test_a_base_waits_for_an_equal_one_that_is_being_decoded(roster, asked, admit):
    ahead = asked()
    assert admit(8) is ahead
    roster.land(ahead)
    ahead.land()
    asked(weight=0.5)
    assert roster.next(ROOM) is None


def test_nobody_waits_for_one_that_draws_its_faces_already(roster, asked, admit):
    ahead = asked()
    assert admit(8) is ahead
    look(roster, ahead)
    assert admit() is ahead
    flight = asked(weight=0.5)
    assert roster.next(ROOM) is flight


def test_a_face_waits_for_no_base(roster, asked, admit):
    face, ahead = asked(seed=1), asked(seed=2)
    assert (admit(8), admit(0)) == (face, ahead)
    look(roster, face)
    for shared in (ahead.brief, face.brief):  # as when the base of both was forgotten and is drawn anew
        ahead.brief = shared
        assert roster.next(ROOM) is face
        with roster.lock:
            roster.wait(face)


def test_a_new_base_picture_lets_those_go_on_who_have_none(roster, asked, admit):
    face, drawn, waiting, other = asked(weight=0.5), asked(weight=0.7), asked(weight=1.5), asked(seed=9)
    assert admit(8) is face
    look(roster, face)
    with roster.lock:
        assert roster.release(drawn, CANVAS) == [waiting]  # as when the base was forgotten, and is drawn anew
    assert drawn.canvas is CANVAS
    assert roster.waiting == [drawn, other, face]


def test_who_is_forgotten_neither_waits_any_more_nor_takes_a_successor_along(roster, asked):
    first = asked()
    with roster.lock:
        roster.forget(first)
    second = asked()
    with roster.lock:
        roster.forget(first)
        roster.wait(first)
    assert roster.waiting == [second]
    assert list(roster.flights.values()) == [second]
