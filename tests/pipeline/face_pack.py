"""Small ONNX models with the interface of insightface's model packs: a few KB, written in milliseconds.

The detector finds patches of pure colours, one face a colour, or faces at fixed places; insightface's own decoding,
suppression of doubles, cropping and aligning run on what it gives.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, parser

from pipeline.analysers import open_analyser
from pipeline.config import Config
from pipeline.faces import Faces

Box = tuple[float, float, float, float]
RGB = tuple[int, int, int]

MAGENTA: RGB = (255, 0, 255)
CYAN: RGB = (0, 255, 255)
YELLOW: RGB = (255, 255, 0)
GREY: RGB = (128, 128, 128)
MARKERS: Mapping[RGB, float] = {MAGENTA: 0.95, CYAN: 0.85, YELLOW: 0.75}
"""The colours that are faces, with the score of each."""

KEYPOINTS = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)
"""Left eye, right eye, nose, left and right corner of the mouth, in fractions of the box: a face that looks ahead."""
AROUND = np.arange(106) * (2 * math.pi / 106)
LANDMARKS = np.stack([np.cos(AROUND), np.sin(AROUND)], axis=1).astype(np.float32) * 0.6
"""[106, 2] an oval in -1..1 of the crop, which is 1.5 times as large as the box: it spans 0.9 of a square box."""
SEXES = {"F": (1.0, 0.0), "M": (0.0, 1.0)}
HEAD = '<ir_version: 8, opset_import: ["": 17]>'


def write_pack(
    model_dir: Path,
    *,
    always: Sequence[Box] = (),
    markers: Mapping[RGB, float] | None = None,
    sex: str | None = "F",
    age: int = 30,
    tallest: float = math.inf,
    without: Sequence[str] = (),
    name: str = "small",
) -> Path:
    """Write MODEL_DIR/insightface/models/<name>/ and return it.

    always: boxes in fractions of the picture (its right or bottom edge must not be all black) that are faces in every
    picture; given these, no colour is a face unless `markers` says so. sex: "F", "M", or None for what the pixels say:
    red faces are women, blue ones men. tallest: pixels on the detector's canvas above which a marker is not seen.
    without: tasks left out of detection, recognition, genderage, landmark_2d_106.
    """
    pack = model_dir / "insightface" / "models" / name
    pack.mkdir(parents=True, exist_ok=True)
    chosen = ({} if always else MARKERS) if markers is None else markers
    models = {
        "detection": lambda: detector(chosen, always, tallest),
        "recognition": recogniser,
        "genderage": lambda: gender_and_age(sex, age),
        "landmark_2d_106": landmarks,
    }
    for task, build in models.items():
        if task not in without:
            onnx.save(build(), pack / f"{task}.onnx")
    return pack


def open_faces(model_dir: Path, **settings) -> Faces:
    """Faces on a pack written there with these settings, on the CPU."""
    write_pack(model_dir, **settings)
    return Faces(open_analyser(Config(family="tiny", model_dir=model_dir, device="cpu")))


def photo(*patches: tuple[tuple[int, int, int, int], RGB], width: int = 400, height: int = 300) -> NDArray[np.uint8]:
    """A grey photo with patches of colour at (x1, y1, x2, y2)."""
    array = np.full((height, width, 3), GREY, np.uint8)
    for (x1, y1, x2, y2), colour in patches:
        array[y1:y2, x1:x2] = colour
    return array


def detector(markers: Mapping[RGB, float], always: Sequence[Box], tallest: float) -> onnx.ModelProto:
    """Scores, boxes and keypoints at strides 8, 16 and 32, two anchors a cell, as SCRFD gives them.

    M faces in all: K coloured ones and F at fixed places; at least one of each, of score 0 where none is wanted.
    """
    colours = np.array(list(markers) or [MAGENTA], np.float32)
    marker_scores = np.array(list(markers.values()) or [0], np.float32)
    fixed = np.array(list(always) or [(0, 0, 1, 1)], np.float32)
    constants = {
        "colours": ((colours - 127.5) / 128)[:, :, None, None],  # [K, 3, 1, 1]
        "marker_scores": marker_scores,
        "fixed": fixed,
        "fixed_scores": np.full(len(fixed), 0.9 if always else 0, np.float32),
        "keypoints": KEYPOINTS[None],  # [1, 5, 2]
        "tallest": np.float32(tallest),
        "likeness": np.float32(0.5),  # a quarter of the range: edges blurred by scaling stay within half a pixel
        "black": np.float32(-0.99),
        "reach": np.float32(2),  # cells from the middle of a face within which anchors answer
        "fading": np.float32(0.1),  # of the score, a cell
        "zero": np.int64(0),
        "one": np.int64(1),
        "two": np.int64(2),
        "three": np.int64(3),
        "one_f": np.float32(1),
        "two_f": np.float32(2),
        "zero_f": np.float32(0),
        "axis_1": np.array([1]),
        "row_of_10": np.array([-1, 10]),
    }
    strides = (8, 16, 32)
    outputs = ", ".join(
        f"float[{kind[0]}{stride}, {width}] {kind}_{stride}"
        for kind, width in (("score", 1), ("box", 4), ("points", 10))
        for stride in strides
    )
    text = f"""{HEAD}
    detector (float[1, 3, H, W] image) => ({outputs}) {{
        shape = Shape(image)
        height = Gather(shape, two)
        width = Gather(shape, three)
        width_f = Cast<to = 1>(width)
        height_f = Cast<to = 1>(height)
        columns = Range(zero, width, one)
        rows = Range(zero, height, one)
        x = Cast<to = 1>(columns)
        y = Cast<to = 1>(rows)
        x_end = Add(x, one_f)
        y_end = Add(y, one_f)
        x_left = Sub(width_f, x)
        y_left = Sub(height_f, y)

        difference = Sub(image, colours)
        distance = Abs(difference)
        furthest = ReduceMax<axes = [1], keepdims = 0>(distance)
        alike = Less(furthest, likeness)
        mask = Cast<to = 1>(alike)
        in_column = ReduceMax<axes = [1], keepdims = 0>(mask)
        in_row = ReduceMax<axes = [2], keepdims = 0>(mask)
        rights = Mul(in_column, x_end)
        bottoms = Mul(in_row, y_end)
        lefts = Mul(in_column, x_left)
        tops = Mul(in_row, y_left)
        right = ReduceMax<axes = [1], keepdims = 0>(rights)
        bottom = ReduceMax<axes = [1], keepdims = 0>(bottoms)
        from_right = ReduceMax<axes = [1], keepdims = 0>(lefts)
        from_bottom = ReduceMax<axes = [1], keepdims = 0>(tops)
        left = Sub(width_f, from_right)
        top = Sub(height_f, from_bottom)
        left_2 = Unsqueeze(left, axis_1)
        top_2 = Unsqueeze(top, axis_1)
        right_2 = Unsqueeze(right, axis_1)
        bottom_2 = Unsqueeze(bottom, axis_1)
        marker_boxes = Concat<axis = 1>(left_2, top_2, right_2, bottom_2)
        tall = Sub(bottom, top)
        short_enough = LessOrEqual(tall, tallest)
        seen_at_all = ReduceMax<axes = [1], keepdims = 0>(in_column)
        short_f = Cast<to = 1>(short_enough)
        seen = Mul(seen_at_all, short_f)
        marker_scores_seen = Mul(seen, marker_scores)

        brightest = ReduceMax<axes = [1], keepdims = 0>(image)
        lit = Greater(brightest, black)
        lit_f = Cast<to = 1>(lit)
        lit_columns = ReduceMax<axes = [1], keepdims = 0>(lit_f)
        lit_rows = ReduceMax<axes = [2], keepdims = 0>(lit_f)
        lit_rights = Mul(lit_columns, x_end)
        lit_bottoms = Mul(lit_rows, y_end)
        picture_right = ReduceMax<axes = [1], keepdims = 0>(lit_rights)
        picture_bottom = ReduceMax<axes = [1], keepdims = 0>(lit_bottoms)
        any_right = Greater(picture_right, zero_f)
        any_bottom = Greater(picture_bottom, zero_f)
        picture_width = Where(any_right, picture_right, width_f)
        picture_height = Where(any_bottom, picture_bottom, height_f)
        picture = Concat<axis = 0>(picture_width, picture_height, picture_width, picture_height)
        fixed_boxes = Mul(fixed, picture)

        boxes = Concat<axis = 0>(marker_boxes, fixed_boxes)
        scores = Concat<axis = 0>(marker_scores_seen, fixed_scores)
        starts, ends = Split<axis = 1>(boxes)
        sizes = Sub(ends, starts)
        sum = Add(starts, ends)
        middles = Div(sum, two_f)
        starts_2 = Unsqueeze(starts, axis_1)
        sizes_2 = Unsqueeze(sizes, axis_1)
        points_in_box = Mul(sizes_2, keypoints)
        points = Add(points_in_box, starts_2)
    """
    for stride in strides:
        constants[f"stride_{stride}"] = np.int64(stride)
        text += STRIDE.replace("@", f"_{stride}")
    return parsed(text + "}", constants)


STRIDE = """
        stride_f@ = Cast<to = 1>(stride@)
        across@ = Div(width, stride@)
        down@ = Div(height, stride@)
        cells@ = Mul(across@, down@)
        count@ = Mul(cells@, two)
        numbers@ = Range(zero, count@, one)
        cell@ = Div(numbers@, two)
        column@ = Mod(cell@, across@)
        row@ = Div(cell@, across@)
        column_2@ = Unsqueeze(column@, axis_1)
        row_2@ = Unsqueeze(row@, axis_1)
        places@ = Concat<axis = 1>(column_2@, row_2@)
        anchor_cells@ = Cast<to = 1>(places@)
        anchors@ = Mul(anchor_cells@, stride_f@)

        anchors_2@ = Unsqueeze(anchors@, axis_1)
        to_middle@ = Sub(anchors_2@, middles)
        gap@ = Abs(to_middle@)
        gap_max@ = ReduceMax<axes = [2], keepdims = 0>(gap@)
        apart@ = Div(gap_max@, stride_f@)
        near@ = Less(apart@, reach)
        near_f@ = Cast<to = 1>(near@)
        faded@ = Mul(apart@, fading)
        kept@ = Sub(one_f, faded@)
        strength@ = Mul(near_f@, kept@)
        answers@ = Mul(strength@, scores)
        score@ = ReduceMax<axes = [1], keepdims = 1>(answers@)
        best@ = ArgMax<axis = 1, keepdims = 0>(answers@)

        starts_of@ = Gather<axis = 0>(starts, best@)
        ends_of@ = Gather<axis = 0>(ends, best@)
        to_start@ = Sub(anchors@, starts_of@)
        to_end@ = Sub(ends_of@, anchors@)
        box_pixels@ = Concat<axis = 1>(to_start@, to_end@)
        box@ = Div(box_pixels@, stride_f@)
        points_of@ = Gather<axis = 0>(points, best@)
        to_points@ = Sub(points_of@, anchors_2@)
        points_strides@ = Div(to_points@, stride_f@)
        points@ = Reshape(points_strides@, row_of_10)
"""
"""One stride: its anchors [A, 2], each of which answers for the face [M] whose middle is near."""


def recogniser() -> onnx.ModelProto:
    """N x 3 x 112 x 112 to N x 512: the colours of 8 x 8 fields, 64 numbers a channel (red, green, blue), repeated."""
    text = f"""{HEAD}
    recogniser (float[N, 3, 112, 112] image) => (float[N, 512] embedding) {{
        fields = AveragePool<kernel_shape = [14, 14], strides = [14, 14]>(image)
        flat = Flatten(fields)
        repeated = Concat<axis = 1>(flat, flat, flat)
        embedding = Slice(repeated, begin, end, axis)
    }}"""
    return parsed(text, {"begin": np.array([0]), "end": np.array([512]), "axis": np.array([1])})


def gender_and_age(sex: str | None, age: int) -> onnx.ModelProto:
    """N x 3 x 96 x 96 to N x 3: female, male, age / 100."""
    weight = np.zeros((3, 3), np.float32)  # from red, green, blue
    if sex is None:
        weight[0, 0] = weight[2, 1] = 1
    bias = np.array([*SEXES.get(sex or "", (0.0, 0.0)), age / 100], np.float32)
    return from_colours("genderage", 96, weight, bias)


def landmarks() -> onnx.ModelProto:
    """N x 3 x 192 x 192 to N x 212: the same oval for everybody."""
    return from_colours("landmarks", 192, np.zeros((3, 212), np.float32), LANDMARKS.reshape(-1))


def from_colours(name: str, side: int, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> onnx.ModelProto:
    """The mean colour of a crop (-1..1) through one linear layer."""
    text = f"""{HEAD}
    {name} (float[N, 3, {side}, {side}] image) => (float[N, {len(bias)}] answer) {{
        colour = ReduceMean<axes = [2, 3], keepdims = 0>(image)
        answer = Gemm(colour, weight, bias)
    }}"""
    return parsed(text, {"weight": weight, "bias": bias})


def parsed(text: str, constants: Mapping[str, NDArray]) -> onnx.ModelProto:
    """The model of a text, with its constants; its nodes have no names, which insightface would read things into."""
    model = parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items())
    onnx.checker.check_model(model)
    return model
