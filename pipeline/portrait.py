"""How good a portrait a photo makes: how sharp the face is and where it looks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.faces import Face

SIDE = 112
"""The longer side, in pixels, at which sharpness is measured: the size at which recognition models read a face."""
BLURRED_BELOW = 50.0
"""Squared grey levels under which a face is blurred.

Measured on a portrait photograph (scikit-image's astronaut, a face of 100 pixels): 596 as it stands, 370 to 410
enlarged, 151 at half the brightness, 143 with the face reduced to 50 pixels, 22 to 25 pixels; 72, 31 and 17 after a
Gaussian blur whose sigma is 1, 1.5 and 2 % of the face's width.
"""


def sharpness(image: NDArray[np.uint8], box: tuple[float, float, float, float]) -> float:
    """The variance of the Laplacian of the face in an RGB photo [H, W, 3], in squared grey levels (0..255).

    The face is measured at one size, whatever the photo's resolution; a face smaller than that is enlarged and counts
    as blurred as it then looks. 0 for a box that shows nothing of the photo.
    """
    height, width = image.shape[:2]
    left, top = (max(0, round(value)) for value in box[:2])
    right, bottom = min(width, round(box[2])), min(height, round(box[3]))
    if right <= left or bottom <= top:
        return 0.0
    scale = SIDE / max(right - left, bottom - top)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    grey = cv2.cvtColor(np.ascontiguousarray(image[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    face = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return float(cv2.Laplacian(face, cv2.CV_64F).var())


def yaw(face: Face) -> float | None:
    """Where the face looks, -1 (the photo's left) ... 0 (the camera) ... 1 (its right); None without keypoints.

    How far the nose stands from the middle line of eyes and mouth, in halves of the distance between the eyes (or
    between the corners of the mouth, where that is wider); from 1 on the nose hides one of them. 0.5 is a turn of some
    30 to 40 degrees, depending on how far the nose stands out. A head that is only tilted looks at the camera.
    """
    if face.keypoints is None:
        return None
    left_eye, right_eye, nose, left_mouth, right_mouth = np.asarray(face.keypoints, np.float64)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    down = mouth - eyes
    if not down.any():
        return None
    across = np.array([down[1], -down[0]])  # to the photo's right in an upright face; a length that cancels out
    half = max(abs((right_eye - left_eye) @ across), abs((right_mouth - left_mouth) @ across)) / 2
    offset = (nose - (eyes + mouth) / 2) @ across
    return float(np.clip(offset / half, -1, 1)) if half > 0 else None
