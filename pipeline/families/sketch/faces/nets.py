"""The four networks of the sketch family's face pack: what finds faces, tells people apart, and reads a face.

Images go in as insightface hands them to its models: RGB, [N, 3, H, W], (pixel - 127.5) / SPREAD of the network.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
"""Pixels from one cell of the detector's three maps to the next."""
FACE_SIZES = {8: (0.0, 64.0), 16: (44.0, 150.0), 32: (110.0, float("inf"))}
"""The longer side of the faces that each map answers for, in pixels; where they overlap, both do."""
MEAN = 127.5


def convolution(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """A convolution that keeps the size (at stride 1), batch norm and ReLU."""
    kept = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(kept, nn.BatchNorm2d(outputs), nn.ReLU())


class Detector(nn.Module):
    """Faces, their boxes and five keypoints, in the manner of SCRFD (Guo et al. 2021), without anchors.

    The sides of the input are multiples of 64.
    """

    SPREAD = 128.0

    def __init__(self) -> None:
        super().__init__()
        # Pairs of pixels are plenty: a small photo is enlarged several times before it gets here.
        self.to_8 = nn.Sequential(nn.AvgPool2d(2), convolution(3, 16, 2), convolution(16, 32, 2), convolution(32, 32))
        self.to_16 = nn.Sequential(convolution(32, 48, 2), convolution(48, 48))
        self.to_32 = nn.Sequential(convolution(48, 64, 2), convolution(64, 64))
        # Nothing is answered here, but a face that fills the photo is a dozen cells wide at 32: too many to see.
        self.to_64 = nn.Sequential(convolution(64, 96, 2), convolution(96, 96), convolution(96, 96))
        widths = (32, 48, 64)
        self.downs = nn.ModuleList(
            nn.Conv2d(above, width, 1) for above, width in zip((48, 64, 96), widths, strict=True)
        )
        self.sides = nn.ModuleList(nn.Conv2d(width, width, 1) for width in widths)
        self.necks = nn.ModuleList(convolution(width, width) for width in widths)
        self.heads = nn.ModuleList(nn.Conv2d(width, 15, 1) for width in widths)
        for head in self.heads:
            bias = torch.zeros(15)
            bias[0], bias[1:5] = -3, 2  # faces are rare, and a box is a few cells to either side
            head.bias = nn.Parameter(bias)

    def maps(self, images: Tensor) -> list[Tensor]:
        """For each stride [N, 15, H / stride, W / stride]: the score's logit; left, top, right and bottom of the box;
        and x, y of five keypoints, all counted in strides from the cell's corner (column, row) * stride."""
        at_8 = self.to_8(images)
        at_16 = self.to_16(at_8)
        at_32 = self.to_32(at_16)
        above = self.to_64(at_32)
        answers = []
        for i, level in reversed(list(enumerate((at_8, at_16, at_32)))):
            above = self.sides[i](level) + functional.interpolate(self.downs[i](above), scale_factor=2.0)
            answers.append(self.heads[i](self.necks[i](above)))
        return answers[::-1]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Insightface's nine outputs for one image: scores [n, 1] in 0..1, boxes [n, 4] and keypoints [n, 10], each at
        the three strides, row by row. It expects two answers a cell and drops doubles: both are the same here."""
        rows = [level[0].flatten(1).t() for level in self.maps(image)]  # [cells, 15]
        twice = [torch.stack([row, row], dim=1).flatten(0, 1) for row in rows]
        return (
            *(torch.sigmoid(row[:, :1]) for row in twice),
            *(row[:, 1:5] for row in twice),
            *(row[:, 5:] for row in twice),
        )


class Recogniser(nn.Module):
    """[N, 3, 112, 112] faces, aligned by their keypoints, to raw embeddings [N, 512] of about unit variance a number.

    The cosine of two embeddings is high for one person and about 0 for two.
    """

    SIDE, SPREAD = 112, 127.5

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(3, 24, 2),
            convolution(24, 32, 2),
            convolution(32, 32),
            convolution(32, 64, 2),
            convolution(64, 64),
            convolution(64, 96, 2),
            convolution(96, 96),
            convolution(96, 16, kernel=1),  # else the linear layer would be most of the pack
        )
        self.project = nn.Linear(16 * 7 * 7, 512, bias=False)
        self.level = nn.BatchNorm1d(512, affine=False)

    def forward(self, faces: Tensor) -> Tensor:
        embeddings: Tensor = self.level(self.project(self.features(faces).flatten(1)))
        return embeddings


class Regressor(nn.Module):
    """[N, 3, side, side] crops, 1.5 times as large as the face's box, to `outputs` numbers each; side: 96 or 192."""

    SPREAD = 128.0

    def __init__(self, side: int, outputs: int) -> None:
        super().__init__()
        self.side = side
        self.features = nn.Sequential(
            nn.AvgPool2d(side // 96),  # a crop shows some 100 pixels of a drawing, however large it is
            convolution(3, 16, 2),
            convolution(16, 32, 2),
            convolution(32, 32),
            convolution(32, 64, 2),
            convolution(64, 64),
            convolution(64, 64, 2),
            convolution(64, 64),
            convolution(64, 24, kernel=1),
        )
        self.project = nn.Linear(24 * 6 * 6, outputs)

    def forward(self, crops: Tensor) -> Tensor:
        answers: Tensor = self.project(self.features(crops).flatten(1))
        return answers


def genderage() -> Regressor:
    """Answers female, male (the larger one is meant) and age / 100."""
    return Regressor(96, 3)


def landmarks() -> Regressor:
    """Answers x and y of 106 points, -1..1 from edge to edge of the crop."""
    return Regressor(192, 212)
