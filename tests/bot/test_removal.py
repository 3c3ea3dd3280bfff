"""A member deletes what is theirs at once; an operator says twice that a whole person of somebody else shall go."""

from pathlib import Path

import pytest

from bot.domain.errors import NotYours, Refusal
from bot.jobs.removal import remove
from bot.store.faces import Faces
from tests.bot.album import MINA, OPERATOR, THEO, add, picture
from tests.bot.drawer import Drawer


async def test_an_operator_confirms_before_a_whole_person_of_somebody_else_is_gone(tmp_path: Path) -> None:
    faces, drawer = Faces(tmp_path), Drawer()
    await add(faces, MINA, "mina", picture(1), picture(2))
    with pytest.raises(Refusal, match=r"^mina belongs to Mina, and the whole person .* again with confirm: true\.$"):
        await remove(faces, drawer, OPERATOR, "mina", None)
    assert faces.names() == ["mina"]
    assert drawer.forgot == 0
    assert not (await remove(faces, drawer, OPERATOR, "mina", "photo 1")).whole
    with pytest.raises(Refusal, match="confirm: true"):  # the last photo takes the person along
        await remove(faces, drawer, OPERATOR, "mina", "photo 1")
    assert (await remove(faces, drawer, OPERATOR, "mina", None, confirmed=True)).whole
    assert faces.names() == []


async def test_a_member_confirms_nothing_of_their_own_and_can_confirm_nothing_of_others(tmp_path: Path) -> None:
    faces, drawer = Faces(tmp_path), Drawer()
    await add(faces, MINA, "mina", shared=True)
    with pytest.raises(NotYours):
        await remove(faces, drawer, THEO, "mina", None, confirmed=True)
    assert (await remove(faces, drawer, MINA, "mina", None)).whole
