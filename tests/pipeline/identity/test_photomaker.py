"""PhotoMaker on the tiny family: either version loads, sees photos, and leaves a UNet that it does not fit alone."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import init_empty_weights
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessorPil

from pipeline import weights
from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.families import sdxl, tiny
from pipeline.identity import photomaker
from pipeline.identity.encoder import V2, IDEncoder
from pipeline.identity.lora import Lora
from pipeline.identity.photomaker import PhotoMaker

CPU = torch.device("cpu")


@pytest.fixture
def photos():
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 256, (40, 60, 3), dtype=np.uint8)) for _ in range(3)]


@pytest.fixture
def loaded(tiny_folder, unet):
    def load(version, dtype=torch.float32):
        return photomaker.load(tiny_folder / f"photomaker-{version}.safetensors", unet.to(dtype), CPU, dtype)

    return load


@pytest.mark.parametrize(("version", "tokens", "needs"), [("v1", 1, False), ("v2", 2, True)])
def test_either_version_loads_with_its_lora_in_the_unet(loaded, unet, plain, tiny_folder, version, tokens, needs):
    found = loaded(version)
    assert (found.version, found.tokens, found.needs_embeddings) == (version, tokens, needs)
    assert found.path == tiny_folder / f"photomaker-{version}.safetensors"
    assert found.lora.attached
    assert not all(map(torch.equal, unet.parameters(), plain.unet.parameters()))
    found.lora.detach()
    assert all(map(torch.equal, unet.parameters(), plain.unet.parameters()))


def test_another_photo_means_another_person(loaded, photos, version):
    found, random = loaded(version), torch.Generator().manual_seed(0)
    prompt, faces = torch.randn(1, 77, 64, generator=random), torch.randn(3, 512, generator=random)
    mask = torch.zeros(1, 77, dtype=torch.bool)
    mask[:, 1 : 1 + found.tokens] = True
    pixels = found.pixels(photos)
    people = [found.encoder(pixels[None, [i]], prompt, mask, faces[None, [0]])[mask] for i in (0, 1, 0)]
    assert torch.equal(people[0], people[2])
    assert (people[0] - people[1]).std() > 0.02


def test_photos_become_pixels_as_clip_s_processor_makes_them(loaded, photos):
    found = loaded("v1")
    pixels = found.pixels(photos)
    assert (pixels.shape, pixels.dtype, pixels.device) == ((3, 3, 28, 28), torch.float32, CPU)
    gray, clear = photos[0].convert("L"), photos[0].convert("RGBA")
    assert torch.equal(found.pixels([clear])[0], pixels[0])
    assert torch.equal(found.pixels([gray]), found.pixels([gray.convert("RGB")]))


def test_the_real_size_sees_exactly_what_the_reference_s_processor_gives_it(photos):
    with init_empty_weights():
        real = PhotoMaker(IDEncoder(V2), Lora([]), Path("photomaker-v2.bin"))
    expected = CLIPImageProcessorPil()(photos, return_tensors="pt").pixel_values
    assert expected.shape == (3, 3, 224, 224)
    assert torch.equal(real.pixels(photos), expected)


def test_half_precision_reaches_the_encoder_and_the_fused_unet(loaded, unet, version):
    found = loaded(version, torch.bfloat16)
    assert {weight.dtype for weight in found.encoder.parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in unet.parameters()} == {torch.bfloat16}


def test_a_checkpoint_for_another_unet_is_refused_and_the_unet_left_alone(unet, plain, manifest, tmp_path):
    path = tmp_path / "photomaker-v1.bin"
    zeros = {key: torch.zeros(()).expand(shape) for key, shape in manifest("v1").items()}
    torch.save({"id_encoder": zeros, "lora_weights": {}}, path)
    with pytest.raises(BadWeights) as caught:
        photomaker.load(path, unet, CPU, torch.float32)
    assert str(caught.value) == (
        f"{path} makes embeds of width 2048 and this UNet reads 64; use the PhotoMaker that was made for this family."
    )
    assert all(map(torch.equal, unet.parameters(), plain.unet.parameters()))


@pytest.mark.parametrize("part", ["encoder", "lora"])
def test_a_damaged_checkpoint_leaves_the_unet_alone(unet, plain, written, tmp_path, part):
    found, path = written("v1"), tmp_path / "photomaker-v1.safetensors"
    parts = {"id_encoder": dict(found.encoder), "lora_weights": dict(found.lora)}
    spoiled = parts["id_encoder" if part == "encoder" else "lora_weights"]
    del spoiled[min(spoiled)]
    flat = {f"{name}.{key}": tensor for name, tensors in parts.items() for key, tensor in tensors.items()}
    save_file(flat, path, metadata={"shape": found.shape.to_json()})
    with pytest.raises(BadWeights, match="lacks"):
        photomaker.load(path, unet, CPU, torch.float32)
    assert all(map(torch.equal, unet.parameters(), plain.unet.parameters()))


@pytest.fixture
def install_pack(tmp_path):
    """Puts what looks like a face-model pack into MODEL_DIR."""

    def install():
        pack = tmp_path / "insightface" / "models" / "small"
        pack.mkdir(parents=True)
        (pack / "det.onnx").write_bytes(b"")

    return install


def test_the_tiny_family_takes_v2_where_a_face_model_pack_lies_and_paints_alike_with_either(
    cache_dir, tmp_path, install_pack
):
    config = Config(family="tiny", model_dir=tmp_path, cache_dir=cache_dir, device="cpu")
    without = weights.load(config)
    install_pack()
    having = weights.load(config)
    assert (without.photomaker.version, having.photomaker.version) == ("v1", "v2")
    assert all(map(torch.equal, without.unet.parameters(), having.unet.parameters()))


FILES = [f"photomaker-{version}.{kind}" for version in ("v1", "v2") for kind in ("bin", "safetensors")]


@pytest.mark.parametrize(
    ("pack", "order"), [(False, FILES), (True, FILES[2:] + FILES[:2])], ids=["no face models", "face models"]
)
def test_sdxl_prefers_the_version_that_it_can_use_and_the_published_file(tmp_path, install_pack, pack, order):
    config = Config(family="sdxl", model_dir=tmp_path, cache_dir=tmp_path / "cache")
    assert sdxl.photomaker(config) is None
    if pack:
        install_pack()
    for name in reversed(order):
        (tmp_path / name).write_bytes(b"")
        assert sdxl.photomaker(config) == tmp_path / name


@pytest.fixture
def sdxl_with_photomaker(tiny_folder, tmp_path):
    """A MODEL_DIR with the tiny family standing as SDXL, and its PhotoMaker V1 as the operator's."""
    shutil.copytree(tiny_folder, tmp_path / "sdxl")
    shutil.copy(tiny_folder / "photomaker-v1.safetensors", tmp_path)
    return Config(family="sdxl", model_dir=tmp_path, cache_dir=tmp_path / "cache", device="cpu")


