"""Faces are found where they are, by insightface's own code on small models and by the cascade on a photograph."""

import json
import logging

import cv2
import insightface.app.face_analysis
import insightface.utils.storage
import numpy as np
import onnx
import onnxruntime
import pytest
from skimage import data

from pipeline import analysers
from pipeline.analysers import Cascade, Insightface, open_analyser
from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.faces import Faces
from tests.pipeline.face_pack import CYAN, GREY, KEYPOINTS, MAGENTA, YELLOW, photo, write_pack

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Insightface on the small pack that finds colours; its men are blue and its women red."""
    model_dir = tmp_path_factory.mktemp("models")
    write_pack(model_dir, sex=None)
    return open_analyser(Config(family="tiny", model_dir=model_dir, device="cpu"))


@pytest.fixture
def opened(tmp_path):
    def open_one(**settings):
        write_pack(tmp_path, **settings)
        return open_analyser(Config(family="tiny", model_dir=tmp_path, device="cpu"))

    return open_one


@pytest.fixture(scope="module")
def cascade():
    return Cascade()


def near(box, expected, pixels):
    return np.abs(np.subtract(box, expected)).max() <= pixels


# insightface


@pytest.mark.parametrize(("width", "height"), [(400, 300), (300, 420), (128, 128), (1200, 640)])
def test_boxes_and_keypoints_are_decoded_to_one_and_a_half_pixels_of_the_detectors_canvas(small, width, height):
    expected = (width // 8, height // 5, width // 2, height - height // 4)
    (face,) = small.find(photo((expected, MAGENTA), width=width, height=height))
    tolerance = 1.5 * max(1, max(width, height) / 640)
    assert near(face.box, expected, tolerance)
    x1, y1, x2, y2 = expected
    assert near(face.keypoints, KEYPOINTS * (x2 - x1, y2 - y1) + (x1, y1), tolerance)
    assert face.score == pytest.approx(0.95, abs=0.1)


def test_the_landmarks_lie_around_the_box_within_a_pixel_and_a_half(small):
    (face,) = small.find(photo(((100, 60, 300, 260), MAGENTA)))
    assert face.landmarks.shape == (106, 2)
    assert near(face.landmarks.min(axis=0), (110, 70), 1.5)
    assert near(face.landmarks.max(axis=0), (290, 250), 1.5)


def test_a_photo_without_a_face_shows_none(small):
    assert small.find(photo(((100, 60, 300, 260), RED))) == ()


def test_a_face_that_is_always_there_stands_at_its_fractions_of_a_picture_of_any_shape(opened):
    analyser = opened(always=[(0.25, 0.125, 0.75, 0.875)])
    for width, height in ((128, 128), (640, 384), (300, 420)):
        pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        (face,) = analyser.find(pixels)
        assert near(face.box, (width / 4, height / 8, width * 3 / 4, height * 7 / 8), 1.5)


def test_colours_reach_the_models_as_red_green_and_blue(small):
    # The recogniser's first 64 numbers are the crop's red, the next 64 its green, then 64 its blue, each -1..1.
    for colour in (MAGENTA, CYAN, YELLOW):
        (face,) = small.find(photo(((50, 50, 250, 250), colour)))
        seen = face.embedding[:192].reshape(3, 8, 8)[:, 3:5, 3:5].mean(axis=(1, 2))
        assert seen == pytest.approx(np.array(colour) / 127.5 - 1, abs=0.02)


def test_sex_and_age_come_from_the_right_colours_and_name_the_class_word(opened, small):
    # A face of 24 pixels in its crop of 36: the surroundings decide the crop's mean colour.
    around = [((0, 0, 400, 300), RED), ((100, 100, 124, 124), MAGENTA)]
    (red,) = small.find(photo(*around))
    (blue,) = small.find(photo(((0, 0, 400, 300), BLUE), *around[1:]))
    assert (red.sex, red.class_word) == ("F", "woman")
    assert (blue.sex, blue.class_word) == ("M", "man")
    (man,) = opened(sex="M", age=61).find(photo(*around))
    assert (man.sex, man.age) == ("M", 61)


def test_a_pack_of_detector_and_recogniser_alone_knows_no_sex_age_or_landmarks(opened):
    (face,) = opened(without=["genderage", "landmark_2d_106"]).find(photo(((50, 50, 250, 250), MAGENTA)))
    assert (face.sex, face.age, face.landmarks, face.class_word) == (None, None, None, "person")
    assert face.embedding is not None


def test_the_embedding_stays_raw(small):
    (face,) = small.find(photo(((50, 50, 250, 250), MAGENTA)))
    assert face.embedding.shape == (512,)
    assert face.embedding.dtype == np.float32
    assert np.linalg.norm(face.embedding) > 5  # a normed one has 1; this model gives up to sqrt(512)


def test_what_was_found_cannot_be_changed_by_whoever_got_it(small):
    (face,) = small.find(photo(((50, 50, 250, 250), MAGENTA)))
    for array in (face.embedding, face.keypoints, face.landmarks):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_faces_come_left_to_right_and_the_largest_is_not_the_surest(small):
    faces = Faces(small)
    image = photo(((300, 20, 380, 100), MAGENTA), ((10, 40, 70, 100), CYAN), ((90, 60, 280, 250), YELLOW))
    found = faces.find(image)
    assert [round(face.box[0]) for face in found] == [10, 90, 300]
    assert max(found, key=lambda face: face.score).box[0] == pytest.approx(300, abs=1.5)
    assert faces.largest(image, "the photo").box[0] == pytest.approx(90, abs=1.5)


def test_a_face_too_large_for_one_detection_size_is_found_at_the_next_smaller_ones(opened):
    # 270 of 300 pixels: 432 of the canvas of 640 x 640, 346 of 512, 259 of 384, 216 of 320.
    image = photo(((60, 15, 330, 285), MAGENTA), width=400)
    analyser = opened(tallest=230)
    (face,) = analyser.find(image)
    assert near(face.box, (60, 15, 330, 285), 2)  # a pixel of that canvas is 1.25 of the photo
    asked = analyser._detector.resolution_session_input_sizes
    assert asked == tuple((side, side) for side in (320, 384, 512, 640))


def test_a_face_found_at_the_first_size_asks_for_no_other_and_no_face_for_all(opened):
    analyser = opened()
    assert analyser.find(photo(((60, 15, 330, 285), MAGENTA)))
    assert analyser._detector.resolution_session_input_sizes == ((640, 640),)
    assert analyser.find(photo()) == ()
    asked = analyser._detector.resolution_session_input_sizes
    assert asked == tuple((side, side) for side in (256, 320, 384, 512, 640))


def test_a_detector_made_for_one_size_is_asked_once(opened, tmp_path, monkeypatch):
    path = write_pack(tmp_path) / "detection.onnx"
    model = onnx.load(path)
    for dimension in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dimension.dim_value = 640
    onnx.save(model, path)
    analyser = open_analyser(Config(family="tiny", model_dir=tmp_path, device="cpu"))
    assert analyser.find(photo(((60, 15, 330, 285), MAGENTA)))
    asked, detect = [], analyser._detector.detect
    monkeypatch.setattr(analyser._detector, "detect", lambda *a, **k: asked.append(k["input_size"]) or detect(*a, **k))
    assert analyser.find(photo()) == ()
    assert asked == [(640, 640)]


def test_nothing_is_printed_and_the_licence_is_logged_once(opened, capfd, caplog):
    with caplog.at_level(logging.INFO, "pipeline"):
        analyser = opened()
        for _ in range(2):
            analyser.find(photo(((50, 50, 250, 250), MAGENTA)))
    assert capfd.readouterr() == ("", "")
    assert "insightface (small) on CPUExecutionProvider" in caplog.text
    assert caplog.text.count("non-commercial") == 1


# Which analyser stands where


@pytest.fixture
def no_download(monkeypatch):
    def refuse(*arguments, **settings):
        raise AssertionError(f"insightface tried to download {arguments}")

    monkeypatch.setattr(insightface.utils.storage, "download_file", refuse)
    monkeypatch.setattr(insightface.utils.storage, "download", refuse)
    monkeypatch.setattr(insightface.app.face_analysis, "ensure_available", refuse)


@pytest.mark.parametrize("folders", [[], ["insightface"], ["insightface/models"]])
def test_without_a_pack_the_cascade_stands_and_nothing_is_downloaded(no_download, tmp_path, caplog, folders):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    if "insightface/models" in folders:
        (tmp_path / "insightface/models/buffalo_l.zip").write_bytes(b"not unpacked")
    before = sorted(tmp_path.rglob("*"))
    with caplog.at_level(logging.INFO, "pipeline"):
        analyser = open_analyser(Config(family="tiny", model_dir=tmp_path))
    assert isinstance(analyser, Cascade)
    assert not analyser.identifies
    assert analysers.CANNOT_IDENTIFY in caplog.text
    assert sorted(tmp_path.rglob("*")) == before


def test_a_pack_is_opened_without_reaching_for_a_download(no_download, opened):
    analyser = opened()
    assert isinstance(analyser, Insightface)
    assert analyser.identifies


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("alpha", "buffalo_l", "antelopev2"), "antelopev2"),
        (("alpha", "buffalo_l"), "buffalo_l"),
        (("beta", "alpha"), "alpha"),
    ],
)
def test_of_several_packs_the_preferred_or_else_the_first_by_name_is_taken(tmp_path, names, chosen):
    for name in names:
        write_pack(tmp_path, name=name)
    (tmp_path / "insightface/models/aa_empty").mkdir()
    assert open_analyser(Config(family="tiny", model_dir=tmp_path, device="cpu")).name == f"insightface ({chosen})"


@pytest.mark.parametrize("task", ["detection", "recognition"])
def test_a_pack_without_a_needed_task_is_refused_by_its_name(opened, task):
    with pytest.raises(BadWeights, match=rf"small has no model for {task} .*copy the whole model pack there\.$"):
        opened(without=[task])


def test_a_pack_unpacked_one_folder_too_deep_says_so(tmp_path):
    pack = write_pack(tmp_path)
    (pack / "small").mkdir()
    for path in pack.glob("*.onnx"):
        path.rename(pack / "small" / path.name)
    with pytest.raises(BadWeights, match=r"small holds no \.onnx files: move"):
        open_analyser(Config(family="tiny", model_dir=tmp_path))


@pytest.mark.parametrize("name", ["detection", "recognition", "genderage", "landmark_2d_106"])
@pytest.mark.parametrize("length", [0, 0.5, None])
def test_a_damaged_model_is_a_sentence_that_names_the_pack(tmp_path, name, length):
    path = write_pack(tmp_path) / f"{name}.onnx"
    whole = path.read_bytes()
    path.write_bytes(b"<html>not found</html>" if length is None else whole[: int(len(whole) * length)])
    with pytest.raises(BadWeights, match=r"small holds a damaged model \(.*\); copy the model pack there again\.$"):
        open_analyser(Config(family="tiny", model_dir=tmp_path, device="cpu"))


def test_a_detector_without_keypoints_is_refused(tmp_path):
    path = write_pack(tmp_path) / "detection.onnx"
    model = onnx.load(path)
    del model.graph.output[6:]
    onnx.save(model, path)
    with pytest.raises(BadWeights, match="finds no eyes, nose and mouth"):
        open_analyser(Config(family="tiny", model_dir=tmp_path, device="cpu"))


def test_a_model_that_is_not_the_one_in_the_lock_is_refused(tmp_path):
    write_pack(tmp_path)
    (tmp_path / "lock.json").write_text(json.dumps({"insightface/models/small/recognition.onnx": "00"}))
    with pytest.raises(BadWeights, match=r"recognition\.onnx is not the file that .*lock\.json lists"):
        open_analyser(Config(family="tiny", model_dir=tmp_path, cache_dir=tmp_path / "cache", device="cpu"))


@pytest.mark.parametrize(
    ("device", "offered", "expected"),
    [
        ("auto", True, ("CUDAExecutionProvider", {"device_id": "0"})),
        ("cuda:1", True, ("CUDAExecutionProvider", {"device_id": "1"})),
        ("cpu", True, "CPUExecutionProvider"),
        ("auto", False, "CPUExecutionProvider"),
    ],
)
def test_the_gpu_is_used_where_it_is_offered_and_wanted(monkeypatch, device, offered, expected):
    names = ["CUDAExecutionProvider", "CPUExecutionProvider"] if offered else ["CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
    chosen = analysers.providers(device)
    assert chosen[0] == expected
    assert chosen[-1] == "CPUExecutionProvider"


# The cascade


@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_the_cascade_finds_the_astronauts_one_face_within_ten_pixels(cascade, scale):
    image = cv2.resize(data.astronaut(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (face,) = cascade.find(image)
    assert near(np.divide(face.box, scale), (180, 70, 268, 178), 10)  # by eye: cheek to cheek, hair to chin
    assert face.score > 0.6
    assert (face.keypoints, face.embedding, face.sex, face.class_word) == (None, None, None, "person")


def test_the_cascade_finds_two_astronauts_left_to_right_also_in_grey(cascade):
    grey = data.astronaut().mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    found = cascade.find(np.concatenate([grey, grey[:, ::-1]], axis=1))
    assert [round(face.box[0], -1) for face in found] == [170, 750]


@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket", "camera", "cell", "moon", "gravel", "page"])
def test_the_cascade_finds_no_face_where_there_is_none(cascade, name):
    image = getattr(data, name)()
    assert cascade.find(image if image.ndim == 3 else image[:, :, None].repeat(3, axis=2)) == ()


def test_the_cascade_finds_no_face_in_the_astronauts_suit_nor_in_plain_or_tiny_pictures(cascade):
    assert cascade.find(data.astronaut()[230:]) == ()
    for height, width in ((128, 128), (1, 1), (24, 24), (3, 4000)):
        assert cascade.find(np.full((height, width, 3), GREY, np.uint8)) == ()
