"""How the face pack's networks are trained: one class a task, driven by steps, from drawings alone.

A step's random draws depend on the seed and the step's number only, so that a training that was interrupted goes on
exactly as if it had not been.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from math import cos, pi
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.families.sketch.faces import nets
from pipeline.families.sketch.faces.nets import FACE_SIZES, MEAN, STRIDES, Detector, Recogniser, Regressor
from pipeline.families.sketch.faces.views import Canvas, Image, aligned, alignments, canvas, crop, missed, worn
from pipeline.families.sketch.training.drawings import Drawings

YOUNG, OLD = 25, 70
"""Years that stand for the two ages of the drawings."""

Network = TypeVar("Network", bound=nn.Module)
Progress = Callable[[int, float], None]
"""Called after every step with the number of steps done and the loss."""


class Training(ABC, Generic[Network]):
    """AdamW with a short warm-up and a cosine to nothing, one step at a time on one thread's worth of work."""

    rate = 2e-3
    decay = 1e-3
    warm_up = 50

    def __init__(
        self, network: Callable[[], Network], steps: int, seed: int, extra: Callable[[], nn.Module] = nn.Module
    ) -> None:
        """`steps`: how many there will be in all. `extra`: what is trained along with the network and then dropped."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = network()
            self.extra = extra()
        self.steps, self.seed, self.done = steps, seed, 0
        parameters = [*self.network.parameters(), *self.extra.parameters()]
        self._optimiser = torch.optim.AdamW(parameters, self.rate, weight_decay=self.decay)
        self.network.train()

    @abstractmethod
    def loss(self, random: Generator) -> Tensor:
        """The loss of one batch, which is drawn from `random`."""

    def step(self) -> float:
        """One step; returns its loss."""
        share = self.done / self.steps
        for group in self._optimiser.param_groups:
            group["lr"] = self.rate * min(1, (self.done + 1) / self.warm_up) * (1 + cos(pi * share)) / 2
        loss = self.loss(np.random.default_rng((self.seed, self.done)))
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*self.network.parameters(), *self.extra.parameters()], 5.0)
        self._optimiser.step()
        self.done += 1
        return loss.item()

    def run(self, progress: Progress | None = None) -> Network:
        """All steps that are left; returns the network, ready to use."""
        while self.done < self.steps:
            loss = self.step()
            if progress:
                progress(self.done, loss)
        return self.network.eval()

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to go on from here, for torch.save."""
        return {
            "done": self.done,
            "network": self.network.state_dict(),
            "extra": self.extra.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state` of a training with the same drawings, steps and seed."""
        self.done = state["done"]
        self.network.load_state_dict(state["network"])
        self.extra.load_state_dict(state["extra"])
        self._optimiser.load_state_dict(state["optimiser"])


class DetectorTraining(Training[Detector]):
    """Faces on canvases as large as insightface's own: a focal loss on the scores, L1 on boxes and keypoints."""

    rate = 3e-3
    canvases = ((640, 3), (448, 5), (320, 10))
    """Sides, and how many at once; the largest is insightface's, but the others show more faces in the same time."""
    MIDDLE, NEAR = 0.25, 0.4
    """Cells that are as near to the face's middle, in parts of the box, answer for it; the next ones may."""

    def __init__(self, drawings: Drawings, steps: int, seed: int) -> None:
        super().__init__(Detector, steps, seed)
        self.drawings = drawings

    def loss(self, random: Generator) -> Tensor:
        side, count = self.canvases[random.choice(len(self.canvases), p=(0.4, 0.3, 0.3))]
        seen = [canvas(self.drawings, side, random) for _ in range(count)]
        images = pixels((one.image for one in seen), Detector.SPREAD)
        total = torch.zeros(())
        for stride, answers in zip(STRIDES, self.network.maps(images), strict=True):
            wanted = torch.from_numpy(np.stack([self.targets(one, stride) for one in seen]))  # [N, H, W, 16]
            total = total + self.loss_of(answers.permute(0, 2, 3, 1), wanted)
        return total

    @staticmethod
    def loss_of(answers: Tensor, wanted: Tensor) -> Tensor:
        """Of one stride's answers [N, H, W, 15]; `wanted` as `targets` gives it."""
        state, sizes, places = wanted[..., 0], wanted[..., 1], wanted[..., 2:]
        faces = state > 0
        entropy = functional.binary_cross_entropy_with_logits(answers[..., 0], faces.float(), reduction="none")
        sure = 1 - torch.exp(-entropy)  # how far the score is from what it should be
        weight = sure**2 * torch.where(faces, 0.5, 1.0) * (state >= 0)
        scores = (entropy * weight).sum() / faces.sum().clamp(min=1)
        if not faces.any():
            return scores
        error = (answers[faces][:, 1:] - places[faces]).abs() / sizes[faces, None]
        return scores + 6 * error[:, :4].mean() + 6 * error[:, 4:].mean()

    @classmethod
    def targets(cls, seen: Canvas, stride: int) -> NDArray[np.float32]:
        """[H, W, 16] for each cell: 1 where a face is, 0 where none is, -1 where either is right; the face's longer
        side, its box and its keypoints as `Detector.maps` counts them."""
        cells = seen.image.shape[0] // stride
        corners = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), axis=-1).astype(np.float32) * stride
        wanted = np.zeros((cells, cells, 16), np.float32)
        smallest, largest = FACE_SIZES[stride]

        def distance(box: NDArray[np.float32]) -> NDArray[np.float32]:
            return (np.abs(corners - (box[:2] + box[2:]) / 2) / (box[2:] - box[:2])).max(axis=-1)

        for box in seen.doubtful:
            wanted[distance(box) < cls.NEAR, 0] = -1
        for box, keypoints in zip(seen.boxes, seen.keypoints, strict=True):
            size, away = (box[2:] - box[:2]).max(), distance(box)
            if smallest / 1.2 <= size < largest * 1.2:
                wanted[(away < cls.NEAR) & (wanted[..., 0] <= 0), 0] = -1
            if smallest <= size < largest:
                at = away < cls.MIDDLE
                corner = corners[at]
                spread = (keypoints[None] - corner[:, None]).reshape(-1, 10)
                places = np.concatenate([corner - box[:2], box[2:] - corner, spread], axis=1) / stride
                wanted[at] = np.column_stack([np.ones(len(corner)), np.full(len(corner), size / stride), places])
        return wanted


class _Prototypes(nn.Module):
    """One direction in the space of embeddings for each person."""

    def __init__(self, people: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(people, 512) * 0.05)


class RecogniserTraining(Training[Recogniser]):
    """CosFace (Wang et al. 2018): the cosine with one's own prototype must beat all others by a margin."""

    decay = 5e-3
    batch = 64
    scale, margin = 20.0, 0.25

    def __init__(self, drawings: Drawings, steps: int, seed: int) -> None:
        people = int(drawings.people.max()) + 1
        super().__init__(Recogniser, steps, seed, lambda: _Prototypes(people))
        self.drawings = drawings
        self.alignments = alignments(drawings.keypoints)

    def loss(self, random: Generator) -> Tensor:
        drawings, chosen = self.drawings, random.integers(len(self.drawings), size=self.batch)
        faces = [aligned(worn(drawings.images[i], random, 0.05), self.alignments[i], random) for i in chosen]
        with faster():
            embeddings = self.network(pixels(faces, Recogniser.SPREAD))
        directions = functional.normalize(self.extra.get_parameter("weight"))
        cosines = functional.normalize(embeddings.float()) @ directions.t()
        own = torch.from_numpy(drawings.people[chosen])
        margin = self.margin * min(1.0, 2 * self.done / self.steps)  # grows until half time: a full one never starts
        return functional.cross_entropy(self.scale * (cosines - margin * functional.one_hot(own, len(directions))), own)


class _CropTraining(Training[Regressor]):
    """Something read from crops around boxes that are off by what a detector may err."""

    batch = 32

    def __init__(self, network: Callable[[], Regressor], drawings: Drawings, steps: int, seed: int) -> None:
        super().__init__(network, steps, seed)
        self.drawings = drawings

    def loss(self, random: Generator) -> Tensor:
        drawings, chosen = self.drawings, random.integers(len(self.drawings), size=self.batch)
        crops, matrices = [], []
        for i in chosen:
            cropped, matrix = crop(
                worn(drawings.images[i], random, 0.1), missed(drawings.boxes[i], random), self.network.side
            )
            crops.append(cropped)
            matrices.append(matrix)
        with faster():
            answers = self.network(pixels(crops, Regressor.SPREAD))
        return self.loss_of(answers.float(), chosen, np.stack(matrices))

    @abstractmethod
    def loss_of(self, answers: Tensor, chosen: NDArray[np.int64], matrices: NDArray[np.float64]) -> Tensor:
        """Of the answers about the chosen drawings, whose crops were cut by the matrices [N, 2, 3]."""


class GenderAgeTraining(_CropTraining):
    """Sex by cross-entropy, age by L1."""

    def __init__(self, drawings: Drawings, steps: int, seed: int) -> None:
        super().__init__(nets.genderage, drawings, steps, seed)

    def loss_of(self, answers: Tensor, chosen: NDArray[np.int64], matrices: NDArray[np.float64]) -> Tensor:
        men = torch.from_numpy(self.drawings.men[chosen].astype(np.int64))
        years = torch.from_numpy(np.where(self.drawings.old[chosen], OLD, YOUNG).astype(np.float32))
        age: Tensor = (answers[:, 2] - years / 100).abs().mean()
        return functional.cross_entropy(answers[:, :2], men) + 4 * age


class LandmarksTraining(_CropTraining):
    """The 106 points by L1."""

    def __init__(self, drawings: Drawings, steps: int, seed: int) -> None:
        super().__init__(nets.landmarks, drawings, steps, seed)
        some = np.arange(min(500, len(drawings)))
        matrices = [crop(drawings.images[i], drawings.boxes[i], self.network.side)[1] for i in some]
        with torch.no_grad():  # the middle of all faces, which would take a third of the steps to find
            self.network.project.weight.zero_()
            self.network.project.bias.copy_(self.wanted(some, np.stack(matrices)).mean(dim=0))

    def loss_of(self, answers: Tensor, chosen: NDArray[np.int64], matrices: NDArray[np.float64]) -> Tensor:
        loss: Tensor = (answers - self.wanted(chosen, matrices)).abs().mean()
        return 10 * loss

    def wanted(self, chosen: NDArray[np.int64], matrices: NDArray[np.float64]) -> Tensor:
        """[N, 212] the right answers about these drawings' crops."""
        points = self.drawings.landmarks[chosen] @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]
        return torch.from_numpy((points * 2 / self.network.side - 1).astype(np.float32).reshape(len(chosen), -1))


def faster() -> torch.autocast:
    """Twice the speed by half precision in between; the weights that are trained stay float32."""
    return torch.autocast("cpu", torch.bfloat16)


def pixels(images: Iterable[Image], spread: float) -> Tensor:
    """Images [H, W, 3] to a network's input [N, 3, H, W]."""
    batch = torch.from_numpy(np.stack(list(images))).permute(0, 3, 1, 2)
    return (batch.float() - MEAN) / spread


@torch.inference_mode()
def embed(network: Recogniser, images: Iterable[Image], keypoints: Iterable[NDArray[np.float32]]) -> Tensor:
    """[N, 512] raw embeddings, float32, of the faces with those keypoints [5, 2] in RGB images [H, W, 3].

    What insightface makes of the exported network, but for the rounding of its weights. The network is in eval mode.
    """
    faces = [aligned(image, matrix) for image, matrix in zip(images, alignments(keypoints), strict=True)]
    batches = [faces[start : start + 64] for start in range(0, len(faces), 64)]
    return torch.cat([network(pixels(batch, Recogniser.SPREAD)) for batch in batches])
