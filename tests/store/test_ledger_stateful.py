"""Whatever members, operators and browsers do in whatever order, every token is where a simple model says it is."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete

from bot.domain.account import Balance, Kind
from bot.domain.errors import Refusal, TooFewTokens
from bot.store import ledger
from bot.store.database import Sessions, open_database
from bot.store.schema import Base
from tests.store.conftest import STARTING
from tests.store.till import Payer, Till

EVER = datetime(2000, 1, 1, tzinfo=UTC)
MEMBERS, NUMBERS, TOKENS = st.integers(1, 3), st.integers(1, 4), st.integers(0, 120)
Result = TypeVar("Result")


@dataclass
class Hold:
    """What the model knows of one attempt at a job."""

    payer: Payer
    amount: int
    captured: int = 0
    released: int = 0

    @property
    def left(self) -> int:
        return self.amount - self.captured - self.released


class Bank(RuleBasedStateMachine):
    """The ledger of one database beside a model of it; each act is judged at once, and all of the books after it."""

    url: str
    visitors: Bundle[str] = Bundle("visitors")
    jobs: Bundle[int] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.opened = asyncio.Runner(), AsyncExitStack()
        self.till = Till(self.run(self.opened.enter_async_context(open_database(self.url))))
        self.run(emptied(self.till.sessions))
        self.free: dict[Payer, int] = {}
        self.begun_with: dict[str, int] = {}
        self.member: dict[str, int] = {}
        self.holds: dict[int, list[Hold]] = {}
        self.paid: set[tuple[int, int]] = set()

    def teardown(self) -> None:
        self.run(self.opened.aclose())
        self.runner.close()

    def run(self, act: Coroutine[object, object, Result]) -> Result:
        return self.runner.run(act)

    def who(self, payer: Payer) -> Payer:
        """A linked session's member; everybody else is who they are."""
        return self.member.get(payer, payer) if isinstance(payer, str) else payer

    def has(self, payer: Payer) -> int:
        """What is free; a member who was not met yet is about to begin."""
        return self.free.get(self.who(payer), STARTING)

    def all_holds(self, payer: Payer) -> list[Hold]:
        return [hold for holds in self.holds.values() for hold in holds if self.who(hold.payer) == payer]

    @rule(member=MEMBERS)
    def look(self, member: int) -> None:
        self.free[member] = self.has(member)
        assert self.run(self.till.balance(member)) == self.balance(member)
        movements, holds = self.run(self.till.ledger.history(member, 1000)), self.all_holds(member)
        captured = sum(hold.captured for hold in holds)
        free = sum(each.tokens for each in movements if each.kind is not Kind.CAPTURE)
        assert (free, sum(each.tokens for each in movements)) == (self.free[member], self.free[member] - captured)
        assert self.run(self.spent(member)) == captured + sum(hold.left for hold in holds)

    async def spent(self, member: int) -> int:
        async with self.till.payer(member) as (session, account):
            return await ledger.spent_since(session, account.id, EVER)

    @rule(target=visitors, tokens=st.integers(1, 120))
    def visit(self, tokens: int) -> str:
        visitor = self.run(self.till.visitor(tokens))
        self.free[visitor] = self.begun_with[visitor] = tokens
        return visitor

    @rule(member=MEMBERS, tokens=st.integers(-150, 150))
    def grant_or_take_back(self, member: int, tokens: int) -> None:
        grant = self.till.grant(member, tokens)
        if self.has(member) + tokens < 0:
            with pytest.raises(Refusal, match=f"They have {self.has(member)} free"):
                self.run(grant)
        else:
            self.free[member] = self.has(member) + tokens
            assert self.run(grant).available == self.free[member]

    @rule(target=jobs, payer=MEMBERS | visitors, tokens=TOKENS)
    def hold(self, payer: Payer, tokens: int) -> int:
        job = self.run(self.till.job())
        self.holds[job] = []
        self._hold(job, payer, tokens)
        return job

    @rule(job=jobs, tokens=TOKENS)
    def hold_for_another_attempt(self, job: int, tokens: int) -> None:
        if self.holds[job]:
            self._hold(job, self.holds[job][0].payer, tokens)

    def _hold(self, job: int, payer: Payer, tokens: int) -> None:
        hold = self.till.hold(job, payer, tokens, len(self.holds[job]))
        if tokens > self.has(payer):
            with pytest.raises(TooFewTokens):
                self.run(hold)
        else:
            self.run(hold)
            self.free[self.who(payer)] = self.has(payer) - tokens
            self.holds[job].append(Hold(payer, tokens))

    @rule(job=jobs, number=NUMBERS, tokens=TOKENS)
    def capture(self, job: int, number: int, tokens: int) -> None:
        attempt = max(len(self.holds[job]) - 1, 0)
        taken = self.run(self.till.capture(job, number, tokens, attempt))
        if not self.holds[job] or (job, number) in self.paid:
            assert taken == 0
            return
        hold = self.holds[job][attempt]
        assert taken == min(tokens, hold.left)
        hold.captured += taken
        if taken:
            self.paid.add((job, number))

    @rule(job=jobs, attempt=st.integers(0, 2))
    def release(self, job: int, attempt: int) -> None:
        given_back = self.run(self.till.release(job, attempt))
        if attempt >= len(self.holds[job]):
            assert given_back == 0
            return
        hold = self.holds[job][attempt]
        assert given_back == hold.left
        self.free[self.who(hold.payer)] = self.has(hold.payer) + hold.left
        hold.released += hold.left

    @rule(visitor=visitors, member=MEMBERS)
    def link(self, visitor: str, member: int) -> None:
        link = self.till.link(visitor, member)
        if self.member.get(visitor, member) != member:
            with pytest.raises(Refusal, match="linked to another member"):
                self.run(link)
            return
        self.run(link)
        if visitor not in self.member:
            free = self.free.pop(visitor)
            # What a session began with a member gets once.
            back = min(free, self.begun_with[visitor]) if member in self.member.values() else 0
            self.free[member] = self.has(member) + free - back
            self.member[visitor] = member

    @rule(payer=MEMBERS | visitors, tokens=TOKENS)
    def fail_half_way(self, payer: Payer, tokens: int) -> None:
        job = self.run(self.till.job())

        async def fail() -> None:
            async with self.till.payer(payer) as (session, account):
                await ledger.hold(session, job, 0, account, min(tokens, account.balance))
                await ledger.capture(session, job, 0, 1, tokens // 2)
                await ledger.release(session, job, 0)
                raise RuntimeError("half way")

        with pytest.raises(RuntimeError, match="half way"):
            self.run(fail())

    @rule(visitor=visitors)
    def look_at_a_session(self, visitor: str) -> None:
        assert self.run(self.till.balance(visitor)) == self.balance(self.who(visitor))

    def balance(self, payer: Payer) -> Balance:
        return Balance(self.free[payer], sum(hold.left for hold in self.all_holds(payer)))

    @invariant()
    def the_books_are_right_and_everybody_has_what_the_model_says(self) -> None:
        has = self.run(self.till.check())
        left_by_links = {visitor: Balance(0, 0) for visitor in self.member}
        assert has == {payer: self.balance(payer) for payer in self.free} | left_by_links

    @invariant()
    def what_was_captured_was_spent(self) -> None:
        assert self.run(self.till.spent()) == sum(hold.captured for holds in self.holds.values() for hold in holds)


async def emptied(sessions: Sessions) -> None:
    """One database serves many runs."""
    async with sessions.begin() as session:
        for table in reversed(Base.metadata.sorted_tables):
            await session.execute(delete(table))


@pytest.mark.parametrize(
    ("database_url", "examples"), [("memory", 15), ("sqlite", 3), ("postgresql", 3)], indirect=["database_url"]
)
def test_every_token_is_where_the_model_says(database_url: str, examples: int) -> None:
    bank = type("Bank", (Bank,), {"url": database_url})
    run_state_machine_as_test(bank, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None))
