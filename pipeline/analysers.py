"""What finds faces: insightface on the family's pack of models, else a cascade that comes with scikit-image."""

import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.faces import Analyser, Face
from pipeline.families import family, packs

NEEDED = ("detection", "recognition")
WELCOME = ("genderage", "landmark_2d_106")
DETECTION_SIZES = (640, 512, 384, 320, 256)
DETECTION_THRESHOLD = 0.5
LICENCE = "insightface's published model packs are for non-commercial research only"
CANNOT_IDENTIFY = "The built-in face detector finds faces but cannot tell people apart."

logger = logging.getLogger(__name__)


def open_analyser(config: Config) -> Analyser:
    """Insightface on the family's face-model pack, else the cascade; nothing is ever fetched.

    BadWeights, a sentence, for a pack that cannot be used.
    """
    pack = family(config).face_pack(config)
    if pack is None:
        logger.info("%s There is no model pack in %s.", CANNOT_IDENTIFY, packs.folder(config))
        return Cascade()
    analyser = Insightface(pack, config.device)
    if pack.is_relative_to(packs.folder(config)):
        logger.info("what lies in %s is the operator's own; %s", pack, LICENCE)
    return analyser


class Insightface:
    """insightface's FaceAnalysis: boxes, keypoints, landmarks, sex, age and the raw identity embedding.

    The model packs that insightface publishes (antelopev2, buffalo_l, ...) are for NON-COMMERCIAL RESEARCH ONLY; any
    other use needs a licence from insightface, or a pack of one's own with the same interface.

    `pack` is the folder of the .onnx files. On the GPU where onnxruntime has its CUDA provider and `device` is not
    "cpu". BadWeights for a pack that is damaged or lacks a task.
    """

    identifies = True

    def __init__(self, pack: Path, device: str) -> None:
        # Read when onnxruntime is first imported; its Linux build writes telemetry files otherwise.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        from insightface.app import FaceAnalysis  # slow, and needed on machines with a pack only

        # It still calls scikit-image's SimilarityTransform.estimate, and says so for every face.
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"insightface\.")
        self.name = f"insightface ({pack.name})"
        try:
            # A path to a folder that exists: given a name, insightface would download what it does not find.
            analysis = FaceAnalysis(str(pack), allowed_modules=[*NEEDED, *WELCOME], providers=providers(device))
        except (AssertionError, KeyError) as error:  # how it says that no file is a detector
            raise BadWeights(lacking(pack, "detection")) from error
        except Exception as error:  # onnxruntime and protobuf share no class of errors
            raise BadWeights(f"{pack} holds a damaged model ({error}); copy the model pack there again.") from error
        self._models: dict[str, Any] = analysis.models
        for task in NEEDED:
            if task not in self._models:
                raise BadWeights(lacking(pack, task))
        size = DETECTION_SIZES[0]
        analysis.prepare(ctx_id=0, det_thresh=DETECTION_THRESHOLD, det_size=(size, size))
        self._detector = self._models["detection"]
        if not self._detector.use_kps:
            raise BadWeights(
                f"{self._detector.model_file} finds no eyes, nose and mouth, by which faces are aligned: "
                "use a detection model with keypoints (9 or 15 outputs)."
            )
        runs_on = self._detector.session.get_providers()[0]
        logger.info("faces are found by %s on %s", self.name, runs_on)

    def find(self, image: NDArray[np.uint8]) -> tuple[Face, ...]:
        """The faces of an RGB photo [H, W, 3], left to right."""
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        boxes, keypoints = self._detect(bgr)
        faces = [self._describe(bgr, box, points) for box, points in zip(boxes, keypoints, strict=True)]
        return left_to_right(faces)

    def _detect(self, bgr: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """[n, 5] boxes with their scores and [n, 5, 2] keypoints, at the largest size that shows any face.

        A face that fills the photo is too large for the detector at 640 pixels. The size goes into `detect`, because
        since insightface 1.0 the attribute `input_size` is not read any more once `prepare` was called.
        """
        fixed = self._detector.static_input_size is not None  # such a model has one size, whatever is asked
        for size in DETECTION_SIZES[:1] if fixed else DETECTION_SIZES:
            boxes, keypoints = self._detector.detect(bgr, input_size=(size, size))
            if len(boxes):
                break
        return boxes, keypoints

    def _describe(self, bgr: NDArray[np.uint8], box: NDArray[np.float32], keypoints: NDArray[np.float32]) -> Face:
        """What the other models say of one face, as FaceAnalysis.get asks them."""
        from insightface.app.common import Face as Seen

        seen = Seen(bbox=box[:4], kps=keypoints, det_score=box[4])
        for task, model in self._models.items():
            if task != "detection":
                model.get(bgr, seen)
        x1, y1, x2, y2 = (float(value) for value in box[:4])
        return Face(
            box=(x1, y1, x2, y2),
            score=float(box[4]),
            keypoints=frozen(keypoints),
            landmarks=frozen(seen.landmark_2d_106),
            embedding=frozen(seen.embedding),  # as the model gives it, not insightface's `normed_embedding`
            sex=seen.sex,
            age=None if seen.age is None else int(seen.age),
        )


class Cascade:
    """The LBP cascade of frontal faces that scikit-image ships: boxes only, for machines without a model pack.

    A cascade answers at many places and sizes near a face and now and then anywhere. A face is where many answers
    agree, and where they do in the photo's mirror image too. Small windows stand closer, relative to their size, and
    answer more often, so that votes count by their window's side. Measured: on 29 photographs, textures and noises
    without a face nothing passes 510; upright faces seen from the front reach 800 and more. A head tilted by 15 degrees
    or much blurred may be missed. In scikit-image's subset of Labeled Faces in the Wild, enlarged to 64 pixels, 83 of
    the 100 faces are found, and none in the 100 pieces without one (56 and none at 40 pixels).
    """

    identifies = False
    name = "the built-in face detector"

    LONGEST_SIDE = 512  # pixels; the search costs half a second on one core at this size, twice where there is a face
    SMALLEST_FACE = 24  # the window that the cascade was trained at
    AGREEMENT = 0.4  # intersection over union from which two windows vote for the same face
    STRENGTH = 640.0  # votes x pixels of the side, in the weaker of both views
    CHIN = 0.1  # the windows end above the chin: the box goes on by this part of its height

    def __init__(self) -> None:
        from skimage import data, feature

        self._cascade = feature.Cascade(data.lbp_frontal_face_cascade_filename())

    def find(self, image: NDArray[np.uint8]) -> tuple[Face, ...]:
        """The faces of an RGB photo [H, W, 3], left to right; score 0.5 is a face only just."""
        height, width = image.shape[:2]
        scale = min(1.0, self.LONGEST_SIDE / max(height, width))
        small = np.ascontiguousarray(image)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            small = cv2.resize(small, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        windows = self._windows(small)
        if all(strength < self.STRENGTH for _, strength in clusters([windows], self.AGREEMENT)):
            return ()
        mirrored = self._windows(np.ascontiguousarray(small[:, ::-1]))
        mirrored[:, 0] = small.shape[1] - mirrored[:, 0] - mirrored[:, 2]
        faces = []
        for (x, y, side), strength in clusters([windows, mirrored], self.AGREEMENT):
            if strength >= self.STRENGTH:
                box = np.array([x, y, x + side, y + side * (1 + self.CHIN)]) / scale
                x1, y1, x2, y2 = (float(value) for value in box)
                faces.append(Face(box=(x1, y1, x2, y2), score=strength / (strength + self.STRENGTH)))
        return left_to_right(faces)

    def _windows(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """[n, 3] left, top and side of every window that the cascade takes for a face, in a fixed order."""
        largest = min(image.shape[:2])
        if largest <= self.SMALLEST_FACE:
            return np.zeros((0, 3))
        found = self._cascade.detect_multi_scale(
            img=image,
            scale_factor=1.1,
            step_ratio=1.0,
            min_size=(self.SMALLEST_FACE, self.SMALLEST_FACE),
            max_size=(largest, largest),
            # No merging: its own counts the votes but does not tell them.
            min_neighbor_number=0,
            intersection_score_threshold=1.1,
        )
        return np.array(sorted((one["c"], one["r"], one["width"]) for one in found), np.float64).reshape(-1, 3)


def clusters(views: Sequence[NDArray[np.float64]], agreement: float) -> list[tuple[NDArray[np.float64], float]]:
    """Square windows that overlap, merged: the median window (left, top, side) and its strength, most votes first.

    `views` holds one array [n, 3] of windows a view of the photo, in the photo's coordinates. The strength is the votes
    of the weakest view times the side.
    """
    windows = np.concatenate(list(views))
    view = np.repeat(np.arange(len(views)), [len(one) for one in views])
    merged = []
    while len(windows):
        same = overlaps(windows) >= agreement  # [n, n]
        votes = same[same.sum(axis=1).argmax()]
        middle = np.median(windows[votes], axis=0)
        weakest = np.bincount(view[votes], minlength=len(views)).min()
        merged.append((middle, float(weakest * middle[2])))
        windows, view = windows[~votes], view[~votes]
    return merged


def overlaps(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, n] intersection over union of square windows [n, 3] (left, top, side)."""
    start = windows[:, :2]
    end = start + windows[:, 2:]
    shared = np.minimum(end[:, None], end[None]) - np.maximum(start[:, None], start[None])  # [n, n, 2]
    intersection = shared.clip(min=0).prod(axis=2)
    area = windows[:, 2] ** 2
    return np.asarray(intersection / (area[:, None] + area[None] - intersection))


def left_to_right(faces: list[Face]) -> tuple[Face, ...]:
    """The faces in the order in which they are read."""
    return tuple(sorted(faces, key=lambda face: face.box))


def frozen(array: Any) -> NDArray[np.float32] | None:
    """The array in float32, closed to writing: faces are remembered and handed to everybody who asks."""
    if array is None:
        return None
    copy = np.array(array, np.float32)
    copy.flags.writeable = False
    return copy


def lacking(pack: Path, task: str) -> str:
    """The sentence about a pack without a model for that task."""
    return (
        f"{pack} has no model for {task} (it needs one each for {' and '.join(NEEDED)}, better also for "
        f"{' and '.join(WELCOME)}): copy the whole model pack there."
    )


def providers(device: str) -> list[Any]:
    """Where onnxruntime shall run, first choice first."""
    import onnxruntime

    chosen: list[Any] = ["CPUExecutionProvider"]
    if device != "cpu" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        number = device.partition(":")[2] or "0"
        chosen.insert(0, ("CUDAExecutionProvider", {"device_id": number}))
    return chosen
