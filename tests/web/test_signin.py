"""Signing in: by a code from Discord, a few tries a minute; and through Discord, once for each that was begun here."""

import asyncio
import html
import logging
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
import structlog
from pydantic import SecretStr

from bot.sandbox import Sandbox
from bot.store.web_sessions import WRONG_CODE
from bot.web import limits, oauth, signin
from bot.web.limits import Limit, Limits, sender
from bot.web.oauth import DiscordSignIn, NoAnswer
from bot.web.signin import BEGIN_AGAIN, DECLINED, TOO_MANY, TOO_MANY_CODES, own_page
from tests.sandbox.strict import opened as sandbox_opened
from tests.web.house import HOUR, MINA, OLGA, Answer, Browser, House, opened


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with opened(tokens=20) as house:
        yield house


@pytest.fixture
async def browser(house: House) -> AsyncIterator[Browser]:
    async with house.browser() as browser:
        yield browser


def said(answer: Answer) -> str:
    """The sentence that stands above the form."""
    found = re.search(r'role="alert">([^<]*)<', answer.text)
    return html.unescape(found[1]) if found else ""


# ── the code ──


async def test_a_code_signs_in_and_the_page_shows_who_and_what_they_have(house: House, browser: Browser) -> None:
    before = await browser.get("/link")
    assert "Type <code>/link</code> in Discord" in before.text and "20 tokens" in before.text
    answer = await browser.sign_in()
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    after = await browser.get("/link")
    assert "You are Mina" in after.text and "1,020 tokens" in after.text
    assert 'name="code"' not in after.text and 'action="/signout"' in after.text
    assert (await house.store.balance((await house.session_of(browser)).id)).available == 1020


async def test_after_signing_out_another_member_may_sign_in(house: House, browser: Browser) -> None:
    await browser.sign_in(MINA)
    assert said(await browser.sign_in(OLGA)).startswith("This browser is linked to another member already.")
    await browser.post("/signout")
    await browser.sign_in(OLGA)
    assert "You are Olga" in (await browser.get("/link")).text


async def test_a_member_of_no_server_is_told_why_they_see_nothing(house: House, browser: Browser) -> None:
    house.servers.members[MINA] = ()
    await browser.sign_in()
    assert "You are on none of the servers" in (await browser.get("/link")).text


@pytest.mark.parametrize("code", ["AAAA-AAAA", "", "x" * 5000, "<script>", "\x00\x01", "é😀", "%s' OR 1=1"])
async def test_a_wrong_code_is_told_in_a_sentence_and_changes_nothing(code: str, browser: Browser) -> None:
    await browser.get("/link")
    cookie = browser.cookie
    answer = await browser.post("/link", {"code": code})
    assert (answer.status, said(answer)) == (400, WRONG_CODE)
    assert 'aria-invalid="true"' in answer.text and browser.cookie == cookie


async def test_a_form_without_a_code_and_one_with_two_are_no_trouble(browser: Browser) -> None:
    assert (await browser.post("/link")).status == 400
    token = await browser.token()
    body = urlencode([("token", token), ("code", "A"), ("code", "B"), ("next", "/a"), ("next", "/b")])
    headers = {"Origin": browser.house.address, "Content-Type": "application/x-www-form-urlencoded"}
    assert (await browser.ask("POST", "/link", data=body, headers=headers)).status == 400


async def test_a_session_that_ended_meanwhile_begins_again(house: House, browser: Browser) -> None:
    token = await browser.token()
    assert await browser.token() == token, "the cookie is remembered"
    await house.store.end((await house.session_of(browser)).id)
    answer = await browser.post("/link", {"code": "AAAA-AAAA"}, token=token)
    assert (answer.status, answer.headers["Location"]) == (303, "/link")
    assert (await browser.sign_in()).headers["Location"] == "/"


# ── limits ──


