"""A small wall in memory for tests of the pages: pictures that were hung by hand, and who looks at them."""

import hashlib
import io
from collections.abc import Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from bot.domain.account import Act, WebSession
from bot.domain.erasure import ErasureReceipt
from bot.domain.errors import NotFound, NotYours, Refusal
from bot.domain.gate import Cause, Decided, Incident, IncidentState, Waiting
from bot.domain.job import Layout, Member
from bot.domain.ports import Gallery
from bot.domain.wall import (
    Blob,
    Choices,
    Found,
    Mark,
    Media,
    Provenance,
    Published,
    Query,
    Sitter,
    Statistics,
    Visitor,
)
from bot.jobs.moderation import Moderation
from bot.web import api, assets, media, moderation, pages
from bot.web.errors import sentences
from bot.web.keys import DISCORD_PAGES, GALLERY, MODERATION, PUBLICATIONS, TEMPLATES, USUAL
from bot.web.messages import DISCORD
from bot.web.recipes import catalogued
from bot.web.rendering import environment
from bot.web.session import DOORKEEPER, Doorkeeper, Known
from sweeps.parameters import CATALOGUE
from sweeps.recipe import Recipe, resolve

SERVER, OTHER_SERVER = 7, 8
MINA, OLGA = Member(2**53 + 1, "Mina", guild_id=SERVER), Member(4, "Olga", True, SERVER)
NOBODY = Visitor()
LOOKING = Visitor(MINA.id, "Mina", frozenset({SERVER}))
OPERATING = Visitor(OLGA.id, "Olga", frozenset({SERVER}), frozenset({SERVER}))
ELSEWHERE = Visitor(9, "Otto", frozenset({OTHER_SERVER}), frozenset({OTHER_SERVER}))
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
TOKEN = "the-token-of-this-browser"


