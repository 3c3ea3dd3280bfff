"""The drawings' promises: aligned, repeatable, true to their words; and the captions' promises."""

from dataclasses import fields, replace
from itertools import product
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.families.sketch import people
from pipeline.families.sketch.captions import caption
from pipeline.families.sketch.draw import Character, Shot, compose, draw, invent

PLAIN = Shot(0, 0, 1, 0, 0, 0, "neutral", "white", "green", "", "")


def some(n: int, seed: int = 0) -> list[tuple[Character, Shot]]:
    random = Random(seed)
    return [(invent(random), compose(random)) for _ in range(n)]


def near(pixels: NDArray[np.uint8], colour: people.Colour, reach: int = 12) -> NDArray[np.bool_]:
    """Which pixels have a colour, up to the reduction's blur."""
    return np.all(np.abs(pixels.astype(int) - colour) <= reach, axis=-1)


def test_the_same_seed_draws_the_same_pixels() -> None:
    for (one, shot), (again, same) in zip(some(5), some(5), strict=True):
        assert (one, shot) == (again, same)
        first, second = draw(one, shot), draw(again, same)
        assert first.image.tobytes() == second.image.tobytes()
        assert (first.landmarks == second.landmarks).all()


def test_people_differ() -> None:
    assert len({character for character, _ in some(200)}) == 200


@pytest.mark.parametrize("size", [64, 128, 256])
def test_a_drawing_has_its_size_and_its_truth(size: int) -> None:
    (character, shot), *_ = some(1)
    drawing = draw(character, shot, size)
    assert drawing.image.size == (size, size)
    assert drawing.image.mode == "RGB"
    for part, shape in ((drawing.keypoints, (5, 2)), (drawing.box, (4,)), (drawing.landmarks, (106, 2))):
        assert part.shape == shape
        assert part.dtype == np.float32
    assert np.allclose(drawing.box / size, draw(character, shot).box / 128, atol=0.01)


def test_the_faces_are_large_and_aligned() -> None:
    boxes = np.array([draw(*pair).box for pair in some(80)])
    size, centre = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
    assert np.allclose(size.mean(axis=0), (60, 67), atol=3)
    assert np.allclose(centre.mean(axis=0), (64, 66), atol=1.5)
    assert (centre.std(axis=0) < 3).all()


def test_the_keypoints_lie_in_the_box_and_in_order() -> None:
    for pair in some(80):
        drawing = draw(*pair)
        (x1, y1, x2, y2), points = drawing.box, drawing.keypoints
        assert ((points > (x1, y1)) & (points < (x2, y2))).all()
        left, right, nose, corner, other = points
        assert left[0] < nose[0] < right[0]
        assert corner[0] < other[0]
        assert max(left[1], right[1]) < nose[1] < min(corner[1], other[1])


def test_the_landmarks_lie_round_the_box_and_in_the_picture() -> None:
    for pair in some(80):
        drawing = draw(*pair)
        marks, box = drawing.landmarks, drawing.box
        assert ((marks > 0) & (marks < 128)).all()
        assert ((marks > box[:2] - 5) & (marks < box[2:] + 5)).all()
        eyes, chin = drawing.keypoints[:2], marks[:, 1].argmax()
        assert chin in (0, 8, 24)  # insightface counts the contour from the chin
        assert np.abs(marks[[38, 88]] - eyes).max() < 0.01
        assert np.abs(marks[[52, 61]] - drawing.keypoints[3:]).max() < 0.01
        assert (marks[43:52, 1].mean() < eyes[0, 1]) and (marks[97:106, 1].mean() < eyes[1, 1])
        assert marks[1:17, 0].max() < marks[17:33, 0].min()


def test_the_corners_show_the_named_ground() -> None:
    for character, shot in some(30):
        for name in people.BACKGROUNDS:
            pixels = np.asarray(draw(character, replace(shot, background=name)).image)
            for corner in (pixels[1, 1], pixels[1, -2]):
                gaps = {n: np.abs(corner.astype(int) - c).sum() for n, c in people.BACKGROUNDS.items()}
                assert min(gaps, key=gaps.__getitem__) == name


def test_colour_names_are_well_apart() -> None:
    for palette in (people.BACKGROUNDS, people.HAIRS, people.EYES, people.CLOTHES, people.FRAMES):
        colours = np.array(list(palette.values()), int)
        gaps = np.abs(colours[:, None] - colours[None]).sum(-1) + 999 * np.eye(len(colours), dtype=int)
        assert gaps.min() >= 60


