"""What the wall can be narrowed by is offered as far as one can choose from it; of more, one is typed."""

from bot.domain.wall import Choices, Query
from bot.web.filters import MOST_CHOICES, MOST_HINTS, MOST_NUMBERS, filters, parameters


def many(count: int) -> Choices:
    return Choices(
        people=tuple((f"p{n}", f"Person {n}", n) for n in range(count)),
        jobs=tuple((f"S{count - n}", f"title {n}", 1) for n in range(count)),
        members=tuple((2**60 + n, f"M{n}", n) for n in range(count)),
        parameters={
            "steps": (("10", 2), ("20", 1)),
            "guidance_scale": tuple((str(n + 1), 1) for n in range(count)),
            "face_folder": tuple((f"p{n}", 1) for n in range(count)),
            "prompt": (("a", 1), ("b", 1)),
        },
    )


def test_few_are_all_offered_as_they_come() -> None:
    person, job, member = filters(Query(job="S2", member_id=2**60 + 1), many(3))
    assert [each.typed for each in (person, job, member)] == [False] * 3
    assert person.options == (("p0", "Person 0", 0), ("p1", "Person 1", 1), ("p2", "Person 2", 2))
    assert (job.options[0], job.chosen) == (("S3", "S3 · title 0", 1), "S2")
    assert (member.options[1], member.chosen) == ((str(2**60 + 1), "M1", 1), str(2**60 + 1))


def test_of_too_many_the_most_used_people_and_members_and_the_newest_jobs_are_proposed() -> None:
    count = 10_000
    person, job, member = filters(Query(person="p3", job="S1", member_id=2**60 + 5), many(count))
    assert [each.typed for each in (person, job, member)] == [True] * 3
    assert {len(each.options) for each in (person, job, member)} == {MOST_HINTS}
    assert person.options[0][0] == "p9999" and member.options[0] == ("M9999", "M9999", 9999)
    assert [value for value, _, _ in job.options[:2]] == ["S10000", "S9999"]
    assert (person.chosen, job.chosen, member.chosen) == ("p3", "S1", "M5"), "what was chosen is always there"


def test_parameters_are_chosen_or_typed_and_whole_texts_are_neither() -> None:
    _, steps, _, folder = parameters(Query(parameters={"face_folder": "p7"}), many(MOST_CHOICES + 1))
    assert (folder.name, folder.typed, folder.options, folder.chosen) == ("face_folder", True, (), "p7")
    assert folder.everything == f"any of {MOST_CHOICES + 1}"
    assert (steps.name, steps.typed, len(steps.options)) == ("steps", False, 2)
    assert not list(parameters(Query(), many(MOST_CHOICES)))[-1].typed


def test_a_seed_is_always_typed_and_of_more_numbers_than_a_list_is_good_for_a_range_can_be() -> None:
    seed, _, guidance, _ = parameters(Query(parameters={"seed": "7"}), many(MOST_NUMBERS + 1))
    assert (seed.name, seed.typed, seed.options, seed.chosen) == ("seed", True, (), "7")
    assert (guidance.name, guidance.typed, guidance.everything) == ("guidance_scale", True, "any of 1..9")
    assert [value for value, _, _ in guidance.options] == [str(n + 1) for n in range(MOST_NUMBERS + 1)]
    assert not list(parameters(Query(), many(MOST_NUMBERS)))[2].typed
