"""Case: numbers that a public reference produced, and our code that must produce them too."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Expected:
    """A value (a tensor, a number, a truth, a text, or lists of them) and how far ours may be from it."""

    value: Any
    atol: float = 1e-4
    rtol: float = 1e-4


def exact(value: Any) -> Expected:
    return Expected(value, atol=0, rtol=0)


@dataclass(frozen=True)
class Case:
    """What is expected by name, and how our code computes all of it; `id` begins with the kind of case."""

    id: str
    expected: Mapping[str, Expected]
    compute: Callable[[], Mapping[str, Any]]

    @property
    def kind(self) -> str:
        return self.id.split("/")[0]

    @cached_property
    def computed(self) -> Mapping[str, Any]:
        with torch.no_grad():
            return self.compute()


def agree(name: str, ours: Any, expected: Expected) -> None:
    """AssertionError, with the worst difference, unless our value is the expected one."""
    got, wanted = as_array(ours), as_array(expected.value)
    assert got.shape == wanted.shape, f"{name} has the shape {got.shape}, expected {wanted.shape}"
    if wanted.dtype.kind == "U":
        assert got.tolist() == wanted.tolist(), f"{name} is {got.tolist()}, expected {wanted.tolist()}"
        return
    assert got.dtype.kind == "f", f"{name} is no number"
    distance = np.abs(got - wanted)
    wrong = ~(distance <= expected.atol + expected.rtol * np.abs(wanted))  # so that NaN is wrong too
    assert not wrong.any(), f"{wrong.sum()} of {wrong.size} values of {name} differ, the worst by {distance.max()}"


def twins(expected: Expected) -> Iterator[Expected]:
    """The same expectation with one thing wrong each: a value beyond the tolerance, or one value too few."""
    value = as_array(expected.value)
    for at in sorted({0, value.size // 2, value.size - 1}) if value.size else ():
        yield replace(expected, value=with_one_wrong(value, at, expected))
    if value.ndim:
        yield replace(expected, value=value[:-1] if len(value) else np.zeros(1))


def with_one_wrong(value: np.ndarray, at: int, expected: Expected) -> np.ndarray:
    if value.dtype.kind == "U":
        return np.array([text + "?" * (i == at) for i, text in enumerate(value.ravel())]).reshape(value.shape)
    wrong = value.copy()
    tolerance = expected.atol + expected.rtol * abs(wrong.flat[at])
    wrong.flat[at] += 3 * tolerance if tolerance else 1  # ours may lie a tolerance to the same side
    if not tolerance and set(np.unique(value)) <= {0, 1}:
        wrong.flat[at] = 1 - value.flat[at]  # a mask's bit flipped
    return wrong


def as_array(value: Any) -> np.ndarray:
    """Numbers and truths as float64, texts as texts."""
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return array if array.dtype.kind == "U" else array.astype(np.float64)
