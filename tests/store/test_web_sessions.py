"""A browser has tokens of its own until it is joined to a member, and then all of them are the member's, once."""

import asyncio
import re
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import func, select

from bot.domain.account import Balance, Kind, WebSession
from bot.domain.errors import NotFound, Refusal
from bot.store import ledger
from bot.store.accounts import AccountKind
from bot.store.database import Sessions
from bot.store.schema import AccountRow, LinkCodeRow, WebSessionRow, now
from bot.store.web_sessions import LETTERS, WRONG_CODE, WebSessions
from tests.store.conftest import STARTING
from tests.store.till import HOUR, Till

MINA, THEO = 1, 2
PAST = timedelta(seconds=-1)
NOBODY = "0" * 64


@pytest.fixture
def till(sessions: Sessions) -> Till:
    return Till(sessions)


async def test_a_session_is_found_by_its_secret_as_it_was_stored(till: Till) -> None:
    begun = now()
    secret, opened = await till.web.create({"theme": "dark", "seen": [1, 2]}, 20, HOUR)
    found = await till.web.find(secret)
    assert (
        found
        == opened
        == WebSession(opened.id, None, {"theme": "dark", "seen": [1, 2]}, opened.created_at, opened.created_at + HOUR)
    )
    assert begun <= opened.created_at <= now()
    assert await till.balance(opened.id) == Balance(20, 0)
    await till.check()


async def test_what_is_stored_does_not_open_a_session(till: Till) -> None:
    secret, opened = await till.web.create({}, 0, HOUR)
    assert len(secret) >= 43, "32 random bytes"
    assert opened.id == sha256(secret.encode()).hexdigest()
    assert await till.web.find(opened.id) is None


@pytest.mark.parametrize("cookie", ["", "guessed", "\x00", "\udcff", "é" * 5000])
async def test_a_cookie_that_is_no_secret_finds_nothing(till: Till, cookie: str) -> None:
    await till.web.create({}, 0, HOUR)
    assert await till.web.find(cookie) is None


async def test_an_expired_session_is_none_any_more(till: Till) -> None:
    secret, opened = await till.web.create({}, 20, PAST)
    code = await till.web.code(MINA, HOUR)
    assert await till.web.find(secret) is None
    for act in (
        till.web.update(opened.id, {}),
        till.web.balance(opened.id),
        till.web.link(opened.id, code),
        till.hold(await till.job(), opened.id, 1),
    ):
        with pytest.raises(NotFound, match=r"This session has ended\. Load the page again"):
            await act
    await till.check()


async def test_a_session_that_never_was_is_told_as_one_that_has_ended(till: Till) -> None:
    code = await till.web.code(MINA, HOUR)
    for act in (till.web.update(NOBODY, {}), till.web.balance(NOBODY), till.web.link(NOBODY, code)):
        with pytest.raises(NotFound, match="This session has ended"):
            await act


async def test_what_a_session_keeps_is_replaced(till: Till) -> None:
    secret, opened = await till.web.create({"a": 1}, 0, HOUR)
    other, _ = await till.web.create({"a": 1}, 0, HOUR)
    await till.web.update(opened.id, {"b": {"c": None}})
    kept = [found.data for found in (await till.web.find(secret), await till.web.find(other)) if found]
    assert kept == [{"b": {"c": None}}, {"a": 1}]


async def test_a_code_is_short_and_made_of_letters_that_nobody_mistakes(till: Till) -> None:
    codes = [await till.web.code(member_id, HOUR) for member_id in range(20)]
    assert len(set(codes)) == 20
    assert all(re.fullmatch(f"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", code) for code in codes)
    assert not set(LETTERS) & set("01ILOU") and LETTERS.upper() == LETTERS


async def test_what_is_stored_of_a_code_is_its_hash(till: Till) -> None:
    code = await till.web.code(MINA, HOUR)
    async with till.sessions.reading() as session:
        (stored,) = await session.scalars(select(LinkCodeRow.code))
    assert stored == sha256(code.replace("-", "").encode()).hexdigest()


async def test_a_link_moves_the_sessions_tokens_to_the_member(till: Till) -> None:
    visitor = await till.visitor(20)
    await till.balance(MINA)
    _, linked = await till.web.link(visitor, await till.web.code(MINA, HOUR))
    assert linked.member_id == MINA
    assert await till.balance(MINA) == await till.balance(linked.id) == Balance(STARTING + 20, 0)
    newest, *_ = await till.ledger.history(MINA)
    assert (newest.kind, newest.tokens) == (Kind.LINK, 20)
    await till.check()


