"""PhotoMaker's checkpoint file in its published layout: read without a copy, strictly, and refused when damaged.

Zeros that share one number in memory stand in for the published tensors, so that a file of the real layout is small.
"""

import json
import os
import pickle
import struct
from collections import Counter
from math import prod
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.errors import BadWeights
from pipeline.identity import checkpoint
from pipeline.identity.encoder import V1, V2

CPU = torch.device("cpu")
REAL = {"v1": V1, "v2": V2}
LORA = {
    f"unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.{side}.weight": torch.zeros(shape)
    for side, shape in (("down", (64, 1280)), ("up", (1280, 64)))
}
PROJECTION = "visual_projection.weight"


@pytest.fixture
def published(manifest):
    """The two parts of the published file of a version, in its layout."""

    def make(version):
        return {
            "id_encoder": {key: torch.zeros(()).expand(shape) for key, shape in manifest(version).items()},
            "lora_weights": dict(LORA),
        }

    return make


def load(path):
    return checkpoint.read(path).build(CPU, torch.float32)


def mapped(path):
    return str(path) in Path("/proc/self/maps").read_text()


def test_a_file_in_the_published_layout_loads_strictly_and_mapped(version, published, manifest, tmp_path):
    path = tmp_path / f"photomaker-{version}.bin"
    parts = published(version)
    parts["id_encoder"]["vision_model.embeddings.position_ids"] = torch.arange(257)[None]
    torch.save(parts, path)
    read = checkpoint.read(path)
    assert mapped(path)
    assert (read.path, read.shape) == (path, REAL[version])
    assert {key: tuple(tensor.shape) for key, tensor in read.encoder.items()} == manifest(version)
    assert {key: tensor.shape for key, tensor in read.lora.items()} == {key: LORA[key].shape for key in LORA}

    encoder = read.build(CPU, torch.float32)
    assert {key: tuple(tensor.shape) for key, tensor in encoder.state_dict().items()} == manifest(version)
    assert not any(weight.is_meta or weight.requires_grad for weight in encoder.parameters())
    assert not any(part.training for part in encoder.modules())


def test_the_same_as_safetensors_loads_too(version, manifest, tmp_path):
    """A file with a hole in it: a billion bytes of zeros that take no room on the disk and none in memory."""
    path, header, end = tmp_path / f"photomaker-{version}.safetensors", {}, 0
    shapes = {f"id_encoder.{key}": shape for key, shape in manifest(version).items()}
    for key, shape in (shapes | {f"lora_weights.{key}": tuple(LORA[key].shape) for key in LORA}).items():
        start, end = end, end + 2 * prod(shape)
        header[key] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    read = checkpoint.read(path)
    assert mapped(path)
    assert read.shape == REAL[version]
    assert read.lora.keys() == LORA.keys()
    encoder = read.build(CPU, torch.float16).state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in encoder.items()} == manifest(version)
    path.unlink()


def test_tensors_arrive_bit_for_bit_from_either_kind_of_file(version, written, tmp_path):
    tiny = written(version)
    path = tmp_path / "photomaker.safetensors"
    parts = {"id_encoder": tiny.encoder, "lora_weights": tiny.lora}
    flat = {f"{part}.{key}": tensor for part, tensors in parts.items() for key, tensor in tensors.items()}
    save_file(flat, path, metadata={"shape": tiny.shape.to_json()})
    pickled = tmp_path / "photomaker.bin"
    torch.save(parts, pickled)
    for read in (checkpoint.read(path), checkpoint.read(pickled)):
        assert all(torch.equal(read.encoder[key], tensor) for key, tensor in tiny.encoder.items())
        assert all(torch.equal(read.lora[key], tensor) for key, tensor in tiny.lora.items())
    encoder = checkpoint.read(path).build(CPU, torch.float32).state_dict()
    assert all(torch.equal(encoder[key], tensor) for key, tensor in tiny.encoder.items())


class Made(TorchDispatchMode):
    """Counts the bytes of each dtype that operations write into memory of their own."""

    def __init__(self):
        super().__init__()
        self.bytes = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        view = any(returned.alias_info for returned in function._schema.returns)
        if not view and function is not torch.ops.aten.empty.memory_format and not result.is_meta:
            self.bytes[result.dtype] += result.untyped_storage().nbytes()
        return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_is_held_twice(version, written, dtype):
    """In float32 the encoder is the mapped file itself; in half precision no float32 copy is made on the way."""
    tiny = written(version)
    with Made() as made:
        encoder = tiny.build(CPU, dtype)
    weights = list(encoder.parameters())
    assert {weight.dtype for weight in weights} == {dtype}
    assert made.bytes[torch.float32] == 4 * 32  # CLIP's constructor draws one vector, the class embedding
    assert made.bytes[torch.bfloat16] == (2 * sum(weight.numel() for weight in weights) if dtype.itemsize == 2 else 0)


class Hostile:
    """Unpickled, it would leave a file behind."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def hostile(parts, path):
    parts["id_encoder"] = Hostile(path.with_name("trace"))
    torch.save(parts, path)


def cut_short(parts, path):
    torch.save(parts, path)
    path.write_bytes(path.read_bytes()[:-1000])


def saved_with(change):
    def save(parts, path):
        torch.save(change(parts), path)

    return save


def changed_encoder(**changes):
    """The encoder's tensor `projection` or `extra` replaced, or removed with None."""
    keys = {"projection": PROJECTION, "extra": "visual_projection_3.weight"}

    def change(parts):
        encoder = parts["id_encoder"] | {keys[name]: value for name, value in changes.items()}
        return parts | {"id_encoder": {key: value for key, value in encoder.items() if value is not None}}

    return saved_with(change)


