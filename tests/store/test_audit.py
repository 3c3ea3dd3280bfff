"""Privileged acts are kept in order, with all that was said of them, and together with what was done."""

import pytest

from bot.domain.account import Act
from bot.domain.job import Member
from bot.store.audit import Audit, row
from bot.store.database import Sessions
from bot.store.schema import now

ADA = Member(3, "Ada", operator=True)


async def test_acts_come_back_as_they_were_noted_the_newest_first(sessions: Sessions) -> None:
    audit, begun = Audit(sessions), now()
    await audit.note(ADA, "cancel", "job S42")
    await audit.note(Member(2**62, "Théo"), "grant", "member 1", tokens=50, note="a “prize”", roles=[1, None])
    newest, oldest = await audit.latest()
    assert newest == Act(
        newest.at, 2**62, "Théo", "grant", "member 1", {"tokens": 50, "note": "a “prize”", "roles": [1, None]}
    )
    assert oldest == Act(oldest.at, 3, "Ada", "cancel", "job S42", {})
    assert begun <= oldest.at <= newest.at <= now()


async def test_no_more_acts_are_told_than_were_asked_for(sessions: Sessions) -> None:
    audit = Audit(sessions)
    assert await audit.latest() == []
    for number in range(5):
        await audit.note(ADA, "cancel", f"job S{number}")
    assert [act.target for act in await audit.latest(2)] == ["job S4", "job S3"]


async def test_a_detail_may_have_the_name_of_anything(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        session.add(row(ADA, "grant", "member 1", actor="a", act="b", target="c"))
    (act,) = await Audit(sessions).latest()
    assert (act.actor, act.act, act.detail) == ("Ada", "grant", {"actor": "a", "act": "b", "target": "c"})


async def test_a_name_that_is_too_long_for_the_log_is_cut(sessions: Sessions) -> None:
    await Audit(sessions).note(Member(3, "A" * 500), "remove", "t" * 500)
    (act,) = await Audit(sessions).latest()
    assert (act.actor, act.target) == ("A" * 100, "t" * 120)


async def test_an_act_that_was_undone_is_not_told(sessions: Sessions) -> None:
    with pytest.raises(RuntimeError, match="undo"):
        async with sessions.begin() as session:
            session.add(row(ADA, "grant", "member 1"))
            await session.flush()
            raise RuntimeError("undo")
    assert await Audit(sessions).latest() == []
