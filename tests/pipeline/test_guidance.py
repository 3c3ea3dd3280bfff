"""Classifier-free guidance: grouping is exact, scales are per picture, scale 1 costs no negative half."""

import json
import os
from pathlib import Path

import pytest
import torch

from pipeline import guidance

GROUND_TRUTH = Path(os.environ.get("GROUND_TRUTH_DIR", Path(__file__).parents[1] / "data"))
TRUTH = json.loads((GROUND_TRUTH / "cfg_regroup.json").read_text())


def test_interleaved_pairs_regroup_exactly():
    grouped = guidance.regroup(torch.tensor(TRUTH["interleaved"]))
    assert torch.equal(grouped, torch.tensor(TRUTH["grouped"]))


def test_one_pair_for_many_pictures_is_repeated_half_by_half():
    n = TRUTH["N"]
    for one, many in (("one_prompt_pair", "one_prompt_pair_for_N"), ("time_ids_pair", "time_ids_for_N")):
        rows = guidance.gather([torch.tensor(TRUTH[one])] * n, [8.0] * n)
        assert torch.equal(rows, torch.tensor(TRUTH[many]))


def test_only_guided_pictures_bring_a_negative_row():
    pairs = [torch.tensor([[-1.0 * i], [1.0 * i]]) for i in (1, 2, 3)]
    assert guidance.gather(pairs, [1.0, 5.0, 1.0]).flatten().tolist() == [-2, 1, 2, 3]
    assert guidance.gather(pairs, [1.0, 1.0, 1.0]).flatten().tolist() == [1, 2, 3]
    assert guidance.gather(pairs, [2.0, 3.0, 4.0]).flatten().tolist() == [-1, -2, -3, 1, 2, 3]


def test_each_picture_is_guided_by_its_own_scale():
    scales = [7.5, 1.0, 3.0]
    noise = torch.randn(5, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    (n1, n3), (p1, p2, p3) = noise[:2], noise[2:]
    expected = torch.stack([n1 + 7.5 * (p1 - n1), p2, n3 + 3.0 * (p3 - n3)])
    assert torch.equal(guidance.combine(noise, scales), expected)


def test_half_precision_noise_is_guided_in_float32():
    noise = torch.tensor([[1.0], [1.0078125]]).view(2, 1, 1, 1).to(torch.bfloat16)
    for scales, rows in (([7.3], noise), ([7.3, 1.0], torch.cat([noise, noise[:1]]))):
        guided = guidance.combine(rows, scales)
        assert guided.dtype == torch.float32
        assert guided[0].item() == pytest.approx(1 + 7.3 * 0.0078125, abs=1e-6)
