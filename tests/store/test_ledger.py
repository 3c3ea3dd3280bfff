"""Tokens come, are held, spent and given back, and the books show each of it once, on every kind of database."""

from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from bot.domain.account import Balance, Kind, Movement
from bot.domain.errors import Refusal, TooFewTokens
from bot.store import ledger
from bot.store.accounts import AccountKind, id_of
from bot.store.audit import Audit
from bot.store.database import Sessions
from bot.store.schema import AuditRow, EntryRow, HoldRow, TransferRow, now
from tests.store.conftest import STARTING
from tests.store.till import ADA, Till

MINA, THEO = 1, 2


@pytest.fixture
def till(sessions: Sessions) -> Till:
    return Till(sessions)


async def told(till: Till, member_id: int = MINA, limit: int = 10) -> list[tuple[Kind, int, int, str]]:
    """A member's history without its moments."""
    movements = await till.ledger.history(member_id, limit)
    return [(each.kind, each.tokens, each.count, each.job) for each in movements]


async def test_a_new_member_begins_with_the_starting_tokens_once(till: Till) -> None:
    assert await till.ledger.history(MINA) == []
    assert [await till.balance(MINA) for _ in range(3)] == [Balance(STARTING, 0)] * 3
    assert await told(till) == [(Kind.OPENING, STARTING, 1, "")]
    await till.check()


async def test_where_members_begin_with_nothing_they_still_begin_once(till: Till) -> None:
    assert await ledger.Ledger(till.sessions, 0).balance(MINA) == Balance(0, 0)
    assert await till.balance(MINA) == Balance(0, 0)
    assert await till.ledger.history(MINA) == []
    await till.check()


async def test_a_transfer_that_does_not_sum_to_zero_is_refused(till: Till) -> None:
    with pytest.raises(ValueError, match="the amounts of grant:1 sum to 1, not to zero"):
        async with till.payer(MINA) as (session, account):
            mint, _ = await id_of(session, AccountKind.MINT)
            await ledger.transfer(session, "grant:1", Kind.GRANT, {mint: -5, account.id: 6})
    assert await till.balance(MINA) == Balance(STARTING, 0)


async def test_a_transfer_of_the_same_key_moves_nothing_a_second_time(till: Till) -> None:
    for moved in (True, False):
        async with till.payer(MINA) as (session, account):
            mint, _ = await id_of(session, AccountKind.MINT)
            amounts = {mint: -5, account.id: 5}
            assert await ledger.transfer(session, "grant:1", Kind.GRANT, amounts, actor_id=3, note="a prize") is moved
            assert account.balance == STARTING + 5, "the row in hand is as it was stored"
    assert await till.balance(MINA) == Balance(STARTING + 5, 0)
    await till.check()


async def test_amounts_of_zero_leave_no_entry(till: Till) -> None:
    async with till.payer(MINA) as (session, account):
        assert await ledger.transfer(session, "grant:1", Kind.GRANT, {account.id: 0})
        entries = select(func.count()).join(TransferRow).where(TransferRow.key == "grant:1").select_from(EntryRow)
        assert await session.scalar(entries) == 0


async def test_an_account_that_would_fall_below_zero_keeps_all_it_had(till: Till) -> None:
    await till.balance(MINA)
    with pytest.raises(IntegrityError):
        async with till.payer(MINA) as (session, account):
            house, _ = await id_of(session, AccountKind.HOUSE)
            await ledger.transfer(session, "x", Kind.CAPTURE, {account.id: -STARTING - 1, house: STARTING + 1})
    assert await till.balance(MINA) == Balance(STARTING, 0)
    assert await till.spent() == 0
    await till.check()


async def test_what_a_job_may_cost_is_held(till: Till) -> None:
    job = await till.job()
    async with till.payer(MINA) as (session, account):
        await ledger.hold(session, job, 0, account, 30)
        assert account.balance == 70
    assert await till.balance(MINA) == Balance(70, 30)
    await till.check()


async def test_a_hold_of_more_than_is_free_tells_both_and_changes_nothing(till: Till) -> None:
    first, second = await till.jobs(2)
    await till.hold(first, MINA, 80)
    with pytest.raises(TooFewTokens, match="costs up to 21 tokens and you have 20"):
        await till.hold(second, MINA, 21)
    await till.hold(second, MINA, 20)
    assert await till.balance(MINA) == Balance(0, 100)
    await till.check()