async def test_of_one_browser_ten_wrong_codes_a_minute_are_looked_at(house: House, browser: Browser) -> None:
    token = await browser.token()
    for _ in range(signin.GUESSES):
        assert (await browser.post("/link", {"code": "AAAA-AAAA"}, token=token)).status == 400
    right = await house.store.code(MINA, HOUR)
    answer = await browser.post("/link", {"code": right}, token=token)
    assert (answer.status, said(answer), answer.headers["Retry-After"]) == (429, TOO_MANY_CODES, "60")
    house.now += signin.MINUTE / signin.GUESSES
    assert (await browser.post("/link", {"code": right}, token=token)).status == 303


async def test_another_browser_of_the_same_address_has_no_guesses_of_its_own(house: House, browser: Browser) -> None:
    for _ in range(signin.GUESSES):
        await browser.post("/link", {"code": "AAAA-AAAA"})
    async with house.browser() as other:
        assert (await other.post("/link", {"code": "AAAA-AAAA"})).status == 429
    house.now += signin.MINUTE
    async with house.browser() as other:
        assert (await other.post("/link", {"code": "AAAA-AAAA"})).status == 400


async def test_who_guesses_right_has_not_guessed(house: House) -> None:
    for _ in range(2 * signin.GUESSES):
        house.now += 2 * signin.MINUTE / signin.BEGINNINGS
        async with house.browser() as browser:
            assert (await browser.sign_in()).status == 303
    async with house.browser() as browser:
        assert (await browser.post("/link", {"code": "AAAA-AAAA"})).status == 400


async def test_guesses_from_very_many_addresses_are_bounded_together() -> None:
    now = [0.0]
    guesses = Limits(*(Limit(most, 60.0, clock=lambda: now[0]) for most in (10, 10, 120)))
    taken = sum(guesses.take(f"session {n}", f"address {n}", "") for n in range(1000))
    assert taken == 120
    assert not guesses.take("a session", "an address", "")
    now[0] = 0.5
    assert guesses.take("a session", "an address", "")
    assert not guesses.take("another", "one more", "")


async def test_what_one_limit_refuses_the_others_do_not_count() -> None:
    few, many = Limit(1, 60.0, clock=lambda: 0.0), Limit(5, 60.0, clock=lambda: 0.0)
    both = Limits(many, few)
    assert [both.take("a", "") for _ in range(9)].count(True) == 1
    assert [many.take("a") for _ in range(9)].count(True) == 4
    both = Limits(few, many)
    assert not both.take("", "b") and [many.take("b") for _ in range(9)].count(True) == 5


async def test_limits_remember_so_many_senders_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEPT", 10)
    limit = Limit(1, 60.0, clock=lambda: 0.0)
    for number in range(1000):
        limit.take(str(number))
    assert len(limit._left) == 10
    assert not limit.take("999") and limit.take("0")


async def test_browsers_that_never_come_back_do_not_fill_the_store(house: House) -> None:
    async with house.browser() as browser:
        for _ in range(signin.BEGINNINGS):
            browser.session.cookie_jar.clear()
            assert (await browser.get("/link")).status == 200
        browser.session.cookie_jar.clear()
        answer = await browser.get("/link")
        assert (answer.status, said(answer), answer.cookies) == (429, TOO_MANY, [])
        assert (await browser.ask("HEAD", "/link")).status == 405
        house.now += signin.MINUTE
        assert (await browser.get("/link")).cookies != []


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxied", "key"),
    [
        ("192.0.2.9", None, False, "192.0.2.9"),
        ("127.0.0.1", "203.0.113.5", False, "127.0.0.1"),
        ("127.0.0.1", "203.0.113.5", True, "203.0.113.5"),
        ("172.17.0.1", "1.1.1.1, 203.0.113.5", True, "203.0.113.5"),  # what a client says of itself comes first
        ("8.8.8.8", "203.0.113.5", True, "8.8.8.8"),  # nobody's proxy
        ("127.0.0.1", "unknown", True, "127.0.0.1"),
        ("127.0.0.1", None, True, "127.0.0.1"),
        ("2001:db8:1:2:3::4", None, False, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.9", None, False, "192.0.2.9"),
        (None, None, False, "None"),
    ],
)
def test_a_sender_is_told_by_an_address_that_they_cannot_choose(
    remote: str | None, forwarded: str | None, proxied: bool, key: str
) -> None:
    from aiohttp.test_utils import make_mocked_request

    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request: Any = make_mocked_request("GET", "/", headers=headers).clone(remote=remote)
    assert sender(request, proxied=proxied) == key