async def test_a_link_renews_the_secret_and_the_old_one_opens_nothing(till: Till) -> None:
    known, opened = await till.web.create({"a": 1}, 20, HOUR)
    secret, linked = await till.web.link(opened.id, await till.web.code(MINA, HOUR))
    assert secret != known and len(secret) >= 43
    assert await till.web.find(secret) == linked
    assert (linked.id, linked.data) == (sha256(secret.encode()).hexdigest(), {"a": 1})
    assert (linked.created_at, linked.expires_at) == (opened.created_at, opened.expires_at)
    assert await till.web.find(known) is None
    for act in (till.web.update(opened.id, {}), till.web.balance(opened.id), till.hold(await till.job(), opened.id, 1)):
        with pytest.raises(NotFound, match="This session has ended"):
            await act


async def test_a_refused_link_leaves_the_secret_as_it_was(till: Till) -> None:
    secret, opened = await till.web.create({}, 20, HOUR)
    with pytest.raises(Refusal, match=re.escape(WRONG_CODE)):
        await till.web.link(opened.id, "AAAA-AAAA")
    assert await till.web.find(secret) == opened


async def test_whom_discord_names_gets_the_session_as_by_a_code(till: Till) -> None:
    known, opened = await till.web.create({"a": 1}, 20, HOUR)
    secret, linked = await till.web.sign_in(opened.id, MINA)
    assert (await till.web.find(secret), await till.web.find(known)) == (linked, None)
    assert (linked.member_id, linked.data) == (MINA, {"a": 1})
    assert await till.balance(MINA) == await till.balance(linked.id) == Balance(STARTING + 20, 0)
    again, same = await till.web.sign_in(linked.id, MINA)
    assert again != secret and await till.balance(same.id) == Balance(STARTING + 20, 0)
    with pytest.raises(Refusal, match="This browser is linked to another member already"):
        await till.web.sign_in(same.id, THEO)
    assert await till.web.find(again) == same, "who was refused has renewed nothing"
    with pytest.raises(NotFound, match="This session has ended"):
        await till.web.sign_in(NOBODY, MINA)
    await till.check()


async def test_a_session_that_was_ended_is_gone_and_its_member_keeps_all(till: Till) -> None:
    secret, opened = await till.web.create({}, 20, HOUR)
    other, _ = await till.web.create({}, 7, HOUR)
    renewed, linked = await till.web.link(opened.id, await till.web.code(MINA, HOUR))
    await till.web.end(linked.id)
    assert [await till.web.find(each) for each in (secret, renewed)] == [None, None]
    assert await till.web.find(other) is not None
    assert await till.balance(MINA) == Balance(STARTING + 20, 0)
    await till.web.end(linked.id)
    await till.web.end(NOBODY)
    await till.check()


async def test_what_is_held_of_an_ended_session_is_still_captured_and_released(till: Till) -> None:
    visitor, job = await till.visitor(20), await till.job()
    await till.hold(job, visitor, 10)
    await till.web.end(visitor)
    assert await till.capture(job, 1, 4) == 4
    assert await till.release(job) == 6
    await till.check()


async def sessions_and_codes(till: Till) -> tuple[int, int]:
    async with till.sessions.reading() as session:
        counts = [
            await session.scalar(select(func.count()).select_from(table)) for table in (WebSessionRow, LinkCodeRow)
        ]
    return counts[0] or 0, counts[1] or 0


async def test_expired_sessions_and_codes_are_forgotten_now_and_then_and_the_books_stay_right(till: Till) -> None:
    await till.web.create({}, 20, PAST)
    await till.web.create({}, 0, PAST)
    secret, _ = await till.web.create({}, 7, HOUR)
    await till.web.code(MINA, PAST)
    await till.web.code(THEO, HOUR)
    assert await sessions_and_codes(till) == (3, 2), "this console has looked just now"
    later = WebSessions(till.sessions, STARTING)
    await later.create({}, 0, HOUR)
    assert await sessions_and_codes(till) == (2, 1)
    assert await till.web.find(secret) is not None
    assert sorted(balance.available for balance in (await till.check()).values()) == [7, 20]


async def test_consoles_that_clean_up_at_once_do_not_block_each_other(till: Till) -> None:
    for _ in range(30):
        await till.web.create({}, 0, PAST)
    consoles = [WebSessions(till.sessions, STARTING) for _ in range(6)]
    await asyncio.gather(*(each.create({}, 1, HOUR) for each in consoles))
    assert (await sessions_and_codes(till))[0] == 6


async def test_a_member_who_was_never_seen_begins_with_the_link(till: Till) -> None:
    visitor = await till.visitor(20)
    await till.link(visitor, MINA)
    assert await till.balance(MINA) == Balance(STARTING + 20, 0)
    assert sorted((each.kind, each.tokens) for each in await till.ledger.history(MINA)) == [
        (Kind.LINK, 20),
        (Kind.OPENING, STARTING),
    ]
    await till.check()