async def test_a_job_that_costs_nothing_has_a_hold_of_nothing(till: Till) -> None:
    job = await till.job()
    await till.hold(job, MINA, 0)
    async with till.sessions.reading() as session:
        row = await session.get_one(HoldRow, (job, 0))
        assert (row.amount, row.captured, row.released) == (0, 0, 0)
    assert (await till.capture(job, 1, 5), await till.release(job)) == (0, 0)
    assert await told(till) == [(Kind.OPENING, STARTING, 1, "")]


async def test_an_attempt_has_one_hold(till: Till) -> None:
    job = await till.job()
    await till.hold(job, MINA, 30)
    with pytest.raises(IntegrityError):
        await till.hold(job, MINA, 30)
    assert await till.balance(MINA) == Balance(70, 30)


async def test_less_than_nothing_is_neither_held_nor_captured(till: Till) -> None:
    job = await till.job()
    with pytest.raises(ValueError, match="-1 tokens cannot be held"):
        await till.hold(job, MINA, -1)
    await till.hold(job, MINA, 5)
    with pytest.raises(ValueError, match="-1 tokens cannot be captured"):
        await till.capture(job, 1, -1)


async def test_each_image_takes_its_cost_from_what_is_held_and_never_more_than_is_left(till: Till) -> None:
    job = await till.job()
    await till.hold(job, MINA, 10)
    assert [await till.capture(job, number, 4) for number in range(1, 5)] == [4, 4, 2, 0]
    assert await till.balance(MINA) == Balance(90, 0)
    assert await till.spent() == 10
    await till.check()


async def test_an_image_is_paid_for_once(till: Till) -> None:
    job = await till.job()
    await till.hold(job, MINA, 10)
    assert [await till.capture(job, 1, 4) for _ in range(3)] == [4, 0, 0]
    assert (await till.balance(MINA), await till.spent()) == (Balance(90, 6), 4)
    await till.check()


async def test_an_image_that_cost_nothing_leaves_no_trace(till: Till) -> None:
    job = await till.job()
    await till.hold(job, MINA, 10)
    assert await till.capture(job, 1, 0) == 0
    assert [kind for kind, *_ in await told(till)] == [Kind.HOLD, Kind.OPENING]


async def test_a_job_that_was_accepted_before_there_were_holds_costs_nothing(till: Till) -> None:
    job = await till.job()
    assert (await till.capture(job, 1, 5), await till.release(job)) == (0, 0)
    await till.check()


async def test_what_was_not_spent_comes_back_once(till: Till) -> None:
    job = await till.job()
    await till.hold(job, MINA, 30)
    await till.capture(job, 1, 12)
    assert [await till.release(job) for _ in range(3)] == [18, 0, 0]
    assert await till.capture(job, 2, 5) == 0, "a late image finds nothing left"
    assert (await till.balance(MINA), await till.spent()) == (Balance(88, 0), 12)
    await till.check()


async def test_several_acts_of_one_transaction_see_each_other_and_are_undone_together(till: Till) -> None:
    job = await till.job()
    with pytest.raises(RuntimeError, match="undo"):
        async with till.payer(MINA) as (session, account):
            await ledger.hold(session, job, 0, account, 30)
            assert [await ledger.capture(session, job, 0, number, 20) for number in (1, 2)] == [20, 10]
            raise RuntimeError("undo")
    await till.check()
    async with till.payer(MINA) as (session, account):
        await ledger.hold(session, job, 0, account, 30)
        assert await ledger.capture(session, job, 0, 1, 20) == 20
        assert await ledger.release(session, job, 0) == 10
        assert account.balance == 80
    assert await till.balance(MINA) == Balance(80, 0)
    await till.check()


async def test_a_later_attempt_has_a_hold_of_its_own(till: Till) -> None:
    job = await till.job()
    await till.hold(job, MINA, 30)
    await till.capture(job, 1, 10)
    await till.release(job)
    await till.hold(job, MINA, 20, attempt=1)
    assert await till.capture(job, 1, 10, attempt=1) == 0, "the first attempt's images are paid for"
    assert await till.capture(job, 2, 10, attempt=1) == 10
    assert await till.release(job, attempt=1) == 10
    assert await told(till) == [
        (Kind.RELEASE, 30, 2, f"S{job}"),
        (Kind.CAPTURE, -20, 2, f"S{job}"),
        (Kind.HOLD, -50, 2, f"S{job}"),
        (Kind.OPENING, STARTING, 1, ""),
    ]
    await till.check()


