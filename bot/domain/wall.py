"""The wall: pictures that were published, who sees them, and how a visitor seeks among them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.domain.errors import NotFound
from bot.domain.job import Layout, Member
from sweeps.recipe import Recipe
from sweeps.words import quote

LEAST_RATING, MOST_RATING = 1, 5
BEHIND_SPOILERS = frozenset({"prompt"})
"""Parameters that may say what a picture is hidden for."""


PICTURE = re.compile(r"([a-z])(\d{1,9})-(c\d{1,9})", re.IGNORECASE)


def picture_name(text: str) -> tuple[int, str]:
    """The job's number and the cell that a picture's name means: S42-c017 is (42, "c017"). Raises NotFound."""
    found = PICTURE.fullmatch(text.strip().removesuffix(".png").removeprefix("SPOILER_"))
    if found is None:
        raise NotFound(f"There is no picture {quote(text[:40])}; pictures are called like S42-c017.")
    return int(found[2]), found[3].lower()


class Visitors(StrEnum):
    """Who may look at the wall: members of the servers the console is on, or everyone who has the address."""

    MEMBERS = "members"
    EVERYONE = "everyone"


@dataclass(frozen=True)
class Visitor:
    """Who looks at the wall. Without a `member_id` nobody has signed in.

    `guilds` are the servers that they and the console are on, `operates` those of them where they are an operator.
    """

    member_id: int | None = None
    name: str = ""
    guilds: frozenset[int] = frozenset()
    operates: frozenset[int] = frozenset()

    def acts_on(self, guild_id: int | None) -> Member:
        """The visitor as who acts on that server. Raises ValueError where nobody has signed in."""
        if self.member_id is None:
            raise ValueError("nobody has signed in")
        return Member(self.member_id, self.name, guild_id in self.operates, guild_id)


@dataclass(frozen=True)
class Published:
    """A picture on the wall: one item of a job, that was put there, and what became of it.

    `image` is the SHA-256 of its PNG; None where it was taken down or deleted, and then nobody sees it. `hidden` is an
    operator's doing, who alone sees it then. `at` is its index on each axis of `layout`. `stars` count the members who
    starred it, `ratings` those who rated it, and `rating` is their mean, 1 to 5 (0.0 without any). `changed_at` is when
    any of this last changed.
    """

    job_id: int
    number: int
    job: str
    cell: str
    kind: str
    title: str
    image: str | None
    recipe: Recipe
    owner: Member
    guild_id: int | None
    channel_id: int
    message_id: int | None
    layout: Layout
    at: Mapping[str, int] | None
    drawn_at: datetime
    published_at: datetime
    changed_at: datetime
    hidden: bool = False
    spoiler: bool = False
    stars: int = 0
    ratings: int = 0
    rating: float = 0.0

    @property
    def name(self) -> str:
        """How it is called, in its address too: S42-c017."""
        return f"{self.job}-{self.cell}"

    def title_for(self, visitor: Visitor) -> str:
        """Its job's title, as that visitor reads it; empty where it stays behind the picture's spoiler.

        Of /imagine it is the prompt, for which the gate may have hidden the picture.
        """
        return "" if self.kept_from(visitor) else self.title

    def kept_from(self, visitor: Visitor) -> frozenset[str]:
        """The parameters of its recipe that stay behind its spoiler; its owner and operators read all of them.

        Pages, the API and what is sought leave them out; the file itself carries its whole recipe.
        """
        theirs = visitor.member_id == self.owner.id or self.guild_id in visitor.operates
        return frozenset() if theirs or not self.spoiler else BEHIND_SPOILERS


@dataclass(frozen=True)
class Mark:
    """What one member thinks of a picture: starred or not, and 1 to 5 or nothing."""

    starred: bool = False
    rating: int | None = None


class Order(StrEnum):
    """In which order pictures are shown."""

    NEWEST = "newest"
    BEST = "best"
    STARRED = "starred"


@dataclass(frozen=True)
class Query:
    """What a visitor looks for; what is empty or None does not narrow it.

    `words` must all stand in the prompt or the title, whatever their case. `parameters` are values of the catalogue by
    name, as they are shown; of a number also a range with both its ends, "5..7.5". `least_rating` is 1 to 5; `starred`
    asks for the visitor's own stars.
    """

    words: tuple[str, ...] = ()
    person: str = ""
    job: str = ""
    member_id: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    least_rating: int | None = None
    starred: bool = False
    order: Order = Order.NEWEST


@dataclass(frozen=True)
class Statistics:
    """How much the wall holds: pictures and photos known, their bytes on disk, and how many are in memory.

    `last_updated` is when the wall last learned of a change; None before it was first read.
    """

    total_images: int
    total_size_bytes: int
    images_loaded: int
    last_updated: datetime | None


@dataclass(frozen=True)
class Media:
    """A file as the wall serves it: `name` is the SHA-256 of its bytes with its ending, e.g. `ab12….webp`.

    So what is behind a name never changes. `width` and `height` are in pixels.
    """

    name: str
    width: int
    height: int


@dataclass(frozen=True)
class Blob:
    """A file's bytes and what they are, e.g. `image/webp`."""

    data: bytes
    content_type: str


@dataclass(frozen=True)
class Sitter:
    """A person on the wall: how wall.yaml calls them, their photos as small pictures, and in how many they are seen."""

    name: str
    title: str
    photos: tuple[Media, ...]
    pictures: int


@dataclass(frozen=True)
class Found:
    """Some of what was sought, in order; of `total` in all. `after` is where the next ones begin; None at the end."""

    pictures: tuple[Published, ...]
    total: int
    after: str | None


@dataclass(frozen=True)
class Choices:
    """What a visitor can narrow the wall by, each with how many pictures it leaves.

    `people` are (name, title, count), `jobs` (name, title, count), `members` (id, name, count); `parameters` are those
    of the catalogue of which there are several values, with (value as it is shown, count) in order.
    """

    people: tuple[tuple[str, str, int], ...] = ()
    jobs: tuple[tuple[str, str, int], ...] = ()
    members: tuple[tuple[int, str, int], ...] = ()
    parameters: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Provenance:
    """What a picture's C2PA manifest says: who signed it when, that a model made it, and whether the file is untouched.

    `facts` are (what, value) as a page shows them; `valid` is False where the signature does not fit the bytes.
    """

    valid: bool
    signer: str
    signed_at: str
    facts: tuple[tuple[str, str], ...]
