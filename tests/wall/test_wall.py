"""What visitors see of the wall, and what they do not: servers, people, consent, hidden pictures, search and order."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.domain.errors import Refusal
from bot.domain.job import Member
from bot.domain.wall import Order, Query, Visitor, Visitors
from bot.store.schema import ItemRow
from bot.wall import keeper
from sweeps.recipe import resolve
from tests.wall.gallery import GUILD, NOBODY, OPERATOR, OTHER, STRANGER, VISITOR, Studio, ago, names, png, until

ALL = Query()


async def test_members_of_its_server_see_a_picture_and_nobody_else_does(studio: Studio) -> None:
    job = await studio.draw(png(1))
    async with studio.showing() as wall:
        await until(lambda: wall.statistics.total_images)
        (picture,) = wall.find(VISITOR, ALL).pictures
        assert picture.name == f"{job.name}-c001"
        for visitor in (NOBODY, STRANGER, Visitor(9)):
            assert wall.find(visitor, ALL).total == 0
            assert wall.picture(visitor, picture.name) is None
            assert wall.of_job(visitor, job.name) == ()
            assert wall.choices(visitor).jobs == ()
            for media in (wall.thumb(picture), wall.full(picture)):
                assert await wall.blob(visitor, media.name) is None
        blob = await wall.blob(VISITOR, wall.full(picture).name)
        assert blob is not None and (blob.data, blob.content_type) == (png(1), "image/png")


async def test_everyone_sees_it_where_the_operator_says_so(studio: Studio) -> None:
    await studio.draw(png(1))
    await studio.draw(png(2), guild=None)
    async with studio.showing(visitors=Visitors.EVERYONE) as wall:
        await until(lambda: wall.find(NOBODY, ALL).total == 2)
        for picture in wall.find(NOBODY, ALL).pictures:
            assert await wall.blob(NOBODY, wall.thumb(picture).name) is not None


async def test_a_hidden_picture_is_seen_by_operators_of_its_server_alone(studio: Studio) -> None:
    job = await studio.draw(png(1))
    async with studio.showing(visitors=Visitors.EVERYONE) as wall:
        await until(lambda: wall.find(VISITOR, ALL).total)
        thumb = wall.thumb(wall.find(VISITOR, ALL).pictures[0]).name
        await studio.publications.hide(OPERATOR.acts_on(GUILD), job.id, 1, True)
        wall.touch()
        await until(lambda: not wall.find(VISITOR, ALL).total)
        assert [(await wall.blob(each, thumb)) is None for each in (NOBODY, VISITOR, STRANGER)] == [True] * 3
        assert wall.find(OPERATOR, ALL).pictures[0].hidden
        assert await wall.blob(OPERATOR, thumb) is not None


async def test_a_job_is_listed_without_its_title_while_all_that_is_seen_of_it_is_behind_spoilers(
    studio: Studio,
) -> None:
    job = await studio.draw(png(1), png(2), png(3), title="much gore")

    async def hide(*numbers: int) -> None:
        spoiled = update(ItemRow).where(ItemRow.job_id == job.id)
        async with studio.sessions.begin() as session:
            await session.execute(spoiled.values(spoiler=ItemRow.number.in_(numbers)))

    await hide(1, 2, 3)
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total == 3)
        assert wall.choices(VISITOR).jobs == ((job.name, "", 3),)
    await hide(1, 3)  # one beside the others is open
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total == 3)
        assert wall.choices(VISITOR).jobs == ((job.name, "much gore", 3),)
        await studio.publications.hide(OPERATOR.acts_on(GUILD), job.id, 2, True)
        wall.touch()
        await until(lambda: wall.find(VISITOR, ALL).total == 2)
        assert wall.choices(VISITOR).jobs == ((job.name, "", 2),)
        for number in (1, 3):
            await studio.publications.hide(OPERATOR.acts_on(GUILD), job.id, number, True)
        wall.touch()
        await until(lambda: wall.find(VISITOR, ALL).total == 0)
        assert wall.choices(VISITOR).jobs == ()


async def test_what_stays_behind_a_spoiler_is_found_by_its_words_only_by_who_reads_them(studio: Studio) -> None:
    job = await studio.draw(png(1), png(2), prompt="a duel, much gore", title="")
    spoiled = update(ItemRow).where(ItemRow.job_id == job.id, ItemRow.number == 1)
    async with studio.sessions.begin() as session:
        await session.execute(spoiled.values(spoiler=True))
    member = Visitor(2, "Theo", frozenset({GUILD}))
    by_words, by_prompt = Query(words=("gore",)), Query(parameters={"prompt": "a duel, much gore"})
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total == 2)
        for visitor, found in ((OPERATOR, 2), (VISITOR, 2), (member, 1), (VISITOR, 2)):
            assert wall.find(visitor, ALL).total == 2
            assert (wall.find(visitor, by_words).total, wall.find(visitor, by_prompt).total) == (found, found)


async def test_who_is_not_on_the_whitelist_is_nowhere(studio: Studio) -> None:
    studio.lay("mina", png(201))
    studio.lay("theo", png(202))
    job = await studio.draw(png(1), person="mina")
    await studio.draw(png(2), person="mina, theo")
    await studio.draw(png(3))
    async with studio.showing() as wall:
        await until(lambda: wall.statistics.total_images >= 3)
        (seen,) = wall.find(VISITOR, ALL).pictures
        assert seen.recipe.people == ()
        assert wall.people(VISITOR) == ()
        assert wall.choices(VISITOR).people == ()
        assert wall.find(VISITOR, Query(person="mina")).total == 0
        assert wall.find(VISITOR, Query(words=("harbour",))).total == 1
        assert wall.picture(OPERATOR, f"{job.name}-c001") is None
        studio.whitelist("people: {mina: The first}\n")
        await until(lambda: wall.people(VISITOR) and wall.people(VISITOR)[0].photos)
        (mina,) = wall.people(VISITOR)
        assert (mina.name, mina.title, mina.pictures) == ("mina", "The first", 1)
        assert wall.choices(VISITOR).people == (("mina", "The first", 1),)
        photo = await wall.blob(VISITOR, mina.photos[0].name)
        assert photo is not None and photo.content_type == "image/webp"
        (theirs,) = wall.find(VISITOR, Query(person="mina")).pictures
        thumb = wall.thumb(theirs).name
        assert await wall.blob(VISITOR, thumb) is not None
        studio.whitelist("people: [theo]\n")
        await until(lambda: [each.name for each in wall.people(VISITOR)] == ["theo"])
        assert await wall.blob(VISITOR, thumb) is None
        assert await wall.blob(VISITOR, mina.photos[0].name) is None


async def test_consent_for_drawing_alone_shows_nobody(studio: Studio) -> None:
    studio.lay("mina", scope="draw")
    studio.whitelist("people: [mina]")
    await studio.draw(png(1), person="mina")
    async with studio.showing() as wall:
        await until(lambda: wall.statistics.total_images)
        assert (wall.people(VISITOR), wall.find(VISITOR, ALL).total) == ((), 0)
        studio.lay("mina", scope="wall")
        await until(lambda: wall.find(VISITOR, ALL).total == 1)


async def test_consent_that_ends_is_over_at_that_moment(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    studio.lay("mina", until=end.isoformat())
    studio.whitelist("people: [mina]")
    await studio.draw(png(1), person="mina")
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total and wall.people(VISITOR)[0].photos)
        picture = wall.find(VISITOR, ALL).pictures[0]
        media = [wall.thumb(picture), wall.full(picture), wall.people(VISITOR)[0].photos[0]]
        assert None not in [await wall.blob(VISITOR, each.name) for each in media]

        class Later(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
                return end

        monkeypatch.setattr("bot.domain.person.datetime", Later)
        # In the same turn of the loop, so that nothing was read anew.
        assert (wall.find(VISITOR, ALL).total, wall.people(VISITOR)) == (0, ())
        assert wall.picture(VISITOR, picture.name) is None
        assert [await wall.blob(VISITOR, each.name) for each in media] == [None] * 3


async def test_expired_consent_is_none_from_the_start(studio: Studio) -> None:
    studio.lay("mina", until=ago(seconds=1))
    studio.whitelist("people: [mina]")
    await studio.draw(png(1), person="mina")
    async with studio.showing() as wall:
        await until(lambda: wall.statistics.total_images)
        assert (wall.find(VISITOR, ALL).total, wall.people(VISITOR)) == (0, ())


async def test_a_sitters_photos_are_seen_on_their_own_server(studio: Studio) -> None:
    studio.lay("mina", png(201), guild=GUILD)
    studio.lay("grace", png(202))
    studio.whitelist("people: [mina, grace]")
    async with studio.showing() as wall:
        await until(lambda: [len(each.photos) for each in wall.people(VISITOR)] == [1, 1])
        seen = {visitor: [each.name for each in wall.people(visitor)] for visitor in (VISITOR, STRANGER, NOBODY)}
        assert seen == {VISITOR: ["mina", "grace"], STRANGER: ["grace"], NOBODY: []}
        photo = wall.people(VISITOR)[0].photos[0].name
        assert await wall.blob(VISITOR, photo) is not None
        assert await wall.blob(STRANGER, photo) is None
        assert await wall.blob(Visitor(9), wall.people(VISITOR)[1].photos[0].name) is None


async def test_every_filter_narrows_and_all_of_them_together(studio: Studio) -> None:
    theo = Member(2, "Theo", guild_id=GUILD)
    one = await studio.draw(png(1), png(2), prompt="A Straße by the sea", title="first")
    two = await studio.draw(png(3), owner=theo, prompt="a mountain", steps=30, guidance_scale=7.5, title="sea cliffs")
    await studio.publications.rate(one.id, 2, 1, 4)
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total == 3)

        def found(query: Query, starred: tuple[tuple[int, int], ...] = ()) -> list[str]:
            return sorted(names(wall.find(VISITOR, query, starred=starred).pictures))

        first, second, third = f"{one.name}-c001", f"{one.name}-c002", f"{two.name}-c001"
        assert found(ALL) == sorted([first, second, third])
        assert found(Query(words=("sea",))) == sorted([first, second, third])
        assert found(Query(words=("STRASSE", "sea"))) == [first, second]
        assert found(Query(words=("sea", "mountain"))) == [third]
        assert found(Query(words=("sea", "desert"))) == []
        assert found(Query(job=two.name)) == [third]
        assert found(Query(member_id=2)) == [third]
        assert found(Query(parameters={"steps": "30"})) == [third]
        assert found(Query(parameters={"steps": "30", "guidance_scale": "8"})) == []
        assert found(Query(parameters={"seed": "1"})) == [second]
        assert found(Query(parameters={"steps": "20..30", "guidance_scale": "7.6..8"})) == found(
            Query(parameters={"guidance_scale": "8"})
        )
        assert found(Query(parameters={"steps": "21..40"})) == [third]
        assert found(Query(parameters={"seed": "1..1"})) == [second]
        assert found(Query(parameters={"no such thing": "1"})) == []
        assert found(Query(least_rating=4)) == [second]
        assert found(Query(least_rating=5)) == []
        assert found(Query(starred=True), ((one.id, 1), (99, 1))) == [first]
        assert found(Query(starred=True)) == []
        told = wall.choices(VISITOR)
        assert told.jobs == ((two.name, "sea cliffs", 1), (one.name, "first", 2))
        assert told.members == ((1, "Mina", 2), (2, "Theo", 1))
        assert told.parameters == {"steps": (("20", 2), ("30", 1)), "guidance_scale": (("7.5", 1), ("8", 2))}


async def test_pages_follow_each_other_without_gap_or_repetition_while_new_ones_arrive(studio: Studio) -> None:
    job = await studio.draw(*(png(number) for number in range(7)))
    await studio.publications.rate(job.id, 3, 1, 5)
    await studio.publications.rate(job.id, 5, 1, 2)
    await studio.publications.star(job.id, 6, 1, True)
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total == 7)
        for order, expected in (
            (Order.NEWEST, [7, 6, 5, 4, 3, 2, 1]),
            (Order.BEST, [3, 5, 7, 6, 4, 2, 1]),
            (Order.STARRED, [6, 7, 5, 4, 3, 2, 1]),
        ):
            query, after, numbers = Query(order=order), None, []
            while True:
                page = wall.find(VISITOR, query, after=after, limit=3)
                numbers += [picture.number for picture in page.pictures]
                assert page.total == 7
                if (after := page.after) is None:
                    break
            assert numbers == expected
        first = wall.find(VISITOR, ALL, limit=3)
        await studio.draw(png(50))
        wall.touch()
        await until(lambda: wall.find(VISITOR, ALL).total == 8)
        assert [each.number for each in wall.find(VISITOR, ALL, after=first.after, limit=3).pictures] == [4, 3, 2]


@pytest.mark.parametrize("after", ["", "x", "é", "bmV3ZXN0", "W10", "eyJhIjoxfQ", "WyJiZXN0IiwxLDIsM10", "A" * 9999])
async def test_a_place_that_was_never_given_out_is_refused(studio: Studio, after: str) -> None:
    await studio.draw(png(1))
    async with studio.showing() as wall:
        with pytest.raises(Refusal, match="begin at its top"):
            wall.find(VISITOR, ALL, after=after)


async def test_a_job_is_told_in_display_order_and_its_pictures_by_name(studio: Studio) -> None:
    job = await studio.draw(*(png(number) for number in range(12)), publish=False)
    await studio.publications.publish(Member(1, "Mina"), job.id, [11, 2, 9])
    async with studio.showing() as wall:
        await until(lambda: wall.statistics.total_images == 3)
        assert [each.number for each in wall.of_job(VISITOR, job.name)] == [2, 9, 11]
        named = wall.picture(VISITOR, f"{job.name}-c009")
        assert named is not None and named.number == 9
        assert wall.picture(VISITOR, f"{job.name}-c001") is None
        assert wall.of_job(VISITOR, "S999") == ()


async def test_the_same_picture_of_two_servers_is_seen_on_both_and_stays_when_one_goes(studio: Studio) -> None:
    here = await studio.draw(png(1))
    there = await studio.draw(png(1), guild=OTHER)
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total and wall.find(STRANGER, ALL).total)
        thumb = wall.thumb(wall.find(VISITOR, ALL).pictures[0]).name
        assert wall.statistics.total_images == 1
        await studio.publications.take_down(here.id)
        wall.touch()
        await until(lambda: not wall.find(VISITOR, ALL).total)
        assert await wall.blob(VISITOR, thumb) is None
        assert await wall.blob(STRANGER, thumb) is not None
        await studio.publications.take_down(there.id)
        wall.touch()
        await until(lambda: not wall.statistics.total_images)
        assert await wall.blob(STRANGER, thumb) is None
        assert studio.cached() == []


async def test_two_pictures_that_look_alike_share_a_thumbnail_and_not_their_fate(studio: Studio) -> None:
    job = await studio.draw(png(1), png(1, recipe=resolve({"prompt": "x"}, seed=5)))
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total == 2)
        one, two = wall.of_job(VISITOR, job.name)
        assert wall.thumb(one) == wall.thumb(two) and wall.full(one) != wall.full(two)
        await studio.publications.hide(OPERATOR.acts_on(GUILD), job.id, 2, True)
        wall.touch()
        await until(lambda: wall.find(VISITOR, ALL).total == 1)
        assert await wall.blob(VISITOR, wall.thumb(one).name) is not None
        assert await wall.blob(VISITOR, wall.full(two).name) is None
        await wall.forget([two.image or ""])
        assert await wall.blob(VISITOR, wall.thumb(one).name) is not None


@pytest.mark.parametrize("visitors", list(Visitors))
async def test_who_takes_a_freed_name_shows_nothing_of_who_had_it(studio: Studio, visitors: Visitors) -> None:
    before, after = png(1), png(2)
    first = await studio.draw(before, person="cleo", title="the first one's")
    job = await studio.draw(after, person="cleo", title="the second one's")
    async with studio.sessions.begin() as session:
        earlier = update(ItemRow).where(ItemRow.job_id == first.id)
        await session.execute(earlier.values(settled_at=datetime.now(UTC) - timedelta(days=2)))
    folder = studio.lay("cleo", guild=GUILD)
    record = json.loads((folder / "person.json").read_text())
    (folder / "person.json").write_text(json.dumps(record | {"added_at": ago(days=1)}))
    studio.whitelist("people: [cleo]")
    async with studio.showing(visitors=visitors) as wall:
        await wall.settled()
        assert names(wall.find(VISITOR, ALL).pictures) == [f"{job.name}-c001"]
        assert wall.people(VISITOR)[0].pictures == 1 and wall.choices(VISITOR).people == (("cleo", "cleo", 1),)
        assert [name for name, _, _ in wall.choices(VISITOR).jobs] == [job.name]
        assert wall.of_job(VISITOR, first.name) == () and wall.picture(VISITOR, f"{first.name}-c001") is None
        (old,) = [each for each in await studio.publications.changed() if each.job == first.name]
        for media in (wall.thumb(old), wall.full(old)):
            assert await wall.blob(VISITOR, media.name) is None and await wall.blob(OPERATOR, media.name) is None
        (seen,) = wall.find(VISITOR, ALL).pictures
        assert await wall.blob(VISITOR, wall.full(seen).name) is not None
    record = json.loads((studio.lay("cleo") / "person.json").read_text())
    (folder / "person.json").write_text(json.dumps(record | {"added_at": ago(days=1)}))
    async with studio.showing(visitors=visitors) as wall:
        await wall.settled()
        assert wall.find(VISITOR, ALL).total == 2, "a folder that was laid by hand is the operator's own doing"


async def test_consent_that_was_narrowed_is_seen_by_who_asks_for_it_at_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def blind(*_: object) -> AsyncIterator[set[Path]]:
        return
        yield set()

    monkeypatch.setattr(keeper, "changes", blind)
    studio.lay("cleo", guild=GUILD)
    studio.whitelist("people: [cleo]")
    await studio.draw(png(1), person="cleo")
    async with studio.showing() as wall:
        await wall.settled()
        assert wall.find(VISITOR, ALL).total == 1 and wall.listed == {"cleo"}
        studio.lay("cleo", guild=GUILD, scope="draw")
        await wall.people_anew()
        assert wall.find(VISITOR, ALL).total == 0 and wall.people(VISITOR) == ()


async def test_consent_that_another_console_narrowed_is_seen_within_seconds_where_no_folder_can_be_watched(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def blind(*_: object) -> AsyncIterator[set[Path]]:
        return
        yield set()

    monkeypatch.setattr(keeper, "changes", blind)
    studio.lay("cleo", guild=GUILD)
    studio.whitelist("people: [cleo]")
    await studio.draw(png(1), person="cleo")
    async with studio.showing() as wall:
        await wall.settled()
        await asyncio.sleep(2 * keeper.LOOK_SECONDS)  # past the first look, which always reads the folders
        studio.lay("cleo", guild=GUILD, scope="draw")
        await until(lambda: not wall.find(VISITOR, ALL).total, 15)
