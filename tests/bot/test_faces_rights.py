"""A person is drawn, shared and changed by their owner, and by others only as far as sharing and office allow."""

from dataclasses import replace

import pytest

from bot.domain.errors import BadName, NotFound, NotYours
from bot.store.faces import Faces
from tests.bot.album import ADA, ELSEWHERE, MINA, OPERATOR, THEO, add, picture


async def test_a_person_is_the_owners_alone_until_shared_and_then_the_servers(faces: Faces) -> None:
    await add(faces)
    assert [faces.names(member) for member in (MINA, THEO, ADA, OPERATOR)] == [["mina"], [], [], []]
    assert faces.names(replace(MINA, guild_id=8)) == ["mina"]
    await add(faces, MINA, "mina", picture(1), shared=True)
    assert [faces.names(member) for member in (MINA, THEO, ADA, OPERATOR)] == [["mina"], ["mina"], [], ["mina"]]
    await add(faces, MINA, "mina", picture(2))  # nothing said of sharing: it stays
    assert faces.names(THEO) == ["mina"]
    await add(faces, MINA, "mina", picture(2), shared=False)
    assert faces.names(THEO) == []


async def test_another_member_neither_adds_nor_removes_nor_learns_of_a_private_person(faces: Faces) -> None:
    await add(faces)
    with pytest.raises(BadName, match="is taken"):
        await add(faces, THEO, "mina", picture(1))
    for name in ("mina", "mima"):
        with pytest.raises(NotFound) as caught:
            await faces.remove(THEO, name)
        assert str(caught.value) == (f'You have no person named "{name}"; /faces list shows whom you may draw.')
    with pytest.raises(NotFound, match='did you mean "mina"'):
        await faces.remove(MINA, "mima")
    assert len(await faces.photos("mina", MINA)) == 1


async def test_a_shared_person_is_drawn_by_all_and_changed_by_the_owner_and_operators_there(faces: Faces) -> None:
    await add(faces, MINA, "mina", picture(), picture(1), shared=True)
    sentence = "mina belongs to Mina; only they or an operator may change it."
    for attempt in (add(faces, THEO, "mina", picture(2)), faces.remove(THEO, "mina")):
        with pytest.raises(NotYours) as caught:
            await attempt
        assert str(caught.value) == sentence
    with pytest.raises(NotFound):
        await faces.remove(ELSEWHERE, "mina")
    await add(faces, OPERATOR, "mina", picture(2), shared=True)  # as it is already
    await add(faces, OPERATOR, "mina", picture(3), shared=False)
    with pytest.raises(NotYours, match=r"^mina belongs to Mina; only they may share it\.$"):
        await add(faces, OPERATOR, "mina", picture(4), shared=True)
    assert (await faces.person(MINA, "mina")).owner_id == MINA.id
    receipt = await faces.remove(OPERATOR, "mina")
    assert receipt.whole


async def test_sharing_is_begun_by_the_owner_and_stopped_by_an_operator_too_without_a_photo(faces: Faces) -> None:
    await add(faces)
    with pytest.raises(NotYours, match=r"^mina belongs to Mina; only they may share it\.$"):
        await faces.share(OPERATOR, "mina", True)  # who could then draw them
    with pytest.raises(NotFound):
        await faces.share(THEO, "mina", True)
    assert (await faces.share(MINA, "MINA", True)).shared
    assert faces.names(THEO) == ["mina"]
    with pytest.raises(NotYours, match=r"^mina belongs to Mina; only they or an operator may change it\.$"):
        await faces.share(THEO, "mina", False)
    assert not (await faces.share(OPERATOR, "mina", False)).shared
    assert faces.names(THEO) == []
    assert (await faces.person(MINA, "mina")).owner_id == MINA.id


async def test_who_is_shared_on_one_server_moves_to_another_with_their_owner(faces: Faces) -> None:
    await add(faces, shared=True)
    await faces.share(replace(MINA, guild_id=8), "mina", True)
    assert [faces.names(member) for member in (MINA, THEO, ADA)] == [["mina"], [], ["mina"]]


async def test_photos_are_read_for_those_alone_who_may_draw_them_now(faces: Faces) -> None:
    await add(faces)
    gone = r'^You have no person named "mina", or no longer: photos can be removed, and sharing can end\.$'
    for read in (faces.photos, faces.drawable):
        with pytest.raises(NotFound, match=gone):
            await read("mina", THEO)
        with pytest.raises(NotYours, match=r"^mina belongs to Mina, and is not shared on this server\.$"):
            await read("mina", OPERATOR)
    assert len(await faces.album("mina", OPERATOR)) == 1  # who keeps the photos
    with pytest.raises(NotFound):
        await faces.album("mina", THEO)
    await faces.share(MINA, "mina", True)
    assert len(await faces.photos("mina", THEO)) == 1
    with pytest.raises(NotFound, match=gone):
        await faces.photos("mina", ADA)
    await faces.share(MINA, "mina", False)
    with pytest.raises(NotFound, match=gone):
        await faces.photos("mina", THEO)
    assert len(await faces.photos("mina", None)) == 1
