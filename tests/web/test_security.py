"""What hostile pages, forged requests and odd names get: a refusal, and nothing else; beside what is allowed."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.web import headers as web_headers
from bot.web.headers import HEADERS, KEPT_BY_NOBODY, POLICY
from bot.web.origin import Origin
from bot.web.session import LARGEST_BODY, TOKEN_HEADER
from tests.web.exhibition import drawn
from tests.web.house import MINA, OLGA, PAGE, Browser, House, opened


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with opened() as house:
        yield house


@pytest.fixture
async def browser(house: House) -> AsyncIterator[Browser]:
    async with house.browser() as browser:
        yield browser


# ── headers ──


async def test_every_answer_has_the_headers_errors_too(house: House, browser: Browser) -> None:
    picture = house.shown.hang()
    await browser.sign_in()
    media = f"/media/{house.shown.thumb(picture).name}"
    tag = (await browser.get(media)).headers["ETag"]
    answers = {
        200: await browser.get("/"),
        206: await browser.get(media, Range="bytes=0-3"),
        303: await browser.post("/signout"),
        304: await browser.get("/static/x/page.css", **{"If-None-Match": await _tag_of(browser, "/static/x/page.css")}),
        401: await browser.ask("GET", "/mine"),
        403: await browser.post("/change", origin="https://evil.example", token="x"),
        404: await browser.get("/nowhere"),
        405: await browser.ask("GET", "/change"),
        421: await browser.get("/", Host="evil.example"),
        500: await browser.get("/broken"),
        "a stream": await browser.get("/stream"),
        "JSON": await browser.ask("GET", "/api/wall"),
        "health": await browser.ask("GET", "/health"),
        "HEAD": await browser.ask("HEAD", "/"),
    }
    assert tag
    for what, answer in answers.items():
        assert what == answer.status or answer.status == 200, what
        for name, value in HEADERS.items():
            assert answer.headers.getall(name) == [value], f"{what}: {name}"
        assert answer.headers["Cache-Control"], what
        assert "Strict-Transport-Security" not in answer.headers
    assert "a secret of ours" not in answers[500].text and "Traceback" not in answers[500].text
    assert answers["a stream"].headers["Cache-Control"] == KEPT_BY_NOBODY
    assert "aiohttp" not in str(answers[404].headers) + answers[404].text


async def _tag_of(browser: Browser, path: str) -> str:
    return (await browser.get(path)).headers["ETag"]


async def test_without_the_signal_an_answer_has_no_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_headers, "HEADERS", {})
    async with opened() as house, house.browser() as browser:
        assert "Content-Security-Policy" not in (await browser.get("/")).headers


def test_a_page_may_run_nothing_that_stands_in_it_and_be_framed_by_nobody() -> None:
    said = dict(part.split(" ", 1) for part in POLICY.split("; "))
    assert said["default-src"] == said["base-uri"] == said["frame-ancestors"] == "'none'"
    assert said["script-src"] == said["style-src"] == said["form-action"] == "'self'"
    assert "unsafe" not in POLICY and "*" not in POLICY and "data:" not in POLICY
    assert HEADERS["X-Frame-Options"] == "DENY"


async def test_by_https_browsers_are_told_to_stay_there() -> None:
    async with opened(address="https://wall.example") as house, house.browser() as browser:
        assert (await browser.get("/")).headers["Strict-Transport-Security"] == "max-age=31536000"


# ── names ──


@pytest.mark.parametrize(
    ("called", "status"),
    [
        ("127.0.0.1:9", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8080", 200),
        ("192.168.1.7", 200),  # digits are nobody's name
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("evil.example/127.0.0.1", 421),
        ("evil.example:abc", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
async def test_a_name_that_somebody_points_here_is_refused(called: str, status: int, house: House) -> None:
    request = f"GET / HTTP/1.1\r\nHost: {called}\r\nConnection: close\r\n\r\n".encode()
    answered, answer = await house.raw(request)
    assert answered in ((status,) if status == 200 else (status, 400)), answer[:200]
    if answered == 421:
        assert house.address.encode() in answer
    health, _ = await house.raw(request.replace(b"GET /", b"GET /health"))
    assert health in (200, 400), "whoever watches over the console calls it by any name"


async def test_a_wall_with_a_name_is_called_by_it() -> None:
    async with opened(address="https://wall.example") as house, house.browser() as browser:
        assert (await browser.get("/", Host="wall.example")).status == 200
        assert (await browser.get("/", Host="WALL.example:443")).status == 200
        assert (await browser.get("/", Host="evil.example")).status == 421


# ── requests from elsewhere ──


async def test_a_change_from_our_own_page_goes_through(browser: Browser) -> None:
    await browser.get("/link")
    assert (await browser.post("/change")).text == "changed"
    by_script = {TOKEN_HEADER: await browser.token(), "Origin": browser.house.address}
    assert (await browser.ask("POST", "/change", json={}, headers=by_script)).text == "changed"
    by_referer = {"Referer": f"{browser.house.address}/link?a=b"}
    assert (await browser.post("/change", origin=None, headers=by_referer)).text == "changed"
    here = browser.house.address.replace("127.0.0.1", "localhost")
    assert (await browser.post("/change", origin=here)).text == "changed"


@pytest.mark.parametrize(
    "sender",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1"},  # another port is another site
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "OWN.evil.example"},
        {"Origin": "OWN/"},
        {"Origin": "httpsOWN"},
        {"Origin": ""},
        {"Origin": "https://evil.example", "Referer": "OWN/link"},
        {"Origin": "null", "Referer": "OWN/link"},
        {"Referer": "https://evil.example/OWN"},
        {"Referer": "OWN.evil.example/"},
        {"Referer": "OWN@evil.example/"},
        {"Referer": "/link"},
        {"Referer": "http://[::1/"},
    ],
    ids=str,
)
async def test_a_change_that_another_page_sends_is_refused(sender: dict[str, str], browser: Browser) -> None:
    await browser.sign_in()
    own = {name: value.replace("OWN", browser.house.address) for name, value in sender.items()}
    answer = await browser.post("/change", origin=None, headers=own)
    assert answer.status == 403 and "Nothing was changed" in answer.text
    assert (await browser.post("/change")).status == 200


async def test_a_change_without_the_token_of_this_session_is_refused(house: House, browser: Browser) -> None:
    await browser.sign_in()
    token = await browser.token()
    async with house.browser() as other:
        await other.sign_in(OLGA)
        foreign = await other.token()
    assert foreign != token
    for wrong in ("", "guessed", foreign, token[:-1], token + "x", token.swapcase(), "é😀\x00"):
        answer = await browser.post("/change", token=wrong)
        assert answer.status == 403 and "Load it again" in answer.text, wrong
    for body in ({"json": {"token": token}}, {"data": token, "headers": {"Content-Type": "text/plain"}}):
        more: dict[str, Any] = {**body}
        more["headers"] = {"Origin": house.address, **more.get("headers", {})}
        assert (await browser.ask("POST", "/change", **more)).status in (403, 415)
    assert (await browser.ask("POST", "/change?token=" + token, headers={"Origin": house.address})).status == 403
    assert (await browser.post("/change", token=token)).status == 200


async def test_a_token_from_before_the_sign_in_is_worth_nothing(browser: Browser) -> None:
    before = await browser.token()
    await browser.sign_in()
    assert (await browser.post("/change", token=before)).status == 403


async def test_a_change_without_a_session_is_refused_whatever_it_asks_for(house: House) -> None:
    async with house.browser() as nobody:
        for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"):
            for path in ("/change", "/link", "/signout", "/nowhere", "/static/x/page.css", "/health"):
                answer = await nobody.ask(method, path, headers={"Origin": house.address, TOKEN_HEADER: ""})
                assert answer.status == 403 and "session" in answer.text, (method, path)


async def test_a_link_is_made_from_our_own_page_alone(house: House, browser: Browser) -> None:
    """Or somebody else's page would sign a visitor in as whoever it likes."""
    await browser.get("/link")
    code = await house.store.code(MINA, house.door._lifetime)
    foreign = await browser.post("/link", {"code": code}, origin="https://evil.example")
    bare = await browser.ask("POST", "/link", data={"code": code}, headers={"Origin": house.address})
    assert (foreign.status, bare.status) == (403, 403)
    assert (await browser.ask("GET", f"/link?code={code}")).status == 200
    assert "You are" not in (await browser.get("/link")).text
    assert (await browser.post("/link", {"code": code})).status == 303