# ── where one goes then ──

OWN = ["/", "/pictures/S42-c017", "/people/Zo%C3%AB", "/?person=a&rating=3", "/jobs/S1?x=a%26b", "/.well-known/x"]
FOREIGN = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "evil.example",
    "",
    "/a\r\nSet-Cookie: b=c",
    "/a\n",
    "/\t/evil.example",
    "/ /evil.example",
    "/é",
    "/" + "x" * 1001,
    "/signout",
    "/api/wall/reload",
    "/link?next=/link",
    "/login/discord",
    "/media/x.png",
]


@pytest.mark.parametrize("target", OWN)
async def test_after_the_sign_in_one_is_where_one_wanted_to_be(target: str, house: House, browser: Browser) -> None:
    page = await browser.get(f"/link?{urlencode({'next': target})}")
    assert f'name="next" value="{html.escape(own_page(target))}"' in page.text
    code = await house.store.code(MINA, HOUR)
    answer = await browser.post("/link", {"code": code, "next": target})
    assert (answer.status, answer.headers["Location"]) == (303, target)
    again = await browser.get(f"/link?{urlencode({'next': target})}")
    assert (again.status, again.headers["Location"]) == (303, target)


@pytest.mark.parametrize("target", FOREIGN)
async def test_nobody_is_sent_elsewhere(target: str, house: House, browser: Browser) -> None:
    page = await browser.get(f"/link?{urlencode({'next': target})}")
    assert 'name="next" value=""' in page.text
    code = await house.store.code(MINA, HOUR)
    answer = await browser.post("/link", {"code": code, "next": target})
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert (await browser.get(f"/link?{urlencode({'next': target})}")).status == 200


# ── through Discord ──


class Portal:
    """A house beside a sandbox, in which one clicks as a member."""

    def __init__(self, sandbox: Sandbox, house: House) -> None:
        self.sandbox = sandbox
        self.house = house
        for name, member in (("mina", MINA), ("theo", OLGA)):
            house.servers.members[int(sandbox.members[name].id)] = house.servers.members[member]

    async def begin(self, browser: Browser, target: str = "") -> str:
        """The address to which the wall sends the browser."""
        answer = await browser.get(f"/login/discord?{urlencode({'next': target})}")
        assert answer.status == 302, answer.text
        return answer.headers["Location"]

    async def click(self, address: str, member: str | None = "mina") -> str:
        """The address to which Discord sends the browser back."""
        form = {"cancel": "1"} if member is None else {"member": member}
        async with (
            aiohttp.ClientSession() as session,
            session.post(address, data=form, allow_redirects=False) as answer,
        ):
            assert answer.status == 302, await answer.text()
            return answer.headers["Location"]


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    async with sandbox_opened() as sandbox, opened(tokens=20, discord=sandbox) as house:
        yield Portal(sandbox, house)


@pytest.fixture
async def visitor(portal: Portal) -> AsyncIterator[Browser]:
    async with portal.house.browser() as browser:
        yield browser


async def test_discord_signs_in_with_a_state_and_a_challenge(portal: Portal, visitor: Browser) -> None:
    assert 'href="/login/discord' in (await visitor.get("/link")).text
    before = visitor.cookie
    address = await portal.begin(visitor, "/jobs/S1")
    query = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    assert address.startswith(f"{portal.sandbox.url}/oauth2/authorize?")
    assert (query["scope"], query["response_type"]) == ("identify", "code")
    assert query["code_challenge_method"] == "S256" and len(query["code_challenge"]) == 43 and len(query["state"]) >= 43
    assert query["redirect_uri"] == f"{portal.house.address}/login/discord/callback"
    answer = await visitor.get(await portal.click(address))
    assert (answer.status, answer.headers["Location"]) == (303, "/jobs/S1")
    assert visitor.cookie != before
    page = (await visitor.get("/link")).text
    assert "You are Mina" in page and "1,020 tokens" in page


