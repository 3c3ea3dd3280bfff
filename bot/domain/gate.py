"""The gate: what an operator does not want drawn, or not posted, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What is to be done with a picture: post it, post it behind a spoiler, or withhold it for an operator to judge."""

    PASS = "pass"
    SPOILER = "spoiler"
    WITHHOLD = "withhold"


class Cause(StrEnum):
    """What was hit: the words of a prompt, or what a classifier saw in the picture."""

    PROMPT = "prompt"
    IMAGE = "image"


@dataclass(frozen=True)
class Hit:
    """Why something is withheld or hidden: the word or label (`what`), and for an image how sure it is, 0 to 1."""

    cause: Cause
    verdict: Verdict
    what: str
    score: float | None = None


class IncidentState(StrEnum):
    """open until an operator released the picture or deleted it; a prompt also until the member's next ones came."""

    OPEN = "open"
    RELEASED = "released"
    DELETED = "deleted"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Incident:
    """Something the gate withheld, as operators see it.

    `image` is the SHA-256 of the picture, None where nothing was drawn (a prompt) or it was deleted. A prompt that was
    refused before there was a job has none, and no `picture`: how the picture is called, such as S42-c017.
    """

    id: int
    at: datetime
    cause: Cause
    what: str
    score: float | None
    prompt: str
    member_id: int
    member: str
    guild_id: int | None
    job_id: int | None
    number: int | None
    image: str | None
    state: IncidentState
    picture: str = ""

    @property
    def name(self) -> str:
        """How operators call it: S42-c017, as anywhere else, or incident 5."""
        return self.picture or f"incident {self.id}"


@dataclass(frozen=True)
class Waiting:
    """How many withheld pictures of one job wait for an operator; `last` is the newest of their incidents."""

    job_id: int
    job: str
    pictures: int
    last: int


@dataclass(frozen=True)
class Decided:
    """How many pictures of one job were released or deleted together; of `left` somebody may not be drawn any more."""

    job: str
    pictures: int
    left: int = 0