async def test_nothing_is_changed_by_looking(house: House, browser: Browser) -> None:
    await browser.sign_in()
    for path in ("/signout", "/api/wall/reload", "/change"):
        assert (await browser.get(path)).status == 405
        assert (await browser.ask("HEAD", path)).status == 405
    assert house.shown.reloads == 0
    assert (await browser.ask("GET", "/mine")).status == 200


async def test_the_wall_of_another_site_may_not_be_read_by_scripts(browser: Browser) -> None:
    await browser.sign_in()
    foreign = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method, path in (("GET", "/api/wall"), ("OPTIONS", "/api/wall/reload")):
        answer = await browser.ask(method, path, headers=foreign)
        assert not any(name.lower().startswith("access-control") for name in answer.headers)


# ── bodies ──


async def test_a_body_that_is_larger_than_any_form_is_refused(browser: Browser) -> None:
    await browser.get("/link")
    token = await browser.token()
    answer = await browser.post("/change", {"more": "x" * LARGEST_BODY}, token=token)
    assert answer.status == 413 and "larger than" in answer.text
    headers = {"Origin": browser.house.address, "Content-Type": "application/x-www-form-urlencoded"}

    async def unending() -> AsyncIterator[bytes]:  # of a length that nobody says beforehand
        yield f"token={token}&more=".encode()
        for _ in range(40):
            yield b"x" * 4096

    assert (await browser.ask("POST", "/change", data=unending(), headers=headers)).status == 413
    assert (await browser.post("/change", {"more": "x" * 1000}, token=token)).status == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded; charset=klingon", b"token=TOKEN"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"token=TOKEN"),
        ("application/x-www-form-urlencoded", b"token=TOKEN&more=\xff\xfe"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nbroken"),
        ("application/json; charset=klingon", b"{}"),
        ("application/json", b"[" * 5000),
        ("x" * 3000, b"token=TOKEN"),
        (";;;", b"token=TOKEN"),
    ],
)
async def test_a_body_that_cannot_be_read_is_told_and_breaks_nothing(
    content_type: str, body: bytes, browser: Browser
) -> None:
    await browser.get("/link")
    token = await browser.token()
    headers = {"Origin": browser.house.address, "Content-Type": content_type}
    answer = await browser.ask("POST", "/change", data=body.replace(b"TOKEN", token.encode()), headers=headers)
    assert 400 <= answer.status < 500 and "error" in json.loads(answer.text)