async def test_each_attempt_has_a_state_and_a_challenge_of_its_own(portal: Portal, visitor: Browser) -> None:
    addresses = [await portal.begin(visitor) for _ in range(3)]
    for name in ("state", "code_challenge"):
        assert len({parse_qs(urlsplit(address).query)[name][0] for address in addresses}) == 3


async def test_without_client_credentials_there_is_the_code_alone(browser: Browser) -> None:
    assert "/login/discord" not in (await browser.get("/link")).text
    assert (await browser.get("/login/discord")).status == 404


async def test_who_declines_is_told_so_and_may_begin_again(portal: Portal, visitor: Browser) -> None:
    back = await portal.click(await portal.begin(visitor), None)
    answer = await visitor.get(back)
    assert (answer.status, said(answer)) == (400, DECLINED)
    assert (await visitor.get(await portal.click(await portal.begin(visitor)))).status == 303


async def test_a_way_back_is_good_once(portal: Portal, visitor: Browser) -> None:
    back = await portal.click(await portal.begin(visitor))
    cookie = visitor.cookie
    assert (await visitor.get(back)).status == 303
    replayed = await visitor.get(back)
    assert (replayed.status, said(replayed)) == (400, BEGIN_AGAIN)
    async with portal.house.browser() as thief:
        thief.carry(cookie)  # from before the sign-in
        assert said(await thief.get(back)) == BEGIN_AGAIN


