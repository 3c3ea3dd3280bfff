"""Tensors on their way from a file into a module: opened, read, checked, assigned; nothing is held twice."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from pipeline.errors import BadWeights

Tensors = dict[str, torch.Tensor]


@contextmanager
def opened(path: Path, device: str = "cpu") -> Iterator[safe_open]:
    """A safetensors file, open for reading; BadWeights when it is missing or damaged, also while it is read."""
    try:
        with safe_open(path, framework="pt", device=device) as file:
            yield file
    except FileNotFoundError as error:
        raise BadWeights(f"{path} is missing; put the family's files there again.") from error
    except (SafetensorError, OSError) as error:
        raise BadWeights(f"{path} is cut short or damaged ({error}); download it again.") from error


def read_tensors(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    wanted: Callable[[str], bool] = lambda key: True,
) -> Tensors:
    """The wanted tensors of a safetensors file, cast to `dtype`; BadWeights when it is missing or damaged."""
    with opened(path, str(device)) as file:
        return {key: file.get_tensor(key).to(dtype) for key in file.keys() if wanted(key)}  # noqa: SIM118


def fill(module: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Assign the tensors to the empty module; BadWeights unless each is there, known and of the right shape."""
    expected = module.state_dict()
    # transformers 5 dropped the prefix `text_model.` from CLIPTextModel; files of any version carry either form.
    prefixed = any(key.startswith("text_model.") for key in expected)
    tensors = {
        key if prefixed else key.removeprefix("text_model."): tensor
        for key, tensor in tensors.items()
        if not key.endswith("position_ids")
    }
    shared = expected.keys() & tensors.keys()
    for fault, keys in (
        ("lacks", expected.keys() - shared),
        ("holds unknown", tensors.keys() - shared),
        ("holds wrongly shaped", {key for key in shared if expected[key].shape != tensors[key].shape}),
    ):
        if keys:
            raise BadWeights(
                f"{path} {fault} tensors ({len(keys)}; the first is {min(keys)}): "
                "these are not the weights that belong there; download them again."
            )
    module.load_state_dict(tensors, assign=True)