def test_a_family_is_loaded_with_its_photomaker_fused_once(sdxl_with_photomaker, unet, written, tmp_path):
    modules = weights.load(sdxl_with_photomaker)
    assert modules.photomaker.path == tmp_path / "photomaker-v1.safetensors"
    Lora.fuse(unet, written("v1").lora, tmp_path)
    assert all(map(torch.equal, modules.unet.parameters(), unet.parameters()))


def test_a_photomaker_that_is_not_the_locked_file_is_refused(sdxl_with_photomaker, tmp_path):
    path, lock = tmp_path / "photomaker-v1.safetensors", tmp_path / "lock.json"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    lock.write_text(json.dumps({path.name: digest}))
    assert weights.load(sdxl_with_photomaker).photomaker
    lock.write_text(json.dumps({path.name: "0" * 64}))
    with pytest.raises(BadWeights) as caught:
        weights.load(sdxl_with_photomaker)
    assert str(caught.value) == (
        f"{path} is not the file that {lock} lists: its SHA-256 is {digest}, expected {'0' * 64}; "
        "download it again, or correct the lock."
    )


def test_the_tiny_family_is_written_anew_when_its_encoder_changes():
    names = {path.name for path in tiny.SOURCES}
    assert names == {"tiny.py", "folder.py", "words.py", "encoder.py", "fuse.py", "perceiver.py"}
    assert all(path.is_file() for path in tiny.SOURCES)
