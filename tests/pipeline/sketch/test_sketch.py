"""The shipped weights, drawn with by the product's own engine: words steer, people are recognised, the rest stays."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.brief import brief
from pipeline.config import Config
from pipeline.engine import open_engine
from pipeline.families.sketch import CARD
from pipeline.families.sketch.evaluation.likeness import NEVER, Stranger
from pipeline.families.sketch.evaluation.steering import background
from pipeline.stages import detail
from sweeps.recipe import resolve

COLOURS = ("red", "green", "blue", "yellow")
SHOWN = (0.0, 0.5, 1.0)
"""Weights of the face."""


def recipe(**settings):
    """Half the steps of the family's defaults, and people in the face pass alone."""
    few = {"steps": 10, "detail_steps": 10, "start_merge_step": NEVER}
    return resolve(few | settings, defaults=CARD.defaults)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with open_engine(Config(family="sketch", cache_dir=tmp_path_factory.mktemp("cache"), device="cpu")) as engine:
        yield engine


@pytest.fixture(scope="module")
def draw(engine):
    """Draws all recipes at once, in their order: pictures [H, W, 3]."""

    def drawn(recipes, photos=()):
        futures = [engine.draw(one, photos=dict(photos)) for one in recipes]
        return [np.asarray(Image.open(io.BytesIO(future.result().png)).convert("RGB")) for future in futures]

    return drawn


@pytest.fixture(scope="module")
def backgrounds(draw):
    prompts = [f"a portrait of a woman, {colour} background, smiling" for colour in COLOURS]
    return draw([recipe(prompt=prompt, seed=seed, detail=False) for seed, prompt in enumerate(prompts, start=1)])


@pytest.fixture(scope="module")
def strangers():
    """Three people whom the family was not trained on."""
    return [Stranger.invented(number) for number in range(3)]


@pytest.fixture(scope="module")
def photos(strangers):
    return {name: files for stranger in strangers for name, files in stranger.photos.items()}


def portrait(stranger, **settings):
    words = {"prompt": f"a portrait of a {stranger.sex} img, white background, neutral", "seed": 7}
    return recipe(**{"face_folder": stranger.name} | words | settings)


@pytest.fixture(scope="module")
def bases(draw, strangers, photos):
    """Each person's picture by the text alone."""
    return draw([portrait(stranger, detail=False) for stranger in strangers], photos)


@pytest.fixture(scope="module")
def portraits(draw, strangers, photos):
    """The same pictures with each person's face, by its weight."""
    drawn = draw([portrait(stranger, weight=weight) for weight in SHOWN for stranger in strangers], photos)
    return {weight: drawn[i * len(strangers) :][: len(strangers)] for i, weight in enumerate(SHOWN)}


@pytest.fixture(scope="module")
def nearness(engine, strangers):
    """How near the face of each person's picture is to their drawings: cosines of the pack's own recogniser, which the
    pictures were drawn with. The evaluation asks one that had no part in them."""

    def direction(image):
        embedding = engine.faces.largest(np.asarray(image), "it").embedding
        return embedding / np.linalg.norm(embedding)

    people = [np.mean([direction(one.image) for one in stranger.drawings], axis=0) for stranger in strangers]

    def near(pictures):
        return np.array(
            [direction(one) @ person / np.linalg.norm(person) for one, person in zip(pictures, people, strict=True)]
        )

    return near


def test_the_background_follows_the_caption(backgrounds):
    assert [background(picture) for picture in backgrounds] == list(COLOURS)


def test_the_pack_finds_one_face_in_every_picture(engine, backgrounds, bases):
    assert [len(engine.faces.find(picture)) for picture in [*backgrounds, *bases]] == [1] * 7


def test_the_face_pass_brings_each_face_nearer_to_whose_it_is(bases, portraits, nearness):
    gain = nearness(portraits[1.0]) - nearness(bases)
    assert (gain > 0).all(), gain


def test_a_higher_weight_draws_nearer(portraits, nearness):
    means = [nearness(portraits[weight]).mean() for weight in SHOWN]
    assert means == sorted(means) and len(set(means)) == len(means), means


def test_at_weight_0_the_text_alone_decides_whoever_is_shown(draw, strangers, photos, portraits):
    first, other, _ = strangers
    shown = {first.name: photos[other.name]}
    without, with_other = draw([portrait(first, weight=weight) for weight in (0.0, 1.0)], shown)
    # Not the very picture of nobody: there the class word stands once, here as often as there are tokens of photos.
    # Drawn in another batch, whose sums have another order: a pixel may differ by one level.
    assert levels(without, portraits[0.0][0]) <= 1
    assert levels(with_other, portraits[1.0][0]) > 100


def levels(one, other):
    """The largest difference of two pictures, of 255."""
    return np.abs(one.astype(int) - other).max()


def test_the_face_pass_leaves_all_but_the_face_bit_for_bit_as_it_was(engine, strangers, bases, portraits):
    for stranger, before, after in zip(strangers, bases, portraits[1.0], strict=True):
        (only,), _ = detail.passes(brief(portrait(stranger)), before, engine.faces.find(before))
        left, top, right, bottom = only.region
        mask = np.zeros(before.shape[:2], np.float32)
        mask[top:bottom, left:right] = only.mask
        changed = (before != after).any(axis=-1)
        assert not changed[mask == 0].any()
        assert changed[mask == 1].mean() > 0.5
