"""People's photos stay in their folders, whatever lies there beside them, and go when they are told to."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.domain.errors import BadName, BadUpload, NoRights, NotFound, NotYours, Refusal
from bot.domain.person import MOST_PHOTOS, Added
from bot.jobs.removal import remove
from bot.store.faces import MOST_PEOPLE, Faces
from tests.bot.album import ADA, MINA, OPERATOR, THEO, add, entries, files, picture
from tests.bot.drawer import Drawer


async def test_a_17th_photo_is_refused_and_none_of_its_upload_stays(faces: Faces) -> None:
    await add(faces, MINA, "mina", *(picture(number) for number in range(15)))
    with pytest.raises(BadUpload) as caught:
        await add(faces, MINA, "mina", picture(15), picture(16))
    assert str(caught.value) == "A person has at most 16 photos. mina has 15, and 2 more are too many."
    assert len(await faces.photos("mina", MINA)) == 15
    await add(faces, MINA, "mina", picture(15), picture(3))
    assert len(await faces.photos("mina", MINA)) == MOST_PHOTOS


async def test_a_member_keeps_a_limited_number_of_people(faces: Faces) -> None:
    for number in range(MOST_PEOPLE):
        await add(faces, MINA, f"person {number}")
    with pytest.raises(Refusal, match="You keep 25 people, which is the most"):
        await add(faces, MINA, "one more")
    await add(faces, MINA, "person 3", picture(1))
    await add(faces, THEO, "theo")


@pytest.mark.parametrize("name", ["../mina", "/etc", "..", "a/b", "a\\b", ".ssh", "mina,theo", "", "a\0b"])
async def test_a_name_never_becomes_a_path(faces: Faces, folder: Path, name: str) -> None:
    with pytest.raises(BadName):
        await add(faces, MINA, name)
    with pytest.raises(NotFound):
        await faces.photos(name, None)
    with pytest.raises(NotFound):
        await faces.remove(OPERATOR, name)
    assert not folder.exists()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=70) | st.from_regex(r"[./\\~a-z:*?, ]{1,12}", fullmatch=True))
def test_no_name_whatever_reaches_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(picture())
    faces = Faces(tmp_path / "faces")

    async def attempt() -> None:
        try:
            added = await add(faces, MINA, name)
        except BadName:
            with pytest.raises(NotFound):
                await faces.photos(name, None)
            return
        assert (tmp_path / "faces" / added.person.name).parent == tmp_path / "faces"
        assert faces.names(MINA) == [added.person.name]
        await faces.remove(MINA, name)

    asyncio.run(attempt())
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "faces") == ["outside.png"]
    assert not (tmp_path / "faces").exists() or entries(tmp_path / "faces") == []


async def test_names_that_differ_in_case_alone_are_one_name(faces: Faces) -> None:
    await add(faces, MINA, "Mina")
    with pytest.raises(BadName) as caught:
        await add(faces, MINA, "mina", picture(1))
    assert str(caught.value) == '"Mina" is there already; write the name like that to add photos.'
    with pytest.raises(BadName) as caught:
        await add(faces, THEO, "MINA")
    assert str(caught.value) == 'The name "MINA" is taken. Choose another one.'  # and not by whom
    assert (await faces.person(MINA, " mina ")).name == "Mina"


# --- folders and links that somebody else laid there


async def test_a_folder_laid_by_hand_is_everybodys_and_nobody_changes_it_here(faces: Faces, folder: Path) -> None:
    (folder / "grace").mkdir(parents=True)
    for name in ("b.JPG", "a.webp", "notes.txt", ".hidden.png", "c.gif"):
        (folder / "grace" / name).write_bytes(name.encode())
    assert faces.names(ADA) == faces.names(None) == ["grace"]
    assert await faces.photos("grace", ADA) == (b"a.webp", b"b.JPG")
    person = await faces.person(THEO, "grace")
    assert (person.owner_id, person.shared, person.photos) == (None, True, ("a.webp", "b.JPG"))
    sentence = "grace was laid in the faces folder by hand, and is changed only there."
    for attempt in (add(faces, OPERATOR, "grace"), faces.remove(OPERATOR, "grace")):
        with pytest.raises(NotYours) as caught:
            await attempt
        assert str(caught.value) == sentence


async def test_of_a_large_folder_the_first_photos_count(faces: Faces, folder: Path) -> None:
    (folder / "grace").mkdir(parents=True)
    for number in range(20):
        (folder / "grace" / f"{number:02d}.png").write_bytes(b"%d" % number)
    assert await faces.photos("grace", ADA) == tuple(b"%d" % number for number in range(MOST_PHOTOS))


async def test_links_pipes_and_names_that_are_no_names_are_left_out(faces: Faces, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.png").write_bytes(b"secret")
    (folder / "grace").mkdir(parents=True)
    (folder / "linked").symlink_to(elsewhere)
    (folder / "grace" / "linked.png").symlink_to(elsewhere / "secret.png")
    os.mkfifo(folder / "grace" / "pipe.png")
    (folder / "grace" / "a.png").write_bytes(b"a")
    (folder / "x, y").mkdir()
    (folder / "x, y" / "a.png").write_bytes(b"a")
    (folder / "empty").mkdir()
    (folder / "file.png").write_bytes(b"a")
    with capture_logs() as lines:
        assert faces.names(None) == ["grace"]
    assert lines == []
    assert await faces.photos("grace", ADA) == (b"a",)
    with pytest.raises(NotFound):
        await faces.photos("linked", None)
    with pytest.raises(BadName, match="is taken"):
        await add(faces, MINA, "linked")


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 10_000,
        b'{"owner_id": "1", "owner_name": "Theo", "guild_id": 7, "shared": false, '
        b'"added_at": "2026-01-01T00:00:00+00:00", "consents": []}',
        b'{"owner_id": 1, "owner_name": "Mina", "guild_id": 7, "shared": 1, '
        b'"added_at": "2026-01-01T00:00:00+00:00", "consents": []}',
        b'{"owner_id": 1, "owner_name": "Mina", "guild_id": 7, "shared": false, "added_at": "soon", "consents": []}',
    ],
)
async def test_beside_a_damaged_record_photos_are_nobodys(faces: Faces, folder: Path, record: bytes) -> None:
    await add(faces, shared=True)
    (folder / "mina/person.json").write_bytes(record)
    assert faces.names(None) == faces.names(MINA) == faces.names(THEO) == []
    with pytest.raises(NotFound):
        await faces.photos("mina", MINA)
    with pytest.raises(BadName, match="is taken"):
        await add(faces, THEO, "mina")


async def test_a_record_that_is_a_link_counts_as_damaged(faces: Faces, folder: Path, tmp_path: Path) -> None:
    await add(faces)
    (folder / "mina/person.json").rename(tmp_path / "person.json")
    (folder / "mina/person.json").symlink_to(tmp_path / "person.json")
    assert faces.names(None) == []


async def test_a_folder_that_cannot_be_read_is_told_once_each_time_it_happens(faces: Faces, folder: Path) -> None:
    await add(faces)
    record = folder / "mina/person.json"
    whole = record.read_bytes()
    with capture_logs() as lines:
        for content in (b"{}", whole, b"{}", b"[]"):
            record.write_bytes(content)
            for _ in range(3):  # as the wall looks again and again
                await faces.everybody()
    assert [line["folder"] for line in lines] == ["mina"] * 3


# --- what the file rights forbid


def forbid(monkeypatch: pytest.MonkeyPatch, whose: object, method: str, path: Path) -> None:
    """What the file rights of that path would do, also where the tests run as root."""
    allowed = getattr(whose, method)

    def judged(first: object, *more: object, **others: object) -> object:
        if Path(str(first)) == path:
            raise PermissionError(13, "Permission denied", str(path))
        return allowed(first, *more, **others)

    monkeypatch.setattr(whose, method, judged)


MEND = "Ask who runs this console to mend them in its faces folder."


async def test_a_photo_that_may_not_be_read_is_named_with_what_to_do(
    faces: Faces, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = await add(faces, MINA, "mina", picture(), picture(1))
    second = sorted(added.files)[1]
    forbid(monkeypatch, os, "open", folder / "mina" / second)
    sentence = f"mina's photo 2 ({second[:8]}) cannot be read on this machine: its file rights forbid it. {MEND}"
    for read in (faces.photos, faces.album):
        with pytest.raises(NoRights) as caught:
            await read("mina", MINA)
        assert str(caught.value) == sentence
    await faces.remove(MINA, "mina", "photo 2")
    assert len(await faces.photos("mina", MINA)) == 1


async def test_a_folder_that_may_not_be_read_is_left_out_and_said_to_who_names_it(
    faces: Faces, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(faces)
    await add(faces, MINA, "other")
    forbid(monkeypatch, Path, "iterdir", folder / "mina")
    assert faces.names(MINA) == ["other"]
    for attempt in (faces.person(MINA, "mina"), faces.drawable("mina", MINA), faces.photos("mina", None)):
        with pytest.raises(NoRights) as caught:
            await attempt
        forbidden = "cannot be read on this machine: its file rights forbid it."
        assert str(caught.value) == f"The folder of mina {forbidden} {MEND}"
    forbid(monkeypatch, Path, "iterdir", folder)
    with pytest.raises(NoRights, match=r"^The folder of all people cannot be read on this machine: "):
        await faces.people(MINA)


@pytest.mark.parametrize("act", ["deleted", "changed"])
async def test_what_may_not_be_written_is_a_sentence_too(
    faces: Faces, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    added = await add(faces, MINA, "mina", picture(), picture(1))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no")

    for name in ("rename", "replace", "unlink"):
        monkeypatch.setattr(os, name, refuse)
    attempts = [faces.remove(MINA, "mina"), faces.remove(MINA, "mina", added.files[0][:8])]
    if act == "changed":
        for attempt in attempts:
            attempt.close()
        attempts = [faces.share(MINA, "mina", True), add(faces, MINA, "mina", picture(3)), add(faces, MINA, "theo")]
    for attempt in attempts:
        with pytest.raises(NoRights, match=f"cannot be {act} on this machine: its file rights forbid it"):
            await attempt


# --- what is deleted


async def test_a_removed_person_leaves_nothing_and_the_receipt_names_what_went(faces: Faces, folder: Path) -> None:
    added = await add(faces, MINA, "mina", picture(), picture(1))
    receipt = await faces.remove(MINA, "mina")
    assert receipt.photos == tuple(sorted(added.files))
    assert (receipt.person.name, receipt.whole) == ("mina", True)
    assert entries(folder) == []
    with pytest.raises(NotFound) as caught:
        await faces.photos("mina", MINA)
    assert (
        str(caught.value)
        == 'You have no person named "mina", or no longer: photos can be removed, and sharing can end.'
    )
    await add(faces, THEO, "mina")  # the name is free again


async def test_one_photo_is_removed_with_every_word_of_it_in_the_record(faces: Faces, folder: Path) -> None:
    added = await add(faces, MINA, "mina", picture(), picture(1))
    gone, stays = added.files
    receipt = await faces.remove(MINA, "mina", gone[:8])
    assert (receipt.photos, receipt.whole) == ((gone,), False)
    assert files(folder) == [f"mina/{stays}", "mina/person.json"]
    assert gone[:8] not in (folder / "mina/person.json").read_text("utf-8")
    with pytest.raises(NotFound) as caught:
        await faces.remove(MINA, "mina", gone[:8])
    assert str(caught.value) == f'mina has no photo "{gone[:8]}"; there are photo 1 ({stays[:8]}).'
    last = await faces.remove(MINA, "mina", stays)
    assert last.whole
    assert entries(folder) == []


@pytest.mark.parametrize("name", ["{short}", "{file}", "photo 2", "Photo 2 ({short})"])
async def test_a_photo_is_removed_by_whatever_it_is_called(faces: Faces, name: str) -> None:
    added = await add(faces, MINA, "mina", picture(), picture(1))
    second = sorted(added.files)[1]
    receipt = await faces.remove(MINA, "mina", name.format(short=second[:8], file=second))
    assert receipt.photos == (second,)


async def test_what_is_removed_is_forgotten_by_the_renderer_too(faces: Faces) -> None:
    added = await add(faces, MINA, "mina", picture(), picture(1))
    drawer = Drawer()
    with pytest.raises(NotFound):
        await remove(faces, drawer, THEO, "mina", None)
    assert drawer.forgot == 0
    assert (await remove(faces, drawer, MINA, "mina", "photo 1")).photos == (sorted(added.files)[0],)
    assert (await remove(faces, drawer, MINA, "mina", None)).whole
    assert (drawer.forgot, faces.names(None)) == (2, [])


async def test_what_a_crash_left_half_done_is_seen_by_nobody_and_deleted_at_the_start(
    faces: Faces, folder: Path
) -> None:
    added = await add(faces)
    half = folder / ".part-abc"
    half.mkdir()
    (half / "secret.png").write_bytes(picture(1))
    (folder / "mina" / ".part-def").write_bytes(picture(2))
    assert faces.names(None) == ["mina"]
    assert len(await faces.photos("mina", MINA)) == 1
    await Faces(folder).tidy()
    assert files(folder) == [f"mina/{added.files[0]}", "mina/person.json"]
    assert entries(folder) == ["mina"]


async def test_a_disk_that_fails_leaves_no_person_without_a_record(
    faces: Faces, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def fsync(handle: int) -> None:
        nonlocal written
        written += 1
        if written == 2:
            raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        await add(faces, MINA, "mina", picture(), picture(1))
    assert entries(folder) == []
    assert faces.names(None) == []


async def test_many_adding_at_one_time_lose_nothing(faces: Faces) -> None:
    await asyncio.gather(*(add(faces, MINA, "mina", picture(number)) for number in range(12)))
    assert len(await faces.photos("mina", MINA)) == 12
    outcomes = await asyncio.gather(
        *(add(faces, member, "new one") for member in (MINA, THEO, ADA)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Added) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, BadName) for outcome in outcomes) == 2


async def test_a_pipe_in_place_of_a_record_holds_nobody_up(tmp_path: Path) -> None:
    faces = Faces(tmp_path)
    await add(faces, MINA, "nadia")
    await add(faces, MINA, "olga")
    (tmp_path / "olga" / "person.json").unlink()
    os.mkfifo(tmp_path / "olga" / "person.json")
    async with asyncio.timeout(10):
        assert [person.name for person in await faces.everybody()] == ["nadia"]
