"""What the use cases need from the outside: stores, a renderer, a channel. Each has a real adapter."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.gate import Hit
from bot.domain.job import Job, Member, Progress
from bot.domain.person import Added, Person, PhotoSeen, Receipt, Scope
from bot.domain.wall import Blob, Choices, Found, Media, Provenance, Published, Query, Sitter, Statistics, Visitor
from sweeps.parameters import Value
from sweeps.plan import Pace
from sweeps.recipe import Recipe


class ImageStore(Protocol):
    """Finished pictures, addressed by their content's SHA-256."""

    async def put(self, png: bytes) -> str: ...
    async def get(self, image: str) -> bytes: ...
    def read(self, image: str) -> bytes: ...
    async def keep(self, image: str, png: bytes) -> None:
        """Store the picture of that SHA-256 again, if it is not there any more."""
        ...

    async def remove(self, image: str, older: float = 0.0) -> bool:
        """Delete a picture's file; False where there was none, or it was put there in the last `older` seconds."""
        ...

    def old(self, seconds: float) -> AsyncIterator[list[tuple[str, float]]]:
        """The pictures that were put there longer ago, some at a time, each with when that was (POSIX time)."""
        ...


class FaceStore(Protocol):
    """People and their photos; whose they are, and who agreed to what, is recorded beside them."""

    def names(self, member: Member | None = None) -> list[str]:
        """The names of the people whom the member may draw, in order; None: of whom anybody may. Reads the disk."""
        ...

    async def everybody(self) -> list[Person]:
        """All people, in order, whoever may draw them."""
        ...

    async def people(self, member: Member) -> list[Person]:
        """The people whom the member may draw, or whose photos or consent are in their hands, in order."""
        ...

    async def person(self, member: Member, name: str) -> Person:
        """One of `people`. Raises NotFound, ConsentEnded."""
        ...

    async def drawable(self, name: str, member: Member | None) -> Person:
        """The person of exactly that name, if the member may draw them now; reads no photo.

        None asks for nobody's leave: who draws on the operator's own machine. Raises NotFound, NotYours, ConsentEnded,
        NoRights.
        """
        ...

    async def photos(self, name: str, member: Member | None) -> tuple[bytes, ...]:
        """The photos of a person who is `drawable`, in the order of their names. Raises as that does."""
        ...

    async def album(self, name: str, member: Member) -> dict[str, bytes]:
        """The photos of one of `people` by the names of their files. Raises NotFound, ConsentEnded, NoRights."""
        ...

    async def add(
        self, member: Member, name: str, photos: Sequence[tuple[str, bytes]], shared: bool | None, consent: str
    ) -> Added:
        """Add uploads (name, bytes): all of them, or none. Raises BadName, BadUpload, NotYours, Refusal."""
        ...

    async def share(self, member: Member, name: str, shared: bool) -> Person:
        """Let the member's server draw a person, or stop that. Raises NotFound, NotYours, ConsentEnded."""
        ...

    async def consent(
        self, member: Member, name: str, scope: Scope, expires_at: datetime | None, statement: str
    ) -> Person:
        """Record that the member agrees to the statement: what a person's pictures are for, and until when.

        Raises NotFound, NotYours, ConsentEnded where it was revoked, NoRights.
        """
        ...

    async def revoke(self, member: Member, name: str) -> Person:
        """End a person's consent for good; they are `revoked`. Raises NotFound, NotYours, NoRights."""
        ...

    async def delete(self, name: str) -> None:
        """Delete the photos and the record of a person who is `revoked`."""
        ...

    async def remove(self, member: Member, name: str, photo: str | None = None) -> Receipt:
        """Delete a person, or one photo by its name. Raises NotFound, NotYours, NoRights."""
        ...


@dataclass(frozen=True)
class Drawn:
    """A picture as PNG bytes, and notes for the member.

    `bases` and `passes` (over faces) were drawn for it; both are 0 where all of it was remembered.
    """

    png: bytes
    notes: tuple[str, ...] = ()
    bases: int = 1
    passes: int = 0


class Renderer(Protocol):
    """Recipes in, PNG bytes out."""

    @property
    def defaults(self) -> Mapping[str, Value]:
        """What the family's card puts in place of the catalogue's defaults."""
        ...

    @property
    def slots(self) -> int:
        """How many recipes are worth handing over at one time."""
        ...

    def pace(self) -> Pace | None:
        """How fast images lately advanced; None before anything was drawn."""
        ...

    async def measured(self, patience: float) -> None:
        """Returns when `pace` has been measured, at the latest after `patience` seconds."""
        ...

    def check(self, recipe: Recipe) -> None:
        """Raises CannotDraw with a sentence if this renderer cannot draw the recipe."""
        ...

    async def draw(
        self,
        recipe: Recipe,
        *,
        owner: str,
        urgent: bool,
        should_stop: Callable[[], bool],
        photos: Mapping[str, Sequence[bytes]],
        canvas: bytes | None,
    ) -> Drawn:
        """The picture. Raises CannotDraw or Interrupted.

        `photos` holds those of each of the recipe's people by name, `canvas` the picture that its `photo` names.
        """
        ...

    async def look(self, photo: bytes) -> PhotoSeen:
        """The faces in a photo, turned upright as its EXIF says. Raises CannotDraw where it cannot be opened."""
        ...

    async def forget(self) -> None:
        """Let go of all that is remembered of anybody's photos and pictures; what is being drawn goes on."""
        ...


