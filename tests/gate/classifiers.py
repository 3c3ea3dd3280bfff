"""Small real classifiers, made here: a linear one on the mean colour as ONNX, and a tiny ViT of transformers'."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

RED, BLUE, GREY = (255, 0, 0), (0, 0, 255), (128, 128, 128)


def png(colour: tuple[int, int, int], size: tuple[int, int] = (96, 64)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def linear(weights: Sequence[Sequence[float]], path: Path, side: int | str = "height") -> None:
    """An ONNX file whose logits are weights [labels, 3] times the mean of each colour of its input."""
    matrix = numpy_helper.from_array(np.asarray(weights, np.float32).T.copy(), "weights")
    width = side if isinstance(side, int) else "width"
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "linear",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["batch", 3, side, width])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(weights)])],
        [matrix],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def onnx_folder(folder: Path, scale: float = 4.0) -> Path:
    """Labels red and other; normalised with 0.5, a red picture has logits (scale, -scale)."""
    folder.mkdir(parents=True, exist_ok=True)
    linear([[scale, 0, 0], [-scale, 0, 0]], folder / "model.onnx")
    (folder / "labels.json").write_text(json.dumps(["red", "other"]))
    return folder


def vit_folder(folder: Path, problem_type: str | None = None) -> Path:
    """A ViT for 16 × 16 pixels, its weights drawn from a fixed seed."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(7)
    config = ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=16,
        patch_size=8,
        id2label={0: "calm", 1: "lurid"},
        label2id={"calm": 0, "lurid": 1},
        problem_type=problem_type,  # type: ignore[arg-type]
        initializer_range=1.0,
    )
    ViTForImageClassification(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"size": {"height": 16, "width": 16}, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4]})
    )
    return folder
