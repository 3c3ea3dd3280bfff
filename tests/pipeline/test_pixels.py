"""PNGs carry their recipe, for us and for other tools, and their pixels are exact."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline import pixels
from pipeline.errors import BadRecipe
from sweeps.recipe import resolve

ARRAY = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
PROMPTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=80)


def inscribed(**settings):
    recipe = resolve({"prompt": "a fox", "seed": 1} | settings)
    return recipe, pixels.inscribe(pixels.encode_png(ARRAY), recipe, "tiny")


@settings(deadline=None)
@given(PROMPTS, PROMPTS, st.integers(0, 2**32 - 1), st.floats(1, 30))
def test_any_recipe_comes_back_whole_and_pillow_reads_it_too(prompt, negative_prompt, seed, guidance_scale):
    recipe = resolve(
        {"prompt": prompt, "negative_prompt": negative_prompt, "seed": seed, "guidance_scale": guidance_scale}
    )
    png = pixels.inscribe(pixels.encode_png(ARRAY), recipe, "tiny")
    assert pixels.read_recipe(png) == recipe
    image = Image.open(io.BytesIO(png))
    assert (np.asarray(image) == ARRAY).all()
    assert json.loads(image.text["atelier"]) == recipe.as_dict()
    assert image.text["parameters"].startswith(recipe.prompt)


def test_the_parameters_of_a_picture_on_a_photo_are_those_of_its_face_passes(recipe):
    wanted = replace(recipe(detail=True, detail_steps=30, detail_guidance=4.5, denoise=0.35), photo="5" * 64)
    last = pixels.parameters_text(wanted, "sdxl").splitlines()[-1]
    assert last.startswith("Steps: 30, Sampler: Euler,")
    assert "CFG scale: 4.5," in last
    assert last.endswith("Denoising strength: 0.35")


def test_the_parameters_chunk_is_in_the_format_that_other_tools_read():
    _, png = inscribed(prompt="ein Füchslein 狐", negative_prompt="blurry", guidance_scale=8.0)
    assert Image.open(io.BytesIO(png)).text["parameters"] == (
        "ein Füchslein 狐\nNegative prompt: blurry\nSteps: 20, Sampler: Euler, Schedule type: Align Your Steps, "
        "CFG scale: 8, Seed: 1, Size: 1024x1024, Model: tiny"
    )


def test_a_picture_without_a_recipe_says_so():
    with pytest.raises(BadRecipe, match="carries no recipe"):
        pixels.read_recipe(pixels.encode_png(ARRAY))


def test_what_is_no_png_says_so():
    with pytest.raises(BadRecipe, match="no PNG"):
        pixels.read_recipe(b"GIF89a")


@given(st.data())
@settings(deadline=None)
def test_a_damaged_png_is_a_sentence_or_its_own_recipe_and_never_a_crash(data):
    recipe, png = inscribed()
    at = data.draw(st.integers(0, len(png) - 1))
    damaged = png[:at] + data.draw(st.binary(max_size=3)) + png[at + data.draw(st.integers(0, 3)) :]
    try:
        assert pixels.read_recipe(damaged) == recipe
    except BadRecipe as error:
        assert str(error)


def test_a_recipe_of_another_version_says_what_is_wrong():
    recipe, _ = inscribed()
    chunk = pixels._text_chunk("atelier", json.dumps(recipe.as_dict() | {"steps": 0}))
    png = pixels.encode_png(ARRAY)
    with pytest.raises(BadRecipe, match="steps"):
        pixels.read_recipe(png[:33] + chunk + png[33:])


def test_pixels_keep_their_range_and_place():
    tensor = pixels.to_tensor(Image.fromarray(ARRAY))
    assert tensor.shape == (3, 24, 40)
    assert tensor.min() >= -1
    assert tensor.max() <= 1
    assert (pixels.to_array(tensor) == ARRAY).all()
    assert (np.asarray(pixels.to_image(tensor)) == ARRAY).all()
    beyond = torch.tensor([-3.0, 3.0]).view(1, 1, 2).expand(3, 1, 2)
    assert pixels.to_array(beyond).tolist() == [[[0] * 3, [255] * 3]]


def test_a_recipe_with_one_letter_changed_on_the_way_is_not_read():
    _, png = inscribed(prompt="a fox")
    with pytest.raises(BadRecipe, match="cut short or damaged"):
        pixels.read_recipe(png.replace(b"a fox", b"a fax"))
