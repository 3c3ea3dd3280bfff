"""The audit of the books names what is wrong with them, and nothing else."""

import asyncio

import pytest
import pytest_asyncio
from sqlalchemy import text
from structlog.testing import capture_logs

import bot.store.books as books_module
from bot.store.books import auditing
from bot.store.database import Sessions
from tests.store.conftest import books
from tests.store.till import Till

MINA = 1


@pytest_asyncio.fixture
async def till(sessions: Sessions) -> Till:
    """Two jobs of Mina's, each with a hold of 10 of which 3 were spent; of the second one the rest came back."""
    till = Till(sessions)
    jobs = await till.jobs(2)
    for job in jobs:
        await till.hold(job, MINA, 10)
        await till.capture(job, 1, 3)
    await till.release(jobs[1])
    assert jobs == [1, 2]
    return till


async def execute(sessions: Sessions, *statements: str) -> None:
    async with sessions.begin() as session:
        for statement in statements:
            await session.execute(text(statement))


async def test_books_in_which_nothing_is_written_are_right(sessions: Sessions) -> None:
    assert await books(sessions) == []


async def test_books_that_add_up_are_right_also_when_their_jobs_have_ended(till: Till) -> None:
    assert await books(till.sessions) == []
    await till.release(1)
    await execute(till.sessions, "UPDATE jobs SET state = 'done'")
    assert await books(till.sessions) == []


@pytest.mark.parametrize(
    ("damage", "sentences"),
    [
        (
            "UPDATE entries SET amount = amount + 4 WHERE transfer_id = 1 AND account_id = 1",
            [
                "Transfer 1 (opening:1): its entries sum to +4 instead of 0.",
                "Account 1 (member 1): its balance is 87, and its entries sum to 91.",
            ],
        ),
        (
            "UPDATE accounts SET balance = balance + 1 WHERE kind = 'member'",
            ["Account 1 (member 1): its balance is 88, and its entries sum to 87."],
        ),
        (
            "UPDATE accounts SET balance = 0 WHERE kind = 'mint'",
            ["Account 2 (mint): its balance is 0, and its entries sum to -100."],
        ),
        (
            "UPDATE holds SET amount = amount + 2 WHERE job_id = 1",
            [
                "Account 1 (member 1): 7 are held of it, and its holds have 9 left.",
                "Job 1: its holds are of 12, and 10 were reserved for it.",
            ],
        ),
        (
            "UPDATE holds SET captured = captured - 1, released = released + 1 WHERE job_id = 1",
            [
                "Job 1: its holds say that 2 were captured, and 3 were spent for it.",
                "Job 1: its holds say that 1 were released, and 0 were given back.",
            ],
        ),
        (
            "DELETE FROM holds WHERE job_id = 2",
            [
                "Job 2: its holds are of 0, and 10 were reserved for it.",
                "Job 2: its holds say that 0 were captured, and 3 were spent for it.",
                "Job 2: its holds say that 0 were released, and 7 were given back.",
            ],
        ),
        (
            "UPDATE jobs SET state = 'cancelled'",
            ["Job 1: it is cancelled, and 7 are still held for it."],
        ),
    ],
)
async def test_whatever_does_not_agree_is_named(till: Till, damage: str, sentences: list[str]) -> None:
    await execute(till.sessions, damage)
    assert await books(till.sessions) == sentences


async def test_an_account_below_zero_is_named_where_even_the_databases_own_rule_has_gone(till: Till) -> None:
    async with till.sessions.reading() as session:
        on_postgresql = session.get_bind().dialect.name == "postgresql"
    without_rule = (
        "ALTER TABLE accounts DROP CONSTRAINT no_account_below_zero"
        if on_postgresql
        else "PRAGMA ignore_check_constraints = 1"
    )
    await execute(till.sessions, without_rule, "UPDATE accounts SET balance = -1 WHERE kind = 'house'")
    assert await books(till.sessions) == [
        "Account 4 (house): its balance is -1, and its entries sum to 6.",
        "Account 4 (house): its balance is -1, which is below 0.",
    ]


async def test_the_books_are_looked_through_beside_all_else_and_the_log_says_what_is_wrong(till: Till) -> None:
    await execute(till.sessions, "UPDATE jobs SET state = 'cancelled'")
    with capture_logs() as logged:
        async with auditing(till.sessions):
            async with asyncio.timeout(60):
                while not logged:
                    await asyncio.sleep(0.01)
    assert [each["wrong"] for each in logged] == ["Job 1: it is cancelled, and 7 are still held for it."]


async def test_nobody_waits_for_the_look_through_the_books(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def read_on(_: object) -> list[str]:
        begun.set()
        try:
            return await asyncio.Future()
        finally:
            ended.set()

    monkeypatch.setattr(books_module, "audit_books", read_on)
    async with asyncio.timeout(60), auditing(sessions):
        await begun.wait()
    assert ended.is_set()


async def test_books_that_cannot_be_read_are_not_taken_for_right(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: object) -> list[str]:
        raise OSError("away")

    monkeypatch.setattr(books_module, "audit_books", fail)
    with capture_logs() as logged:
        async with auditing(sessions):
            while not logged:
                await asyncio.sleep(0.01)
    assert [each["event"] for each in logged] == ["the ledger was not looked through"]
