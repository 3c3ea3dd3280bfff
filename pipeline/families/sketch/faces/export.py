"""The face networks as a model pack that insightface's FaceAnalysis loads: four ONNX files.

Their weights are stored as float16, which halves the files, and cast as they are loaded: all arithmetic is float32.
"""

import io
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from pipeline.families.sketch.faces.nets import STRIDES, Detector, Recogniser, Regressor

OPSET = 17
SMALL = 256
"""Tensors of fewer numbers stay float32: they are biases and the like."""
DETECTED = tuple(f"{kind}_{stride}" for kind in ("score", "box", "keypoints") for stride in STRIDES)


def write_pack(
    folder: Path, detector: Detector, recogniser: Recogniser, genderage: Regressor, landmarks: Regressor
) -> list[Path]:
    """Write the pack's files into the folder, which is made where there is none, and return their paths.

    Insightface knows a model by its outputs and its input's size, not by its file's name. The same weights give the
    same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"image": {2: "height", 3: "width"}} | {name: {0: f"rows_{name}"} for name in DETECTED}
    models = {
        "detection": exported(detector, (1, 3, 64, 128), DETECTED, sizes),
        "genderage": exported_batch(genderage, genderage.side),
        "landmarks": exported_batch(landmarks, landmarks.side),
        "recognition": exported_batch(recogniser, recogniser.SIDE),
    }
    paths = []
    for name, model in models.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(halved(model).SerializeToString(deterministic=True))
        paths.append(path)
    return paths


def exported_batch(network: Recogniser | Regressor, side: int) -> onnx.ModelProto:
    """A network from [N, 3, side, side] to [N, outputs]."""
    return exported(network, (1, 3, side, side), ("answer",), {"image": {0: "batch"}, "answer": {0: "batch"}})


def exported(
    network: nn.Module, shape: tuple[int, ...], outputs: tuple[str, ...], free: Mapping[str, Mapping[int, str]]
) -> onnx.ModelProto:
    """A network in float32, its batch norms folded; `free`: the names of the axes whose length may vary."""
    buffer = io.BytesIO()
    training = network.training
    with warnings.catch_warnings():
        # torch's other exporter needs two more packages, and this one is said to be old at every call.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network.eval(),
            (torch.zeros(shape),),
            buffer,  # type: ignore[arg-type]  # it takes files too
            input_names=["image"],
            output_names=list(outputs),
            dynamic_axes=free,
            opset_version=OPSET,
            dynamo=False,
        )
    network.train(training)
    return onnx.load_from_string(buffer.getvalue())


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its large weights as float16, each followed by a cast to float32.

    No node keeps a name: from one that begins with "Sub" or "Mul" insightface would conclude that the model norms its
    input itself.
    """
    halves, casts = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= SMALL:
            with np.errstate(over="ignore"):
                half = values.astype(np.float16)
            if not np.isfinite(half).all():
                raise ValueError(f"{tensor.name} has weights beyond the range of float16")
            stored = f"{tensor.name}_half"
            casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
            tensor = numpy_helper.from_array(half, stored)
        halves.append(tensor)
    nodes = [*casts, *model.graph.node]
    for node in nodes:
        node.ClearField("name")
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(halves)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model
