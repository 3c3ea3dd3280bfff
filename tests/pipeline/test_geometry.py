"""Geometry of a face pass: cut out inside the picture, drawn larger, put back without a trace around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry import crop_region, magnify, paste, squared, working_size


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("box", "factor", "size", "region"),
    [
        ((40, 40, 60, 70), 2.0, (100, 200), (30, 25, 70, 85)),
        ((80, 40, 100, 60), 3.0, (100, 200), (40, 20, 100, 80)),  # shifted left, and not narrower for it
        ((40, 180, 60, 200), 3.0, (100, 200), (20, 140, 80, 200)),
        ((10, 10, 90, 30), 3.0, (100, 200), (0, 0, 100, 60)),  # wider than the picture: clipped
        ((10.5, 20.25, 31.0, 40.5), 1.5, (100, 200), (5, 15, 35, 45)),  # truncated: 5.375 and 5 + 30.75
        ((80.5, 20, 100, 40), 1.3, (100, 200), (74, 17, 100, 43)),  # at the right border: 100 - 25.35 = 74.65
        ((0.2, 0.2, 10.2, 10.2), 1.04, (100, 200), (0, 0, 10, 10)),  # a start above -1 truncates to 0
    ],
)
def test_a_crop_is_the_box_grown_about_its_centre_and_shifted_inside_the_picture(box, factor, size, region):
    assert crop_region(box, factor, *size) == region


def test_a_crop_takes_numpy_boxes_and_gives_plain_whole_numbers():
    region = crop_region(np.array([10, 20, 30, 40], np.float32), 2.0, 100, 100)
    assert region == (0, 10, 40, 50)
    assert all(type(edge) is int for edge in region)


sides = st.integers(16, 3000)
edges = st.floats(0, 1).map(lambda share: round(share, 4))


@given(sides, sides, st.tuples(edges, edges, edges, edges), st.floats(1, 8))
def test_a_crop_stays_inside_and_keeps_its_size_where_it_fits(width, height, shares, factor):
    (left, right), (top, bottom) = sorted(shares[:2]), sorted(shares[2:])
    box = (left * width, top * height, right * width, bottom * height)
    x1, y1, x2, y2 = crop_region(box, factor, width, height)
    assert 0 <= x1 <= x2 <= width
    assert 0 <= y1 <= y2 <= height
    # A pixel less or more by truncation, nothing else.
    assert abs((x2 - x1) - min(width, (box[2] - box[0]) * factor)) < 1
    assert abs((y2 - y1) - min(height, (box[3] - box[1]) * factor)) < 1


def test_a_squared_box_has_the_same_centre_and_the_longer_side():
    assert squared((10, 20, 30, 60)) == (0, 20, 40, 60)
    assert squared((10, 20, 60, 30)) == (10, 0, 60, 50)


@pytest.mark.parametrize(
    ("region", "size", "expected"),
    [
        ((5, 5, 305, 305), 1024, (1024, 1024)),
        ((5, 5, 305, 306), 512, (512, 512)),  # a pixel off by truncation is still a square
        ((0, 0, 300, 150), 1024, (1448, 724)),
        ((0, 0, 150, 300), 1024, (728, 1448)),
        ((0, 0, 1, 4000), 256, (8, 16192)),
    ],
)
def test_the_working_size_has_the_regions_aspect_and_about_the_asked_area_in_multiples_of_8(region, size, expected):
    width, height = working_size(region, size)
    assert width % 8 == height % 8 == 0
    assert abs(width - expected[0]) <= 4 and abs(height - expected[1]) <= 4


def test_magnifying_a_region_to_its_own_size_changes_nothing(noise):
    assert np.array_equal(magnify(noise, (10, 20, 70, 60), (60, 40)), noise[20:60, 10:70])


def test_a_magnified_picture_looks_at_nothing_outside_of_its_region(noise):
    other = noise.copy()
    other[:20], other[60:], other[:, :10], other[:, 70:] = 0, 255, 0, 255
    region = (10, 20, 70, 60)
    assert np.array_equal(magnify(noise, region, (240, 160)), magnify(other, region, (240, 160)))


def test_a_face_that_was_only_magnified_comes_back_as_it_was():
    y, x = np.mgrid[:90, :120]
    smooth = np.stack([127 + 100 * np.sin(x / 9), 127 + 100 * np.cos(y / 7), 127 + 60 * np.sin((x + y) / 11)], axis=2)
    smooth = smooth.astype(np.uint8)
    region = (10, 20, 70, 60)
    back = paste(smooth, region, magnify(smooth, region, (480, 320)), np.ones((40, 60), np.float32))
    assert np.abs(back.astype(int) - smooth.astype(int)).max() <= 2


def test_a_face_that_gets_smaller_is_averaged_not_sampled():
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the region can show: grey is all that remains
    pasted = paste(np.zeros((60, 60, 3), np.uint8), (10, 10, 50, 50), stripes, np.ones((40, 40), np.float32))
    assert np.abs(pasted[12:48, 12:48].astype(int) - 127).max() <= 3


def test_pasting_changes_no_pixel_where_the_mask_is_0_and_not_the_picture_it_was_given(noise):
    before = noise.copy()
    mask = np.zeros((40, 60), np.float32)
    mask[10:30, 20:40] = 0.7
    pasted = paste(noise, (10, 20, 70, 60), 255 - noise[20:60, 10:70], mask)
    assert np.array_equal(noise, before)
    untouched = np.ones(noise.shape[:2], bool)
    untouched[30:50, 30:50] = False
    assert np.array_equal(pasted[untouched], noise[untouched])
    assert not np.array_equal(pasted[~untouched], noise[~untouched])


def test_pasting_blends_by_the_mask_and_rounds_to_the_nearest(noise):
    face = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    mask = np.random.default_rng(2).random((40, 60), np.float32)
    mask[0], mask[1] = 0, 1
    pasted = paste(noise, (10, 20, 70, 60), face, mask)[20:60, 10:70]
    share = mask[:, :, None].astype(np.float64)
    exact = (1 - share) * noise[20:60, 10:70] + share * face
    assert np.abs(pasted - exact).max() <= 0.5 + 1e-4  # float32 may decide a half differently
    assert np.array_equal(pasted[0], noise[20, 10:70])
    assert np.array_equal(pasted[1], face[1])
