"""A training run that can be stopped at any moment and goes on from its last checkpoint as if it never had been.

On a CPU it is shared by processes of one thread each, which average their gradients: networks this small lose more
time to threads that wait for each other.
"""

import copy
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, distributed, multiprocessing, nn
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

from pipeline.families.sketch.training.muon import Muon

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_PROCESSES = 8
"""More would leave each a batch of next to nothing."""
SAVE_EVERY = 300.0
"""Seconds between checkpoints."""
WARM_UP = 100
"""Steps until the full step size."""
CLIP = 1.0


def cores() -> int:
    """How many processes there is work for."""
    return min(len(os.sched_getaffinity(0)), MOST_PROCESSES)


def spread(function: Callable[[Item], Result], items: Sequence[Item], processes: int, name: str) -> list[Result]:
    """`function` of each item, in so many processes, with a progress bar; in this process where that is 1."""
    with bar() as progress:
        task = progress.add_task(name, total=len(items), said="")
        results = []
        with ExitStack() as stack:
            found: Iterable[Result] = map(function, items)
            if processes > 1:
                pool = ProcessPoolExecutor(processes, get_context("spawn"), torch.set_num_threads, (1,))
                found = stack.enter_context(pool).map(function, items)
            for result in found:
                results.append(result)
                progress.advance(task)
    return results


def together(stage: Callable[..., None], *arguments: Any, processes: int) -> None:
    """Call `stage(*arguments)` in so many processes at once, whose `train` runs work on the same weights.

    With a GPU, or where that is 1, it is called in this process.
    """
    if accelerator().type == "cuda" or processes == 1:
        with accelerator():
            stage(*arguments)
        return
    with tempfile.TemporaryDirectory() as meeting:
        where = f"file://{meeting}/processes"
        multiprocessing.spawn(_join, (where, processes, stage, arguments), nprocs=processes)


def _join(rank: int, where: str, processes: int, stage: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=where, rank=rank, world_size=processes)
    stage(*arguments)
    distributed.barrier()
    distributed.destroy_process_group()


def accelerator() -> torch.device:
    """What the training runs on: a CUDA device where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def processes() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of the processes that train together this one is, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def finished(work: Path, name: str, steps: int) -> bool:
    """Whether that training has done all its steps."""
    checkpoint = work / f"{name}.pt"
    return (
        checkpoint.is_file()
        and torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["done"] >= steps
    )


def train(
    name: str,
    modules: nn.Module,
    loss_of: Callable[[int], Tensor],
    steps: int,
    work: Path,
    *,
    lr: float = 0.02,
    adam_lr: float = 1e-3,
    plain: tuple[str, ...] = ("embed",),
    flat: float = 0.3,
    seed: int = 0,
    look: Callable[[int, nn.Module], str] | None = None,
    look_every: int = 500,
) -> nn.Module:
    """Train for `steps` steps and return the moving average of the weights, in evaluation mode.

    `loss_of(step)` is the loss of one batch, of one process. All randomness of a step is torch's, seeded by `seed`, the
    step and the process, so that `work/NAME.pt` needs to hold no random state. Step sizes stay full for the part
    `flat`, then fall by a cosine to 2 %. `look(step, average)` returns what is worth telling, and may draw pictures.
    """
    average = copy.deepcopy(modules).eval().requires_grad_(False)
    optimiser = Muon(modules, lr, adam_lr, plain)
    checkpoint = work / f"{name}.pt"
    done, losses = 0, []
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
        modules.load_state_dict(state["modules"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        done, losses = state["done"], state["losses"]

    def save() -> None:
        draft = checkpoint.with_suffix(".draft")
        state = {"modules": modules.state_dict(), "average": average.state_dict()}
        torch.save(state | {"optimiser": optimiser.state_dict(), "done": done, "losses": losses}, draft)
        os.replace(draft, checkpoint)

    modules.train()
    saved = time.monotonic()
    with bar(shown=rank() == 0) as progress:
        task = progress.add_task(name, total=steps, completed=done, said="")
        while done < steps:
            torch.manual_seed((seed * 1_000_003 + done) * 64 + rank())
            loss = loss_of(done)
            loss.backward()
            average_gradients(modules)
            size = nn.utils.clip_grad_norm_(modules.parameters(), CLIP)
            if torch.isfinite(size):  # else the batch is left out: one bad step would spoil the average for long
                optimiser.step(share(done, steps, flat))
            modules.zero_grad()
            done += 1
            follow(average, modules, min(0.999, (done + 1) / (done + 10)))
            losses.append(round(loss.item(), 5))
            recent = losses[-100:]
            progress.update(task, completed=done, said=f"loss {sum(recent) / len(recent):.4f}")
            if rank() != 0:
                continue
            if look is not None and done % look_every == 0:
                progress.console.print(f"{name} {done}: loss {sum(recent) / len(recent):.4f} {look(done, average)}")
            if time.monotonic() - saved > SAVE_EVERY or done == steps:
                save()
                saved = time.monotonic()
    return average


def average_gradients(modules: nn.Module) -> None:
    """Give every process the mean of all processes' gradients."""
    if not distributed.is_initialized():
        return
    weights = [weight for weight in modules.parameters() if weight.requires_grad]
    gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
    flat = _flatten_dense_tensors(gradients) / processes()
    distributed.all_reduce(flat)
    for weight, mean in zip(weights, _unflatten_dense_tensors(flat, gradients), strict=True):
        weight.grad = mean


def share(step: int, steps: int, flat: float) -> float:
    """The step size as a part of its full one: a warm-up, a plateau, a cosine down to 0.02."""
    way = max(0.0, (step / steps - flat) / (1 - flat))
    return min(1.0, (step + 1) / WARM_UP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * way)))


@torch.no_grad()
def follow(average: nn.Module, modules: nn.Module, decay: float) -> None:
    """Move the average's weights and buffers towards those being trained."""
    torch._foreach_lerp_(list(average.parameters()), list(modules.parameters()), 1 - decay)
    for mine, theirs in zip(average.buffers(), modules.buffers(), strict=True):
        mine.copy_(theirs)


def bar(shown: bool = True) -> Progress:
    """A progress bar with the time that is left."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(
        TextColumn("{task.description:>12}"), *columns, TextColumn("{task.fields[said]}"), disable=not shown
    )
