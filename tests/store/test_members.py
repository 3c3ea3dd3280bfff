"""What a member has set, typed lately and named stays theirs."""

import asyncio

import pytest

from bot.domain.errors import NotFound, Refusal
from bot.store.database import Sessions
from bot.store.members import KEPT_RECENT, MAX_PRESETS, MemberSettings


@pytest.fixture
def settings(sessions: Sessions) -> MemberSettings:
    return MemberSettings(sessions)


async def test_presets_hold_and_bring_back_settings(settings: MemberSettings) -> None:
    with pytest.raises(Refusal, match="nothing to save"):
        await settings.save_preset(1, "a")
    await settings.put(1, "steps", 12)
    await settings.put(1, "detail", False)
    assert await settings.save_preset(1, "a") == 2
    await settings.reset(1)
    await settings.put(1, "weight", 0.5)
    assert await settings.load_preset(1, "a") == {"steps": 12, "detail": False}
    assert await settings.of(1) == {"steps": 12, "detail": False}
    with pytest.raises(NotFound):
        await settings.load_preset(2, "a")


async def test_presets_and_recent_values_are_bounded(settings: MemberSettings) -> None:
    for value in range(KEPT_RECENT + 5):
        await settings.put(1, "steps", value)
    assert await settings.recent(1, "steps", 100) == list(range(KEPT_RECENT + 4, 4, -1))
    for number in range(MAX_PRESETS):
        await settings.save_preset(1, f"p{number}")
    with pytest.raises(Refusal, match="50 presets"):
        await settings.save_preset(1, "one more")
    await settings.save_preset(1, "p0")  # saving over one is always possible


async def test_the_same_value_set_many_times_at_once_is_set(settings: MemberSettings) -> None:
    await asyncio.gather(*(settings.put(1, "steps", 7) for _ in range(8)))
    assert await settings.of(1) == {"steps": 7}
    assert await settings.recent(1, "steps") == [7]
    assert await settings.reset(1, "steps") == 1
    assert await settings.reset(1) == 0
