"""The gate follows its file while the console runs, keeps what last held, and never holds up the event loop."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.domain.errors import Refusal
from bot.domain.gate import Cause, Hit, Verdict
from bot.domain.job import Member
from bot.domain.ports import Gate as Port
from bot.gate.classifier import Classifier
from bot.gate.gate import LOOK_SECONDS, Gate, gate_of
from bot.settings import BadSettings, Settings
from tests.gate.classifiers import BLUE, GREY, RED, onnx_folder, png, vit_folder

GORE = Hit(Cause.PROMPT, Verdict.WITHHOLD, "gore")
MINA = Member(1, "mina", guild_id=100)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def later(self) -> None:
        self.now += LOOK_SECONDS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gate.yaml"


def seen_by(file: Path, model: Path, labels: str) -> None:
    file.write_text(f"images: {{model: {model}, labels: {labels}}}")


def settings_with(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg, arg-type]


async def test_without_a_file_everything_passes(file: Path) -> None:
    gate: Port = Gate(file, explicit=False)
    assert gate.prompt("gore") is None
    assert await gate.image(png(RED)) is None
    gate.place(MINA, 5)
    assert gate.spoiler(MINA, 5) is False


def test_a_prompt_is_matched_and_a_negative_prompt_is_not(file: Path) -> None:
    file.write_text("words: {withhold: [gore], spoiler: [blood]}")
    gate = Gate(file, explicit=True)
    assert gate.prompt("some (GORE:1.2)") == GORE
    assert gate.prompt("blood") == Hit(Cause.PROMPT, Verdict.SPOILER, "blood")


def test_rules_hold_by_role_and_channel(file: Path) -> None:
    file.write_text("rules: [{channels: [5], draw: true, spoiler: true}, {draw: false}]")
    gate = Gate(file, explicit=True)
    gate.place(MINA, 5)
    assert (gate.spoiler(MINA, 5), gate.spoiler(MINA, 6)) == (True, False)
    with pytest.raises(Refusal, match="Draw in <#5>"):
        gate.place(MINA, 6)


# --- where the file is


def test_the_file_is_the_one_that_is_named_else_gate_yaml_in_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "gate.yaml").write_text("words: [gore]")
    (tmp_path / "other.yaml").write_text("words: [blood]")
    assert gate_of(settings_with(data_dir=tmp_path, gate_file=""), lambda thread: None).prompt("gore") == GORE
    named = gate_of(settings_with(data_dir=tmp_path, gate_file=str(tmp_path / "other.yaml")), lambda thread: None)
    assert (named.prompt("gore"), named.prompt("blood")) == (None, Hit(Cause.PROMPT, Verdict.WITHHOLD, "blood"))
    assert gate_of(settings_with(data_dir=tmp_path / "new", gate_file=""), lambda thread: None).prompt("gore") is None


def test_a_named_file_must_be_there(file: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        Gate(file, explicit=True)
    assert str(caught.value) == f"GATE_FILE: there is no file {file}; correct the path, or leave GATE_FILE empty"


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (
            lambda file: file.write_text("words: [1]\nrulse: []"),
            "{file}: rulse: no such key; did you mean rules?\n"
            "{file}: words[0]: expected a word or phrase, got 1 (put it in quotes)",
        ),
        (
            lambda file: file.write_text("images: {model: nowhere, labels: {nsfw: {withhold: 1}}}"),
            "{file}: images.model: there is no folder {folder}/nowhere; put a classifier there, or leave images out",
        ),
        (
            lambda file: seen_by(file, onnx_folder(file.parent / "model"), "{rde: {withhold: 1}}"),
            "{file}: images.labels.rde: no such label; did you mean red?",
        ),
        (lambda file: file.mkdir(), "{file} cannot be read (it is no plain file); the gate needs a plain file there"),
        (
            lambda file: os.mkfifo(file),
            "{file} cannot be read (it is no plain file); the gate needs a plain file there",
        ),
        (
            lambda file: file.write_text("# " + "x" * 70_000),
            "{file}: expected a file of at most 64 KB, got a larger one",
        ),
    ],
)
def test_a_mistake_at_the_start_is_told_with_the_files_name(
    file: Path, prepare: Callable[[Path], object], sentence: str
) -> None:
    prepare(file)
    with pytest.raises(BadSettings) as caught:
        Gate(file, explicit=False)
    assert str(caught.value) == sentence.format(file=file, folder=file.parent)


# --- changes while running


def test_a_changed_file_is_taken_up_and_looked_at_once_a_second_at_most(file: Path, clock: Clock) -> None:
    file.write_text("words: [gore]")
    gate = Gate(file, True, clock=clock)
    file.write_text("words: [blood]")
    assert gate.prompt("gore") == GORE
    clock.later()
    assert gate.prompt("gore") is None
    assert gate.prompt("blood") is not None


def test_a_file_that_did_not_change_is_not_read_again(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("words: [gore]")
    gate = Gate(file, True, clock=clock)
    monkeypatch.setattr("bot.gate.gate.read_rulebook", lambda *given: pytest.fail("it was read"))
    for _ in range(3):
        clock.later()
        assert gate.prompt("gore") == GORE


def test_a_broken_change_keeps_what_held_and_is_told_once(file: Path, clock: Clock) -> None:
    file.write_text("words: [gore]")
    gate = Gate(file, True, clock=clock)
    file.write_text("words: [1]")
    with capture_logs() as logs:
        for _ in range(3):
            clock.later()
            assert gate.prompt("gore") == GORE
    assert [(line["log_level"], line["reason"]) for line in logs] == [
        ("error", f"{file}: words[0]: expected a word or phrase, got 1 (put it in quotes)")
    ]
    file.write_text("words: [blood]")
    clock.later()
    assert gate.prompt("gore") is None


def test_while_a_change_cannot_be_used_it_is_handed_out_why(file: Path, clock: Clock) -> None:
    file.write_text("words: [gore]")
    gate = Gate(file, True, clock=clock)
    assert gate.mistake() == ""
    file.write_text("words: [1]\nrulse: []")
    clock.later()
    assert gate.mistake() == (  # also where nothing else has asked since
        "gate.yaml: rulse: no such key; did you mean rules?\n"
        "gate.yaml: words[0]: expected a word or phrase, got 1 (put it in quotes)"
    )
    clock.later()
    assert gate.mistake().count("\n") == 1
    file.write_text("words: [blood]")
    clock.later()
    assert gate.mistake() == ""


def test_what_kept_the_file_from_being_looked_at_is_forgotten_with_it(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("words: [1]")
    aside = file.with_name("aside.yaml")
    file.rename(aside)
    file.write_text("words: [gore]")
    gate = Gate(file, True, clock=clock)
    with monkeypatch.context() as away:
        away.setattr(Path, "stat", lambda *_: (_ for _ in ()).throw(PermissionError(13, "no rights")))
        clock.later()
        assert gate.mistake() == "gate.yaml cannot be read (no rights); the gate needs a plain file there"
    clock.later()
    assert gate.mistake() == ""
    aside.rename(file)
    clock.later()
    assert "words[0]" in gate.mistake()
    with monkeypatch.context() as away:
        away.setattr(Path, "stat", lambda *_: (_ for _ in ()).throw(PermissionError(13, "no rights")))
        clock.later()
        assert "cannot be read" in gate.mistake()
    clock.later()
    assert "words[0]" in gate.mistake()


def test_a_named_file_that_is_gone_is_handed_out_until_it_is_back_or_another(file: Path, clock: Clock) -> None:
    file.write_text("words: [gore]")
    gate = Gate(file, True, clock=clock)
    aside = file.with_name("aside.yaml")
    file.rename(aside)
    for _ in range(2):
        clock.later()
        gate.mistake()
    assert gate.mistake() == "there is no file gate.yaml any more"
    aside.rename(file)
    clock.later()
    assert (gate.mistake(), gate.prompt("gore")) == ("", GORE)


def test_a_change_to_a_classifier_that_is_not_there_keeps_what_held(file: Path, clock: Clock) -> None:
    file.write_text("words: [gore]")
    gate = Gate(file, True, clock=clock)
    file.write_text("images: {model: nowhere, labels: {nsfw: {withhold: 1}}}")
    clock.later()
    with capture_logs() as logs:
        assert gate.prompt("gore") == GORE
    assert len(logs) == 1 and "there is no folder" in logs[0]["reason"]


def test_a_file_that_appears_later_is_taken_up(file: Path, clock: Clock) -> None:
    gate = Gate(file, False, clock=clock)
    clock.later()
    assert gate.prompt("gore") is None
    file.write_text("words: [gore]")
    clock.later()
    assert gate.prompt("gore") == GORE


def test_a_file_that_is_gone_for_a_moment_still_holds_and_a_deleted_one_does_not(file: Path, clock: Clock) -> None:
    file.write_text("words: [gore]")
    gate = Gate(file, False, clock=clock)
    file.unlink()
    clock.later()
    assert gate.prompt("gore") == GORE
    file.write_text("words: [gore, blood]")
    clock.later()
    assert gate.prompt("blood") is not None
    file.unlink()
    with capture_logs() as logs:
        for _ in range(4):
            clock.later()
            last = gate.prompt("gore")
    assert last is None
    assert [line["event"] for line in logs] == ["the gate's file was deleted; everything passes"]


def test_a_named_file_that_is_gone_still_holds(file: Path, clock: Clock) -> None:
    file.write_text("words: [gore]")
    gate = Gate(file, True, clock=clock)
    file.unlink()
    with capture_logs() as logs:
        for _ in range(4):
            clock.later()
            assert gate.prompt("gore") == GORE
    assert [line["reason"] for line in logs] == [f"there is no file {file} any more"]


# --- the classifier


async def test_a_red_picture_is_withheld_a_grey_one_hidden_and_a_blue_one_passes(file: Path) -> None:
    seen_by(file, onnx_folder(file.parent / "model", scale=4), "{red: {spoiler: 0.4, withhold: 0.9}}")
    gate = Gate(file, explicit=True)
    await gate.load()
    assert await gate.image(png(RED)) == Hit(Cause.IMAGE, Verdict.WITHHOLD, "red", 0.9997)
    hidden = await gate.image(png(GREY))
    assert hidden is not None and (hidden.verdict, hidden.what) == (Verdict.SPOILER, "red")
    assert hidden.score == pytest.approx(0.5, abs=0.01)
    assert await gate.image(png(BLUE)) is None


async def test_what_withholds_counts_before_what_hides_however_sure_that_is(file: Path) -> None:
    labels = "{red: {spoiler: 0.1}, other: {withhold: 0.0001}}"
    seen_by(file, onnx_folder(file.parent / "model", scale=4), labels)
    hit = await Gate(file, explicit=True).image(png(RED))
    assert hit is not None and (hit.verdict, hit.what) == (Verdict.WITHHOLD, "other")


async def test_a_transformers_folder_judges_beside_the_file(file: Path) -> None:
    vit_folder(file.parent / "vit")
    seen_by(file, Path("vit"), "{calm: {spoiler: 0.0001}, lurid: {spoiler: 0.0001}}")
    hit = await Gate(file, explicit=True).image(png(RED))
    assert hit is not None and hit.what in ("calm", "lurid") and hit.score is not None and hit.score >= 0.5


async def test_what_cannot_be_checked_is_withheld_and_told_once(file: Path) -> None:
    seen_by(file, onnx_folder(file.parent / "model"), "{red: {withhold: 0.9}}")
    gate = Gate(file, explicit=True)
    with capture_logs() as logs:
        hits = [await gate.image(b"no picture") for _ in range(3)]
    assert hits == [Hit(Cause.IMAGE, Verdict.WITHHOLD, "could not be checked")] * 3
    assert len(logs) == 1 and logs[0]["log_level"] == "error"
    assert await gate.image(png(BLUE)) is None


async def test_a_damaged_model_is_told_when_it_is_loaded_and_withholds_when_it_is_not(file: Path) -> None:
    (onnx_folder(file.parent / "model") / "model.onnx").write_bytes(b"damaged")
    seen_by(file, file.parent / "model", "{red: {withhold: 0.9}}")
    gate = Gate(file, explicit=True)
    with pytest.raises(BadSettings) as caught:
        await gate.load()
    assert str(caught.value).startswith(f"{file}: images.model: {file.parent}/model/model.onnx cannot be loaded (")
    assert await gate.image(png(BLUE)) == Hit(Cause.IMAGE, Verdict.WITHHOLD, "could not be checked")


async def test_a_model_is_loaded_once_and_again_only_when_it_changed(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    class Counted(Classifier):
        def __init__(self, *given: object) -> None:
            loaded.append(given)
            super().__init__(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("bot.gate.gate.Classifier", Counted)
    model = onnx_folder(file.parent / "model")
    seen_by(file, model, "{red: {withhold: 0.9}}")
    gate = Gate(file, True, clock=clock)
    for _ in range(3):
        await gate.image(png(RED))
    seen_by(file, model, "{red: {spoiler: 0.99}}")  # other thresholds, the same model
    clock.later()
    hit = await gate.image(png(RED))
    assert hit is not None and hit.verdict is Verdict.SPOILER and len(loaded) == 1
    onnx_folder(model, scale=-40)
    file.write_text(file.read_text() + "\n")
    clock.later()
    assert await gate.image(png(RED)) is None and len(loaded) == 2


async def test_the_event_loop_goes_on_while_pictures_are_judged_one_at_a_time(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen_by(file, onnx_folder(file.parent / "model"), "{red: {withhold: 0.9}}")
    gate = Gate(file, explicit=True)
    await gate.load()
    go_on, judging, most = threading.Event(), [], []
    scores = Classifier.scores

    def held(self: Classifier, picture: bytes) -> dict[str, float]:
        judging.append(threading.current_thread())
        most.append(len(judging))
        assert threading.current_thread() is not threading.main_thread()
        assert go_on.wait(30)
        found = scores(self, picture)
        judging.pop()
        return found

    monkeypatch.setattr(Classifier, "scores", held)
    asked = [asyncio.create_task(gate.image(png(colour))) for colour in (RED, BLUE, RED)]
    while not judging:  # the loop turns, and answers, while the classifier is at work
        await asyncio.sleep(0.001)
    assert gate.prompt("gore") is None
    assert not any(task.done() for task in asked)
    go_on.set()
    hits = await asyncio.gather(*asked)
    assert [hit is not None and hit.what for hit in hits] == ["red", False, "red"]
    assert most == [1, 1, 1]
    gate.close()


def test_what_holds_in_a_channel_holds_in_its_threads(file: Path) -> None:
    file.write_text("rules: [{channels: [21], draw: false, spoiler: true}]", "utf-8")
    gate = Gate(file, True, {70: 21}.get)
    member = Member(1, "Mina", guild_id=11)
    for channel in (21, 70):
        with pytest.raises(Refusal):
            gate.place(member, channel)
        assert gate.spoiler(member, channel)
    gate.place(member, 71)
    assert not gate.spoiler(member, 71)
