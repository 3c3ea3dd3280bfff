"""What members put on the wall, and take from it: their own, whoever is in it, and no person whom they may not draw."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import NotFound, NotYours, Refusal
from bot.domain.job import ItemState, Job, Member, Place
from bot.domain.person import Scope
from bot.domain.stores import NewItem
from bot.jobs.showing import Showing
from bot.store.audit import Audit
from bot.store.database import Sessions
from bot.store.faces import Faces
from bot.store.jobs import Jobs
from bot.store.members import MemberSettings
from bot.store.publications import PublicationStore
from bot.store.schema import ItemRow
from sweeps.parameters import CATALOGUE, Value
from sweeps.recipe import resolve
from tests.bot.album import ADA, MINA, OPERATOR, THEO, add
from tests.web.exhibition import Exhibition

IMAGE = "a" * 64
SERVER = 7


class Watched(Exhibition):
    """A gallery that counts how often it was told to look."""

    touched = 0

    def touch(self) -> None:
        self.touched += 1


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    return Faces(tmp_path / "faces")


@pytest.fixture
def gallery() -> Watched:
    return Watched()


@pytest.fixture
def showing(sessions: Sessions, faces: Faces, gallery: Watched) -> Showing:
    def usual(name: str) -> Value | None:
        return CATALOGUE[name].default

    return Showing(
        Jobs(sessions),
        PublicationStore(sessions),
        MemberSettings(sessions),
        faces,
        gallery,
        usual,
    )


async def drawn(sessions: Sessions, owner: Member, *people: str, images: int = 2, **values: Any) -> Job:
    """A job of which each image is drawn, of these people by turns."""
    recipes = [
        resolve({"prompt": "a sailor", "face_folder": people[n % len(people)] if people else "", **values}, seed=n)
        for n in range(images)
    ]
    items = [NewItem(f"c{n + 1:03d}", n, recipe) for n, recipe in enumerate(recipes)]
    job = await Jobs(sessions).create(kind="sweep", title="a", owner=owner, place=Place(70, SERVER), items=items)
    async with sessions.begin() as session:
        for number in range(1, images + 1):
            row = await session.get_one(ItemRow, (job.id, number))
            row.state, row.image = ItemState.DRAWN.value, IMAGE
    return job


async def on_the_wall(sessions: Sessions) -> list[int]:
    return [each.number for each in await PublicationStore(sessions).changed()]


async def test_owners_publish_theirs_whole_or_one_picture_of_it(
    showing: Showing, sessions: Sessions, gallery: Watched
) -> None:
    job = await drawn(sessions, MINA, images=3)
    one = await showing.publish(MINA, job.id, "c002")
    assert (one.new, await on_the_wall(sessions), gallery.touched) == (1, [2], 1)
    assert (await showing.publish(MINA, job.id)).new == 2
    assert (await showing.publish(MINA, job.id)).new == 0
    assert sorted(await on_the_wall(sessions)) == [1, 2, 3]


@pytest.mark.parametrize("actor", [THEO, OPERATOR])
async def test_nobody_else_publishes_it_also_no_operator(showing: Showing, sessions: Sessions, actor: Member) -> None:
    job = await drawn(sessions, MINA)
    with pytest.raises(NotYours, match="belongs to Mina; only they may put it on the wall"):
        await showing.publish(actor, job.id)
    assert await on_the_wall(sessions) == []


async def test_what_is_not_drawn_cannot_be_published(showing: Showing, sessions: Sessions) -> None:
    job = await drawn(sessions, MINA)
    with pytest.raises(NotFound, match="There is no picture S1-c009"):
        await showing.publish(MINA, job.id, "c009")
    with pytest.raises(NotFound, match="There is no job 99"):
        await showing.publish(MINA, 99)
    async with sessions.begin() as session:
        for number in (1, 2):
            (await session.get_one(ItemRow, (job.id, number))).image = None
    with pytest.raises(Refusal, match="Nothing of S1 is drawn"):
        await showing.publish(MINA, job.id)


async def test_who_keeps_pictures_from_being_seen_is_told(
    showing: Showing, sessions: Sessions, faces: Faces, gallery: Watched
) -> None:
    await add(faces, MINA, "nadia")
    await add(faces, MINA, "olga")
    gallery.seat("olga", "Olga")  # on the list, but her consent is for drawing alone
    job = await drawn(sessions, MINA, "nadia", "olga", "nadia", images=3)
    assert (await showing.publish(MINA, job.id)).unseen == (("nadia", 2), ("olga", 1))


async def test_a_listed_person_of_another_server_keeps_nothing_from_being_seen(
    showing: Showing, sessions: Sessions, faces: Faces, gallery: Watched
) -> None:
    await add(faces, Member(MINA.id, "Mina", guild_id=8), "nadia")
    await faces.consent(MINA, "nadia", Scope.WALL, None, Scope.WALL.statement)
    gallery.seat("nadia", "Nadia")
    gallery.people = lambda visitor: ()  # type: ignore[method-assign]  # whoever looks from here sees none of her photos
    job = await drawn(sessions, MINA, "nadia")
    assert (await showing.publish(MINA, job.id)).unseen == ()


async def test_pictures_of_who_had_the_name_before_are_told_as_unseen(
    showing: Showing, sessions: Sessions, faces: Faces, gallery: Watched
) -> None:
    job = await drawn(sessions, MINA, "nadia")
    async with sessions.begin() as session:
        for number in (1, 2):
            row = await session.get_one(ItemRow, (job.id, number))
            row.settled_at = datetime.now(UTC) - timedelta(days=number - 1, seconds=-60)
    await add(faces, MINA, "nadia")
    await faces.consent(MINA, "nadia", Scope.WALL, None, Scope.WALL.statement)
    gallery.seat("nadia", "Nadia")
    assert (await showing.publish(MINA, job.id)).unseen == (("nadia", 1),)


async def test_owners_and_operators_of_the_server_take_down_and_only_theirs_is_noted(
    showing: Showing, sessions: Sessions
) -> None:
    job = await drawn(sessions, MINA)
    await showing.publish(MINA, job.id)
    for stranger in (THEO, ADA, Member(5, "Otto", operator=True, guild_id=8)):
        with pytest.raises(NotYours):
            await showing.take_down(stranger, job.id)
    assert (await showing.take_down(MINA, job.id, "c001"))[1] == 1
    assert await Audit(sessions).latest() == []
    assert (await showing.take_down(OPERATOR, job.id))[1] == 1
    assert [(each.act, each.target) for each in await Audit(sessions).latest()] == [("wall take down", "S1")]
    assert await on_the_wall(sessions) == []


async def test_a_pictures_values_take_the_place_of_all_that_was_set(showing: Showing, sessions: Sessions) -> None:
    await drawn(sessions, MINA, steps=7, guidance_scale=3.5)
    settings = MemberSettings(sessions)
    await settings.put(MINA.id, "width", 512)
    taken = await showing.use(MINA, "s1-c002.png")
    assert taken.values == {"prompt": "a sailor", "seed": 1, "steps": 7, "guidance_scale": 3.5}
    assert await settings.of(MINA.id) == taken.values and taken.missing is None


async def test_a_person_whom_the_member_may_not_draw_is_left_out(
    showing: Showing, sessions: Sessions, faces: Faces, gallery: Watched
) -> None:
    await add(faces, THEO, "nadia")
    await drawn(sessions, MINA, "nadia")
    taken = await showing.use(MINA, "S1-c001")
    assert taken.missing == "nadia" and "face_folder" not in taken.values
    await faces.share(THEO, "nadia", True)
    assert (await showing.use(MINA, "S1-c001")).values["face_folder"] == "nadia"


async def test_others_pictures_are_taken_from_the_wall_that_the_member_sees_alone(
    showing: Showing, sessions: Sessions, gallery: Watched
) -> None:
    await drawn(sessions, MINA, steps=7)
    with pytest.raises(NotFound, match="none of your pictures, and is not on the wall"):
        await showing.use(THEO, "S1-c001")
    gallery.hang(job=1, guild=SERVER, settings={"prompt": "on the wall", "steps": 9})
    assert (await showing.use(THEO, "S1-c001")).values == {"prompt": "on the wall", "steps": 9, "seed": 1}
    gallery.hang(job=1, guild=SERVER, settings={"prompt": "on the wall", "steps": 9}, spoiler=True)
    assert (await showing.use(THEO, "S1-c002")).values == {"steps": 9, "seed": 1}  # a prompt stays behind its spoiler
    with pytest.raises(NotFound):
        await showing.use(ADA, "S1-c001")  # of another server
    with pytest.raises(NotFound, match="called like S42-c017"):
        await showing.use(THEO, "the red one")