def drawn(number: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """A plain PNG; another number is another colour."""
    file = io.BytesIO()
    Image.new("RGB", size, (number * 41 % 256, number * 23 % 256, 140)).save(file, "PNG")
    return file.getvalue()


def recipe(**settings: Any) -> Recipe:
    return resolve({"prompt": "a portrait of a woman", "seed": 1, **settings})


@dataclass
class Exhibition:
    """The Gallery port on a dictionary, and the Publications port beside it."""

    pictures: dict[str, Published] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes, Media]] = field(default_factory=dict)
    small: dict[str, Media] = field(default_factory=dict)
    large: dict[str, Media] = field(default_factory=dict)
    sitters: list[Sitter] = field(default_factory=list)
    given: dict[tuple[int, int, int], Mark] = field(default_factory=dict)
    signed: Provenance | None = None
    broken: Exception | None = None
    title: str = "Our wall"
    reloads: int = 0
    for_everyone: bool = False

    def hang(self, png: bytes | None = None, *, job: int = 1, guild: int = SERVER, **more: Any) -> Published:
        """Put a picture up."""
        number = sum(1 for each in self.pictures.values() if each.job_id == job)
        png = png or drawn(len(self.pictures))
        settings = more.pop("settings", {})
        picture = Published(
            job_id=job,
            number=number,
            job=more.pop("named", f"S{job}"),
            cell=f"c{number + 1:03d}",
            image=hashlib.sha256(png).hexdigest(),
            recipe=more.pop("recipe", None) or recipe(**settings),
            guild_id=guild,
            **{
                "kind": "sweep", "title": "first steps", "owner": MINA, "channel_id": 10, "message_id": 11,
                "layout": Layout(), "at": None, "drawn_at": NOON, "published_at": NOON, "changed_at": NOON, **more,
            },
        )  # fmt: skip
        self.pictures[picture.name] = picture
        image = Image.open(io.BytesIO(png))
        self.large[picture.name] = self._file(picture.name, png, "png", image.size)
        image.thumbnail((480, 480))
        thumb = io.BytesIO()
        image.save(thumb, "WEBP")
        self.small[picture.name] = self._file(picture.name, thumb.getvalue(), "webp", image.size)
        return picture

    def seat(self, name: str, title: str, *photos: bytes) -> None:
        """Put a person on the wall."""
        shown = tuple(self._file("", photo, "png", Image.open(io.BytesIO(photo)).size) for photo in photos)
        self.sitters.append(Sitter(name, title, shown, 0))

    def _file(self, of: str, data: bytes, ending: str, size: tuple[int, int]) -> Media:
        shown = Media(f"{hashlib.sha256(data).hexdigest()}.{ending}", *size)
        self.files[shown.name] = (of, data, shown)
        return shown

    def _sees(self, visitor: Visitor, picture: Published) -> bool:
        if picture.guild_id not in visitor.guilds or (picture.hidden and picture.guild_id not in visitor.operates):
            return False
        return set(picture.recipe.people) <= {sitter.name for sitter in self.sitters}

    # ── Gallery ──

    @property
    def statistics(self) -> Statistics:
        sizes = [len(data) for _, data, _ in self.files.values()]
        return Statistics(len(sizes), sum(sizes), len(sizes), NOON)

    def people(self, visitor: Visitor) -> tuple[Sitter, ...]:
        if not visitor.guilds:
            return ()
        seen = [picture for picture in self.pictures.values() if self._sees(visitor, picture)]
        count = {s.name: sum(s.name in picture.recipe.people for picture in seen) for s in self.sitters}
        return tuple(replace(sitter, pictures=count[sitter.name]) for sitter in self.sitters)

    def find(
        self,
        visitor: Visitor,
        query: Query,
        *,
        starred: Collection[tuple[int, int]] = (),
        after: str | None = None,
        limit: int = 60,
    ) -> Found:
        if self.broken is not None:
            raise self.broken
        if after is not None and not after.isdecimal():
            raise Refusal("This page of the wall cannot be found any more; begin at its top.")

        def fits(picture: Published) -> bool:
            text = f"{picture.recipe.prompt}\n{picture.title}".lower()
            return (
                self._sees(visitor, picture)
                and all(word.lower() in text for word in query.words)
                and (not query.person or query.person in picture.recipe.people)
                and (not query.job or query.job == picture.job)
                and (query.member_id is None or query.member_id == picture.owner.id)
                and picture.rating >= (query.least_rating or 0)
                and (not query.starred or (picture.job_id, picture.number) in starred)
                and all(
                    CATALOGUE[name].show(getattr(picture.recipe, name)) == value
                    for name, value in query.parameters.items()
                )
            )

        found = [picture for picture in self.pictures.values() if fits(picture)]
        begin = int(after or 0)
        end = begin + limit
        return Found(tuple(found[begin:end]), len(found), str(end) if end < len(found) else None)

    def picture(self, visitor: Visitor, name: str) -> Published | None:
        found = self.pictures.get(name)
        return found if found and self._sees(visitor, found) else None

    def of_job(self, visitor: Visitor, job: str) -> tuple[Published, ...]:
        return tuple(each for each in self.pictures.values() if each.job == job and self._sees(visitor, each))

    def choices(self, visitor: Visitor) -> Choices:
        seen = [picture for picture in self.pictures.values() if self._sees(visitor, picture)]

        def counted(values: list[Any]) -> list[tuple[Any, int]]:
            return [(value, values.count(value)) for value in dict.fromkeys(values)]

        shown = {
            name: counted([parameter.show(getattr(each.recipe, name)) for each in seen])
            for name, parameter in CATALOGUE.items()
            if name not in ("prompt", "negative_prompt", "face_folder")
        }
        return Choices(
            tuple((sitter.name, sitter.title, sitter.pictures) for sitter in self.people(visitor)),
            tuple((job, title, count) for (job, title), count in counted([(each.job, each.title) for each in seen])),
            tuple((id_, name, count) for (id_, name), count in counted([(e.owner.id, e.owner.name) for e in seen])),
            {name: tuple(values) for name, values in shown.items() if len(values) > 1},
        )

    def thumb(self, picture: Published) -> Media:
        return self.small[picture.name]

    def full(self, picture: Published) -> Media:
        return self.large[picture.name]

    async def blob(self, visitor: Visitor, name: str) -> Blob | None:
        of, data, _ = self.files.get(name, ("", b"", None))
        allowed = self.picture(visitor, of) is not None if of else bool(visitor.guilds and data)
        return Blob(data, "image/webp" if name.endswith("webp") else "image/png") if allowed else None

    async def provenance(self, picture: Published) -> Provenance | None:
        return self.signed

    async def reload(self) -> Statistics:
        self.reloads += 1
        return self.statistics

    def touch(self) -> None:
        pass

    async def forget(self, images: Collection[str]) -> None:
        pass

    @property
    def listed(self) -> Collection[str]:
        return [sitter.name for sitter in self.sitters]

    async def people_anew(self) -> None:
        pass

    # ── Publications ──

    async def publish(self, actor: Member, job_id: int, numbers: Collection[int] | None = None) -> int:
        raise NotImplementedError

    async def take_down(self, job_id: int, numbers: Collection[int] | None = None, *, by: Member | None = None) -> int:
        raise NotImplementedError

    async def changed(self, since: datetime | None = None) -> list[Published]:
        return list(self.pictures.values())

    async def hide(self, actor: Member, job_id: int, number: int, hidden: bool) -> None:
        self._set(job_id, number, hidden=hidden)

    async def star(self, job_id: int, number: int, member_id: int, starred: bool) -> Published:
        key = (job_id, number, member_id)
        self.given[key] = replace(self.given.get(key, Mark()), starred=starred)
        return self._counted(job_id, number)

    async def rate(self, job_id: int, number: int, member_id: int, rating: int | None) -> Published:
        key = (job_id, number, member_id)
        self.given[key] = replace(self.given.get(key, Mark()), rating=rating)
        return self._counted(job_id, number)

    async def mark(self, job_id: int, number: int, member_id: int) -> Mark:
        return self.given.get((job_id, number, member_id), Mark())

    async def starred(self, member_id: int) -> frozenset[tuple[int, int]]:
        return frozenset(
            (job, number) for (job, number, whose), m in self.given.items() if whose == member_id and m.starred
        )

    def _counted(self, job_id: int, number: int) -> Published:
        marks = [mark for (job, at, _), mark in self.given.items() if (job, at) == (job_id, number)]
        rated = [mark.rating for mark in marks if mark.rating is not None]
        mean = sum(rated) / len(rated) if rated else 0.0
        stars = sum(mark.starred for mark in marks)
        return self._set(job_id, number, stars=stars, ratings=len(rated), rating=mean)

    def _set(self, job_id: int, number: int, **what: Any) -> Published:
        (picture,) = (each for each in self.pictures.values() if (each.job_id, each.number) == (job_id, number))
        self.pictures[picture.name] = replace(picture, **what)
        return self.pictures[picture.name]


