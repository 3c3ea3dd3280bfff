"""Who somebody is: one member asked for by their id, and OAuth2, with what Discord refuses of either."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest

from bot.sandbox import Sandbox
from bot.sandbox import oauth as sandbox_oauth
from bot.sandbox.world import APPLICATION, ARTISTS, GUILD, OPERATORS
from tests.sandbox.conftest import Raw

BACK = "http://127.0.0.1:8080/login/discord/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "response_type": "code",
    "client_id": APPLICATION,
    "scope": "identify",
    "redirect_uri": BACK,
    "state": "a state",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


async def test_a_member_is_told_by_their_id(raw: Raw) -> None:
    mina, theo = (raw.sandbox.members[name] for name in ("mina", "theo"))
    status, told = await raw.ask("GET", f"/guilds/{GUILD}/members/{mina.id}")
    assert (status, told["user"]["username"], told["roles"]) == (200, "mina", [OPERATORS, ARTISTS])
    status, told = await raw.ask("GET", f"/guilds/{GUILD}/members/{theo.id}")
    assert (status, told["user"]["global_name"], told["roles"]) == (200, "Theo", [ARTISTS])


async def test_who_is_no_member_and_a_server_that_is_none_are_unknown(raw: Raw) -> None:
    theo = raw.sandbox.members["theo"]
    unknown = await raw.ask("GET", f"/guilds/{GUILD}/members/1")
    elsewhere = await raw.ask("GET", f"/guilds/1/members/{theo.id}")
    assert unknown == (404, {"message": "Unknown Member", "code": 10007})
    assert elsewhere == (404, {"message": "Unknown Guild", "code": 10004})
    del raw.sandbox.world.members[theo.id]  # they left
    assert (await raw.ask("GET", f"/guilds/{GUILD}/members/{theo.id}"))[0] == 404


async def test_a_member_by_their_name_is_refused(raw: Raw) -> None:
    with raw.sandbox.expect_refusals() as refused:
        status, answer = await raw.ask("GET", f"/guilds/{GUILD}/members/mina")
    assert (status, answer["code"], len(refused)) == (400, 50035, 1)


async def test_a_member_is_not_told_without_the_applications_token(raw: Raw) -> None:
    for authorization in ("", "Bearer x", "Bot other"):
        status, _ = await raw.ask(
            "GET",
            f"/guilds/{GUILD}/members/{raw.sandbox.members['mina'].id}",
            headers={"Authorization": authorization},
        )
        assert status == 401


class Portal:
    """A browser and an application that sign somebody in."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        sandbox.oauth.redirects.add(BACK)

    async def page(self, **asked: str | None) -> tuple[int, str]:
        async with self.session.get(self._address(asked)) as answer:
            return answer.status, await answer.text()

    async def decide(self, form: dict[str, str], **asked: str | None) -> dict[str, str]:
        """What the browser brings back to the application."""
        async with self.session.post(self._address(asked), data=form, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            back, _, query = answer.headers["Location"].partition("?")
            assert back == BACK
            return {name: value for name, (value,) in parse_qs(query).items()}

    async def code(self, member: str = "theo", **asked: str | None) -> str:
        return (await self.decide({"member": member}, **asked))["code"]

    async def token(self, code: str, more: dict[str, Any] | None = None, **form: str | None) -> tuple[int, Any]:
        whole = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
            "client_id": self.sandbox.oauth.client_id,
            "client_secret": self.sandbox.oauth.client_secret,
        } | form
        data = {name: value for name, value in whole.items() if value is not None}
        sent = more or {"data": data}
        async with self.session.post(f"{self.sandbox.api_url}/oauth2/token", **sent) as answer:
            return answer.status, await answer.json()

    async def me(self, token: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "DiscordBot (https://example.org, 1)"}
        async with self.session.get(f"{self.sandbox.api_url}/users/@me", headers=headers) as answer:
            return answer.status, await answer.json()

    def _address(self, asked: dict[str, str | None]) -> str:
        query = {name: value for name, value in (ASKED | asked).items() if value is not None}
        return f"{self.sandbox.url}/oauth2/authorize?{urlencode(query)}"


@pytest.fixture
async def portal(sandbox: Sandbox) -> Any:
    async with aiohttp.ClientSession() as session:
        yield Portal(sandbox, session)


async def test_a_member_who_clicks_is_known_to_the_application_by_a_bearer_token(portal: Portal) -> None:
    status, page = await portal.page()
    assert status == 200 and all(f"I am {name}" in page for name in ("Mina", "Theo", "Ada"))
    back = await portal.decide({"member": portal.sandbox.members["theo"].id})
    assert (back["state"], back["iss"]) == ("a state", portal.sandbox.url)
    status, granted = await portal.token(back["code"])
    assert (status, granted["token_type"], granted["scope"]) == (200, "Bearer", "identify")
    status, user = await portal.me(granted["access_token"])
    assert (status, user["username"]) == (200, "theo")
    assert "email" not in user


