"""The sketch family's face networks learn, go on after an interruption, and become a pack that insightface loads."""

import numpy as np
import onnx
import pytest
import torch
from insightface.app import FaceAnalysis
from insightface.app.common import Face

from pipeline.families.sketch.faces import nets
from pipeline.families.sketch.faces.export import halved, write_pack
from pipeline.families.sketch.faces.nets import STRIDES, Detector, Recogniser
from pipeline.families.sketch.faces.training import (
    DetectorTraining,
    GenderAgeTraining,
    LandmarksTraining,
    RecogniserTraining,
    embed,
)
from pipeline.families.sketch.faces.views import canvas, crop
from pipeline.families.sketch.training.drawings import ARRAYS, Drawings, drawings_of

TRAININGS = (DetectorTraining, RecogniserTraining, GenderAgeTraining, LandmarksTraining)


@pytest.fixture(scope="module")
def drawings():
    rows = [row for seed in range(8) for row in drawings_of(seed)]
    return Drawings(*(np.stack([row[i] for row in rows]) for i in range(len(ARRAYS))), captions=[], triggered=[])


@pytest.fixture(scope="module")
def untrained():
    torch.manual_seed(0)
    networks = (Detector(), Recogniser(), nets.genderage(), nets.landmarks())
    return [network.eval() for network in networks]


@pytest.fixture(scope="module")
def pack(untrained, tmp_path_factory):
    return write_pack(tmp_path_factory.mktemp("pack"), *untrained)


@pytest.fixture(scope="module")
def analysis(pack):
    analysis = FaceAnalysis(str(pack[0].parent), providers=["CPUExecutionProvider"])
    analysis.prepare(ctx_id=-1)
    return analysis


@pytest.fixture
def small(monkeypatch):
    """Batches that take milliseconds."""
    monkeypatch.setattr(DetectorTraining, "canvases", ((128, 4),) * 3)
    for training in (RecogniserTraining, GenderAgeTraining, LandmarksTraining):
        monkeypatch.setattr(training, "batch", 12)
    for training in TRAININGS:
        monkeypatch.setattr(training, "warm_up", 5)


def test_the_detector_gives_two_answers_a_cell_at_each_stride(untrained):
    cells = [192 // stride * 128 // stride for stride in STRIDES]
    with torch.inference_mode():
        outputs = untrained[0](torch.zeros(1, 3, 128, 192))
    assert [tuple(one.shape) for one in outputs] == [(2 * n, width) for width in (1, 4, 10) for n in cells]
    assert all(scores.min() >= 0 and scores.max() <= 1 for scores in outputs[:3])


def test_insightface_knows_each_model_and_how_to_norm_its_input(analysis):
    known = {task: (model.input_mean, model.input_std) for task, model in analysis.models.items()}
    assert known == {
        "detection": (127.5, 128.0),
        "genderage": (127.5, 128.0),
        "landmark_2d_106": (127.5, 128.0),
        "recognition": (127.5, 127.5),
    }
    assert analysis.det_model.use_kps
    assert analysis.det_model.static_input_size is None


def test_the_pack_is_small_and_computes_in_float32(pack):
    assert sum(path.stat().st_size for path in pack) < 3.5e6
    for path in pack:
        graph = onnx.load(path).graph
        halves = {one.name for one in graph.initializer if one.data_type == onnx.TensorProto.FLOAT16}
        users = {node.op_type for node in graph.node if halves & set(node.input)}
        assert users == {"Cast"}
        assert all(one.type.tensor_type.elem_type == onnx.TensorProto.FLOAT for one in graph.output)


def test_the_same_weights_give_the_same_bytes(untrained, pack, tmp_path):
    again = write_pack(tmp_path, *untrained)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in pack]


def test_weights_beyond_float16_are_not_written_as_infinities():
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[400] a) => (float[400] b) {b = Add(a, w)}'
    model = onnx.parser.parse_model(text)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.full(400, 1e6, np.float32), "w"))
    with pytest.raises(ValueError, match="w has weights beyond the range of float16"):
        halved(model)


def test_embed_is_what_insightface_makes_of_the_exported_network(untrained, analysis, drawings):
    ours = embed(untrained[1], drawings.images[:6], drawings.keypoints[:6]).numpy()
    for embedding, image, keypoints in zip(ours, drawings.images, drawings.keypoints, strict=False):
        face = Face(kps=keypoints)
        analysis.models["recognition"].get(np.ascontiguousarray(image[:, :, ::-1]), face)
        # Weights rounded to float16 (2**-11) move the answer by about as much of its size.
        assert np.abs(face.embedding - embedding).max() < 3e-3 * np.abs(embedding).max()


def test_landmarks_are_learnt_in_the_coordinates_in_which_insightface_reads_them(analysis, drawings):
    box, points = drawings.boxes[0], drawings.landmarks[0]
    _, matrix = crop(drawings.images[0], box, 192)
    wanted = (points @ matrix[:, :2].T + matrix[:, 2]) * 2 / 192 - 1
    model = analysis.models["landmark_2d_106"]
    session, model.session = model.session, type("Told", (), {"run": lambda *_: [wanted.reshape(1, 212)]})()
    try:
        read = model.get(np.ascontiguousarray(drawings.images[0]), Face(bbox=box))
    finally:
        model.session = session
    np.testing.assert_allclose(read, points, atol=1e-3)


def test_a_perfect_detector_would_give_the_boxes_and_keypoints_of_its_targets(drawings):
    random = np.random.default_rng(3)
    found = 0
    for _ in range(20):
        seen = canvas(drawings, 320, random)
        for stride in STRIDES:
            wanted = DetectorTraining.targets(seen, stride)
            for row, column in np.argwhere(wanted[..., 0] == 1):
                corner = np.array([column, row]) * stride
                answer = wanted[row, column, 2:] * stride
                box = np.concatenate([corner - answer[:2], corner + answer[2:4]])
                (nearest,) = np.flatnonzero(np.abs(seen.boxes - box).max(axis=1) < 1e-2)
                np.testing.assert_allclose(corner + answer[4:].reshape(5, 2), seen.keypoints[nearest], atol=1e-2)
                found += 1
    assert found > 100


@pytest.mark.parametrize("training", TRAININGS)
def test_a_short_training_lowers_the_loss(training, drawings, small):
    losses = []
    training(drawings, steps=30, seed=1).run(lambda done, loss: losses.append(loss))
    assert len(losses) == 30
    assert np.mean(losses[-6:]) < 0.9 * np.mean(losses[:6])


@pytest.mark.parametrize("training", TRAININGS)
def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(training, drawings, small, tmp_path):
    whole = training(drawings, steps=4, seed=1)
    first, second = training(drawings, steps=4, seed=1), training(drawings, steps=4, seed=1)
    for _ in range(2):
        first.step()
    torch.save(first.state(), tmp_path / "state.pt")
    second.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    expected, got = (one.run().state_dict() for one in (whole, second))
    assert all(torch.equal(value, got[key]) for key, value in expected.items())


def test_another_seed_trains_another_network(drawings, small):
    one, other = (RecogniserTraining(drawings, steps=2, seed=seed).run() for seed in (1, 2))
    assert not torch.equal(one.project.weight, other.project.weight)
