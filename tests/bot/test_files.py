"""A file appears whole or not at all."""

import os
from pathlib import Path

import pytest

from bot.store.files import HALF_DONE, write_whole


def test_a_file_is_written_over_another_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "a.png", []
    write_whole(path, b"before")
    replace = os.replace

    def look(half: str, whole: Path) -> None:
        seen.append((Path(half).name.startswith(HALF_DONE), Path(half).read_bytes(), whole.read_bytes()))
        replace(half, whole)

    monkeypatch.setattr(os, "replace", look)
    write_whole(path, b"after")
    assert seen == [(True, b"after", b"before")]
    assert path.read_bytes() == b"after"


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    path = tmp_path / "a.png"
    write_whole(path, b"before")
    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"after")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a.png", b"before")]
