"""The evaluation reads drawings as they were drawn, and counts nothing that was missed as right."""

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from pipeline.families.sketch.draw import compose, draw, invent
from pipeline.families.sketch.evaluation import costs, detection, steering
from pipeline.families.sketch.evaluation.judges import cast
from pipeline.families.sketch.evaluation.likeness import NEVER, PAIRS, PHOTOS, STAGES, WEIGHTS, Nearness, Stranger
from pipeline.families.sketch.evaluation.reader import HAIR_COLOURS, HIDDEN, Examples, Reader, ReaderTraining, accuracy
from pipeline.families.sketch.evaluation.table import percent, share, table
from pipeline.families.sketch.people import BACKGROUNDS, HATS


@pytest.mark.parametrize("colour", BACKGROUNDS)
def test_a_plain_background_is_told_whoever_stands_before_it(colour):
    random = Random(5)
    for _ in range(6):
        person, shot = invent(random), replace(compose(random), background=colour)
        assert steering.background(np.asarray(draw(person, shot).image)) == colour


def test_a_prompt_says_what_is_wished_and_nothing_of_the_rest():
    wished = steering.wishes(80)
    assert set(Counter(wish.background for wish in wished).values()) == {80 // len(BACKGROUNDS)}
    for wish in wished:
        words = wish.prompt.replace(",", "").split()
        assert f"{wish.background} background" in wish.prompt
        assert ("glasses" in words) == wish.glasses
        assert [word for word in words if word in HATS] == [wish.hat] * bool(wish.hat)
        assert ("hair" in words) == (wish.hair is not None)
        assert wish.hair is None or f"{wish.hair} hair" in wish.prompt
        assert wish.hair is None or wish.hat in ("", "crown")
    assert wished[:3] == steering.wishes(3)


def test_hair_that_is_not_seen_is_not_learnt():
    examples = Examples.drawn(range(40))
    for seed, hair in enumerate(examples.truth[:, 2]):
        random = Random(seed)
        person, shot = invent(random), compose(random)
        hidden = shot.hat in ("hat", "beanie") or person.hairstyle == "bald"
        assert hair == (HIDDEN if hidden else HAIR_COLOURS.index(person.hair_colour))


def test_the_reader_learns(monkeypatch):
    monkeypatch.setattr(ReaderTraining, "batch", 16)
    monkeypatch.setattr(ReaderTraining, "warm_up", 5)
    losses = []
    examples = Examples.drawn(range(40))
    reader = ReaderTraining(examples, 30, seed=0).run(lambda _, loss: losses.append(loss))
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])
    assert set(accuracy(reader, examples)) == set(steering.WANTED) - {"background"}
    assert 100_000 < sum(weights.numel() for weights in Reader().parameters()) < 200_000


def test_each_pair_differs_only_in_how_the_person_enters():
    stranger = Stranger.invented(0)
    recipes = [order.recipe for order in stranger.orders()]
    assert len(recipes) == len(STAGES) * PAIRS + len(WEIGHTS) - 1
    alone, detailed, usual = (recipes[i * PAIRS : (i + 1) * PAIRS] for i in range(len(STAGES)))
    assert [one.base_key() for one in alone] == [one.base_key() for one in detailed]
    assert not any(one.identity_in_base or one.detail for one in alone)
    assert all(one.detail and not one.identity_in_base for one in detailed)
    assert all(one.detail and one.identity_in_base for one in usual)
    assert all(replace(one, detail=True) == other for one, other in zip(alone, detailed, strict=True))
    assert [one.weight for one in recipes[len(STAGES) * PAIRS :]] == [weight for weight in WEIGHTS if weight != 1]
    assert all(f"{stranger.sex} img" in one.prompt and one.start_merge_step == NEVER for one in detailed)
    assert len(stranger.photos[stranger.name]) == PHOTOS


def test_a_face_that_was_not_found_is_nearer_to_nobody():
    strangers = [Stranger.invented(number) for number in range(3)]
    near = np.full((3, PAIRS, 3), 0.2)
    near[1] = np.nan
    near[0, :, 0], near[2, :, 2] = 0.9, -0.9
    found = Nearness.of(strangers, near)
    assert (found.right > found.others).tolist() == [True] * PAIRS + [False] * 2 * PAIRS
    assert (found.rank < 1).tolist() == [True] * PAIRS + [False] * 2 * PAIRS
    assert (found.rank < 3).tolist() == [True] * PAIRS + [False] * PAIRS + [True] * PAIRS


def test_the_second_recogniser_learns_each_person_from_several_drawings():
    drawings = cast(range(2))
    assert drawings.people.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert len({drawings.images[i].tobytes() for i in range(8)}) == 8


def test_boxes_overlap_by_what_they_share():
    assert detection.overlap(np.array([0, 0, 2, 2]), np.array([1, 0, 3, 2])) == pytest.approx(1 / 3)
    assert detection.overlap(np.array([0, 0, 1, 1]), np.array([2, 2, 3, 3])) == 0


def test_figures_in_the_tables():
    assert percent([True, True, False]) == "66.7 % of 3"
    assert np.isnan(share([]))
    assert table([["a", "bb"], ["ccc", "d"]]) == "| a   | bb |\n| --- | -- |\n| ccc | d  |"


def test_sizes_are_those_on_disk(tmp_path):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "weights").write_bytes(bytes(2_500_000))
    (tmp_path / "card.json").write_bytes(bytes(10_000))
    assert [row[:2] for row in costs.sizes(tmp_path).rows[1:]] == [
        ["card.json", "0.01"],
        ["unet", "2.50"],
        ["in all", "2.51"],
    ]
