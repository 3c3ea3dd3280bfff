"""The LoRA: every tensor lands in the UNet, or none does; taken out again, nothing of it remains."""

import pytest
import torch

from pipeline.errors import BadWeights
from pipeline.identity.lora import Lora

ATTENTION = "down_blocks.1.attentions.0.transformer_blocks.0.attn1"
START = f"unet.{ATTENTION}.processor.to_q_lora."


@pytest.fixture
def updates(written):
    return written("v1").lora


def snapshot(unet):
    return {key: tensor.clone() for key, tensor in unet.state_dict().items()}


def same(unet, before):
    after = unet.state_dict()
    return after.keys() == before.keys() and all(torch.equal(after[key], before[key]) for key in before)


def expected_keys(updates):
    """The weight that each pair belongs to, written out independently of the code's own rule."""
    for key in updates:
        if key.endswith(".up.weight"):
            start = key.removesuffix("up.weight")
            path = start.removeprefix("unet.").replace(".processor.", ".").replace("_lora.", ".weight")
            yield start, path.replace("to_out.", "to_out.0.")


def test_each_attention_weight_gains_up_times_down_to_1e_6_and_no_other_changes(unet, updates, tmp_path):
    before = snapshot(unet)
    lora = Lora.fuse(unet, updates, tmp_path)
    after, touched = unet.state_dict(), dict(expected_keys(updates))
    for start, weight in touched.items():
        wanted = before[weight] + updates[f"{start}up.weight"] @ updates[f"{start}down.weight"]
        torch.testing.assert_close(after[weight], wanted, atol=1e-6, rtol=0)
        assert not torch.equal(after[weight], before[weight])
    assert len(touched) == 32  # 8 attentions of q, k, v and out
    assert all(torch.equal(after[key], before[key]) for key in before.keys() - touched.values())
    assert lora.attached


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_half_precision_weight_is_rounded_once_after_the_sum(unet, updates, tmp_path, dtype):
    unet.to(dtype)
    before = snapshot(unet)
    Lora.fuse(unet, updates, tmp_path)
    for start, weight in expected_keys(updates):
        wanted = before[weight].float() + updates[f"{start}up.weight"] @ updates[f"{start}down.weight"]
        assert torch.equal(unet.state_dict()[weight], wanted.to(dtype))


def test_the_rank_is_read_from_the_shape_pair_by_pair(unet, updates, tmp_path):
    random = torch.Generator().manual_seed(0)
    up, down = torch.randn(64, 9, generator=random), torch.randn(9, 64, generator=random)
    before = snapshot(unet)
    Lora.fuse(unet, updates | {f"{START}up.weight": up, f"{START}down.weight": down}, tmp_path)
    after = unet.state_dict()[f"{ATTENTION}.to_q.weight"]
    torch.testing.assert_close(after, before[f"{ATTENTION}.to_q.weight"] + up @ down, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_detached_twice_nothing_remains(unet, updates, tmp_path, dtype):
    unet.to(dtype)
    before, described = snapshot(unet), repr(unet)
    places = {name: weight.data_ptr() for name, weight in unet.named_parameters()}
    for _ in range(2):
        lora = Lora.fuse(unet, updates, tmp_path)
        assert repr(unet) == described
        assert not same(unet, before)
        lora.detach()
        assert not lora.attached
        assert repr(unet) == described
        assert same(unet, before)
    assert {name: weight.data_ptr() for name, weight in unet.named_parameters()} == places


def test_detaching_a_second_time_leaves_what_came_after(unet, updates, tmp_path):
    lora = Lora.fuse(unet, updates, tmp_path)
    lora.detach()
    second = Lora.fuse(unet, updates, tmp_path)
    fused = snapshot(unet)
    lora.detach()
    assert second.attached
    assert same(unet, fused)


def test_the_kept_weights_lie_on_the_cpu_apart_from_the_unet_s(unet, updates, tmp_path):
    lora = Lora.fuse(unet, updates, tmp_path)
    for weight, base in lora._bases:
        assert base.device.type == "cpu"
        assert base.data_ptr() != weight.data_ptr()
        assert base.dtype == weight.dtype


def test_the_family_s_files_stay_as_they_were(plain, tiny_folder, updates, tmp_path):
    """Weights in float32 on a CPU are mapped from their file; changing them must not write there."""
    files = {path: path.read_bytes() for path in tiny_folder.rglob("*.safetensors")}
    Lora.fuse(plain.unet, updates, tmp_path).detach()
    assert {path: path.read_bytes() for path in files} == files


def without(key):
    return lambda updates: {name: tensor for name, tensor in updates.items() if name != key}


def shaped(key, *shape):
    return lambda updates: updates | {key: torch.zeros(shape)}


UP, DOWN = f"{START}up.weight", f"{START}down.weight"
STRANGER = UP.replace("down_blocks.1", "down_blocks.7")
NO_PLACE = "which has no place in this UNet; use the PhotoMaker that was made for this family."


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (shaped(STRANGER, 64, 4), f"holds the LoRA tensor {STRANGER}, {NO_PLACE}"),
        (shaped("unet.alpha", 1), f"holds the LoRA tensor unet.alpha, {NO_PLACE}"),
        (shaped(UP.replace("to_q", "to_x"), 1), f"holds the LoRA tensor {UP.replace('to_q', 'to_x')}, {NO_PLACE}"),
        (without(UP), f"holds the LoRA tensor {DOWN} but lacks {UP}; download it again."),
        (without(DOWN), f"holds the LoRA tensor {UP} but lacks {DOWN}; download it again."),
        (
            shaped(UP, 64, 3),
            f"holds the LoRA tensors {UP} [64, 3] and down.weight [4, 64], expected [64, rank] and [rank, 64]; "
            "use the PhotoMaker that was made for this family.",
        ),
        (
            shaped(DOWN, 4, 32),
            f"holds the LoRA tensors {UP} [64, 4] and down.weight [4, 32], expected [64, rank] and [rank, 64]; "
            "use the PhotoMaker that was made for this family.",
        ),
        (
            shaped(UP, 64),
            f"holds the LoRA tensors {UP} [64] and down.weight [4, 64], expected [64, rank] and [rank, 64]; "
            "use the PhotoMaker that was made for this family.",
        ),
        (lambda updates: {}, "holds no LoRA tensors; download it again."),
    ],
)
def test_a_tensor_that_does_not_land_is_named_and_nothing_is_changed(unet, updates, tmp_path, spoil, sentence):
    before = snapshot(unet)
    with pytest.raises(BadWeights) as caught:
        Lora.fuse(unet, spoil(updates), tmp_path / "photomaker-v1.bin")
    assert str(caught.value) == f"{tmp_path}/photomaker-v1.bin {sentence}"
    assert same(unet, before)