# ── paths ──

SECRET = "the-key-of-all-sessions"
UP = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "%252e%252e%252f", "..\\", "..%5c", "%2e%2e%5c", "..%255c", "....//"]
UP += ["..;/", "%c0%ae%c0%ae/", "%c0%ae%c0%ae%c0%af", "..%00/", ".%2e/", "/../", "%uff0e%uff0e/", "..%ef%bc%8f"]
ENDINGS = [
    "session.key",
    "etc/passwd",
    "faces/x/person.json",
    "session.key%00.png",
    "session.key%2500.webp",
    "session.py",
]
PLACES = ["/media/", "/static/", "/static/x/", "/people/", "/pictures/", "/jobs/", "/api/pictures/", "/api/", "/"]


async def test_no_address_leads_out_of_the_wall(house: House, browser: Browser, tmp_path: Any) -> None:
    (tmp_path / "session.key").write_text(SECRET)
    await browser.sign_in()
    cookie = f"atelier={browser.cookie}".encode()
    deep = [up * count + ending for up in UP for count in (1, 6) for ending in ENDINGS[:3]]
    deep += [up * 3 + ending for up in UP[:6] for ending in ENDINGS[3:]]
    deep += [f"{tmp_path}/session.key", "/" + f"{tmp_path}/session.key", "file:///etc/passwd", "%2fetc%2fpasswd"]
    deep += ["session.key", "CON", "nul", "a" * 3000, "%00", "%", "%zz", "%f0%9f", "*", "$(id)", "..", ".", "~root"]
    for place in PLACES:
        for name in deep:
            status, answer = await house.raw_get(place + name, cookie)
            assert status in (400, 404) or (status == 200 and _is_a_page_of_ours(place + name)), (place, name, status)
            _, _, body = answer.partition(b"\r\n\r\n")
            assert SECRET.encode() not in body and b"root:x:" not in body and b"Traceback" not in body, name
            assert b"def session_key" not in body


