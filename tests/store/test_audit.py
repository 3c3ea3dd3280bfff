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


async def test_of_what_was_noted_before_it_was_done_more_is_told_afterwards(sessions: Sessions) -> None:
    audit = Audit(sessions)
    noted, other = [await audit.note(ADA, "delete", f"S1-c00{number}", owner="Mina") for number in (1, 2)]
    assert noted != other
    await audit.amend(noted, gone={"pictures": 1, "stuck": ["LINK"]})
    told = {act.target: act.detail for act in await audit.latest()}
    assert told == {
        "S1-c001": {"owner": "Mina", "gone": {"pictures": 1, "stuck": ["LINK"]}},
        "S1-c002": {"owner": "Mina"},
    }


async def test_the_last_such_act_on_a_target_is_found_and_no_other(sessions: Sessions) -> None:
    audit = Audit(sessions)
    for act, target in (("hide", "S1-c001"), ("show", "S1-c001"), ("cancel", "S1-c001"), ("hide", "S1-c0011")):
        await audit.note(ADA, act, target)
    found = await audit.last("S1-c001", ("hide", "show"))
    assert found is not None and (found.act, found.target) == ("show", "S1-c001")
    assert await audit.last("S1-c001", ("delete",)) is None
    assert await audit.last("S1-c00", ("hide", "show")) is None
