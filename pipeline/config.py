"""What the pipeline must know before it starts: family, places, device and bounds (imports no torch)."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """The settings of one engine, complete and frozen.

    `device` and `dtype` may be "auto": a CUDA device in bfloat16 (float16 where it lacks bfloat16), else the CPU in
    float32. `memory_budget` bounds one UNet call in latent pixels (a 1024 x 1024 picture has 128 x 128 = 16384);
    None means eight pictures of the family's native size. `memo_bytes` bounds the finished pictures kept in memory.
    """

    family: str = "sketch"
    model_dir: Path = Path("data/models")
    cache_dir: Path = Path("data/cache")
    device: str = "auto"
    dtype: str = "auto"
    memory_budget: int | None = None
    memo_bytes: int = 256 * 2**20
