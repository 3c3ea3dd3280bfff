"""The training of the sketch family: resumable, and in the terms the pipeline reads."""

from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipeline import trigger
from pipeline.families.folder import byte_pairs, write_tokenizer
from pipeline.families.sketch.training import material, muon, run
from pipeline.families.sketch.training.denoiser import encode, untrained
from pipeline.families.sketch.training.identity import attentions, lora_of, with_lora
from pipeline.identity.lora import Lora
from pipeline.weights import read_tokenizer


def trained(work: Path, steps: int) -> tuple[nn.Module, nn.Module]:
    """A small network after `steps` of 6 steps, and its average."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))

    def loss_of(step: int) -> Tensor:
        if step >= steps:
            raise KeyboardInterrupt
        points = torch.randn(16, 4)
        return (network(points)[:, 0] - points.sum(1)).square().mean()

    average = network
    with suppress(KeyboardInterrupt):
        average = run.train("network", network, loss_of, 6, work)
    return network, average


def test_a_training_that_was_stopped_goes_on_as_if_it_never_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole").mkdir()
    whole, whole_average = trained(tmp_path / "whole", 6)
    monkeypatch.setattr(run, "SAVE_EVERY", 0)  # a checkpoint after every step
    stopped, _ = trained(tmp_path, 3)
    assert not same(stopped, whole)
    resumed, average = trained(tmp_path, 6)
    assert same(resumed, whole) and same(average, whole_average)  # bit for bit


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    _, average = trained(tmp_path, 6)
    _, again = trained(tmp_path, 0)  # would stop at its first step
    assert same(average, again)


def test_the_step_size_warms_up_stays_and_falls() -> None:
    sizes = [run.share(step, 2000, 0.3) for step in range(2000)]
    assert sizes[0] == pytest.approx(1 / run.WARM_UP) and sizes[run.WARM_UP : 600] == [1.0] * (600 - run.WARM_UP)
    assert sizes[600:] == sorted(sizes[600:], reverse=True) and sizes[-1] == pytest.approx(0.02, abs=1e-4)


@pytest.mark.parametrize("shape", [(8, 32), (32, 8), (16, 16)])
def test_muons_steps_are_all_but_orthogonal(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(muon.orthogonal(torch.randn(shape) * 100))
    assert values.max() < 1.35 and values.median() > 0.6  # the quintic ends between 0.7 and 1.2, but for bfloat16


def test_muon_goes_downhill_in_matrices_and_in_all_else() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    optimiser, points = muon.Muon(network), torch.randn(64, 4)
    wanted = points.roll(1, dims=1)
    losses = []
    for _ in range(60):
        loss = (network(points) - wanted).square().mean()
        loss.backward()
        optimiser.step(1.0)
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert all(weight.grad is None for weight in network.parameters())


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> tuple[trigger.CLIPTokenizer, trigger.CLIPTokenizer]:
    folder = tmp_path_factory.mktemp("tokenizers")
    pairs = byte_pairs(["portrait", "of", "woman", "img", "red", "background", "smiling", "a"])
    for name, pad in (("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!")):
        write_tokenizer(folder / name, pairs, pad)
    return read_tokenizer(folder / "tokenizer"), read_tokenizer(folder / "tokenizer_2")


@pytest.mark.parametrize("photos", [1, 2, 4])
@pytest.mark.parametrize("text", ["a portrait of a woman img, red background", "woman img", "smiling woman img, zebra"])
def test_the_trainer_reads_a_trigger_as_the_pipeline_does(
    tokenizers: tuple[trigger.CLIPTokenizer, trigger.CLIPTokenizer], text: str, photos: int
) -> None:
    first, second = tokenizers
    ids = material.ids_of(first, [text.replace(" img", "")]).long()
    ids, mask = material.expanded(ids, material.places_of(first, [text]).long(), 2 * photos)
    wanted = trigger.expand(tokenizers, text, photos, 2)
    assert torch.equal(ids[0], wanted.expanded_ids[0]) and torch.equal(mask[0], wanted.class_tokens_mask)
    pads = ids.eq(first.eos_token_id).cumsum(1) > 1
    assert torch.equal(ids.masked_fill(pads, 0)[0], wanted.expanded_ids[1])
    assert second.pad_token_id == 0


def test_the_lora_is_written_under_the_names_that_the_loader_reads() -> None:
    torch.manual_seed(0)
    modules = with_lora(untrained(60))
    ids = torch.randint(58, (2, 77))
    bare = {name: layer.parametrizations.weight.original.clone() for name, layer in attentions(modules["unet"])}
    with torch.no_grad():
        for _, layer in attentions(modules["unet"]):
            layer.parametrizations.weight[0].up.normal_()
    learning = {name for name, weight in modules.named_parameters() if weight.requires_grad}
    # Of the UNet the LoRA alone, and both kinds of encoders.
    assert {name.endswith((".up", ".down")) for name in learning if name.startswith("unet.")} == {True}
    assert {name.partition(".")[0] for name in learning} == {"unet", "id_encoder", "text_encoder", "text_encoder_2"}
    embeds, pooled = encode(modules, ids)
    told = {"text_embeds": pooled, "time_ids": torch.zeros(2, 6)}
    latents = torch.randn(2, 4, 16, 16)
    unet = modules["unet"].eval()
    with torch.no_grad():
        before = unet(latents, 10, encoder_hidden_states=embeds, added_cond_kwargs=told).sample
        tensors = lora_of(unet)
        assert all(torch.equal(layer.weight, bare[name]) for name, layer in attentions(unet))
        Lora.fuse(unet, tensors, Path("lora"))
        after = unet(latents, 10, encoder_hidden_states=embeds, added_cond_kwargs=told).sample
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-4)  # the same sums in another order


def stage(work: Path) -> None:
    """A training that two processes share."""
    trained(work, 6)
    torch.save(torch.initial_seed(), work / f"seed-{run.rank()}.pt")


def test_processes_that_train_together_average_their_gradients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (tmp_path / "alone").mkdir()
    alone, _ = trained(tmp_path / "alone", 6)
    run.together(stage, tmp_path, processes=2)
    seeds = {torch.load(tmp_path / f"seed-{rank}.pt") for rank in range(2)}
    assert len(seeds) == 2  # each saw batches of its own
    state = torch.load(tmp_path / "network.pt")
    assert state["done"] == 6
    shared = state["modules"]
    assert not torch.equal(shared["0.weight"], alone.state_dict()["0.weight"])
    # By hand: the same six steps with both processes' batches at once.
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimiser = muon.Muon(network)
    for step in range(6):
        for rank in range(2):
            torch.manual_seed(step * 64 + rank)
            points = torch.randn(16, 4)
            ((network(points)[:, 0] - points.sum(1)).square().mean() / 2).backward()
        nn.utils.clip_grad_norm_(network.parameters(), run.CLIP)
        optimiser.step(run.share(step, 6, 0.3))
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(shared[name], weight, rtol=1e-4, atol=1e-5)  # sums in another order