@dataclass(frozen=True)
class Idea:
    """What a picture of a person could show: a prompt that reads well behind "man img, …", and what to avoid."""

    prompt: str
    negative_prompt: str
    tags: tuple[str, ...]


class Ideas(Protocol):
    """A theme in, ideas out. All differ; the grammar gives equal ones for an equal theme and seed.

    `person` says for whom they are ("woman", "an old man in a wheelchair"): it stands in none, and none contradicts it.
    """

    def theme(self, typed: str) -> str:
        """The theme as it stands in the ideas: plain words, fewer where many were typed."""
        ...

    async def ideas(self, theme: str, count: int, seed: int, person: str = "") -> list[Idea]: ...


class Channel(Protocol):
    """Where answers appear. A post with the same nonce, tried again within minutes, appears once.

    `part` names what the files belong to where the job's layout keeps its parts apart; the `last` sheet of all tells
    the member who asked.
    Raises CannotPost for files it will not take, CannotDeliver when it takes nothing at all, for good; everything else
    that it raises will pass.
    """

    async def answers(self) -> bool:
        """Whether anything can be asked of it now."""
        ...

    async def find(
        self, job: Job, names: Collection[str], known: Collection[int] = (), *, since: datetime | None = None
    ) -> int | None:
        """The message that carries these files already, if there is one that is not `known`.

        A nonce is remembered for minutes only. `since` is when the message was first tried; None: when the job began.
        """
        ...

    async def post_results(self, job: Job, files: Sequence[tuple[str, bytes]], nonce: str, part: str = "") -> int: ...
    async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int: ...
    async def renew_sheet(self, job: Job, message_id: int, sheet: bytes, part: str = "") -> None:
        """Put another sheet in the place of the one in that message, which is gone then. No message left is well."""
        ...

    async def withdraw(self, channel_id: int, message_id: int, files: Collection[str] | None) -> None:
        """Take these files out of a message of ours, or (None) delete it. One that is gone already is well.

        Raises CannotDeliver where that will never be possible; everything else that it raises will pass.
        """
        ...

    async def show(
        self, job: Job, progress: Progress, remarks: Sequence[tuple[str, str]], *, pausing: bool = False
    ) -> None: ...


class Memberships(Protocol):
    """Who somebody is on the servers that the console is on, as Discord says now (or said within a minute)."""

    async def of(self, member_id: int) -> tuple[Member, ...]:
        """The user as a member of each of those servers; empty where they are on none.

        Raises Unavailable where Discord does not answer and nothing is remembered.
        """
        ...


class Gate(Protocol):
    """What an operator does not want drawn, or not posted."""

    def prompt(self, text: str) -> Hit | None:
        """What in a prompt, a title, a label or a person's name stands on the word list."""
        ...

    async def image(self, png: bytes) -> Hit | None:
        """What a classifier sees in a picture that should be hidden or withheld; None without a classifier."""
        ...

    def place(self, member: Member, channel_id: int) -> None:
        """Whether the member's roles may draw in that channel, or in that thread of one. Raises Refusal."""
        ...

    def spoiler(self, member: Member, channel_id: int) -> bool:
        """Whether all that the member draws in that channel goes behind spoilers."""
        ...


class Gallery(Protocol):
    """The wall as visitors see it, out of memory: nobody is shown what they may not see.

    A picture is seen where it is published, by members of its server (by everyone, where the operator says so), unless
    an operator has hidden it, and only while each person in it is on the whitelist and consents to the wall.
    """

    @property
    def title(self) -> str:
        """How the operator calls the wall; empty where it has no name of its own."""
        ...

    @property
    def statistics(self) -> Statistics: ...

    @property
    def for_everyone(self) -> bool:
        """Whether it is shown to whoever has the address, rather than to members."""
        ...

    @property
    def listed(self) -> Collection[str]:
        """The people whom the operator lets be shown, where they consent to it."""
        ...

    def people(self, visitor: Visitor) -> tuple[Sitter, ...]:
        """Who is on the wall, in the order of the whitelist."""
        ...

    def find(
        self,
        visitor: Visitor,
        query: Query,
        *,
        starred: Collection[tuple[int, int]] = (),
        after: str | None = None,
        limit: int = 60,
    ) -> Found:
        """Pictures that fit; `starred` are the visitor's own stars by job and number.

        Raises Refusal for an `after` that was never given out.
        """
        ...

    def picture(self, visitor: Visitor, name: str) -> Published | None:
        """The picture of that name, e.g. S42-c017, if the visitor may see it."""
        ...

    def of_job(self, visitor: Visitor, job: str) -> tuple[Published, ...]:
        """All pictures of a job, e.g. S42, that the visitor may see, in display order."""
        ...

    def choices(self, visitor: Visitor) -> Choices: ...

    def thumb(self, picture: Published) -> Media: ...

    def full(self, picture: Published) -> Media: ...

    async def blob(self, visitor: Visitor, name: str) -> Blob | None:
        """The file behind a Media's name, if the visitor may see what it shows."""
        ...

    async def provenance(self, picture: Published) -> Provenance | None:
        """What the picture, as it is served, says of its origin; None where it is not signed."""
        ...

    async def reload(self) -> Statistics:
        """Read all of it anew."""
        ...

    def touch(self) -> None:
        """Something changed in the store; look soon."""
        ...

    async def people_anew(self) -> None:
        """Look at once at who may be shown: what consent does not cover any more is seen by nobody when it returns."""
        ...

    async def forget(self, images: Collection[str]) -> None:
        """Drop these pictures (SHA-256), and every file that was made of them, at once."""
        ...
