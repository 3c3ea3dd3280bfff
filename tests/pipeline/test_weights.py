"""Weights on disk to modules: both layouts, bit for bit, and one sentence for whatever is missing or damaged."""

import hashlib
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from pipeline import weights
from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.families import FAMILIES, card, sdxl, tiny
from pipeline.layouts import read_json
from sweeps.recipe import resolve

NETWORKS = ("unet", "vae", "text_encoder", "text_encoder_2")


@pytest.fixture(scope="module")
def plain(cache_dir):
    """The tiny family as it stands in its folder, no LoRA fused."""
    return weights.load_layout(tiny.prepare(Config(cache_dir=cache_dir)), tiny.CARD, torch.device("cpu"), torch.float32)


@pytest.fixture
def sdxl_folder(cache_dir, tmp_path):
    """A MODEL_DIR with the tiny family standing as the SDXL folder."""
    shutil.copytree(tiny.prepare(Config(cache_dir=cache_dir)).path, tmp_path / "sdxl")
    return Config(family="sdxl", model_dir=tmp_path, cache_dir=tmp_path / "cache", device="cpu")


@pytest.fixture
def single_file(cache_dir, tmp_path, original_names):
    """A MODEL_DIR with the tiny family as one file in SDXL's original layout, and the configs it belongs to."""
    folder = tiny.prepare(Config(cache_dir=cache_dir)).path
    for name in ("tokenizer", "tokenizer_2"):
        shutil.copytree(folder / name, tmp_path / name)
    save_file(original_names, tmp_path / "sdxl.safetensors")
    return Config(family="sdxl", model_dir=tmp_path, cache_dir=tmp_path / "cache", device="cpu"), folder


@pytest.fixture(scope="module")
def original_names(plain):
    """The tiny family's tensors under the names and in the shapes of the original layout."""
    tensors = {}
    for key, tensor in plain.unet.state_dict().items():
        tensors["model.diffusion_model." + unet_name(key)] = tensor
    for key, tensor in plain.vae.state_dict().items():
        attention = "mid_block.attentions" in key and tensor.ndim == 2
        tensors["first_stage_model." + vae_name(key)] = tensor[:, :, None, None] if attention else tensor
    for key, tensor in plain.text_encoder.state_dict().items():
        tensors["conditioner.embedders.0.transformer.text_model." + key] = tensor
    tensors |= open_clip(plain.text_encoder_2.state_dict())
    return {key: tensor.clone().contiguous() for key, tensor in tensors.items()}


def unet_name(key):
    """diffusers to original, for a UNet of one plain and one attention block with one layer each."""
    places = {
        "conv_in.": "input_blocks.0.0.",
        "time_embedding.linear_1.": "time_embed.0.",
        "time_embedding.linear_2.": "time_embed.2.",
        "add_embedding.linear_1.": "label_emb.0.0.",
        "add_embedding.linear_2.": "label_emb.0.2.",
        "conv_norm_out.": "out.0.",
        "conv_out.": "out.2.",
        "down_blocks.0.resnets.0.": "input_blocks.1.0.",
        "down_blocks.0.downsamplers.0.conv.": "input_blocks.2.0.op.",
        "down_blocks.1.resnets.0.": "input_blocks.3.0.",
        "down_blocks.1.attentions.0.": "input_blocks.3.1.",
        "mid_block.resnets.0.": "middle_block.0.",
        "mid_block.attentions.0.": "middle_block.1.",
        "mid_block.resnets.1.": "middle_block.2.",
        "up_blocks.0.resnets.0.": "output_blocks.0.0.",
        "up_blocks.0.attentions.0.": "output_blocks.0.1.",
        "up_blocks.0.resnets.1.": "output_blocks.1.0.",
        "up_blocks.0.attentions.1.": "output_blocks.1.1.",
        "up_blocks.0.upsamplers.0.conv.": "output_blocks.1.2.conv.",
        "up_blocks.1.resnets.0.": "output_blocks.2.0.",
        "up_blocks.1.resnets.1.": "output_blocks.3.0.",
    }
    parts = {
        "norm1.": "in_layers.0.",
        "conv1.": "in_layers.2.",
        "time_emb_proj.": "emb_layers.1.",
        "norm2.": "out_layers.0.",
        "conv2.": "out_layers.3.",
        "conv_shortcut.": "skip_connection.",
    }
    place = next(place for place in places if key.startswith(place))
    rest = key.removeprefix(place)
    if "resnets" in place:
        part = next(part for part in parts if rest.startswith(part))
        rest = parts[part] + rest.removeprefix(part)
    return places[place] + rest


