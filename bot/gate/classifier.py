"""The classifier: a model in a folder on this machine that says what is seen in a picture, one score a label.

transformers, torch and onnxruntime are imported where a classifier is loaded, so that a console runs without them.
"""

import importlib.util
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from bot.gate.preparation import Preparation, read_preparation
from bot.pictures import open_picture
from bot.settings import BadSettings
from sweeps.words import quote, unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Logits = Callable[["NDArray[np.float32]"], "NDArray[np.float32]"]

CONFIG, WEIGHTS, PREPROCESSOR = "config.json", "model.safetensors", "preprocessor_config.json"
ONNX, LABELS = "model.onnx", "labels.json"
MOST_JSON_BYTES = 4 * 2**20
NEEDS = {ONNX: ("onnxruntime", "numpy"), WEIGHTS: ("transformers", "torch", "numpy")}
SIDE = 224


@dataclass(frozen=True)
class Folder:
    """A classifier's folder whose small files were read: `model` is the file of its weights.

    `several`: a picture may carry several labels, each with a score of its own (sigmoid), not one of all (softmax).
    """

    path: Path
    model: str
    labels: tuple[str, ...]
    several: bool
    preprocessor: Mapping[str, object]

    def stamp(self) -> tuple[object, ...]:
        """What changes when a file of it does. Raises OSError."""
        facts = (self.path / self.model).stat()
        read = (self.labels, self.several, json.dumps(self.preprocessor, sort_keys=True))
        return (self.path, facts.st_mtime_ns, facts.st_size, *read)


def look_into(path: Path, wanted: Sequence[str]) -> Folder:
    """The folder of a classifier that knows the `wanted` labels; loads nothing large.

    Raises BadSettings with what is missing or wrong in it.
    """
    if not path.is_dir():
        raise BadSettings(f"images.model: there is no folder {path}; put a classifier there, or leave images out")
    model = next((name for name in (ONNX, WEIGHTS) if (path / name).is_file()), None)
    if model is None:
        raise BadSettings(f"images.model: {path} holds neither {ONNX} nor {WEIGHTS}; put one of them there")
    for library in NEEDS[model]:
        if importlib.util.find_spec(library) is None:
            raise BadSettings(f"images.model: {model} needs the library {library}; install it, or leave images out")
    config: Mapping[str, object] = {}
    if model == WEIGHTS or (path / CONFIG).is_file():
        config = _mapping(path / CONFIG)
    preprocessor: Mapping[str, object] = {}
    if model == WEIGHTS or (path / PREPROCESSOR).is_file():
        preprocessor = _mapping(path / PREPROCESSOR)
    read_labels = model == ONNX and ((path / LABELS).is_file() or "id2label" not in config)
    labels = _labels(path / LABELS) if read_labels else _labels_of(config, path / CONFIG)
    for name in wanted:
        if name not in labels:
            known = dict.fromkeys(labels)
            raise BadSettings(f"images.labels.{name}: {unknown('label', name, list(known)[:20])}")
    several = config.get("problem_type") == "multi_label_classification"
    try:
        read_preparation(preprocessor)
    except BadSettings as error:
        raise BadSettings(f"images.model: {path / PREPROCESSOR}: {error}") from None
    return Folder(path, model, labels, several, preprocessor)


class Classifier:
    """A loaded model. Loading and `scores` take time: not for the event loop; one picture at a time."""

    def __init__(self, folder: Folder) -> None:
        """Raises BadSettings for a model that cannot be loaded, or that does not fit its labels."""
        load = _onnx if folder.model == ONNX else _transformers
        file = folder.path / folder.model
        try:
            self._logits, side = load(folder)
        except BadSettings:
            raise
        except Exception as error:  # the libraries share no class of errors
            reason = " ".join(str(error).split())[:300]
            raise BadSettings(f"images.model: {file} cannot be loaded ({reason}); put a sound one there") from error
        self._labels = folder.labels
        self._several = folder.several
        self._preparation: Preparation = read_preparation(folder.preprocessor, side)
        try:
            found = self._run(Image.new("RGB", (64, 64)))
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise BadSettings(f"images.model: {file} cannot read a picture ({reason})") from error
        if found.shape != (1, len(self._labels)):
            raise BadSettings(
                f"images.model: {file} gives {' × '.join(map(str, found.shape))} numbers for one picture, and it has "
                f"{len(self._labels)} labels; each label needs one number"
            )

    def scores(self, png: bytes) -> dict[str, float]:
        """The score of each label, 0 to 1. Raises BadUpload for a picture that cannot be opened, and others."""
        import numpy as np

        logits = self._run(open_picture(png))[0].astype(np.float64)
        if not np.isfinite(logits).all():
            raise ValueError("the classifier gave numbers that are none")
        if self._several:
            scores = 0.5 * (1 + np.tanh(logits / 2))  # the sigmoid, without overflow
        else:
            powers = np.exp(logits - logits.max())
            scores = powers / powers.sum()
        found: dict[str, float] = {}
        for label, score in zip(self._labels, scores.tolist(), strict=True):
            found[label] = max(score, found.get(label, 0.0))
        return found

    def _run(self, picture: Image.Image) -> "NDArray[np.float32]":
        return self._logits(self._preparation.numbers(picture))