@dataclass
class Bench:
    """The judges' bench: what Moderation does, on an Exhibition."""

    shown: Exhibition
    withheld: list[Incident] = field(default_factory=list)
    reloaded_by: list[Member] = field(default_factory=list)
    receipt: ErasureReceipt = field(default_factory=lambda: ErasureReceipt(1, 1, 2, 1, 0))
    mistakes: list[str] = field(default_factory=list)
    acts: list[tuple[int, Act]] = field(default_factory=list)
    """What was done, each with the server."""

    def withhold(self, prompt: str, what: str, image: str | None = "ab" * 32, **more: Any) -> Incident:
        number = len(self.withheld) + 1
        incident = Incident(
            id=number, at=NOON, cause=Cause.PROMPT, what=what, score=None, prompt=prompt, member_id=MINA.id,
            member="Mina", guild_id=SERVER, job_id=1, number=number, image=image, state=IncidentState.OPEN,
        )  # fmt: skip
        incident = replace(incident, **more)
        of_a_job = incident.job_id is not None
        incident = replace(incident, picture=f"S{incident.job_id}-c{number:03d}" if of_a_job else "")
        self.withheld.append(incident)
        return self.withheld[-1]

    async def hide(self, actor: Member, job_id: int, number: int, hidden: bool) -> None:
        self._allow(actor)
        await self.shown.hide(actor, job_id, number, hidden)
        self._note(actor, "hide" if hidden else "show", f"S{job_id}-c{number + 1:03d}")

    async def delete(self, actor: Member, job_id: int, number: int) -> ErasureReceipt:
        self._allow(actor)
        for name, picture in list(self.shown.pictures.items()):
            if (picture.job_id, picture.number) == (job_id, number):
                del self.shown.pictures[name]
                self._note(actor, "delete", name, gone=self.receipt.kept())
        return self.receipt

    async def last(self, actor: Member, target: str, acts: Collection[str]) -> Act | None:
        theirs = [act for guild, act in self.acts if guild == actor.guild_id and act.target == target]
        return next((act for act in reversed(theirs) if act.act in acts), None)

    def _note(self, actor: Member, act: str, target: str, **detail: Any) -> None:
        assert actor.guild_id is not None
        self.acts.append((actor.guild_id, Act(NOON, actor.id, actor.name, act, target, detail)))

    async def reload(self, actor: Member, gallery: Gallery) -> Statistics:
        self._allow(actor)
        self.reloaded_by.append(actor)
        return await gallery.reload()

    def gate_mistake(self, actor: Member) -> list[str]:
        self._allow(actor)
        return self.mistakes

    async def incidents(
        self, actor: Member, limit: int = 25, *, after: int | None = None, drawn: bool | None = None
    ) -> list[Incident]:
        older = [each for each in reversed(self._open(actor)) if after is None or each.id < after]
        return [each for each in older if drawn is None or (each.image is not None) == drawn][:limit]

    async def waiting(self, actor: Member) -> tuple[int, int]:
        drawn = sum(each.image is not None for each in self._open(actor))
        return drawn, len(self._open(actor)) - drawn

    def _open(self, actor: Member) -> list[Incident]:
        self._allow(actor)
        return [each for each in self.withheld if each.guild_id == actor.guild_id and each.state is IncidentState.OPEN]

    async def picture(self, actor: Member, incident_id: int) -> bytes | None:
        return drawn(incident_id) if self._one(actor, incident_id).image else None

    async def by_job(self, actor: Member) -> list[Waiting]:
        ids: dict[int, list[int]] = {}
        for each in self._open(actor):
            if each.image and each.job_id:
                ids.setdefault(each.job_id, []).append(each.id)
        return [Waiting(job, f"S{job}", len(its), max(its)) for job, its in ids.items() if len(its) > 1]

    async def release(self, actor: Member, incident_id: int) -> Incident:
        incident = self._decide(actor, incident_id, IncidentState.RELEASED)
        self._note(actor, "release", incident.name, member=incident.member)
        return incident

    async def drop(self, actor: Member, incident_id: int) -> Incident:
        incident = self._decide(actor, incident_id, IncidentState.DELETED)
        gone = {"gone": {"pictures": 1, "files": 1}} if incident.image else {}
        self._note(actor, "drop", incident.name, **gone)
        return incident

    async def job_name(self, actor: Member, job_id: int) -> str:
        if not any(each.job_id == job_id for each in self._open(actor)):
            raise NotFound("There is no such job.")
        return f"S{job_id}"

    async def release_all(self, actor: Member, job_id: int, last: int) -> Decided:
        done = self._decide_all(actor, job_id, last, IncidentState.RELEASED)
        self._note(actor, "release", done.job, pictures=done.pictures)
        return done

    async def drop_all(self, actor: Member, job_id: int, last: int) -> Decided:
        done = self._decide_all(actor, job_id, last, IncidentState.DELETED)
        self._note(actor, "drop", done.job, gone={"pictures": done.pictures, "files": done.pictures})
        return done

    def _decide_all(self, actor: Member, job_id: int, last: int, state: IncidentState) -> Decided:
        those = [each for each in self._open(actor) if each.job_id == job_id and each.image and each.id <= last]
        if not those:
            raise NotFound("There is no such job.")
        for each in those:
            self._decide(actor, each.id, state)
        return Decided(f"S{job_id}", len(those))

    def _decide(self, actor: Member, incident_id: int, state: IncidentState) -> Incident:
        incident = self._one(actor, incident_id)
        self.withheld[self.withheld.index(incident)] = decided = replace(incident, state=state)
        return decided

    def _one(self, actor: Member, incident_id: int) -> Incident:
        self._allow(actor)
        for incident in self.withheld:
            if incident.id == incident_id:
                if incident.guild_id != actor.guild_id:
                    raise NotYours("That incident is another server's.")
                return incident
        raise NotFound("There is no such incident.")

    def _allow(self, actor: Member) -> None:
        if not actor.operator:
            raise NotYours("Only operators may do that.")


