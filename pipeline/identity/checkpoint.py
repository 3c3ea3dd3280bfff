"""A PhotoMaker checkpoint: the ID encoder's tensors and the LoRA's, from the published `.bin` or from safetensors.

Both hold exactly two parts, `id_encoder` and `lora_weights`. Nothing but tensors is ever unpickled, and the file is
mapped rather than read, so that loading holds the weights once.
"""

import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import init_empty_weights  # type: ignore[import-untyped]

from pipeline.errors import BadWeights
from pipeline.identity.encoder import V1, V2, IDEncoder, Shape
from pipeline.tensors import Tensors, fill, opened

PARTS = ("id_encoder", "lora_weights")


@dataclass(frozen=True)
class Checkpoint:
    """What stands in the file, under its own names and in its own precision."""

    path: Path
    shape: Shape
    encoder: Tensors
    lora: Tensors

    def build(self, device: torch.device, dtype: torch.dtype) -> IDEncoder:
        """The encoder, ready to run; BadWeights unless every tensor is there, known and of the right shape."""
        with init_empty_weights():
            encoder = IDEncoder(self.shape)
        fill(encoder, self.encoder, self.path)
        return encoder.to(device, dtype).eval().requires_grad_(False)


def read(path: Path) -> Checkpoint:
    """The checkpoint at `path`, mapped into memory; BadWeights, a sentence, when it is no PhotoMaker checkpoint.

    V1 and V2 are told apart by V2's `qformer_perceiver`. A safetensors file may carry the JSON of another `Shape`
    in its metadata, under "shape".
    """
    parts, shape = (_read_safetensors if path.suffix == ".safetensors" else _read_pickle)(path)
    # Older versions of transformers saved the positions 0, 1, 2, … along with the encoder.
    encoder = {key: tensor for key, tensor in parts["id_encoder"].items() if not key.endswith("position_ids")}
    lora = parts["lora_weights"]
    if whole := sorted(key for part in (encoder, lora) for key in part if not part[key].is_floating_point()):
        raise BadWeights(f"{path} holds whole numbers where the weights {whole[0]} belong; download it again.")
    if shape is None:
        shape = V2 if any(key.startswith("qformer_perceiver.") for key in encoder) else V1
    return Checkpoint(path, shape, encoder, lora)


def _read_pickle(path: Path) -> tuple[dict[str, Tensors], None]:
    try:
        parts = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise BadWeights(f"{path} is missing; put it there again.") from error
    except pickle.UnpicklingError as error:
        raise BadWeights(
            f"{path} holds something other than plain tensors, which might run code; nothing of it was run. "
            "Download the published file again."
        ) from error
    except Exception as error:  # torch raises RuntimeError, ValueError and others for a damaged archive
        raise BadWeights(f"{path} is cut short, damaged or in no format of torch's; download it again.") from error
    if not isinstance(parts, dict) or not all(isinstance(part, dict) for part in parts.values()):
        raise BadWeights(f"{path} holds no named tensors; download PhotoMaker's published file.")
    _check_parts(path, parts)
    for name, part in parts.items():
        if wrong := [key for key, value in part.items() if not (isinstance(key, str) and torch.is_tensor(value))]:
            raise BadWeights(f"{path} holds {name}.{wrong[0]}, which is no tensor; download it again.")
    return parts, None


def _read_safetensors(path: Path) -> tuple[dict[str, Tensors], Shape | None]:
    parts: dict[str, Tensors] = {}
    with opened(path) as file:
        for key in file.keys():  # noqa: SIM118
            part, _, name = key.partition(".")
            parts.setdefault(part, {})[name] = file.get_tensor(key)
        written = (file.metadata() or {}).get("shape")
    _check_parts(path, parts)
    try:
        shape = None if written is None else Shape.from_json(written)
    except (ValueError, TypeError) as error:
        raise BadWeights(f"{path} describes no ID encoder in its metadata ({error}); download it again.") from error
    return parts, shape


def _check_parts(path: Path, parts: dict[str, Tensors]) -> None:
    if set(parts) != set(PARTS):
        found = ", ".join(sorted(map(str, parts))[:5]) or "nothing"
        raise BadWeights(
            f"{path} is no PhotoMaker checkpoint: expected exactly {' and '.join(PARTS)} in it, got {found}; "
            "put the published file there."
        )
