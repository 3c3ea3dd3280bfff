"""A picture becomes the same numbers as in transformers' own image processors, to a level of 255 where they resize."""

import json

import numpy as np
import pytest
import transformers
from PIL import Image

from bot.gate.preparation import Preparation, read_preparation
from bot.settings import BadSettings


def noise(width: int, height: int) -> Image.Image:
    levels = np.random.default_rng(3).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return Image.fromarray(levels).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", [(200, 120), (120, 200), (97, 301), (64, 64)])
@pytest.mark.parametrize(
    ("processor", "options"),
    [
        ("ViTImageProcessorPil", {}),
        ("ViTImageProcessorPil", {"size": {"height": 48, "width": 32}, "resample": 3, "image_mean": [0.4, 0.5, 0.6]}),
        ("ViTImageProcessorPil", {"do_normalize": False, "do_rescale": False}),
        ("CLIPImageProcessorPil", {}),
        ("CLIPImageProcessorPil", {"size": {"shortest_edge": 90}, "crop_size": {"height": 80, "width": 60}}),
        ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 224}, "crop_pct": 0.875}),
        ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 384}}),
    ],
)
def test_the_numbers_are_those_of_transformers(
    processor: str, options: dict[str, object], size: tuple[int, int]
) -> None:
    theirs = getattr(transformers, processor)(**options)
    said = json.loads(theirs.to_json_string())
    said["image_processor_type"] = processor.removesuffix("Pil")
    ours = read_preparation(said).numbers(noise(*size))
    expected = theirs(noise(*size), return_tensors="np")["pixel_values"]
    assert ours.shape == expected.shape
    level = (said["rescale_factor"] if said["do_rescale"] else 1) / (
        min(said["image_std"]) if said["do_normalize"] else 1
    )
    assert np.abs(ours - expected).max() <= 1.01 * level
    assert np.abs(ours - expected).mean() <= 0.02 * level


@pytest.mark.parametrize(
    ("said", "shape"),
    [
        ({}, (224, 224)),
        ({"size": 64}, (64, 64)),
        ({"size": [48, 64]}, (48, 64)),
        ({"size": 64, "do_center_crop": True}, (64, 64)),
        ({"size": {"shortest_edge": 50}}, (50, 100)),
        ({"size": {"shortest_edge": 50}, "crop_size": 32}, (32, 32)),
        ({"do_resize": False}, (80, 160)),
        ({"do_resize": False, "crop_size": 40}, (40, 40)),
    ],
)
def test_older_ways_to_tell_a_size_are_read(said: dict[str, object], shape: tuple[int, int]) -> None:
    assert read_preparation(said).numbers(noise(160, 80)).shape == (1, 3, *shape)


def test_without_a_word_of_it_a_picture_becomes_numbers_from_minus_one_to_one() -> None:
    numbers = read_preparation({}, 8).numbers(Image.new("RGB", (64, 64), (255, 0, 255)))
    assert numbers.shape == (1, 3, 8, 8)
    assert numbers[0, :, 0, 0].tolist() == pytest.approx([1, -1, 1], abs=1e-6)


def test_a_very_long_picture_is_cut_before_it_is_scaled() -> None:
    assert Preparation(None, shortest=10).numbers(Image.new("RGB", (64, 6400))).shape == (1, 3, 80, 10)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"size": 5000}, "size: expected a number of pixels from 1 to 2048, got 5000"),
        ({"size": {"height": 8}}, "size.width: expected a number of pixels from 1 to 2048, got nothing"),
        ({"size": {"shortest_edge": True}}, "size.shortest_edge: expected a number of pixels from 1 to 2048, got true"),
        ({"resample": 9}, "resample: expected one of Pillow's filters, 0 to 5, got 9"),
        ({"rescale_factor": 0}, "rescale_factor: expected a number above 0, got 0"),
        ({"image_mean": [1, 2]}, "image_mean: expected three numbers, for red, green and blue, got a list of 2"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(said: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read_preparation(said)
    assert str(caught.value) == sentence