def _onnx(folder: Folder) -> "tuple[Logits, int]":
    """The function from pictures [1, 3, H, W] to logits [1, labels], and the side that its input asks for."""
    # Read when onnxruntime is first imported; its Linux build writes telemetry files otherwise.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder.path / ONNX), sess_options=options, providers=["CPUExecutionProvider"]
    )
    (taken, *more) = session.get_inputs()
    shape = taken.shape
    if more or len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3) or taken.type != "tensor(float)":
        raise BadSettings(
            f"images.model: {folder.path / ONNX} must take one input of floats, [1, 3, height, width]; it takes "
            f"{', '.join(f'{each.name} {each.type} {each.shape}' for each in (taken, *more))}"
        )
    given = session.get_outputs()[0].name
    side = shape[2] if isinstance(shape[2], int) and shape[2] > 0 else SIDE
    return lambda numbers: session.run([given], {taken.name: numbers})[0], side


def _transformers(folder: Folder) -> "tuple[Logits, int]":
    """The same of a transformers folder. Nothing is downloaded, no code of the folder is run, no pickle is read."""
    import torch
    from transformers import AutoModelForImageClassification

    model: Any
    model, report = AutoModelForImageClassification.from_pretrained(
        str(folder.path),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    if missing := sorted(report["missing_keys"]):  # they would be made up at random
        raise BadSettings(
            f"images.model: {folder.path / WEIGHTS} lacks {len(missing)} of the model's weights, such as {missing[0]}"
        )
    model.eval()
    side = getattr(model.config, "image_size", SIDE)

    def logits(numbers: "NDArray[np.float32]") -> "NDArray[np.float32]":
        with torch.inference_mode():
            found: NDArray[np.float32] = model(pixel_values=torch.from_numpy(numbers)).logits.numpy()
        return found

    return logits, side if isinstance(side, int) else SIDE


def _labels(path: Path) -> tuple[str, ...]:
    labels = _json(path)
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise BadSettings(f"images.model: {path}: expected a list of labels, got {quote(labels)}")
    return tuple(labels)


def _labels_of(config: Mapping[str, object], path: Path) -> tuple[str, ...]:
    """The labels in a transformers config: by number, from 0 on."""
    named = config.get("id2label")
    numbers = [str(number) for number in range(len(named))] if isinstance(named, Mapping) else []
    if not isinstance(named, Mapping) or not named or sorted(named) != sorted(numbers):
        raise BadSettings(f"images.model: {path}: expected id2label with a label for each number, got {quote(named)}")
    return tuple(str(named[number]) for number in numbers)


def _mapping(path: Path) -> Mapping[str, object]:
    found = _json(path)
    if not isinstance(found, Mapping):
        raise BadSettings(f"images.model: {path}: expected a mapping, got {quote(found)}")
    return found


def _json(path: Path) -> object:
    try:
        if path.stat().st_size > MOST_JSON_BYTES:
            raise BadSettings(
                f"images.model: {path} is larger than {MOST_JSON_BYTES:,} bytes; that is no file of a classifier"
            )
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BadSettings(f"images.model: {path} is missing; copy it there from where the model is from") from None
    except OSError as error:
        raise BadSettings(f"images.model: {path} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadSettings):
            raise
        raise BadSettings(f"images.model: {path} cannot be read as JSON ({error})") from error