def vae_name(key):
    """diffusers to original, for a VAE of four blocks."""
    for side in ("encoder", "decoder"):
        key = key.replace(f"{side}.mid_block.resnets.0", f"{side}.mid.block_1")
        key = key.replace(f"{side}.mid_block.resnets.1", f"{side}.mid.block_2")
        key = key.replace(f"{side}.mid_block.attentions.0", f"{side}.mid.attn_1")
        key = key.replace(f"{side}.conv_norm_out", f"{side}.norm_out")
    for i in range(4):
        key = key.replace(f"encoder.down_blocks.{i}.resnets", f"encoder.down.{i}.block")
        key = key.replace(f"encoder.down_blocks.{i}.downsamplers.0", f"encoder.down.{i}.downsample")
        key = key.replace(f"decoder.up_blocks.{i}.resnets", f"decoder.up.{3 - i}.block")
        key = key.replace(f"decoder.up_blocks.{i}.upsamplers.0", f"decoder.up.{3 - i}.upsample")
    key = key.replace("conv_shortcut", "nin_shortcut")
    if "attn_1" in key:
        key = key.replace("group_norm", "norm").replace("to_out.0", "proj_out")
        key = key.replace("to_q", "q").replace("to_k", "k").replace("to_v", "v")
    return key


def open_clip(state):
    """transformers to OpenCLIP: q, k and v in one matrix, the projection transposed."""
    prefix, tensors = "conditioner.embedders.1.model.", {}
    whole = {
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.final_layer_norm.weight": "ln_final.weight",
        "text_model.final_layer_norm.bias": "ln_final.bias",
    }
    for key, tensor in state.items():
        if key in whole:
            tensors[prefix + whole[key]] = tensor
        elif key == "text_projection.weight":
            tensors[prefix + "text_projection"] = tensor.T
        elif ".k_proj." not in key and ".v_proj." not in key:
            name = key.replace("text_model.encoder.layers", "transformer.resblocks")
            name = name.replace("layer_norm1", "ln_1").replace("layer_norm2", "ln_2")
            name = name.replace("fc1", "c_fc").replace("fc2", "c_proj").replace("self_attn", "attn")
            if ".q_proj." in key:
                name = name.replace("q_proj.", "in_proj_")
                tensor = torch.cat([state[key.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")])
            tensors[prefix + name] = tensor
    return tensors | {prefix + "logit_scale": torch.tensor(4.6)}


def assert_same_weights(ours, expected):
    for name in NETWORKS:
        theirs = getattr(expected, name).state_dict()
        assert getattr(ours, name).state_dict().keys() == theirs.keys()
        for key, tensor in getattr(ours, name).state_dict().items():
            assert torch.equal(tensor, theirs[key]), (name, key)


def test_a_diffusers_folder_loads_bit_for_bit(sdxl_folder, plain):
    loaded = weights.load(sdxl_folder)
    assert_same_weights(loaded, plain)
    assert loaded.card == sdxl.CARD
    assert loaded.latent_scale == 8
    assert loaded.photomaker is None


def test_a_single_file_in_the_original_layout_loads_bit_for_bit(single_file, plain):
    config, configs = single_file
    loaded = weights.load_layout(sdxl.prepare(config, configs), sdxl.CARD, torch.device("cpu"), torch.float32)
    assert_same_weights(loaded, plain)


def test_half_precision_files_are_read_and_the_vae_stays_in_float32(sdxl_folder, plain):
    folder = sdxl_folder.model_dir / "sdxl"
    for name in NETWORKS:
        (whole,) = (folder / name).glob("*.safetensors")
        half = {key: tensor.half() for key, tensor in load_file(whole).items()}
        whole.unlink()
        save_file(half, whole.with_suffix(".fp16.safetensors"))
    loaded = weights.load(Config(**{**vars(sdxl_folder), "dtype": "bfloat16"}))
    assert {weight.dtype for weight in loaded.unet.parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in loaded.text_encoder_2.parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in loaded.vae.parameters()} == {torch.float32}
    expected = plain.vae.decoder.conv_in.weight.half().float()
    assert torch.equal(loaded.vae.decoder.conv_in.weight, expected)


def test_sharded_weights_and_old_text_encoder_names_load_too(sdxl_folder, plain):
    folder = sdxl_folder.model_dir / "sdxl"
    whole = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors, keys = load_file(whole), sorted(load_file(whole))
    whole.unlink()
    shards = {"part-1.safetensors": keys[::2], "part-2.safetensors": keys[1::2]}
    for shard, part in shards.items():
        save_file({key: tensors[key] for key in part}, folder / "unet" / shard)
    index = {"weight_map": {key: shard for shard, part in shards.items() for key in part}}
    whole.with_name(f"{whole.name}.index.json").write_text(json.dumps(index))

    text = folder / "text_encoder" / "model.safetensors"
    old = {f"text_model.{key}": tensor for key, tensor in load_file(text).items()}
    save_file(old | {"text_model.embeddings.position_ids": torch.arange(77)[None]}, text)
    assert_same_weights(weights.load(sdxl_folder), plain)


@pytest.mark.parametrize(
    ("kind", "name", "parameters"),
    [
        (UNet2DConditionModel, "unet", 2_567_463_684),
        (AutoencoderKL, "vae", 83_653_863),
        (CLIPTextModel, "text_encoder", 123_060_480),
        (CLIPTextModelWithProjection, "text_encoder_2", 694_659_840),
    ],
)
def test_the_shipped_configs_are_those_of_sdxl_base(kind, name, parameters):
    config = read_json(sdxl.CONFIGS / name / "config.json")
    with init_empty_weights():
        text = name.startswith("text")
        network = kind(weights.text_config(sdxl.CONFIGS / name)) if text else kind.from_config(config)
    assert sum(weight.numel() for weight in network.parameters()) == parameters


def cut_short(folder):
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def without_a_tensor(folder):
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    del tensors["decoder.conv_in.weight"]
    save_file(tensors, path)


def with_a_foreign_tensor(folder):
    path = folder / "text_encoder" / "model.safetensors"
    save_file(load_file(path) | {"lora": torch.zeros(1)}, path)


def with_a_wrong_shape(folder):
    path = folder / "text_encoder_2" / "model.safetensors"
    save_file(load_file(path) | {"text_projection.weight": torch.zeros(3, 3)}, path)


def without(name):
    def spoil(folder):
        (folder / name).unlink()

    return spoil


def with_text(name, text):
    def spoil(folder):
        (folder / name).write_text(text)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (cut_short, r"unet/diffusion_pytorch_model\.safetensors is cut short or damaged \(.*\); download it again\."),
        (without_a_tensor, r"sdxl/vae lacks tensors \(1; the first is decoder\.conv_in\.weight\)"),
        (with_a_foreign_tensor, r"sdxl/text_encoder holds unknown tensors \(1; the first is lora\)"),
        (with_a_wrong_shape, r"text_encoder_2 holds wrongly shaped tensors \(1; the first is text_projection"),
        (without("unet/config.json"), r"unet/config\.json is missing; put the family's files there again\."),
        (without("unet/diffusion_pytorch_model.safetensors"), r"sdxl/unet holds no safetensors weights"),
        (without("tokenizer/merges.txt"), r"tokenizer/merges\.txt is missing"),
        (without("scheduler/scheduler_config.json"), r"scheduler_config\.json is missing"),
        (with_text("vae/config.json", "{"), r"vae/config\.json is no JSON"),
        (with_text("vae/config.json", "[]"), r"vae/config\.json must hold a JSON object"),
        (with_text("tokenizer_2/vocab.json", "[]"), r"tokenizer_2 holds no CLIP tokenizer"),
        (with_text("unet/diffusion_pytorch_model.safetensors", ""), r"is cut short or damaged"),
    ],
)
def test_missing_or_damaged_weights_are_one_sentence_that_says_where_and_what_to_do(sdxl_folder, spoil, sentence):
    spoil(sdxl_folder.model_dir / "sdxl")
    with pytest.raises(BadWeights, match=sentence) as caught:
        weights.load(sdxl_folder)
    assert "\n" not in str(caught.value)


def test_no_weights_at_all_says_where_they_belong(tmp_path):
    config = Config(family="sdxl", model_dir=tmp_path, cache_dir=tmp_path, device="cpu")
    with pytest.raises(BadWeights) as caught:
        weights.load(config)
    assert str(caught.value) == (
        f"There are no SDXL weights: neither the folder {tmp_path}/sdxl nor the file {tmp_path}/sdxl.safetensors "
        "exists. Put one of them there, or set MODEL_FAMILY=sketch."
    )


@pytest.mark.parametrize(
    "prefix", ["model.diffusion_model.label_emb", "first_stage_model.", "conditioner.embedders.1."]
)
def test_a_single_file_that_lacks_a_part_is_one_sentence(single_file, original_names, prefix):
    config, configs = single_file
    left = {key: tensor for key, tensor in original_names.items() if not key.startswith(prefix)}
    save_file(left, config.model_dir / "sdxl.safetensors")
    with pytest.raises(BadWeights, match=r"sdxl\.safetensors lacks tensors"):
        weights.load_layout(sdxl.prepare(config, configs), sdxl.CARD, torch.device("cpu"), torch.float32)


def test_a_single_file_without_tokenizers_beside_it_says_so(single_file):
    config, configs = single_file
    shutil.rmtree(config.model_dir / "tokenizer_2")
    with pytest.raises(BadWeights, match=r"tokenizer_2/vocab\.json is missing"):
        weights.load_layout(sdxl.prepare(config, configs), sdxl.CARD, torch.device("cpu"), torch.float32)


def test_the_lock_accepts_the_listed_files_and_refuses_others(sdxl_folder):
    name = "sdxl/unet/diffusion_pytorch_model.safetensors"
    path, lock = sdxl_folder.model_dir / name, sdxl_folder.model_dir / "lock.json"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    lock.write_text(json.dumps({name: digest.upper(), "photomaker-v2.bin": "0" * 64}))
    assert weights.load(sdxl_folder).unet
    assert weights.load(sdxl_folder).unet  # from the remembered digest

    tensors = load_file(path)
    tensors["conv_in.bias"] += 1
    save_file(tensors, path)
    changed = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(BadWeights) as caught:
        weights.load(sdxl_folder)
    assert str(caught.value) == (
        f"{path} is not the file that {lock} lists: its SHA-256 is {changed}, expected {digest}; "
        "download it again, or correct the lock."
    )


def test_a_lock_that_is_no_lock_says_so(sdxl_folder):
    (sdxl_folder.model_dir / "lock.json").write_text("[1, 2]")
    with pytest.raises(BadWeights, match=r"lock\.json must be a JSON object of file names and SHA-256 digests"):
        weights.load(sdxl_folder)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"family": "sdxx"}, 'There is no model family "sdxx"; set MODEL_FAMILY to one of: sketch, sdxl, tiny.'),
        ({"device": "gpu"}, 'There is no device "gpu"; use "auto", "cpu" or "cuda".'),
        ({"dtype": "int4"}, 'There is no number format "int4"; use "auto" or one of: float32, bfloat16, float16.'),
    ],
)
def test_a_wrong_setting_is_answered_with_what_is_allowed(cache_dir, settings, sentence):
    with pytest.raises(BadWeights) as caught:
        weights.load(Config(**{"cache_dir": cache_dir, "device": "cpu"} | settings))
    assert str(caught.value) == sentence


