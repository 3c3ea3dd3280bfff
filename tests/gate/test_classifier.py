"""Real classifiers of both kinds give the scores that can be computed by hand; a wrong folder is a sentence."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bot.domain.errors import BadUpload
from bot.gate.classifier import Classifier, look_into
from bot.settings import BadSettings
from tests.gate.classifiers import BLUE, GREY, RED, linear, onnx_folder, png, vit_folder


def classifier(folder: Path) -> Classifier:
    return Classifier(look_into(folder, ()))


def test_an_onnx_file_sees_red_and_its_scores_are_the_softmax_of_its_logits(tmp_path: Path) -> None:
    judge = classifier(onnx_folder(tmp_path, scale=1.5))
    assert judge.scores(png(RED))["red"] == pytest.approx(1 / (1 + np.exp(-3.0)), abs=1e-6)
    assert judge.scores(png(BLUE))["red"] == pytest.approx(1 / (1 + np.exp(3.0)), abs=1e-6)
    assert judge.scores(png(GREY))["red"] == pytest.approx(0.5, abs=0.01)
    assert sum(judge.scores(png(GREY)).values()) == pytest.approx(1.0)


def test_labels_that_do_not_exclude_each_other_have_scores_of_their_own(tmp_path: Path) -> None:
    linear([[2.0, 0, 0], [1.0, 0, 0], [0, 0, 3.0]], tmp_path / "model.onnx")
    (tmp_path / "config.json").write_text(
        json.dumps({"id2label": {"0": "red", "1": "warm", "2": "blue"}, "problem_type": "multi_label_classification"})
    )
    scores = classifier(tmp_path).scores(png(RED))
    expected = {"red": 1 / (1 + np.exp(-2)), "warm": 1 / (1 + np.exp(-1)), "blue": 1 / (1 + np.exp(3))}
    assert scores == pytest.approx(expected, abs=1e-6)


def test_an_onnx_file_is_given_pictures_as_its_preparation_says(tmp_path: Path) -> None:
    folder = onnx_folder(tmp_path, scale=1.0)
    said = {"size": 32, "image_mean": [0.0, 0.0, 0.0], "image_std": [2.0, 1.0, 1.0], "rescale_factor": 1 / 255}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    assert classifier(folder).scores(png(RED))["red"] == pytest.approx(1 / (1 + np.exp(-1.0)), abs=1e-6)


def test_an_onnx_file_that_tells_its_size_is_given_it(tmp_path: Path) -> None:
    folder = onnx_folder(tmp_path)
    linear([[1.0, 0, 0], [0, 0, 0]], folder / "model.onnx", side=48)
    assert classifier(folder).scores(png(RED))["red"] > 0.7


@pytest.mark.parametrize("problem_type", [None, "multi_label_classification"])
def test_a_transformers_folder_gives_what_its_model_gives(tmp_path: Path, problem_type: str | None) -> None:
    import torch
    from transformers import ViTForImageClassification

    folder = vit_folder(tmp_path / "vit", problem_type)
    model = ViTForImageClassification.from_pretrained(folder).eval()
    found = {}
    for colour in (RED, BLUE):
        mean, deviation = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.4])
        pixel = ((np.array(colour) / 255 - mean) / deviation).astype(np.float32)
        with torch.inference_mode():
            logits = model(pixel_values=torch.from_numpy(np.tile(pixel[:, None, None], (1, 1, 16, 16)))).logits
        expected = (torch.sigmoid(logits) if problem_type else torch.softmax(logits, -1))[0].tolist()
        found[colour] = classifier(folder).scores(png(colour))
        assert found[colour] == pytest.approx(dict(zip(("calm", "lurid"), expected, strict=True)), abs=1e-5)
    assert abs(found[RED]["lurid"] - found[BLUE]["lurid"]) > 0.01


def test_a_picture_that_is_none_is_refused(tmp_path: Path) -> None:
    judge = classifier(onnx_folder(tmp_path))
    with pytest.raises(BadUpload):
        judge.scores(b"<svg/>")
    with pytest.raises(BadUpload, match="at most 25 million"):
        judge.scores(png(RED, (9000, 9000)))


def test_numbers_that_are_none_are_no_score(tmp_path: Path) -> None:
    folder = onnx_folder(tmp_path)
    linear([[float("inf"), 0, 0], [0, 0, 0]], folder / "model.onnx")
    with pytest.raises(ValueError, match="numbers that are none"):
        classifier(folder).scores(png(RED))


def lacking_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.bias"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def edited(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("make", "spoil", "sentence"),
    [
        (onnx_folder, edited("labels.json", "{"), "images.model: {folder}/labels.json cannot be read as JSON"),
        (
            onnx_folder,
            edited("labels.json", '{"a": 1}'),
            "/labels.json: expected a list of labels, got a mapping ({{a}})",
        ),
        (
            onnx_folder,
            lambda folder: (folder / "labels.json").unlink(),
            "{folder}/labels.json is missing; copy it there",
        ),
        (onnx_folder, edited("labels.json", '["red"]'), "gives 1 × 2 numbers for one picture, and it has 1 labels"),
        (onnx_folder, edited("model.onnx", "no model"), "images.model: {folder}/model.onnx cannot be loaded ("),
        (
            onnx_folder,
            lambda folder: (folder / "model.onnx").unlink(),
            "{folder} holds neither model.onnx nor model.saf",
        ),
        (
            onnx_folder,
            edited("preprocessor_config.json", '{"size": "large"}'),
            '{folder}/preprocessor_config.json: size: expected a number of pixels from 1 to 2048, got "large"',
        ),
        (
            onnx_folder,
            edited("preprocessor_config.json", '{"image_std": [0, 1, 1]}'),
            "image_std: expected three numbers, for red, green and blue, got a list of 3",
        ),
        (vit_folder, lambda folder: (folder / "config.json").unlink(), "{folder}/config.json is missing"),
        (vit_folder, lambda folder: (folder / "preprocessor_config.json").unlink(), "_config.json is missing"),
        (vit_folder, edited("model.safetensors", "no weights"), "{folder}/model.safetensors cannot be loaded ("),
        (vit_folder, lacking_weights, "lacks 1 of the model's weights, such as classifier.bias"),
    ],
)
def test_a_wrong_folder_is_a_sentence(
    tmp_path: Path, make: Callable[[Path], Path], spoil: Callable[[Path], object], sentence: str
) -> None:
    folder = make(tmp_path / "model")
    spoil(folder)
    with pytest.raises(BadSettings) as caught:
        classifier(folder)
    assert sentence.format(folder=folder) in str(caught.value)


def test_an_unknown_label_and_a_missing_folder_are_told_before_anything_is_loaded(tmp_path: Path) -> None:
    folder = onnx_folder(tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"not read")
    with pytest.raises(BadSettings) as caught:
        look_into(folder, ["redd"])
    assert str(caught.value) == "images.labels.redd: no such label; did you mean red?"
    with pytest.raises(BadSettings) as caught:
        look_into(tmp_path / "nowhere", [])
    expected = f"images.model: there is no folder {tmp_path}/nowhere; put a classifier there, or leave images out"
    assert str(caught.value) == expected


def test_no_code_in_the_folder_is_run(tmp_path: Path) -> None:
    folder = vit_folder(tmp_path / "vit")
    config = json.loads((folder / "config.json").read_text())
    config |= {"auto_map": {"AutoConfig": "trap.Trap", "AutoModelForImageClassification": "trap.Trap"}}
    (folder / "trap.py").write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'sprung')!r}).touch()")
    (folder / "config.json").write_text(json.dumps(config))
    assert set(classifier(folder).scores(png(RED))) == {"calm", "lurid"}
    config["model_type"] = "trap"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadSettings, match="cannot be loaded"):
        classifier(folder)
    assert not (tmp_path / "sprung").exists()


def test_a_library_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = onnx_folder(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnxruntime" else name)
    with pytest.raises(BadSettings, match="needs the library onnxruntime; install it, or leave images out"):
        look_into(folder, [])


def test_the_gate_imports_no_library_of_models() -> None:
    program = "import sys, bot.gate.gate; print({'torch', 'transformers', 'onnxruntime', 'numpy'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
