"""Sharpness tells a blurred face from a sharp one at any resolution; yaw tells where it looks."""

import cv2
import numpy as np
import pytest
from skimage import data

from pipeline.faces import Face
from pipeline.portrait import BLURRED_BELOW, sharpness, yaw
from tests.pipeline.face_pack import KEYPOINTS

ASTRONAUT = data.astronaut()
BOX = (175.0, 68.0, 275.0, 178.0)


def scaled(scale):
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(ASTRONAUT, None, fx=scale, fy=scale, interpolation=method), tuple(side * scale for side in BOX)


def test_a_sharp_face_is_told_from_a_blurred_one():
    assert sharpness(ASTRONAUT, BOX) > 8 * BLURRED_BELOW  # 596
    for sigma in (1.5, 2, 4):  # 31, 17, 6
        assert sharpness(cv2.GaussianBlur(ASTRONAUT, (0, 0), sigma), BOX) < BLURRED_BELOW


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.5, 2, 4])
def test_sharpness_asks_for_no_large_photo(scale):
    assert sharpness(*scaled(scale)) > 2 * BLURRED_BELOW  # 143 with a face of 50 pixels, else above 240


@pytest.mark.parametrize("scale", [1.5, 2, 4])
def test_blur_of_the_same_part_of_the_face_counts_the_same_at_any_resolution(scale):
    image, box = scaled(scale)
    blurred = sharpness(cv2.GaussianBlur(image, (0, 0), 1.5 * scale), box)
    expected = sharpness(cv2.GaussianBlur(ASTRONAUT, (0, 0), 1.5), BOX)
    assert blurred == pytest.approx(expected, rel=0.15)


def test_a_dim_photo_does_not_count_as_blurred():
    assert sharpness((ASTRONAUT * 0.5).astype(np.uint8), BOX) > 2 * BLURRED_BELOW


def test_a_box_beyond_the_edges_counts_what_is_in_the_photo():
    cut = ASTRONAUT[100:, 200:]
    assert sharpness(cut, (-25, -32, 75, 78)) == sharpness(cut, (0, 0, 75, 78)) > BLURRED_BELOW
    for outside in ((-50, 0, -10, 40), (600, 600, 700, 700), (10, 10, 10, 40)):
        assert sharpness(cut, outside) == 0
    assert sharpness(cut, (0, 0, 1, 300)) >= 0


def face(keypoints):
    return Face((0, 0, 1, 1), 0.9, keypoints=np.asarray(keypoints, np.float32))


def turned(nose_x):
    points = KEYPOINTS.copy()
    points[2, 0] = nose_x
    return points


def test_a_face_that_looks_ahead_has_no_yaw_and_none_is_known_without_keypoints():
    assert yaw(face(KEYPOINTS)) == pytest.approx(0, abs=1e-6)
    assert yaw(Face((0, 0, 1, 1), 0.9)) is None


def test_yaw_is_positive_to_the_photos_right_and_ends_at_one():
    # The eyes stand at 0.3 and 0.7: half of their distance is 0.2.
    assert yaw(face(turned(0.6))) == pytest.approx(0.5, abs=1e-6)
    assert yaw(face(turned(0.45))) == pytest.approx(-0.25, abs=1e-6)
    assert (yaw(face(turned(0.95))), yaw(face(turned(0.05)))) == (1, -1)


@pytest.mark.parametrize("degrees", [-40, 20, 90, 180])
def test_a_tilted_or_larger_face_has_the_same_yaw(degrees):
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert yaw(face(turned(0.6) @ rotation.T * 250 + 40)) == pytest.approx(0.5, abs=1e-4)


def test_the_mirror_image_looks_the_other_way():
    mirrored = (turned(0.6) * (-1, 1) + (1, 0))[[1, 0, 2, 4, 3]]
    assert yaw(face(mirrored)) == pytest.approx(-0.5, abs=1e-6)


def test_keypoints_that_make_no_face_have_no_yaw():
    assert yaw(face(np.ones((5, 2)))) is None
    assert yaw(face([(1, 0), (1, 0), (2, 1), (1, 2), (1, 2)])) is None