def _is_a_page_of_ours(path: str) -> bool:
    """Whether an address is only another way to write that of a page that is there for anybody."""
    return path in ("/.", "/..", "//../", "/..;/") or path.startswith("/static/")


async def test_the_same_roads_lead_to_what_is_there(house: House, browser: Browser) -> None:
    picture = house.shown.hang()
    house.shown.seat("Zoë", "Zoë", drawn(9))
    await browser.sign_in()
    cookie = f"atelier={browser.cookie}".encode()
    there = [f"/media/{house.shown.thumb(picture).name}", "/static/x/page.css", f"/pictures/{picture.name}"]
    there += [f"/people/{quote('Zoë')}", f"/jobs/{picture.job}", f"/api/pictures/{picture.name}"]
    for path in there:
        assert (await house.raw_get(path, cookie))[0] == 200, path


async def test_what_one_may_not_see_and_what_is_not_there_are_answered_alike(house: House, browser: Browser) -> None:
    picture, elsewhere = house.shown.hang(), house.shown.hang(job=2, guild=999)
    await browser.sign_in()
    for of, status in ((picture, 200), (elsewhere, 404)):
        media = house.shown.thumb(of).name
        for path in (f"/pictures/{of.name}", f"/api/pictures/{of.name}", f"/jobs/{of.job}", f"/media/{media}"):
            assert (await browser.get(path)).status == status, path
    for there, not_there in (
        (f"/pictures/{elsewhere.name}", "/pictures/S77-c001"),
        (f"/jobs/{elsewhere.job}", "/jobs/S77"),
        (f"/media/{house.shown.thumb(elsewhere).name}", f"/media/{'0' * 64}.webp"),
    ):
        one, other = await browser.get(there), await browser.get(not_there)
        assert (one.status, one.text) == (other.status, other.text), there


async def test_what_a_visitor_types_stands_in_a_page_as_text(house: House, browser: Browser) -> None:
    house.shown.hang(title='"><script>alert(1)</script>', settings={"prompt": "<img src=x onerror=alert(2)>"})
    await browser.sign_in()
    for path in ("/", "/pictures/S1-c001", "/jobs/S1", f"/?q={quote('<script>alert(3)</script>')}"):
        page = (await browser.get(path)).text
        assert "<script>alert" not in page and "<img src=x" not in page, path
    for path in ("/link?next=%22%3E%3Cscript%3Ealert(4)", "/people/%3Cscript%3Ealert(5)%3C%2Fscript%3E"):
        assert "<script>alert" not in (await browser.get(path)).text


# ── origins, by themselves ──


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(max_codepoint=0x24F), max_size=80))
def test_no_text_is_our_origin_but_our_own(said: str) -> None:
    ours = Origin("https://wall.example")
    assert (said in ours._own) == (said == "https://wall.example")


@pytest.mark.parametrize(
    ("address", "origin", "secure", "here"),
    [
        ("https://wall.example", "https://wall.example", True, False),
        ("https://wall.example:443/", "https://wall.example", True, False),
        ("https://Wall.Example:8443", "https://wall.example:8443", True, False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", False, True),
        ("http://[::1]:8080", "http://[::1]:8080", False, True),
        ("http://192.168.1.7:80", "http://192.168.1.7", False, False),
    ],
)
def test_an_address_is_compared_as_browsers_write_it(address: str, origin: str, secure: bool, here: bool) -> None:
    own = Origin(address)
    assert (own.address, own.secure, own.here) == (origin, secure, here)


async def test_pages_name_what_they_want(browser: Browser) -> None:
    answer = await browser.ask("GET", "/nowhere", headers=PAGE)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert (await browser.ask("GET", "/nowhere")).headers["Content-Type"].startswith("application/json")
