"""Two consoles never change people's photos at the same time, and neither waits for the other for ever."""

import json
import threading
from pathlib import Path

import pytest

import bot.store.faces as faces_module
from bot.domain.errors import ConsentEnded, Refusal
from bot.domain.person import CONSENT_WALL, Scope
from bot.store.faces import Faces
from bot.store.turn import Turn
from tests.bot.album import MINA, add


async def test_a_revocation_on_one_console_outlasts_a_consent_on_another(
    faces: Faces, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(faces)
    other, write, revoking = Faces(folder), faces_module.write_whole, list[threading.Thread]()

    def slowly(path: Path, data: bytes) -> None:
        if not revoking:  # the record is read, and about to be written
            revoking.append(threading.Thread(target=other._revoke, args=(MINA, "mina")))
            revoking[0].start()
            revoking[0].join(0.1)
        write(path, data)

    monkeypatch.setattr(faces_module, "write_whole", slowly)
    await faces.consent(MINA, "mina", Scope.WALL, None, CONSENT_WALL)
    revoking[0].join(10)
    with pytest.raises(ConsentEnded):
        await faces.drawable("mina", MINA)
    record = json.loads((folder / "mina" / "person.json").read_bytes())
    assert (record["revoked"], record["scope"]) == (True, "wall")


async def test_who_waits_too_long_is_told_and_can_go_on_once_the_other_is_done(
    faces: Faces, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.turn.PATIENCE_SECONDS", 0.05)
    await add(faces)
    with (
        Turn(folder, "Photos").taken(),
        pytest.raises(Refusal, match=r"^People's photos are being changed elsewhere at this moment\. Try again"),
    ):
        await faces.share(MINA, "mina", True)
    assert (await faces.share(MINA, "mina", True)).shared


def test_the_threads_of_one_console_take_turns_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.turn.PATIENCE_SECONDS", 0.05)
    turn = Turn(tmp_path / "faces", "Photos")
    with turn.taken(), pytest.raises(Refusal), turn.taken():
        pass
    with turn.taken():
        pass