def test_tiny_is_built_once_even_when_several_start_at_once(tmp_path):
    config = Config(cache_dir=tmp_path, device="cpu")
    with ThreadPoolExecutor(3) as pool:
        folders = list(pool.map(lambda _: tiny.prepare(config).path, range(3)))
    assert len(set(folders)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [folders[0].name]
    written = (folders[0] / "model_index.json").stat().st_mtime_ns
    assert (tiny.prepare(config).path / "model_index.json").stat().st_mtime_ns == written


def test_tiny_is_the_same_in_every_process(cache_dir, tmp_path):
    program = (
        "import sys; from pathlib import Path; from pipeline.config import Config; "
        "from pipeline.families import tiny; tiny.prepare(Config(cache_dir=Path(sys.argv[1])))"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True)
    here, there = tiny.prepare(Config(cache_dir=cache_dir)).path, tmp_path / f"tiny-{tiny.VERSION}"
    files = sorted(path.relative_to(here) for path in here.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(there) for path in there.rglob("*") if path.is_file())
    for file in files:
        assert (here / file).read_bytes() == (there / file).read_bytes(), file


def test_a_family_s_card_gives_its_native_size_and_its_defaults():
    sizes = {"sketch": 128, "sdxl": 1024, "tiny": 128}
    assert set(sizes) == set(FAMILIES)
    for name, size in sizes.items():
        found = card(Config(family=name))
        assert (found.name, found.native_width, found.native_height) == (name, size, size)
        assert found.defaults["width"] == found.defaults["height"] == size
        assert resolve({}, defaults=found.defaults)  # every default is one that the catalogue allows
        assert not found.first_recipe().detail


def test_a_file_is_hashed_once_for_each_of_its_versions(sdxl_folder, monkeypatch):
    name = "sdxl/unet/diffusion_pytorch_model.safetensors"
    path, counted, digest = sdxl_folder.model_dir / name, [], hashlib.file_digest
    listed = hashlib.sha256(path.read_bytes()).hexdigest()
    (sdxl_folder.model_dir / "lock.json").write_text(json.dumps({name: listed}))
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: counted.append(1) or digest(*given))
    for _ in range(2):
        weights.load(sdxl_folder)
    assert len(counted) == 1

    altered = bytearray(path.read_bytes())
    altered[-1] ^= 1
    path.write_bytes(altered)  # of the same size
    with pytest.raises(BadWeights, match="is not the file that"):
        weights.load(sdxl_folder)


def test_every_module_is_ready_to_draw_and_not_to_learn(modules):
    networks = (modules.text_encoder, modules.text_encoder_2, modules.unet, modules.vae, modules.photomaker.encoder)
    for module in networks:
        assert not any(part.training for part in module.modules())
        assert not any(weight.requires_grad for weight in module.parameters())
