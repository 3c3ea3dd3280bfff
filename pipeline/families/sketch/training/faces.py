"""The face pack's networks, trained side by side, each in a process of its own."""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from pipeline.families.sketch.faces import nets
from pipeline.families.sketch.faces.training import (
    DetectorTraining,
    GenderAgeTraining,
    LandmarksTraining,
    RecogniserTraining,
    Training,
)
from pipeline.families.sketch.training.drawings import drawn
from pipeline.families.sketch.training.run import spread

PEOPLE = range(1_000_000, 1_004_000)
"""Not those the denoiser learns from: its recogniser must see them as it will see strangers."""
SAVE_EVERY = 250


@dataclass(frozen=True)
class Plan:
    """One of the pack's networks: how it begins, how it is trained and for how many steps."""

    network: Any
    training: Callable[..., Training[Any]]
    steps: int
    seed: int


PLANS = {
    "detector": Plan(nets.Detector, DetectorTraining, 2600, 1),
    "recogniser": Plan(nets.Recogniser, RecogniserTraining, 1500, 0),
    "genderage": Plan(nets.genderage, GenderAgeTraining, 600, 0),
    "landmarks": Plan(nets.landmarks, LandmarksTraining, 1000, 3),
}


def train_faces(work: Path, scale: float, processes: int) -> None:
    """Train what is not trained yet; `work/NAME.pt` holds each network's checkpoint."""
    people = PEOPLE[: max(4, round(len(PEOPLE) * scale))]
    drawn(people, work, processes)
    spread(partial(_train, people=people, work=work, scale=scale), list(PLANS), processes, "face pack")


def _train(name: str, people: range, work: Path, scale: float) -> None:
    plan, checkpoint = PLANS[name], work / f"{name}.pt"
    training = plan.training(drawn(people, work), max(2, round(plan.steps * scale)), plan.seed)
    if checkpoint.is_file():
        training.restore(torch.load(checkpoint, map_location="cpu", weights_only=True))
    losses: deque[float] = deque(maxlen=100)

    def save(done: int, loss: float) -> None:
        losses.append(loss)
        if done % SAVE_EVERY == 0 or done == training.steps:
            draft = checkpoint.with_suffix(".draft")
            torch.save(training.state() | {"loss": sum(losses) / len(losses)}, draft)
            os.replace(draft, checkpoint)

    training.run(save)


def trained_faces(work: Path) -> dict[str, Any]:
    """The pack's networks by the names of `write_pack`."""
    networks = {}
    for name, plan in PLANS.items():
        networks[name] = plan.network()
        networks[name].load_state_dict(
            torch.load(work / f"{name}.pt", map_location="cpu", weights_only=True)["network"]
        )
        networks[name].eval().requires_grad_(False)
    return networks
