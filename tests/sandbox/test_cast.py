"""The demo's people: invented, drawn once, and as good as laid there by hand."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from bot.domain.job import Member
from bot.domain.person import SMALLEST_FACE, Scope, checked_name
from bot.sandbox import cast
from bot.sandbox.world import PROFILES
from bot.store.consent import Record
from bot.store.faces import Faces
from bot.wall.whitelist import read_whitelist

ANYBODY = Member(1, "Anybody", 2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "demo"
    cast.lay(folder)
    return folder


async def test_everybody_may_draw_three_people_who_are_no_members(data: Path) -> None:
    people = await Faces(data / "faces").people(ANYBODY)
    assert [person.name for person in people] == list(cast.CAST) == sorted(map(checked_name, cast.CAST))
    assert {person.owner_id for person in people} == {None}
    assert all(len(person.photos) == cast.DRAWINGS for person in people)
    assert not {profile.name for profile in PROFILES} & set(cast.CAST)
    assert sorted(path.name for path in data.iterdir()) == [cast.LAID, "faces", cast.WALL]
    assert set(read_whitelist((data / cast.WALL).read_bytes()).people) == set(cast.CAST)
    assert all(person.on_wall for person in people)


async def test_their_consent_is_recorded_for_the_wall_and_says_that_they_are_invented(data: Path) -> None:
    for person in await Faces(data / "faces").people(ANYBODY):
        assert (person.scope, person.expires_at, person.on_wall) == (Scope.WALL, None, True)
        record = Record.from_json((data / "faces" / person.name / "person.json").read_bytes())
        (consent,) = record.consents
        assert (consent.statement, consent.photos) == (cast.STATEMENT, person.photos)


def test_their_drawings_are_large_and_no_two_are_the_same(data: Path) -> None:
    pictures = [Image.open(path) for path in sorted(data.glob("faces/*/*.png"))]
    assert {picture.size for picture in pictures} == {(cast.SIZE, cast.SIZE)}
    assert cast.SIZE > 3 * SMALLEST_FACE
    assert len({picture.tobytes() for picture in pictures}) == len(pictures) == 3 * cast.DRAWINGS


def test_a_later_start_leaves_them_as_they_are_and_whoever_was_deleted_does_not_come_back(
    data: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(data, tmp_path / "demo")
    first, second, third = [data / "faces" / name for name in cast.CAST]
    (first / "1.png").unlink()
    drawn = (second / "1.png").read_bytes()
    shutil.rmtree(third)
    cast.lay(data)
    assert not (first / "1.png").exists()
    assert (second / "1.png").read_bytes() == drawn
    assert not third.exists()
    (data / cast.LAID).unlink()
    cast.lay(data)  # the marker is what keeps them away
    assert third.exists()


def test_nobody_is_left_half_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(seed: int, folder: Path) -> None:
        (folder / "1.png").write_bytes(b"")
        raise KeyboardInterrupt

    monkeypatch.setattr(cast, "_draw", stop)
    with pytest.raises(KeyboardInterrupt):
        cast.lay(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["faces"]
