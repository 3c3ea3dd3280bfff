"""Classifier-free guidance: scales are per picture, 1 costs no negative half (grouping: see test_ground_truth)."""

import pytest
import torch

from pipeline import guidance


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
