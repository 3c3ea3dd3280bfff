"""Turns are a deficit round robin: work in proportion to weights, within one round, whatever one image takes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.jobs.turns import Turns, Want


class Wants:
    """What members want, by member: (what an image takes, how many)."""

    def __init__(self, **wants: tuple[float, int]) -> None:
        self.wants = {int(member[1:]): list(want) for member, want in wants.items()}
        self.busy: set[int] = set()
        self.asked = 0

    def __call__(self, member: int) -> Want | None:
        self.asked += 1
        work, images = self.wants.get(member, (0.0, 0))
        return Want(work, member not in self.busy) if images else None

    def drawn(self, turns: Turns, number: int) -> list[int]:
        """The members of the next turns; None where there is none."""
        found = []
        for _ in range(number):
            member = turns.next()
            if member is None:
                break
            self.wants[member][1] -= 1
            found.append(member)
        return found


def turns(wants: Wants, **weights: float) -> Turns:
    made = Turns(wants)
    for member in wants.wants:
        made.join(member, weights.get(f"m{member}", 1.0))
    return made


def test_each_gets_one_image_in_turn_where_all_are_alike() -> None:
    wants = Wants(m1=(3, 3), m2=(3, 1), m3=(3, 2))
    assert wants.drawn(turns(wants), 9) == [1, 2, 3, 1, 3, 1]


@given(
    st.lists(st.tuples(st.floats(0.1, 50), st.sampled_from([0.01, 0.5, 1.0, 2.0, 7.0, 100.0])), min_size=2, max_size=5),
    st.integers(20, 300),
)
def test_work_is_in_proportion_to_weights_up_to_one_round(shares: list[tuple[float, float]], images: int) -> None:
    """Of two who always wait, the difference of work by weight stays under two quanta and an image of each."""
    wants = Wants(**{f"m{member}": (work, 10**6) for member, (work, _) in enumerate(shares)})
    drawn = Counter(wants.drawn(turns(wants, **{f"m{m}": weight for m, (_, weight) in enumerate(shares)}), images))
    quantum = max(max(work for work, _ in shares), min(work / weight for work, weight in shares))
    had = [drawn[member] * work / weight for member, (work, weight) in enumerate(shares)]
    largest = max(work / weight for work, weight in shares)
    assert max(had) - min(had) <= 2 * (quantum + largest) + 1e-6


def test_a_plain_round_robin_would_not_be_in_proportion() -> None:
    """The control of the test above: turn by turn, who wants large images gets a hundred times the work."""
    wants = Wants(m1=(100, 50), m2=(1, 10**4))
    drawn = Counter(wants.drawn(turns(wants), 1010))
    assert drawn[1] == 10
    in_turn = {1: 505 * 100, 2: 505 * 1}
    assert in_turn[1] - in_turn[2] > 2 * (100 + 100)


def test_who_comes_later_waits_for_the_others_of_the_round_and_has_nothing_saved_up() -> None:
    wants = Wants(m1=(1, 100), m2=(1, 100))
    made = turns(wants)
    wants.drawn(made, 51)
    wants.wants[3] = [1, 100]
    made.join(3, 1.0)
    assert wants.drawn(made, 6) == [2, 3, 1, 2, 3, 1]


def test_who_has_left_comes_back_with_nothing() -> None:
    wants = Wants(m1=(1, 100), m2=(5, 1))
    made = turns(wants)
    wants.drawn(made, 30)  # 2 is gone, with what was left of the quantum
    wants.wants[2] = [5, 100]
    made.join(2, 1.0)
    assert Counter(wants.drawn(made, 12)) == {1: 10, 2: 2}


def test_what_was_had_out_of_turn_is_paid_with_turns_to_come() -> None:
    wants = Wants(m1=(1, 100), m2=(1, 100))
    made = turns(wants)
    made.charge(1, 1.0, 4)
    assert Counter(wants.drawn(made, 12)) == {1: 4, 2: 8}


def test_a_debt_is_kept_while_its_member_wants_nothing_and_others_wait() -> None:
    wants = Wants(m1=(1, 0), m2=(1, 100))
    made = turns(wants)
    made.charge(1, 1.0, 10)
    assert wants.drawn(made, 5) == [2] * 5  # half of it is paid off with the turns that 1 did not have
    wants.wants[1] = [1, 100]
    made.join(1, 1.0)
    assert Counter(wants.drawn(made, 15))[2] == pytest.approx(10, abs=1)


def test_a_debt_to_nobody_is_forgotten() -> None:
    wants = Wants(m1=(1, 0))
    made = turns(wants)
    made.charge(1, 1.0, 1000)
    assert made.next() is None  # nobody waits
    wants.wants = {1: [1, 100], 2: [1, 100]}
    made.join(1, 1.0)
    made.join(2, 1.0)
    assert Counter(wants.drawn(made, 10)) == {1: 5, 2: 5}


def test_what_is_paid_back_counts_again() -> None:
    wants = Wants(m1=(1, 100), m2=(1, 100))
    made = turns(wants)
    made.charge(1, 1.0, -3)
    assert Counter(wants.drawn(made, 9)) == {1: 6, 2: 3}


def test_who_may_have_no_more_is_passed_over_and_saves_nothing_up() -> None:
    wants = Wants(m1=(1, 100), m2=(1, 100))
    made = turns(wants)
    wants.busy = {1}
    assert wants.drawn(made, 10) == [2] * 10
    wants.busy = {1, 2}
    assert made.next() is None
    wants.busy = set()
    assert Counter(wants.drawn(made, 10)) == {1: 5, 2: 5}


def test_who_reaches_their_limit_in_each_turn_saves_nothing_up() -> None:
    wants = Wants(m1=(1, 1000), m2=(4, 1000))
    made = turns(wants)
    for _ in range(50):  # one image at a time, where four would be due
        wants.busy = set()
        assert wants.drawn(made, 1) == [1]
        wants.busy = {1}
        assert wants.drawn(made, 1) == [2]
    wants.busy = set()
    assert Counter(wants.drawn(made, 15)) == {1: 12, 2: 3}


def test_small_weights_take_no_more_rounds() -> None:
    wants = Wants(m1=(1000, 3), m2=(1000, 3))
    assert len(wants.drawn(turns(wants, m1=1e-9, m2=1e-9), 9)) == 6
    assert wants.asked < 60


def test_a_deep_debt_takes_no_more_rounds_once_its_member_is_alone() -> None:
    wants = Wants(m1=(1, 5))
    made = turns(wants)
    made.charge(1, 1.0, 1e9)
    assert wants.drawn(made, 9) == [1] * 5
    assert wants.asked < 30
