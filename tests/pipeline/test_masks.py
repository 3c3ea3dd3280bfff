"""Masks: the face changes wholly, its surroundings not at all, and no edge shows between them."""

import cv2
import numpy as np
import pytest
import torch

from pipeline import masks
from pipeline.faces import Face
from pipeline.geometry import crop_region, squared

PICTURE = (640, 512)
BOX = (200.0, 150.0, 300.0, 290.0)


def outline(turn=0.0):
    """A face's jaw, brows and mouth as landmarks, and its five keypoints, turned about the middle of BOX."""
    jaw = [(250 - 50 * np.cos(a), 190 + 100 * np.sin(a)) for a in np.linspace(0, np.pi, 33)]
    brows = [(210 + 8 * i, 175) for i in range(11)]
    mouth = [(235 + 5 * i, 250) for i in range(7)]
    keypoints = [(230, 190), (270, 190), (250, 215), (235, 250), (265, 250)]
    rotation = cv2.getRotationMatrix2D((250, 220), turn, 1.0)
    points, keypoints = (
        (np.c_[each, np.ones(len(each))] @ rotation.T).astype(np.float32) for each in (jaw + brows + mouth, keypoints)
    )
    return points, keypoints


def landmarked(turn=0.0):
    landmarks, keypoints = outline(turn)
    box = (*landmarks.min(axis=0).tolist(), *landmarks.max(axis=0).tolist())
    return Face(box, 0.9, keypoints=keypoints, landmarks=landmarks)


FACES = {"box": Face(BOX, 0.9), "landmarks": landmarked(), "tilted": landmarked(35), "lying": landmarked(-90)}
faces = pytest.mark.parametrize("face", FACES.values(), ids=FACES)


def at(mask, region, point):
    return mask[round(point[1]) - region[1], round(point[0]) - region[0]].item()


@faces
@pytest.mark.parametrize("factor", [1.0, 1.2, 2.0, 3.0, 8.0])
def test_a_change_mask_is_0_at_the_regions_border_and_1_in_the_middle_of_the_face(face, factor):
    region = crop_region(squared(face.box), factor, 640, 512)
    mask = masks.change_mask(face, region, PICTURE)
    assert mask.shape == (region[3] - region[1], region[2] - region[0])
    assert mask.dtype == np.float32
    assert mask.min() == 0
    assert mask.max() == 1
    assert not mask[[0, -1]].any() and not mask[:, [0, -1]].any()
    middle = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    assert at(mask, region, middle) == 1


@pytest.mark.parametrize("name", ["landmarks", "tilted", "lying"])
def test_the_whole_face_changes(name):
    region = crop_region(squared(FACES[name].box), 3.0, 640, 512)
    mask = masks.change_mask(FACES[name], region, PICTURE)
    assert [at(mask, region, point) for point in FACES[name].landmarks] == [1] * len(FACES[name].landmarks)


@pytest.mark.parametrize("name", ["landmarks", "tilted", "lying"])
def test_the_forehead_changes_too_though_no_landmark_marks_it(name):
    face = FACES[name]
    region = crop_region(squared(face.box), 3.0, 640, 512)
    mask = masks.change_mask(face, region, PICTURE)
    left, right, _, *mouth = face.keypoints
    up = (left + right) / 2 - (mouth[0] + mouth[1]) / 2  # 60 pixels
    brows = (left + right) / 2 + up / 4
    assert at(mask, region, brows + up * 0.7) == 1
    assert at(mask, region, brows + up * 1.6) == 0
    assert at(mask, region, brows - up * 2.6) == 0


def test_landmarks_without_keypoints_have_their_forehead_above():
    upright = masks.change_mask(
        Face(landmarked().box, 0.9, landmarks=landmarked().landmarks), (100, 50, 400, 350), PICTURE
    )
    assert np.array_equal(upright, masks.change_mask(landmarked(), (100, 50, 400, 350), PICTURE))


@faces
def test_the_rim_falls_without_a_step(face):
    mask = masks.change_mask(face, crop_region(squared(face.box), 3.0, 640, 512), PICTURE)
    steps = max(np.abs(np.diff(mask, axis=axis)).max() for axis in (0, 1))
    assert steps < 0.1
    assert ((mask > 0) & (mask < 1)).sum() > 2000  # a rim of more than 20 pixels around a face of 100