async def test_a_session_without_tokens_leaves_no_account(till: Till) -> None:
    _, opened = await till.web.create({}, 0, HOUR)
    assert await till.check() == {}
    assert await till.web.balance(opened.id) == Balance(0, 0)
    _, linked = await till.web.link(opened.id, await till.web.code(MINA, HOUR))
    assert await till.check() == {MINA: Balance(STARTING, 0)}
    assert await till.balance(linked.id) == Balance(STARTING, 0)


@pytest.mark.parametrize("typed", ["{}", " {} ", "{lower}", "{bare}", "{spaced}"])
async def test_a_code_may_be_typed_in_any_way(till: Till, typed: str) -> None:
    visitor, code = await till.visitor(20), await till.web.code(MINA, HOUR)
    forms = {"lower": code.lower(), "bare": code.replace("-", ""), "spaced": " ".join(code.replace("-", "–"))}
    _, linked = await till.web.link(visitor, typed.format(code, **forms))
    assert linked.member_id == MINA


async def test_a_wrong_a_used_an_old_and_a_replaced_code_are_refused_alike(till: Till) -> None:
    visitor, other = await till.visitor(20), await till.visitor(20)
    replaced, used = await till.web.code(MINA, HOUR), await till.web.code(MINA, HOUR)
    await till.web.link(other, used)
    old = await till.web.code(THEO, PAST)
    for code in ("", "AAAA-AAAA", replaced, used, old, "\udcff", "é" * 5000):
        with pytest.raises(Refusal, match=re.escape(WRONG_CODE)):
            await till.web.link(visitor, code)
    assert await till.balance(visitor) == Balance(20, 0)
    await till.check()


async def test_what_is_held_of_a_session_is_held_of_the_member_after_the_link(till: Till) -> None:
    visitor, (running, waiting, before) = await till.visitor(50), await till.jobs(3)
    await till.hold(running, visitor, 20)
    await till.hold(waiting, visitor, 10)
    await till.hold(before, MINA, 40)
    await till.capture(running, 1, 5)
    await till.link(visitor, MINA)
    assert await till.balance(MINA) == await till.balance(visitor) == Balance(60 + 20, 40 + 25)
    await till.check()
    assert await till.capture(running, 2, 5) == 5
    assert [await till.release(job) for job in (running, waiting, before)] == [10, 10, 40]
    assert (await till.balance(MINA), await till.spent()) == (Balance(140, 0), 10)
    await till.check()


async def test_a_day_and_a_history_tell_also_what_the_session_spent_before_it_was_linked(till: Till) -> None:
    midnight, visitor, (ended, running) = now(), await till.visitor(50), await till.jobs(2)
    for job in (ended, running):
        await till.hold(job, visitor, 20)
        await till.capture(job, 1, 5)
    await till.release(ended)
    await till.link(visitor, MINA)
    async with till.payer(MINA) as (session, account):
        assert await ledger.spent_since(session, account.id, midnight) == 5 + 20
    spent = {each.job: each.tokens for each in await till.ledger.history(MINA) if each.kind is Kind.CAPTURE}
    assert spent == {f"S{ended}": -5, f"S{running}": -5}


async def minted(till: Till) -> int:
    """What has come into the world; the mint is below zero by as much."""
    async with till.sessions.reading() as session:
        balance = await session.scalar(select(AccountRow.balance).where(AccountRow.kind == AccountKind.MINT.value))
    return -(balance or 0)


async def test_whoever_links_browser_after_browser_gets_the_sessions_tokens_once(till: Till) -> None:
    first, *others = [await till.visitor(20) for _ in range(5)]
    await till.link(first, MINA)
    before = await minted(till)
    for other in others:
        await till.link(other, MINA)
    assert await till.balance(MINA) == Balance(STARTING + 20, 0)
    assert await minted(till) == before - 4 * 20, "those of the others are taken back"
    await till.link(await till.visitor(20), THEO)
    assert await till.balance(THEO) == Balance(STARTING + 20, 0)
    await till.check()


async def test_they_are_given_once_also_to_who_has_spent_all_of_the_first_before_the_link(till: Till) -> None:
    first, second, (spent, running) = await till.visitor(20), await till.visitor(20), await till.jobs(2)
    await till.hold(spent, first, 20)
    await till.capture(spent, 1, 20)
    await till.link(first, MINA)
    await till.hold(running, second, 15)
    await till.link(second, MINA)
    assert await till.balance(MINA) == Balance(STARTING, 15), "what is free goes back, what is held is held"
    await till.check()