def test_a_person_keeps_their_colours_in_every_drawing() -> None:
    random = Random(3)
    for _ in range(20):
        character = replace(invent(random), glasses="", blush=0.0)
        for _ in range(6):
            pixels = np.asarray(draw(character, compose(random)).image)
            assert near(pixels, character.skin).sum() > 300
            assert near(pixels, people.EYES[character.eye_colour], 40).sum() > 20
            if character.hairstyle != "bald":
                # without a hat: with one, short hair is all but hidden
                bare = np.asarray(draw(character, replace(compose(random), hat="", hat_colour="")).image)
                assert near(bare, character.hair).sum() > 250


def test_a_hat_covers_the_hair_of_every_style() -> None:
    random = Random(4)
    hair = (1, 254, 1)  # a colour of nothing else
    for sex, styles in people.STYLES.items():
        for style, hat, fringe in product(styles, people.HATS, people.FRINGES):
            one = replace(invent(random), sex=sex, hairstyle=style, fringe=fringe, hair=hair, beard="")
            shot = replace(PLAIN, hat=hat, hat_colour="gold" if hat == "crown" else "red")
            seen = np.argwhere(near(np.asarray(draw(one, shot).image), hair, 60))
            assert not len(seen) or seen[:, 0].min() > 15, (style, hat, fringe)


def test_glasses_lie_over_everything() -> None:
    random = Random(5)
    for kind, hat in product(people.GLASSES, ("", *people.HATS)):
        one = replace(invent(random), glasses=kind, glasses_colour="red")
        pixels = np.asarray(draw(one, replace(PLAIN, hat=hat, hat_colour="blue" if hat else "")).image)
        assert near(pixels[50:76], people.FRAMES["red"], 30).sum() > 150


def test_every_word_of_people_and_shots_is_drawn() -> None:
    pairs = some(2000)
    for field, names in (
        ("hair_colour", people.HAIRS),
        ("eye_colour", people.EYES),
        ("glasses", ("", *people.GLASSES)),
        ("beard", ("", *people.BEARDS)),
        ("hairstyle", {style for styles in people.STYLES.values() for style in styles}),
    ):
        assert {getattr(character, field) for character, _ in pairs} == set(names)
    assert {shot.background for _, shot in pairs} == {*people.BACKGROUNDS, *people.SCENES}
    assert {shot.hat_colour for _, shot in pairs} == {"", "gold", *people.HAT_COLOURS}
    assert all((character.age == "old") == (character.hair_colour == "grey") for character, _ in pairs)
    assert not any(character.beard for character, _ in pairs if character.sex == "woman")


def test_captions_can_say_every_word() -> None:
    random = Random(6)
    said = " ".join(caption(*pair, random) for pair in some(3000)).replace(",", "").split()
    words = [*people.HAIRS, *people.EYES, *people.GLASSES, *people.BEARDS, *people.EXPRESSIONS, *people.HATS]
    words += [*people.BACKGROUNDS, *people.CLOTHES, *people.HAT_COLOURS, *people.STYLES["man"], *people.STYLES["woman"]]
    assert {*words, "beach", "night", "forest", "city", "old", "glasses", "dark", "light", "man", "woman"} <= set(said)


def test_captions_are_correct_english() -> None:
    random = Random(7)
    for pair in some(2000):
        text = caption(*pair, random)
        assert not any(f" a {word}" in f" {text}" for word in ("old", "orange"))
        assert not text.startswith((",", " ")) and "  " not in text and ", ," not in text


def test_an_old_man_is_said_so() -> None:
    one = replace(invent(Random(8)), sex="man", age="old", hair_colour="grey")
    said = {caption(one, PLAIN, Random(seed)).split(",")[0] for seed in range(60)}
    assert {"a portrait of an old man", "an old man", "old man"} <= said


def test_captions_say_only_what_is_there() -> None:
    for seed, (character, shot) in enumerate(some(500)):
        text = caption(character, shot, Random(seed))
        assert ("glasses" in text) <= bool(character.glasses)
        assert any(beard in text for beard in people.BEARDS) <= bool(character.beard)
        assert any(f"wearing a {hat}" in text for hat in people.HATS) <= bool(shot.hat)


def test_with_the_trigger_nothing_of_the_character_is_said() -> None:
    for seed, (character, shot) in enumerate(some(300)):
        text = caption(character, shot, Random(seed), trigger=True)
        assert f"{character.sex} img" in text
        other = replace(invent(Random(seed + 1)), sex=character.sex)
        assert text == caption(other, shot, Random(seed), trigger=True)
        assert not {"hair", "glasses", "eyes", "skin", "old", "bald", *people.BEARDS} & set(
            text.replace(",", "").split()
        )


def test_a_caption_without_the_trigger_never_says_it() -> None:
    assert not any("img" in caption(*pair, Random(1)) for pair in some(200))


def test_people_and_shots_are_plain_values() -> None:
    (character, shot), *_ = some(1)
    for value in (character, shot):
        hash(value)
        assert all(isinstance(getattr(value, f.name), str | int | float | tuple) for f in fields(value))
