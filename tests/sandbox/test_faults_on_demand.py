"""Everything that goes wrong at Discord goes wrong here when asked to, and only as often as asked."""

import time

import aiohttp
import disnake
import pytest

from bot.sandbox import Sandbox
from bot.sandbox.faults import MESSAGE_POSTS
from bot.sandbox.rates import Rates
from bot.sandbox.world import GENERAL, STUDIO
from tests.sandbox import small_bot
from tests.sandbox.conftest import Raw
from tests.sandbox.small_bot import running
from tests.sandbox.strict import opened

POST = f"/channels/{STUDIO}/messages"


async def test_a_rate_limited_client_waits_and_succeeds(sandbox: Sandbox) -> None:
    bot = small_bot.make()
    async with running(sandbox, bot):
        channel = bot.get_channel(int(STUDIO))
        sandbox.faults.rate_limit(MESSAGE_POSTS, retry_after_s=0.1)
        await channel.send("through")
        sandbox.faults.rate_limit(everywhere=True, retry_after_s=0.1)
        await channel.send("again")
    assert [each["content"] for each in sandbox.messages()] == ["through", "again"]
    assert sandbox.faults.struck == [f"429 on {MESSAGE_POSTS}"] * 2


async def test_a_429_without_via_is_not_retried_by_the_client(sandbox: Sandbox) -> None:
    bot = small_bot.make()
    async with running(sandbox, bot):
        sandbox.faults.rate_limit(MESSAGE_POSTS, via=False)
        with pytest.raises(disnake.HTTPException) as caught:
            await bot.get_channel(int(STUDIO)).send("lost")
    assert caught.value.status == 429
    assert sandbox.messages() == []


async def test_a_post_accepted_and_answered_502_appears_twice_unless_its_nonce_is_enforced(raw: Raw) -> None:
    for body in ({"content": "twice"}, {"content": "once", "nonce": "job-1", "enforce_nonce": True}):
        raw.sandbox.faults.accepted_then_502()
        assert (await raw.ask("POST", POST, body))[0] == 502
        assert (await raw.ask("POST", POST, body))[0] == 200
    assert [each["content"] for each in raw.sandbox.messages()] == ["twice", "twice", "once"]


async def test_a_repeated_nonce_returns_the_first_message(raw: Raw) -> None:
    body = {"content": "x", "nonce": "job-1", "enforce_nonce": True}
    _, first = await raw.ask("POST", POST, body)
    _, second = await raw.ask("POST", POST, body | {"content": "y"})
    assert (second["id"], second["content"], second["nonce"]) == (first["id"], "x", "job-1")
    _, loose = await raw.ask("POST", POST, {"content": "z", "nonce": "job-1"})
    assert loose["id"] != first["id"]


async def test_a_storm_passes(raw: Raw) -> None:
    raw.sandbox.faults.storm(times=3)
    assert [(await raw.ask("GET", "/users/@me"))[0] for _ in range(4)] == [503, 503, 503, 200]


async def test_a_late_answer_is_carried_out_at_once(raw: Raw) -> None:
    raw.sandbox.faults.late(MESSAGE_POSTS, seconds=0.3)
    began = time.monotonic()
    assert (await raw.ask("POST", POST, {"content": "x"}))[0] == 200
    assert time.monotonic() - began >= 0.3


async def test_a_slow_cdn_delivers_in_the_end(raw: Raw) -> None:
    kept = raw.sandbox.cdn.keep(STUDIO, "a.txt", b"text")
    raw.sandbox.faults.cdn_delay_s = 0.2
    began = time.monotonic()
    async with aiohttp.ClientSession() as browser, browser.get(raw.sandbox.cdn.url(kept)) as response:
        assert await response.read() == b"text"
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("fault", ["drop_gateway", "ask_to_reconnect"])
async def test_a_lost_connection_is_resumed_and_what_was_missed_arrives(fault: str, sandbox: Sandbox) -> None:
    bot = small_bot.make()
    async with running(sandbox, bot):
        getattr(sandbox.faults, fault)()
        await sandbox.until(lambda: not sandbox.gateway.connected)
        channel = sandbox.world.channel(STUDIO)
        sandbox.world.add_thread(channel | {"id": "77", "type": 11, "parent_id": STUDIO, "owner_id": "1"} | THREAD)
        await sandbox.until(lambda: sandbox.gateway.resumes)
        assert (await sandbox.members["mina"].run("echo", text="back")).content == "back (plain)"
        assert [str(thread.id) for event, *things in bot.seen if event == "thread_create" for thread in things]
        assert len(sandbox.gateway.sessions) == 1


THREAD = {
    "message_count": 0,
    "member_count": 0,
    "total_message_sent": 0,
    "thread_metadata": {
        "archived": False,
        "locked": False,
        "archive_timestamp": "2026-01-01T00:00:00+00:00",
        "auto_archive_duration": 60,
    },
}


async def test_an_invalidated_session_is_begun_anew(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        [before] = sandbox.gateway.sessions
        sandbox.faults.invalidate_sessions()
        await sandbox.until(lambda: sandbox.gateway.connected and before not in sandbox.gateway.sessions)
        assert sandbox.gateway.resumes == 0
        assert (await sandbox.members["mina"].run("echo", text="new")).content == "new (plain)"


async def test_the_buckets_tell_their_limits_and_hold_them() -> None:
    rates = Rates({MESSAGE_POSTS: (2, 30.0)})
    async with opened(rates=rates) as sandbox, aiohttp.ClientSession() as session:
        session.headers["Authorization"] = f"Bot {sandbox.token}"
        session.headers["User-Agent"] = "DiscordBot (https://example.org, 1.0)"
        seen = []
        for number in range(3):
            async with session.post(sandbox.api_url + POST, json={"content": str(number)}) as response:
                seen.append((response.status, response.headers["X-RateLimit-Remaining"]))
                answer = await response.json()
        assert seen == [(200, "1"), (200, "0"), (429, "0")]
        assert 0 < answer["retry_after"] <= 30
        assert answer["global"] is False
        assert response.headers["Via"]


async def test_fifty_requests_a_second_are_the_most_but_for_interactions() -> None:
    async with opened(rates=Rates({}, per_second=3)) as sandbox, aiohttp.ClientSession() as session:
        session.headers["Authorization"] = f"Bot {sandbox.token}"
        session.headers["User-Agent"] = "DiscordBot (https://example.org, 1.0)"
        raw = Raw(sandbox, session)
        statuses = [(await raw.ask("GET", "/users/@me"))[0] for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert (await raw.ask("POST", "/interactions/1/t/callback", {"type": 5}))[0] == 404


async def test_edits_faster_than_two_seconds_are_counted(raw: Raw) -> None:
    _, posted = await raw.ask("POST", POST, {"content": "x"})
    for number in range(3):
        await raw.ask("PATCH", f"{POST}/{posted['id']}", {"content": str(number)})
    assert raw.sandbox.edits_too_fast == 2


async def test_a_nonce_counts_in_its_own_channel_alone(raw: Raw) -> None:
    body = {"content": "x", "nonce": "job-1", "enforce_nonce": True}
    _, first = await raw.ask("POST", POST, body)
    _, second = await raw.ask("POST", f"/channels/{GENERAL}/messages", body)
    assert (first["channel_id"], second["channel_id"]) == (STUDIO, GENERAL)
