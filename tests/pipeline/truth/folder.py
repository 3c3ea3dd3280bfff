"""Folder: the ground truth's files by name, any of which may be absent."""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

OURS = Path(__file__).parents[2] / "data"
"""The files that are kept with the tests. What another folder lacks, but its cases need, is taken from here."""


class Folder:
    """A folder of ground truth: the files in it give cases."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def json(self, name: str) -> Any:
        """A file's JSON."""
        return json.loads((self.path / name).read_text("utf-8"))

    def tensors(self, name: str) -> "Tensors":
        """A safetensors file's tensors and metadata."""
        return Tensors(self.path / name)

    def beside(self, name: str) -> Path:
        """A file that cases need, but that is not itself one: from this folder, else from ours."""
        return self.path / name if (self.path / name).exists() else OURS / name


class Tensors:
    """A safetensors file: numbers in float32 (half precision is how they are stored), all else as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with safe_open(path, "pt") as file:
            self.metadata: Mapping[str, str] = file.metadata() or {}
            self.names = tuple(file.keys())

    def __getitem__(self, name: str) -> torch.Tensor:
        with safe_open(self.path, "pt") as file:
            tensor = file.get_tensor(name)
        return tensor.float() if tensor.is_floating_point() else tensor

    def under(self, prefix: str) -> dict[str, torch.Tensor]:
        """The tensors whose names begin with the prefix, without it."""
        return {name.removeprefix(prefix): self[name] for name in self.names if name.startswith(prefix)}

    def groups(self, *roots: str) -> dict[str, set[str]]:
        """The names of all other tensors than those under the roots, by what stands before their last dot."""
        groups: defaultdict[str, set[str]] = defaultdict(set)
        for name in self.names:
            if not name.startswith(roots):
                prefix, _, last = name.rpartition(".")
                groups[prefix].add(last)
        return dict(groups)