BELONG = "these are not the weights that belong there; download them again."
DAMAGED = "is cut short, damaged or in no format of torch's; download it again."
EXPECTED = "is no PhotoMaker checkpoint: expected exactly id_encoder and lora_weights in it"
DAMAGES = {
    "a missing key": (
        changed_encoder(projection=None),
        f"lacks tensors (1; the first is {PROJECTION}): {BELONG}",
    ),
    "an extra key": (
        changed_encoder(extra=torch.zeros(1)),
        f"holds unknown tensors (1; the first is visual_projection_3.weight): {BELONG}",
    ),
    "a wrong shape": (
        changed_encoder(projection=torch.zeros(1).expand(1024, 768)),
        f"holds wrongly shaped tensors (1; the first is {PROJECTION}): {BELONG}",
    ),
    "whole numbers": (
        changed_encoder(projection=torch.zeros(1, dtype=torch.int8).expand(768, 1024)),
        f"holds whole numbers where the weights {PROJECTION} belong; download it again.",
    ),
    "no tensor": (
        changed_encoder(projection=1.5),
        f"holds id_encoder.{PROJECTION}, which is no tensor; download it again.",
    ),
    "a hostile pickle": (
        hostile,
        "holds something other than plain tensors, which might run code; nothing of it was run. "
        "Download the published file again.",
    ),
    "a hostile pickle without an archive": (
        lambda parts, path: path.write_bytes(pickle.dumps(Hostile(path.with_name("trace")))),
        DAMAGED,
    ),
    "a truncated file": (cut_short, DAMAGED),
    "an empty file": (lambda parts, path: path.write_bytes(b""), DAMAGED),
    "another file": (lambda parts, path: path.write_text("<html>Not found</html>"), DAMAGED),
    "one part only": (
        saved_with(lambda parts: {"id_encoder": parts["id_encoder"]}),
        f"{EXPECTED}, got id_encoder; put the published file there.",
    ),
    "one part too many": (
        saved_with(lambda parts: parts | {"optimizer": {}}),
        f"{EXPECTED}, got id_encoder, lora_weights, optimizer; put the published file there.",
    ),
    "no parts": (
        saved_with(lambda parts: parts["id_encoder"]),
        "holds no named tensors; download PhotoMaker's published file.",
    ),
    "no file": (lambda parts, path: None, "is missing; put it there again."),
}


@pytest.mark.parametrize(("spoil", "sentence"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_pickle_is_refused_with_a_sentence_and_never_run(published, tmp_path, spoil, sentence):
    path = tmp_path / "photomaker-v2.bin"
    spoil(published("v2"), path)
    with pytest.raises(BadWeights) as caught:
        load(path)
    assert str(caught.value) == f"{path} {sentence}"
    assert not (tmp_path / "trace").exists()


def flat(tensors, path, shape):
    save_file(tensors, path, metadata={"shape": shape})


SMALL = {
    "a missing key": (
        lambda tensors, path, shape: flat(
            {key: tensor for key, tensor in tensors.items() if not key.endswith(f".{PROJECTION}")}, path, shape
        ),
        rf"lacks tensors \(1; the first is {PROJECTION}\)",
    ),
    "wrong parts": (
        lambda tensors, path, shape: flat(tensors | {"unet.weight": torch.zeros(1)}, path, shape),
        rf"{EXPECTED}, got id_encoder, lora_weights, unet; put the published file there\.",
    ),
    "the real size's metadata": (
        lambda tensors, path, shape: save_file(tensors, path),
        r"(lacks|holds wrongly shaped) tensors",
    ),
    "no JSON in its metadata": (
        lambda tensors, path, shape: flat(tensors, path, "{"),
        r"describes no ID encoder in its metadata \(.*\); download it again\.",
    ),
    "another JSON in its metadata": (
        lambda tensors, path, shape: flat(tensors, path, '{"width": 3}'),
        r"describes no ID encoder in its metadata \(.*\); download it again\.",
    ),
    "a truncated file": (
        lambda tensors, path, shape: (flat(tensors, path, shape), os.truncate(path, 100_000)),
        r"is cut short or damaged \(.*\); download it again\.",
    ),
    "no file": (lambda tensors, path, shape: None, r"is missing; put the family's files there again\."),
}


@pytest.mark.parametrize(("spoil", "sentence"), SMALL.values(), ids=SMALL)
def test_damaged_safetensors_are_refused_with_a_sentence(written, tmp_path, spoil, sentence):
    tiny, path = written("v2"), tmp_path / "photomaker-v2.safetensors"
    parts = {"id_encoder": tiny.encoder, "lora_weights": tiny.lora}
    tensors = {f"{part}.{key}": tensor for part, tensors in parts.items() for key, tensor in tensors.items()}
    spoil(tensors, path, tiny.shape.to_json())
    with pytest.raises(BadWeights, match=sentence) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path} ")
    assert "\n" not in str(caught.value)