@faces
def test_a_change_mask_is_the_same_wherever_the_picture_is(face):
    region = crop_region(squared(face.box), 2.0, 640, 512)
    moved = Face(
        tuple(edge + 64 for edge in face.box),
        face.score,
        keypoints=None if face.keypoints is None else face.keypoints + 64,
        landmarks=None if face.landmarks is None else face.landmarks + 64,
    )
    same = masks.change_mask(moved, tuple(edge + 64 for edge in region), PICTURE)
    assert np.array_equal(masks.change_mask(face, region, PICTURE), same)


@pytest.mark.parametrize(
    "box",
    [
        (120.0, 120.0, 120.0, 150.0),
        (150.0, 150.0, 120.0, 120.0),
        (300.0, 100.0, 360.0, 160.0),
        (120.0, 10.0, 160.0, 100.0),
    ],
    ids=["no width", "turned round", "to the right", "just above"],
)
def test_the_mask_of_no_face_or_of_one_elsewhere_is_empty(box):
    mask = masks.change_mask(Face(box, 0.9), (100, 100, 300, 300), PICTURE)
    assert mask.shape == (200, 200)
    assert not mask.any()


@pytest.mark.parametrize("side", range(1, 24))
def test_the_smallest_regions_have_a_mask_within_0_and_1_and_a_border_of_0(side):
    mask = masks.change_mask(Face((1.0, 1.0, 1.0 + side, 1.0 + side), 0.9), (1, 1, 1 + side, 1 + side), PICTURE)
    assert mask.shape == (side, side)
    assert mask.min() == 0 and mask.max() <= 1
    assert not mask[[0, -1]].any() and not mask[:, [0, -1]].any()
    assert (mask.max() == 1) == (side >= 7)


def test_a_face_that_leaves_the_region_is_cut_softly():
    mask = masks.change_mask(Face((90.0, 140.0, 190.0, 260.0), 0.9), (100, 100, 300, 300), PICTURE)
    assert not mask[:, 0].any()
    assert mask[100, 60] == 1
    assert np.abs(np.diff(mask[100, :60])).max() < 0.1


@pytest.mark.parametrize(
    ("box", "edge"),
    [
        ((-20.0, 100.0, 80.0, 220.0), np.s_[:, 0]),
        ((560.0, 100.0, 660.0, 220.0), np.s_[:, -1]),
        ((200.0, -40.0, 300.0, 80.0), np.s_[0]),
        ((200.0, 440.0, 300.0, 540.0), np.s_[-1]),
    ],
    ids=["left", "right", "top", "bottom"],
)
def test_a_face_cut_by_the_pictures_edge_changes_up_to_that_edge(box, edge):
    region = crop_region(squared(box), 2.0, *PICTURE)
    mask = masks.change_mask(Face(box, 0.9), region, PICTURE)
    assert mask.shape == (region[3] - region[1], region[2] - region[0])
    assert mask[edge].max() == 1
    outermost = {id(side): side for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1])}
    assert sorted(side.max() > 0 for side in outermost.values()) == [False] * 3 + [True]


def test_thresholds_are_the_share_of_the_steps_already_run():
    assert masks.thresholds(4).tolist() == [0, 0.25, 0.5, 0.75]
    assert masks.thresholds(1).tolist() == [0]


def test_keeping_is_strict_so_what_may_change_wholly_is_never_kept():
    keep_map = torch.tensor([0.0, 0.25, 0.5, 1.0])
    kept = [masks.keep(keep_map, threshold).tolist() for threshold in masks.thresholds(4)]
    assert kept == [
        [False, True, True, True],
        [False, False, True, True],
        [False, False, False, True],
        [False, False, False, True],
    ]


def test_mixing_takes_each_latent_whole_from_one_of_the_two():
    generator = torch.Generator().manual_seed(0)
    latents, noised = (torch.randn(2, 4, 6, 6, generator=generator) for _ in range(2))
    keep = torch.rand(2, 1, 6, 6, generator=generator) > 0.5
    mixed = masks.mix(latents, noised, keep)
    everywhere = keep.expand_as(mixed)
    assert torch.equal(mixed[everywhere], noised[everywhere])
    assert torch.equal(mixed[~everywhere], latents[~everywhere])


def test_a_face_has_one_mask_wherever_in_memory_it_is_made():
    """OpenCV's distances differ in their last digit with the alignment of their array, and the rim ends at one."""
    face, kept, found = Face((10.0, 40.0, 45.0, 90.0), 0.9), [], set()
    for size in range(1, 2000, 37):
        kept.append(np.empty(size, np.uint8))
        found.add(masks.change_mask(face, (0, 15, 100, 115), (160, 128)).tobytes())
    assert len(found) == 1
