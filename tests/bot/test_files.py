"""A file appears whole or not at all."""

import errno
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from bot.store.files import HALF_DONE, keep, write_whole


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


def test_the_disk_is_told_to_keep_a_files_name_once_the_file_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def keep(handle: int) -> None:
        fsync(handle)
        kept = os.readlink(f"/proc/self/fd/{handle}")
        done.append("folder" if kept == str(tmp_path) else "data")

    def name(half: str, whole: Path) -> None:
        replace(half, whole)
        done.append("name")

    monkeypatch.setattr(os, "fsync", keep)
    monkeypatch.setattr(os, "replace", name)
    write_whole(tmp_path / "a.png", b"whole")
    assert done == ["data", "name", "folder"]


@pytest.mark.parametrize(("number", "told"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_keeps_no_folders_is_not_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: bool
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError) if told else nullcontext():
        keep(tmp_path)
