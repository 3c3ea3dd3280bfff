"""Foreign errors to ours: the one seam where what torch raises becomes a sentence."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from pipeline.errors import OutOfMemory, PipelineError
from sweeps.recipe import Recipe

R = TypeVar("R")
logger = logging.getLogger(__name__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or an allocator had no memory left; each says so in its own way."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError | OutOfMemory):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in said or "DefaultCPUAllocator" in said)


def with_room(work: Callable[[], R]) -> R:
    """Do a thing, and once more when memory ran out: what torch keeps for the next steps may go first."""
    try:
        return work()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return work()


def translate(error: BaseException, recipe: Recipe) -> PipelineError:
    """The error as a sentence about that recipe; the cause is kept, and logged when it is a surprise."""
    if isinstance(error, PipelineError):
        return error
    translated: PipelineError
    if is_out_of_memory(error):
        size = f"{recipe.width} x {recipe.height}"
        translated = OutOfMemory(f"There is not enough memory for a picture of {size}: choose a smaller one.")
    else:
        logger.error("drawing failed", exc_info=error)
        translated = PipelineError(
            f"The picture could not be drawn because of an error in the pipeline ({type(error).__name__}); "
            "the log says more."
        )
    translated.__cause__ = error
    return translated
