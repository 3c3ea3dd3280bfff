"""The scenarios in short: every promise holds, and every control fails, or the scenario would see nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos.disk import Disk, Limited
from tests.chaos.performance import perform
from tests.chaos.report import Row, markdown, table
from tests.chaos.scenario import Options, Outcome, Place, new_place, scenario
from tests.postgres import Server

SHORT = Options(rounds=4)
TRIES = 4
ALONE = ("kills", "pressure", "memory", "poison", "fencing", "disk", "locked", "clock")
"""Those that need no console of disnake's; the others are in test_console.py."""

ON_A_FLEET = ("kills", "fencing", "locked")
"""Those in which the two databases differ most: row locks instead of one lock for all."""


@pytest_asyncio.fixture
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """On SQLite, unless the test names PostgreSQL."""
    database = getattr(request, "param", "sqlite")
    server: Server | None = request.getfixturevalue("postgres") if database == "postgresql" else None
    async with new_place(database, tmp_path / "place", server) as made:
        yield made


@pytest.mark.parametrize("name", ALONE)
async def test_the_promise_holds(name: str, place: Place) -> None:
    outcome = await scenario(name).run(place, SHORT)
    assert outcome.holds, outcome.figures


@pytest.mark.parametrize("name", ALONE)
async def test_without_its_mechanism_it_does_not(name: str, tmp_path: Path) -> None:
    """What goes wrong without it does so at random moments, and in so short a run not always at the first try."""
    for attempt in range(TRIES):
        async with new_place("sqlite", tmp_path / f"place {attempt}", None) as made:
            outcome = await scenario(name).control(made, replace(SHORT, seed=attempt))
        if outcome is not None and not outcome.holds:
            return
    raise AssertionError(outcome)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("name", ON_A_FLEET)
async def test_the_promise_holds_on_postgresql(name: str, place: Place) -> None:
    outcome = await scenario(name).run(place, SHORT)
    assert outcome.holds, outcome.figures


async def test_a_full_disk_is_made_also_where_nothing_may_be_mounted(place: Place) -> None:
    outcome = await Disk(Limited).run(place, SHORT)
    assert outcome.holds and "file limit" in outcome.figures, outcome.figures


class Told:
    """A scenario of which it is said beforehand what comes of it."""

    name, promise = "told", "what was said"

    def __init__(self, run: bool | None, control: bool | None) -> None:
        self._run, self._control = run, control

    async def run(self, place: Place, options: Options) -> Outcome:
        if self._run is None:
            raise RuntimeError("a slip of the harness")
        return Outcome("one | two", self._run)

    async def control(self, place: Place, options: Options) -> Outcome | None:
        if self._control is None:
            raise RuntimeError("a slip of the harness")
        return Outcome("the control's", self._control)


@pytest.mark.parametrize(
    ("run", "control", "good"),
    [(True, False, True), (False, False, False), (True, True, False), (None, False, False), (True, None, False)],
)
async def test_a_row_is_good_when_the_promise_holds_and_the_control_fails_and_nothing_broke_off(
    monkeypatch: pytest.MonkeyPatch, run: bool | None, control: bool | None, good: bool
) -> None:
    monkeypatch.setattr("tests.chaos.performance.scenario", lambda name: Told(run, control))
    row = await perform("told", "sqlite", SHORT, None)
    assert row.good is good


def test_the_page_has_a_row_for_each_scenario_and_says_what_did_not_hold() -> None:
    rows = [
        Row(Told(True, False), "sqlite", Outcome("one | two", True), Outcome("broken", False), 1.4),
        Row(Told(False, True), "sqlite", Outcome("one", False), Outcome("whole", True), 2.0),
    ]
    page = markdown(rows, SHORT, "15.3")
    assert "| told | sqlite | one / two | what was said | yes | broken | yes | 1 |" in page
    assert "| told | sqlite | one | what was said | NO | whole | NO | 2 |" in page
    assert "PostgreSQL 15.3" in page
    assert table(rows).count("NO") == 2