async def test_who_cancels_is_sent_back_with_that(portal: Portal) -> None:
    back = await portal.decide({"cancel": "1"})
    assert (back["error"], back["state"]) == ("access_denied", "a state")
    assert "code" not in back


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"client_id": "1"}, "Unknown Application"),
        ({"redirect_uri": "http://evil.example/"}, "Invalid OAuth2 redirect_uri"),
        ({"redirect_uri": BACK + "/"}, "Invalid OAuth2 redirect_uri"),
        ({"redirect_uri": None}, "Invalid OAuth2 redirect_uri"),
        ({"response_type": "token"}, "Invalid OAuth2 response_type"),
        ({"scope": "identify email"}, "Invalid OAuth2 scope"),
        ({"scope": None}, "Invalid OAuth2 scope"),
        ({"code_challenge_method": "plain"}, "Invalid OAuth2 code_challenge"),
        ({"code_challenge": "short"}, "Invalid OAuth2 code_challenge"),
    ],
)
async def test_what_discord_would_not_show_is_refused_without_a_way_back(
    wrong: dict[str, str | None], said: str, portal: Portal
) -> None:
    status, page = await portal.page(**wrong)
    assert status == 400 and said in page
    assert (await portal.page())[0] == 200


@pytest.mark.parametrize(
    ("wrong", "status", "error"),
    [
        ({"client_secret": "guessed"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"client_id": "1"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"redirect_uri": "http://127.0.0.1:1/"}, 400, "invalid_grant"),
        ({"code_verifier": "w" * 43}, 400, "invalid_grant"),
        ({"code_verifier": None}, 400, "invalid_grant"),
        ({"code_verifier": "short"}, 400, "invalid_grant"),
    ],
)
async def test_a_token_is_refused_for(wrong: dict[str, str | None], status: int, error: str, portal: Portal) -> None:
    code = await portal.code()
    with portal.sandbox.expect_refusals() as refused:
        answered, body = await portal.token(code, **wrong)
    assert (answered, body["error"], len(refused)) == (status, error, 1)
    assert "access_token" not in body


async def test_a_code_is_good_once_and_not_for_long(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    code = await portal.code()
    assert (await portal.token(code))[0] == 200
    assert (await portal.token(code)) == (
        400,
        {"error": "invalid_grant", "error_description": 'Invalid "code" in request.'},
    )
    monkeypatch.setattr(sandbox_oauth, "CODE_S", -1.0)
    assert (await portal.token(await portal.code()))[0] == 400
    assert (await portal.token("never given out"))[1]["error"] == "invalid_grant"


async def test_the_secret_may_come_as_basic_authorization(portal: Portal) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": await portal.code(),
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    with portal.sandbox.expect_refusals():
        assert (await portal.token("", {"data": form, "headers": basic(portal, "guessed")}))[0] == 401
        assert (await portal.token("", {"data": form, "headers": {"Authorization": "Basic %"}}))[0] == 401
    status, _ = await portal.token("", {"data": form, "headers": basic(portal, portal.sandbox.oauth.client_secret)})
    assert status == 200


def basic(portal: Portal, secret: str) -> dict[str, str]:
    pair = f"{portal.sandbox.oauth.client_id}:{secret}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


async def test_a_token_asked_for_in_json_is_refused(portal: Portal) -> None:
    code = await portal.code()
    with portal.sandbox.expect_refusals() as refused:
        status, _ = await portal.token("", {"json": {"code": code}})
    assert (status, len(refused)) == (400, 1)


@pytest.mark.parametrize("body", ["code", "code=%ff", "code=a&code=b"])
async def test_a_form_that_cannot_be_read_is_refused(body: str, portal: Portal) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with portal.sandbox.expect_refusals():
        status, answer = await portal.token("", {"data": body, "headers": headers})
    assert (status, answer["error"]) == (400, "invalid_request")


async def test_a_bearer_token_that_was_not_given_out_is_nobody(portal: Portal) -> None:
    assert (await portal.me("guessed"))[0] == 401


async def test_without_a_challenge_no_verifier_is_asked_for(portal: Portal) -> None:
    code = await portal.code(code_challenge=None, code_challenge_method=None)
    assert (await portal.token(code, code_verifier=None))[0] == 200


async def test_what_the_page_shows_of_its_address_is_text(portal: Portal) -> None:
    _, page = await portal.page(state='"><script>alert(1)</script>')
    assert "<script>" not in page
    assert urlsplit(BACK).netloc in page
