"""Ground truth: what public references produced on small random weights, replayed through the pipeline, case by case.

GROUND_TRUTH_DIR names another folder of files of the same formats; a file that it lacks gives no cases.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.truth import details, networks, schedules, texts
from tests.pipeline.truth.case import Case, agree, twins
from tests.pipeline.truth.folder import OURS, Folder

READERS: dict[str, Callable[[Folder, str], Iterator[Case]]] = {
    "ays_schedule.json": schedules.ays,
    "cfg_regroup.json": schedules.regrouping,
    "trigger_expansion.json": texts.triggers,
    "conditioning_tiny.safetensors": texts.conditionings,
    "fuse_module.safetensors": networks.fuse_modules,
    "perceiver_resampler.safetensors": networks.perceivers,
    "id_encoder_v1_tiny.safetensors": networks.encoders,
    "id_encoder_v2_tiny.safetensors": networks.encoders,
    "lora_tiny.safetensors": networks.loras,
    "crop_region.json": details.crops,
    "mask_resize.safetensors": details.resizes,
    "progressive_masks.safetensors": details.progressions,
    "diffdiff.safetensors": details.differential,
}
HELD_BACK = {"id_encoder_v1_tiny.safetensors"}
FOLDER = Folder(Path(os.environ.get("GROUND_TRUTH_DIR", OURS)))
BY_FILE = {name: list(read(FOLDER, name)) for name, read in READERS.items() if FOLDER.has(name)}
CASES = [case for cases in BY_FILE.values() for case in cases]
VALUES = [pytest.param(case, name, id=f"{case.id}-{name}") for case in CASES for name in case.expected]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_pipeline_agrees_with_the_reference(case: Case) -> None:
    for name, expected in case.expected.items():
        agree(name, case.computed[name], expected)


@pytest.mark.parametrize(("case", "name"), VALUES)
def test_one_wrong_value_in_the_reference_would_be_seen(case: Case, name: str) -> None:
    ours, count = case.computed[name], 0
    for twin in twins(case.expected[name]):
        count += 1
        with pytest.raises(AssertionError):
            agree(name, ours, twin)
    assert count


def test_every_file_of_the_folder_gives_cases() -> None:
    assert BY_FILE, f"{FOLDER.path} holds none of the files"
    assert [name for name, cases in BY_FILE.items() if not cases] == []


def test_every_kind_of_case_is_kept_with_the_tests() -> None:
    kept = {name for name, read in READERS.items() if Folder(OURS).has(name) and list(read(Folder(OURS), name))}
    assert kept == set(READERS) - HELD_BACK