class Door:
    """Lets in whoever it was told to, in place of cookies."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor

    async def known(self, request: web.Request) -> Known | None:
        session = WebSession("session", self.visitor.member_id, {}, NOON, NOON)
        return Known("secret", TOKEN, session, self.visitor)


def application(shown: Exhibition, visitor: Visitor, bench: Bench | None = None) -> web.Application:
    """The pages over that exhibition, as that visitor sees them."""
    app = web.Application(middlewares=[sentences])
    app[GALLERY] = shown
    app[PUBLICATIONS] = shown
    app[MODERATION] = cast(Moderation, bench or Bench(shown))
    app[USUAL] = catalogued
    app[DISCORD_PAGES] = DISCORD
    app[TEMPLATES] = environment()
    app[DOORKEEPER] = cast(Doorkeeper, Door(visitor))
    for routes in (pages, api, media, moderation, assets):
        app.add_routes(routes.routes())
    return app


@asynccontextmanager
async def visiting(shown: Exhibition, visitor: Visitor = LOOKING, bench: Bench | None = None) -> Any:
    """A client that looks at the exhibition as that visitor."""
    async with TestClient(TestServer(application(shown, visitor, bench))) as client:
        yield client


PAGE: Mapping[str, str] = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


def grid(shown: Exhibition, rows: int = 2, columns: int = 3, job: int = 1) -> Iterator[Published]:
    """A sweep of guidance down and steps across, hung cell by cell."""
    guidance, steps = [4.0 + row for row in range(rows)], [10 * (column + 1) for column in range(columns)]
    layout = Layout(
        (("guidance_scale", tuple(f"{value:g}" for value in guidance)), ("steps", tuple(map(str, steps)))),
        "guidance_scale",
        "steps",
    )
    for row, scale in enumerate(guidance):
        for column, count in enumerate(steps):
            yield shown.hang(
                job=job,
                layout=layout,
                at={"guidance_scale": row, "steps": column},
                settings={"guidance_scale": scale, "steps": count},
                title="guidance against steps",
            )
