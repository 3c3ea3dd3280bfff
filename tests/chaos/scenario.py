"""A scenario: something goes wrong on purpose, and a promise holds; its control is the same without the mechanism.

A control that does not fail says that the measurement sees nothing, so it counts as a failure of the scenario.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.postgres import Server

DATABASES = ("sqlite", "postgresql")
SCENARIOS = (
    "kills",
    "drain",
    "restarts",
    "pressure",
    "memory",
    "poison",
    "fencing",
    "faults",
    "disk",
    "locked",
    "clock",
    "answers",
    "soak",
    "outage",
)
"""Modules of this folder in the order of the promises; each has its scenario as `SCENARIO`."""

FULL_ROUNDS = 200


@dataclass(frozen=True)
class Options:
    """How much is done. `rounds` are kills, and other counts keep their proportion to them; `seed` decides moments."""

    rounds: int = FULL_ROUNDS
    soak_minutes: float = 60.0
    outage_minutes: float = 10.0
    seed: int = 1

    def scaled(self, full: int, least: int = 1) -> int:
        """What is `full` with as many rounds as `make chaos` has, in proportion to them; at least `least`."""
        return max(least, round(full * self.rounds / FULL_ROUNDS))


@dataclass(frozen=True)
class Place:
    """Where a scenario happens: the URL of a new, empty database, its kind's name, and an empty folder."""

    name: str
    url: str
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """What was counted, in words, and whether the promise holds."""

    figures: str
    holds: bool


class Scenario(Protocol):
    """Trouble, and the promise that it does not break. `name` is its module's."""

    @property
    def name(self) -> str: ...
    @property
    def promise(self) -> str: ...

    async def run(self, place: Place, options: Options) -> Outcome:
        """The trouble, with everything in its place."""
        ...

    async def control(self, place: Place, options: Options) -> Outcome | None:
        """The same trouble without the mechanism, which must not hold; None where there is nothing to take out."""
        ...


def scenario(name: str) -> Scenario:
    """The scenario of that name; its module is imported only now, since some bring torch along."""
    found: Scenario = import_module(f"tests.chaos.{name}").SCENARIO
    return found


@asynccontextmanager
async def new_place(kind: str, folder: Path, server: "Server | None") -> AsyncIterator[Place]:
    """A database of that kind ("sqlite" or "postgresql", the latter on `server`) in a folder that is made for it."""
    folder.mkdir(parents=True)
    if kind == "sqlite":
        yield Place(kind, f"sqlite+aiosqlite:///{folder / 'atelier.db'}", folder)
        return
    assert server is not None, "a place on PostgreSQL needs a server"
    url = await server.new_database()
    try:
        yield Place(kind, url, folder)
    finally:
        await server.drop(url)


def told(counts: Mapping[str, object]) -> str:
    """Counts in one line: "200 kills, 800 of 800 jobs"."""
    return ", ".join(
        f"{value:,} {name}" if isinstance(value, int) else f"{value} {name}" for name, value in counts.items()
    )