async def test_a_day_counts_what_was_spent_in_it_and_what_open_holds_may_still_take(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight, (old, new, others) = now(), await till.jobs(3)
    monkeypatch.setattr(ledger, "now", lambda: midnight - timedelta(seconds=1))
    await till.hold(old, MINA, 40)
    await till.capture(old, 1, 7)
    monkeypatch.setattr(ledger, "now", lambda: midnight)
    await till.capture(old, 2, 5)
    await till.hold(new, MINA, 20)
    await till.hold(others, THEO, 90)
    await till.capture(others, 1, 9)

    async def spent() -> int:
        async with till.payer(MINA) as (session, account):
            return await ledger.spent_since(session, account.id, midnight)

    assert await spent() == 5 + 28 + 20
    await till.release(old)
    assert await spent() == 5 + 20
    await till.hold(old, MINA, 3, attempt=1)
    assert await spent() == 5 + 20 + 3, "two attempts at one job count its images once"


@pytest.mark.parametrize("database_url", ["memory"], indirect=True)
@pytest.mark.parametrize("asked", ["what was spent today", "the history"])
async def test_what_was_spent_long_ago_is_not_read_again_and_again(
    till: Till, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    today, day = now(), count(1)
    await till.grant(MINA, 1000)

    async def draw(jobs: int) -> None:
        """Jobs of as many days, the last one first."""
        for job in await till.jobs(jobs):
            moment = today - timedelta(days=next(day))
            monkeypatch.setattr(ledger, "now", lambda moment=moment: moment)
            async with till.payer(MINA) as (session, account):
                await ledger.hold(session, job, 0, account, 5)
                assert [await ledger.capture(session, job, 0, number, 1) for number in range(4)] == [1] * 4
                await ledger.release(session, job, 0)

    async def steps() -> int:
        """How many steps SQLite takes; in memory there is one connection for all."""
        taken: list[None] = []
        async with till.sessions.reading() as session:
            driver = (await (await session.connection()).get_raw_connection()).driver_connection
        assert driver is not None
        await driver.set_progress_handler(lambda: taken.append(None), 1)
        if asked == "the history":
            assert len(await till.ledger.history(MINA, 3)) == 3
        else:
            async with till.payer(MINA) as (session, account):
                assert await ledger.spent_since(session, account.id, today - timedelta(hours=1)) == 0
        await driver.set_progress_handler(None, 1)
        return len(taken)

    await draw(8)
    few = await steps()
    await draw(30)
    assert await steps() < 1.1 * few


async def test_a_history_tells_each_job_in_its_own_words_the_newest_first(till: Till) -> None:
    (sweep,), (image,) = await till.jobs(1, "sweep"), await till.jobs(1, "imagine")
    begun = now()
    await till.hold(sweep, MINA, 30)
    await till.hold(image, MINA, 8)
    await till.grant(MINA, 5, "first prize")
    await till.grant(MINA, 5, "second prize")
    await till.capture(image, 1, 8)
    await till.hold(await till.job(), THEO, 50)
    for number in (1, 2, 3):
        await till.capture(sweep, number, number)
    movements = await till.ledger.history(MINA)
    assert [(each.kind, each.tokens, each.count, each.job, each.note) for each in movements] == [
        (Kind.CAPTURE, -6, 3, f"S{sweep}", ""),
        (Kind.CAPTURE, -8, 1, f"I{image}", ""),
        (Kind.GRANT, 5, 1, "", "second prize"),
        (Kind.GRANT, 5, 1, "", "first prize"),
        (Kind.HOLD, -8, 1, f"I{image}", ""),
        (Kind.HOLD, -30, 1, f"S{sweep}", ""),
        (Kind.OPENING, STARTING, 1, "", ""),
    ]
    assert all(type(each.tokens) is int for each in movements), "a sum is no Decimal"
    moments = [each.at for each in movements]
    assert moments == sorted(moments, reverse=True) and begun <= moments[-1] and moments[0] <= now()
    for limit in (1, 2, 5):
        assert await till.ledger.history(MINA, limit) == movements[:limit]
    free = sum(each.tokens for each in movements if each.kind is not Kind.CAPTURE)
    assert free == (await till.balance(MINA)).available


async def test_a_job_that_is_drawn_again_comes_first_again_with_the_moment_of_its_last_image(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, (first, second) = now(), await till.jobs(2)
    for job in (first, second):
        await till.hold(job, MINA, 20)
    for minute, (job, number) in enumerate([(first, 1), (second, 1), (first, 2)], start=1):
        monkeypatch.setattr(ledger, "now", lambda at=begun + timedelta(minutes=minute): at)
        await till.capture(job, number, 3)
    assert await till.ledger.history(MINA, 1) == [
        Movement(Kind.CAPTURE, -6, begun + timedelta(minutes=3), 2, f"S{first}")
    ]


async def test_a_job_that_was_drawn_again_and_again_hides_no_other_from_a_short_history(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = (now() + timedelta(seconds=second) for second in count())
    monkeypatch.setattr(ledger, "now", lambda: next(moments))
    other, again = await till.jobs(2)
    await till.hold(other, MINA, 5)
    await till.capture(other, 1, 1)
    for attempt in range(6):
        await till.hold(again, MINA, 5, attempt)
        await till.capture(again, attempt, 2, attempt)
        await till.release(again, attempt)
    assert await told(till, limit=5) == [
        (Kind.RELEASE, 18, 6, f"S{again}"),
        (Kind.CAPTURE, -12, 6, f"S{again}"),
        (Kind.HOLD, -30, 6, f"S{again}"),
        (Kind.CAPTURE, -1, 1, f"S{other}"),
        (Kind.HOLD, -5, 1, f"S{other}"),
    ]


async def test_a_grant_brings_tokens_and_leaves_a_row_in_the_audit_log(till: Till) -> None:
    assert await till.grant(MINA, 50, "a prize") == Balance(STARTING + 50, 0)
    await till.hold(await till.job(), MINA, 120)
    assert await till.grant(MINA, -30, "a mistake") == Balance(0, 120)
    (newest, *_), acts = await till.ledger.history(MINA, 1), await Audit(till.sessions).latest()
    assert newest == Movement(Kind.GRANT, -30, newest.at, note="a mistake")
    assert [(act.actor, act.act, act.target, act.detail) for act in acts] == [
        ("Ada", "grant", "member 1", {"tokens": -30, "note": "a mistake"}),
        ("Ada", "grant", "member 1", {"tokens": 50, "note": "a prize"}),
    ]
    async with till.sessions.reading() as session:
        actors = select(TransferRow.actor_id).where(TransferRow.kind == Kind.GRANT.value)
        assert list(await session.scalars(actors)) == [ADA.id, ADA.id]
    await till.check()


async def test_no_more_is_taken_back_than_is_free(till: Till) -> None:
    await till.hold(await till.job(), MINA, 60)
    with pytest.raises(Refusal, match="They have 40 free, so 41 cannot be taken back"):
        await till.grant(MINA, -41, "a mistake")
    assert await till.balance(MINA) == Balance(40, 60)
    assert await Audit(till.sessions).latest() == []


async def test_a_grant_that_is_asked_for_twice_is_made_and_noted_once(till: Till) -> None:
    for tokens, left in ((50, 150), (-90, 60)):  # of the second, a second time would be refused
        for _ in range(2):
            assert await till.grant(MINA, tokens, key=f"command {tokens}") == Balance(left, 0)
    assert await told(till) == [
        (Kind.GRANT, -90, 1, ""),
        (Kind.GRANT, 50, 1, ""),
        (Kind.OPENING, STARTING, 1, ""),
    ]
    assert [act.detail["tokens"] for act in await Audit(till.sessions).latest()] == [-90, 50]
    await till.check()


async def test_a_grant_that_cannot_be_noted_is_not_made(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    await till.balance(MINA)
    broken = AuditRow(actor_id=3, actor="Ada", act="grant", target=None, detail={})  # type: ignore[arg-type]
    monkeypatch.setattr("bot.store.audit.row", lambda *_, **__: broken)
    with pytest.raises(IntegrityError):
        await till.grant(MINA, 50, "a prize")
    assert await till.balance(MINA) == Balance(STARTING, 0)
