"""A written family is what the loader reads, in the precision that was asked for."""

import pytest
import torch

from pipeline import weights
from pipeline.families import tiny
from pipeline.families.folder import byte_pairs, write_family, write_photomaker
from pipeline.identity import checkpoint
from pipeline.identity.encoder import IDEncoder, Shape
from pipeline.layouts import Folder

CPU = torch.device("cpu")
NAMES = ("text_encoder", "text_encoder_2", "unet", "vae")


@pytest.fixture
def half(modules, tmp_path):
    """The tiny family's networks, which carry a LoRA here, written in half precision under a tokenizer of few words."""
    write_family(
        tmp_path,
        tiny.CARD,
        tokenizer=byte_pairs(["red", "fox"]),
        text_encoders=(modules.text_encoder, modules.text_encoder_2),
        unet=modules.unet,
        vae=modules.vae,
        scheduler=tiny.SCHEDULER,
        dtype=torch.float16,
    )
    return Folder(tmp_path)


def test_what_is_read_is_what_was_written_to_half_precision(modules, half):
    read = weights.load_layout(half, tiny.CARD, CPU, torch.float32)
    for name in NAMES:
        written, found = getattr(modules, name).state_dict(), getattr(read, name).state_dict()
        assert list(written) == list(found)
        for key, tensor in written.items():
            assert tensor.dtype == torch.float32  # it stays as it was
            assert torch.equal(tensor.half().float(), found[key]), key
    assert dict(read.scheduler) == tiny.SCHEDULER


def test_a_word_is_one_token_and_any_other_text_is_read_too(half):
    first, second = (weights.read_tokenizer(half.path / name) for name in ("tokenizer", "tokenizer_2"))
    assert [len(first(text).input_ids) - 2 for text in ("red", "red fox", "fix", "é")] == [1, 2, 3, 2]
    assert (first.pad_token_id, second.pad_token_id) == (first.eos_token_id, 0)


def test_a_photomaker_is_read_back_with_its_shape(tmp_path):
    torch.manual_seed(0)
    shape = Shape(tiny.VISION, cross_attention_dim=64, tokens=2, id_embeds_dim=512, perceiver=tiny.PERCEIVER)
    encoder, lora = IDEncoder(shape).state_dict(), {"unet.attn1.processor.to_q_lora.down.weight": torch.rand(4, 32)}
    write_photomaker(tmp_path / "photomaker-v2.safetensors", encoder, lora, shape, torch.float16)
    found = checkpoint.read(tmp_path / "photomaker-v2.safetensors")
    assert found.shape == shape
    for written, read in ((encoder, found.encoder), (lora, found.lora)):
        assert set(written) == set(read)
        assert all(torch.equal(tensor.half(), read[key]) for key, tensor in written.items())