async def test_of_the_same_way_back_twice_at_once_one_signs_in(portal: Portal, visitor: Browser) -> None:
    back = await portal.click(await portal.begin(visitor))
    twin = {"Cookie": f"atelier={visitor.cookie}"}
    answers = await asyncio.gather(*(visitor.get(back, **twin) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [303] + [400] * 5
    assert portal.sandbox.rest.requests.count("POST /oauth2/token") == 1, "the others did not get as far as Discord"


async def test_a_way_back_belongs_to_the_browser_that_began(portal: Portal, visitor: Browser) -> None:
    """Somebody who sends others their own way back would have them sign in as somebody else."""
    back = await portal.click(await portal.begin(visitor), "theo")
    async with portal.house.browser() as other:
        for _ in range(2):
            answer = await other.get(back)
            assert (answer.status, said(answer)) == (400, BEGIN_AGAIN)
            await portal.begin(other)  # even one who has begun on their own
        assert "You are" not in (await other.get("/link")).text
    assert (await visitor.get(back)).status == 303


@pytest.mark.parametrize("change", ["state", "no state", "iss", "code"])
async def test_a_way_back_that_was_changed_signs_nobody_in(change: str, portal: Portal, visitor: Browser) -> None:
    address, _, query = (await portal.click(await portal.begin(visitor))).partition("?")
    fields = {name: value for name, (value,) in parse_qs(query).items()}
    changed = {
        "state": fields | {"state": "é" + fields["state"][1:]},
        "no state": {"code": fields["code"]},
        "iss": fields | {"iss": "https://another.example"},  # the answer of another server, to this one's question
        "code": fields | {"code": "guessed"},
    }[change]
    answer = await visitor.get(f"{address}?{urlencode(changed)}")
    assert answer.status == 400 and said(answer)
    assert "You are" not in (await visitor.get("/link")).text


async def test_an_attempt_counts_for_ten_minutes(
    portal: Portal, visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signin, "ATTEMPT_SECONDS", -1.0)
    answer = await visitor.get(await portal.click(await portal.begin(visitor)))
    assert (answer.status, said(answer)) == (400, BEGIN_AGAIN)


async def test_a_code_without_this_attempts_verifier_is_refused_by_discord(portal: Portal, visitor: Browser) -> None:
    """A code that somebody else got, put in place of ours."""
    stolen = await portal.click(await portal.begin(visitor), "theo")
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    address, _, query = (await portal.click(await portal.begin(visitor))).partition("?")
    fields = {name: value for name, (value,) in parse_qs(query).items()}
    with portal.sandbox.expect_refusals() as refused:
        answer = await visitor.get(f"{address}?{urlencode(fields | {'code': code})}")
    assert answer.status == 400 and "used or too old" in said(answer)
    assert len(refused) == 1 and "code_verifier" in refused[0]


async def test_what_goes_wrong_at_discord_is_a_sentence(portal: Portal, visitor: Browser) -> None:
    for route, status in (("POST /oauth2/token", 503), ("GET /users/@me", 500)):
        back = await portal.click(await portal.begin(visitor))
        portal.sandbox.faults.storm(route, times=1, status=status)
        answer = await visitor.get(back)
        assert (answer.status, "Discord does not answer just now" in said(answer)) == (502, True)
    portal.sandbox.oauth.client_secret = "changed in the portal"
    back = await portal.click(await portal.begin(visitor))
    with portal.sandbox.expect_refusals():
        answer = await visitor.get(back)
    assert answer.status == 400 and "client id and secret" in said(answer)


async def test_discord_that_cannot_be_reached_is_a_sentence() -> None:
    unreachable = DiscordSignIn("http://127.0.0.1:1/api/v10", "1", SecretStr("x"), "http://127.0.0.1:8080")
    with pytest.raises(NoAnswer, match="Discord does not answer just now"):
        await unreachable.member("code", "verifier")


async def test_a_member_of_another_session_is_not_changed(portal: Portal, visitor: Browser) -> None:
    assert (await visitor.get(await portal.click(await portal.begin(visitor), "mina"))).status == 303
    answer = await visitor.get(await portal.click(await portal.begin(visitor), "theo"))
    assert answer.status == 400 and said(answer).startswith("This browser is linked to another member already.")
    assert "You are Mina" in (await visitor.get("/link")).text


async def test_ways_through_discord_are_bounded(portal: Portal, visitor: Browser) -> None:
    await visitor.get("/link")
    answers = [await visitor.get("/login/discord") for _ in range(signin.BEGINNINGS)]
    assert answers[-1].status == 429 and said(answers[-1]) == TOO_MANY
    assert answers[0].status == 302


async def test_no_secret_stands_in_the_log(portal: Portal, visitor: Browser, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logged:
        back = await portal.click(await portal.begin(visitor))
        code = parse_qs(urlsplit(back).query)["code"][0]
        portal.sandbox.faults.storm("GET /users/@me", times=1)
        await visitor.get(back)
        portal.sandbox.oauth.client_secret = "another"
        with portal.sandbox.expect_refusals():
            await visitor.get(await portal.click(await portal.begin(visitor)))
    told = f"{logged}{[record.getMessage() for record in caplog.records]}"
    assert len(logged) == 2, "both failures are told"
    for secret in (code, "sandbox-secret", visitor.cookie):
        assert secret not in told
    assert "sandbox-secret" not in repr(portal.house.sign_in._discord.__dict__)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("api", "authorize", "issuer"),
    [
        ("https://discord.com/api/v10", "https://discord.com/oauth2/authorize?", "https://discord.com"),
        ("https://canary.discord.com/api/v10", "https://discord.com/oauth2/authorize?", "https://discord.com"),
        ("http://127.0.0.1:8420/api/v10", "http://127.0.0.1:8420/oauth2/authorize?", "http://127.0.0.1:8420"),
    ],
)
def test_the_page_of_discord_is_where_its_address_says(api: str, authorize: str, issuer: str) -> None:
    client = DiscordSignIn(api, "1", SecretStr("x"), "https://wall.example")
    assert client.begin().url.startswith(authorize)
    assert client.comes_from(issuer) and client.comes_from(None) and not client.comes_from("https://evil.example")


def test_an_error_that_is_no_name_is_not_told() -> None:
    assert oauth._named(b'{"error": "invalid_grant"}') == "invalid_grant"
    for body in (b'{"error": "code abc123"}', b'{"error": 5}', b"[]", b"\xff", b'{"error": "%s"}' % (b"a" * 41)):
        assert oauth._named(body) == ""