async def test_of_many_browsers_linked_to_one_member_at_once_one_brings_its_tokens(till: Till) -> None:
    visitors = [await till.visitor(20) for _ in range(8)]
    await asyncio.gather(*(till.web.sign_in(each, MINA) for each in visitors))
    assert await till.balance(MINA) == Balance(STARTING + 20, 0)
    await till.check()


async def test_what_a_linked_session_asks_for_the_member_pays(till: Till) -> None:
    visitor, (before, after) = await till.visitor(20), await till.jobs(2)
    await till.hold(before, visitor, 5)
    await till.link(visitor, MINA)
    await till.hold(after, visitor, STARTING)
    assert await till.balance(MINA) == Balance(15, 105)
    await till.check()


async def test_a_session_is_linked_to_its_member_again_without_a_change(till: Till) -> None:
    visitor = await till.visitor(20)
    await till.link(visitor, MINA)
    code = await till.web.code(MINA, HOUR)
    _, linked = await till.web.link(till.id_of(visitor), code)
    assert linked.member_id == MINA
    assert await till.balance(MINA) == Balance(STARTING + 20, 0)
    with pytest.raises(Refusal, match=re.escape(WRONG_CODE)):
        await till.web.link(await till.visitor(20), code)
    await till.check()


async def test_a_session_of_one_member_is_not_linked_to_another_whose_code_stays_good(till: Till) -> None:
    visitor = await till.visitor(20)
    await till.link(visitor, MINA)
    code = await till.web.code(THEO, HOUR)
    with pytest.raises(Refusal, match="This browser is linked to another member already"):
        await till.web.link(till.id_of(visitor), code)
    _, linked = await till.web.link(await till.visitor(7), code)
    assert linked.member_id == THEO
    assert [await till.balance(member) for member in (MINA, THEO)] == [
        Balance(STARTING + 20, 0),
        Balance(STARTING + 7, 0),
    ]
    await till.check()


async def test_a_link_that_fails_half_way_leaves_both_as_they_were(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor, code = await till.visitor(20), await till.web.code(MINA, HOUR)

    async def fail(*_: object) -> None:
        raise RuntimeError("half way")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="half way"):
        patch.setattr(ledger, "open_with", fail)
        await till.web.link(visitor, code)
    assert await till.balance(visitor) == Balance(20, 0)
    assert await till.balance(MINA) == Balance(STARTING, 0)
    _, linked = await till.web.link(visitor, code)
    assert linked.member_id == MINA, "the code is still good"


async def test_of_many_browsers_with_one_code_one_is_linked(till: Till) -> None:
    visitors = [await till.visitor(20) for _ in range(12)]
    code = await till.web.code(MINA, HOUR)
    results = await asyncio.gather(*(till.web.link(each, code) for each in visitors), return_exceptions=True)
    linked = [result for result in results if isinstance(result, tuple)]
    refused = [str(result) for result in results if isinstance(result, Refusal)]
    assert (len(linked), refused) == (1, [WRONG_CODE] * 11)
    assert await till.balance(MINA) == Balance(STARTING + 20, 0)
    await till.check()


async def test_of_many_members_who_link_one_browser_at_once_one_gets_it(till: Till) -> None:
    visitor, members = await till.visitor(20), range(1, 9)
    codes = [await till.web.code(member, HOUR) for member in members]
    results = await asyncio.gather(*(till.web.link(visitor, code) for code in codes), return_exceptions=True)
    ((_, linked),) = [result for result in results if isinstance(result, tuple)]
    refused = [result for result in results if isinstance(result, NotFound)]
    assert len(refused) == 7 and all("This session has ended" in str(refusal) for refusal in refused)
    has = {member: (await till.balance(member)).available for member in members}
    assert has == {member: STARTING + (20 if member == linked.member_id else 0) for member in members}
    await till.check()


async def test_codes_asked_for_at_the_same_moment_leave_one(till: Till) -> None:
    codes = await asyncio.gather(*(till.web.code(MINA, HOUR) for _ in range(12)))
    async with till.sessions.reading() as session:
        (stored,) = await session.scalars(select(LinkCodeRow.code))
    assert stored in {sha256(code.replace("-", "").encode()).hexdigest() for code in codes}


async def test_a_session_and_its_account_are_opened_together_or_not_at_all(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("half way")

    monkeypatch.setattr(ledger, "open_with", fail)
    with pytest.raises(RuntimeError, match="half way"):
        await till.visitor(20)
    async with till.sessions.reading() as session:
        for table in (WebSessionRow, AccountRow):
            assert await session.scalar(select(func.count()).select_from(table)) == 0
