"""The scenarios of the real console with small numbers, and how memory is judged; `make chaos` has the large ones."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos import drain, faults, outage, soak
from tests.chaos.flatness import LEAST_SAMPLES, flatness
from tests.chaos.scenario import Options, Place
from tests.chaos.scene import Scene, scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

FEW = Options(rounds=1)
FEW_POSTS = 24
SHORT_SECONDS = 6.0
MINUTES = [60.0 * number for number in range(61)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_drained_console_lets_go_and_the_next_takes_up(database_url: str, tmp_path: Path) -> None:
    outcome = await drain.SCENARIO.run(Place("postgresql", database_url, tmp_path), FEW)
    assert outcome.holds, outcome.figures


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """One console through faults, a crowd and an outage: each has its own images, and looks at all there are."""
    folder = tmp_path_factory.mktemp("shared")
    async with scene(Place("sqlite", f"sqlite+aiosqlite:///{folder / 'atelier.db'}", folder)) as set_up:
        yield set_up


async def test_posts_amid_faults_are_there_once(shared: Scene) -> None:
    outcome = await faults.posted_amid_faults(shared, FEW_POSTS)
    assert outcome.holds, outcome.figures


async def test_what_a_crowd_asks_for_is_delivered_once(shared: Scene) -> None:
    story = await soak.soaked(shared, SHORT_SECONDS / 60, seed=1)
    assert story.whole, story.told


async def test_work_goes_on_through_an_outage_and_arrives_in_order(shared: Scene) -> None:
    story = await outage.through_an_outage(shared, SHORT_SECONDS)
    assert story.holds, story.told


async def test_posts_amid_faults_are_there_twice_where_nonces_are_not_enforced(tmp_path: Path) -> None:
    place = Place("sqlite", f"sqlite+aiosqlite:///{tmp_path / 'atelier.db'}", tmp_path)
    outcome = await faults.SCENARIO.control(place, FEW)
    assert not outcome.holds, outcome.figures
    assert " 0 twice" not in outcome.figures


def memory(growth: float, seed: int = 1) -> list[tuple[float, float]]:
    """An hour's samples, noisy, growing by so many MiB an hour behind a warm-up."""
    chance = random.Random(seed)
    warm = [600 - 200 * 0.5 ** (at / 120) for at in MINUTES]
    return [(at, size + growth * at / 3600 + chance.gauss(0, 4)) for at, size in zip(MINUTES, warm, strict=True)]


@pytest.mark.parametrize("seed", range(5))
async def test_memory_that_stays_is_flat_and_a_leak_is_not(seed: int) -> None:
    assert flatness(memory(0, seed)).flat
    assert not flatness(memory(150, seed)).flat


async def test_one_large_picture_at_the_end_is_no_leak() -> None:
    samples = memory(0)
    samples[-3:] = [(at, size + 300) for at, size in samples[-3:]]
    assert flatness(samples).flat


async def test_a_few_samples_are_not_judged() -> None:
    with pytest.raises(ValueError, match="tell nothing"):
        flatness(memory(0)[: LEAST_SAMPLES - 1])
