"""A browser is known by its cookie, for a while without a look, and by nothing that somebody else made."""

import asyncio
import base64
import json
import os
import stat
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.settings import BadSettings
from bot.web import session as web_session
from bot.web.cookie import LARGEST, Cookie
from bot.web.key import session_key
from bot.web.session import LIFETIME, REMEMBERED_SECONDS, UNSURE_SECONDS, Doorkeeper
from tests.web.exhibition import SERVER
from tests.web.house import HOUR, MINA, OLGA, Browser, House, opened


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with opened(tokens=20) as house:
        yield house


@pytest.fixture
async def browser(house: House) -> AsyncIterator[Browser]:
    async with house.browser() as browser:
        yield browser


def flags(set_cookie: str) -> set[str]:
    return {part.strip() for part in set_cookie.split(";")[1:]}


async def test_who_only_looks_gets_no_cookie_and_costs_no_session(house: House, browser: Browser) -> None:
    for path in ("/", "/nowhere", "/api/wall", "/mine", "/health"):
        assert (await browser.get(path)).cookies == []
    assert house.store.found == 0
    assert (await browser.get("/link")).cookies != []


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites_forms(browser: Browser) -> None:
    (given_,) = (await browser.get("/link")).cookies
    assert given_.startswith("atelier=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={int(HOUR.total_seconds())}"} <= flags(given_)
    assert not {"Secure"} & flags(given_)
    assert not any(flag.startswith("Domain") for flag in flags(given_))
    assert timedelta(days=30) == LIFETIME


async def test_by_https_the_cookie_is_sent_by_https_alone_and_bound_to_the_host() -> None:
    async with opened(address="https://wall.example") as house, house.browser() as browser:
        (given_,) = (await browser.get("/link")).cookies
        assert given_.startswith("__Host-atelier=")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= flags(given_)
        browser.carry("forged", "__Host-atelier")
        (taken,) = (await browser.get("/")).cookies
        assert taken.startswith('__Host-atelier=""') and {"Secure", "HttpOnly", "Path=/", "Max-Age=0"} <= flags(taken)


async def test_what_the_cookie_holds_cannot_be_read_without_the_key(house: House, browser: Browser) -> None:
    await browser.get("/link")
    held = json.loads(Fernet(house.key).decrypt(browser.cookie))["session"]
    assert set(held) == {"secret", "token"}
    seen = browser.cookie.encode() + base64.urlsafe_b64decode(browser.cookie)
    assert held["secret"].encode() not in seen and held["token"].encode() not in seen


async def test_a_member_is_told_with_their_servers_and_what_they_operate(browser: Browser) -> None:
    await browser.sign_in(OLGA)
    told = json.loads((await browser.get("/mine")).text)
    assert told == {"id": OLGA, "name": "Olga", "guilds": [SERVER, 8], "operates": [SERVER]}


async def test_who_has_not_signed_in_is_sent_to_the_sign_in_page_or_told_to(browser: Browser) -> None:
    page = await browser.ask("GET", "/mine?a=1", headers={"Accept": "text/html"})
    path, _, query = page.headers["Location"].partition("?")
    assert (page.status, path, parse_qs(query)) == (303, "/link", {"next": ["/mine?a=1"]})
    program = await browser.ask("GET", "/mine")
    assert program.status == 401 and "Sign in first" in json.loads(program.text)["error"]
    await browser.get("/link")
    assert (await browser.ask("GET", "/mine")).status == 401, "a session is no member yet"
    await browser.sign_in()
    assert (await browser.ask("GET", "/mine")).status == 200


def sealed(key: bytes, held: Any, at: float | None = None) -> str:
    plain = held if isinstance(held, bytes) else json.dumps(held).encode()
    box = Fernet(key)
    return (box.encrypt(plain) if at is None else box.encrypt_at_time(plain, int(at))).decode()


async def test_a_cookie_that_is_not_ours_is_as_none_and_taken_away(house: House, browser: Browser) -> None:
    await browser.sign_in()
    own = browser.cookie
    held = json.loads(Fernet(house.key).decrypt(own))["session"]
    whole = {"session": held}
    foreign = {
        "of another key": sealed(Fernet.generate_key(), whole),
        "changed": own[:-4] + ("AAAA" if own[-4:] != "AAAA" else "BBBB"),
        "cut": own[:-20],
        "too old": sealed(house.key, whole, time.time() - HOUR.total_seconds() - 5),
        "too large": sealed(house.key, whole | {"more": "x" * LARGEST}),
        "of nobody's secret": sealed(house.key, {"session": held | {"secret": "guessed"}}),
        "of a secret that is no text": sealed(house.key, {"session": held | {"secret": [1]}}),
        "without a token": sealed(house.key, {"session": {"secret": held["secret"]}}),
        "a list": sealed(house.key, [1, 2]),
        "no JSON": sealed(house.key, b"\xff\x00"),
        "an older session's": sealed(house.key, {"session": "text"}),
        "the secret itself": held["secret"],
        "an id": "0" * 64,
        "words": "mina; admin=1",
    }
    for what, cookie in foreign.items():
        browser.carry(cookie)
        answer = await browser.get("/")
        assert (answer.status, "Mina" in answer.text) == (200, False), what
        (taken,) = answer.cookies
        assert taken.startswith('atelier=""') and {"Max-Age=0", "HttpOnly", "SameSite=Lax", "Path=/"} <= flags(taken)
        assert (await browser.ask("GET", "/mine")).status == 401, what
    for good in (own, sealed(house.key, whole), sealed(house.key, whole, time.time() + 300)):  # clocks differ
        browser.carry(good)
        answer = await browser.get("/")
        assert (answer.status, "Mina" in answer.text, answer.cookies) == (200, True, [])


async def test_a_session_that_has_ended_elsewhere_is_as_none(house: House, browser: Browser) -> None:
    await browser.sign_in()
    session = await house.session_of(browser)
    assert (await browser.ask("GET", "/mine")).status == 200
    await house.store.end(session.id)  # as another console does
    assert (await browser.ask("GET", "/mine")).status == 200, "remembered"
    house.now += REMEMBERED_SECONDS
    answer = await browser.ask("GET", "/mine")
    assert answer.status == 401 and answer.cookies[0].startswith('atelier=""')


async def test_a_page_of_many_pictures_costs_one_look(house: House, browser: Browser, monkeypatch: Any) -> None:
    opens = []
    monkeypatch.setattr(
        Cookie, "_opened", lambda self, cookie, was=Cookie._opened: opens.append(1) or was(self, cookie)
    )
    picture = house.shown.hang()
    name = house.shown.thumb(picture).name
    await browser.sign_in()
    opens.clear()
    house.store.found = house.servers.asked = 0
    answers = await asyncio.gather(*(browser.get(f"/media/{name}") for _ in range(60)))
    assert {answer.status for answer in answers} == {200}
    assert (len(opens), house.store.found, house.servers.asked) == (1, 1, 1)
    house.now += REMEMBERED_SECONDS
    await browser.get(f"/media/{name}")
    assert (len(opens), house.store.found, house.servers.asked) == (2, 2, 2)


async def test_what_is_remembered_is_bounded(house: House, browser: Browser, monkeypatch: Any) -> None:
    monkeypatch.setattr(web_session, "MOST_REMEMBERED", 3)
    await browser.sign_in()
    cookie = browser.cookie
    for number in range(10):
        browser.session.cookie_jar.clear()
        browser.sent = {"Cookie": f"other={number}; atelier={cookie}"}
        assert (await browser.ask("GET", "/mine")).status == 200
    assert len(house.door._remembered) == 3
    browser.sent = {"Cookie": f"other={'x' * 3000}; atelier={cookie}"}
    assert (await browser.ask("GET", "/mine")).status == 200
    assert all(len(each) < 3000 for each in house.door._remembered)


async def test_a_member_who_left_all_servers_sees_nothing_within_the_time_that_is_remembered(
    house: House, browser: Browser
) -> None:
    picture = house.shown.hang()
    await browser.sign_in()
    assert picture.name in (await browser.get("/")).text
    house.servers.members[MINA] = ()
    house.now += REMEMBERED_SECONDS
    assert picture.name not in (await browser.get("/")).text
    assert (await browser.get(f"/pictures/{picture.name}")).status == 404
    assert json.loads((await browser.ask("GET", "/mine")).text)["guilds"] == []


async def test_while_discord_says_nothing_a_visitor_is_on_no_server_and_asked_about_again_soon(
    house: House, browser: Browser
) -> None:
    await browser.sign_in()
    house.now += REMEMBERED_SECONDS
    house.servers.away = True
    told = json.loads((await browser.ask("GET", "/mine")).text)
    assert told == {"id": MINA, "name": "", "guilds": [], "operates": []}
    house.servers.away = False
    house.now += UNSURE_SECONDS
    assert json.loads((await browser.ask("GET", "/mine")).text)["guilds"] == [SERVER]


async def test_without_the_database_a_page_says_so_and_the_cookie_stays(house: House, browser: Browser) -> None:
    await browser.sign_in()
    house.now += REMEMBERED_SECONDS
    house.store.away = True
    for answer in (await browser.get("/"), await browser.post("/change", token="x")):
        assert (answer.status, answer.cookies) == (503, [])
        assert "Traceback" not in answer.text and "database" in answer.text
    assert (await browser.get("/health")).status == 200
    house.store.away = False
    assert (await browser.ask("GET", "/mine")).status == 200


async def test_signing_out_counts_at_once_for_every_copy_of_the_cookie(house: House, browser: Browser) -> None:
    await browser.sign_in()
    async with house.browser() as thief:
        thief.carry(browser.cookie)
        assert (await thief.ask("GET", "/mine")).status == 200
        answer = await browser.post("/signout")
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        assert answer.cookies[0].startswith('atelier=""') and browser.cookie == ""
        assert (await browser.ask("GET", "/mine")).status == 401
        assert (await thief.ask("GET", "/mine")).status == 401


async def test_a_look_that_was_under_way_at_the_sign_out_is_not_remembered(house: House, browser: Browser) -> None:
    await browser.sign_in()
    house.now += REMEMBERED_SECONDS
    async with house.browser() as slow:
        slow.carry(browser.cookie)
        house.servers.gate, house.servers.asked = asyncio.Event(), 0
        under_way = asyncio.create_task(slow.ask("GET", "/mine"))
        async with asyncio.timeout(10):
            while not house.servers.asked:
                await asyncio.sleep(0.005)
        house.servers.gate, gate = None, house.servers.gate
        found = await house.session_of(browser)
        await house.store.end(found.id)
        house.door.forget(found.id)
        gate.set()
        await under_way
        assert (await slow.ask("GET", "/mine")).status == 401


async def test_with_a_link_the_cookie_from_before_is_worth_nothing_at_once(house: House, browser: Browser) -> None:
    await browser.get("/link")
    before = browser.cookie
    async with house.browser() as planted:
        planted.carry(before)  # whoever put the cookie there knows it
        await planted.get("/link")
        await browser.sign_in()
        assert browser.cookie != before
        assert (await browser.ask("GET", "/mine")).status == 200
        assert (await planted.ask("GET", "/mine")).status == 401


async def test_a_new_session_has_the_tokens_that_the_operator_gives_it(house: House, browser: Browser) -> None:
    assert "20 tokens" in (await browser.get("/link")).text
    await browser.sign_in()
    assert "1,020 tokens" in (await browser.get("/link")).text


# ── fuzzing ──

TEXT = st.text(st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n\x00"), max_size=400)
NAMES = st.sampled_from(["session", "secret", "token", "created", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def test_no_cookie_header_whatever_is_in_it_breaks_a_page() -> None:
    statuses = set()
    with asyncio.Runner() as runner:
        opening = opened()
        house = runner.run(opening.__aenter__())

        @settings(max_examples=150, deadline=None)
        @given(
            st.one_of(TEXT, TEXT.map(lambda value: f"atelier={value}"), JSON.map(lambda held: _carrying(house, held)))
        )
        def knock(cookies: str) -> None:
            status, answer = runner.run(house.raw_get("/", cookies.encode("latin-1")))
            statuses.add(status)
            assert status in (200, 400), answer[:300]
            assert b"Traceback" not in answer and b"Signed in as" not in answer

        knock()
        runner.run(opening.__aexit__(None, None, None))
    assert 200 in statuses


def _carrying(house: House, held: object) -> str:
    return f"atelier={sealed(house.key, held)}"


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=1500), st.binary(max_size=300).map(lambda raw: Fernet(KEY).encrypt(raw).decode())))
def test_no_value_of_a_cookie_is_taken_for_a_session_that_it_does_not_hold(value: str) -> None:
    assert Cookie(KEY, HOUR, secure=False)._opened(value) is None


KEY = Fernet.generate_key()


def test_the_check_of_a_cookie_sees_one_that_holds_a_session() -> None:
    assert Cookie(KEY, HOUR, secure=False)._opened(sealed(KEY, {"session": {"a": 1}})) == {"a": 1}


# ── the key ──


def test_the_operators_key_is_used_as_it_stands(tmp_path: Path) -> None:
    key = Fernet.generate_key()
    assert session_key(f" {key.decode()}\n", tmp_path) == key
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("said", ["short", "x" * 44, "ключ", base64.urlsafe_b64encode(b"x" * 31).decode(), "=" * 44])
def test_a_key_that_is_none_is_told_without_saying_it(said: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"SESSION_KEY: expected 32 bytes in URL-safe base64\. python -c") as caught:
        session_key(said, tmp_path)
    assert said not in str(caught.value)


def test_without_one_a_key_is_made_once_and_only_we_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made = session_key("", folder)
    Fernet(made)
    (file,) = folder.iterdir()
    assert file.name == "session.key" and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert session_key("", folder) == made
    assert session_key("", tmp_path / "other") != made


def test_consoles_that_start_together_have_one_key(tmp_path: Path) -> None:
    keys, start = [], threading.Barrier(16)

    def begin() -> None:
        start.wait()
        keys.append(session_key("", tmp_path))

    threads = [threading.Thread(target=begin) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 16 and len(set(keys)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["session.key"]


def test_a_key_file_that_holds_none_and_one_that_cannot_be_are_told(tmp_path: Path) -> None:
    (tmp_path / "session.key").write_text("half")
    with pytest.raises(BadSettings, match=r"session\.key holds no key\. Remove it, and a new one is made"):
        session_key("", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings, match=r"can be neither read nor made"):
        session_key("", tmp_path / "file")


def test_a_key_that_others_may_read_is_told_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session_key("", tmp_path)
    assert "others on this machine" not in "".join(capsys.readouterr())
    os.chmod(tmp_path / "session.key", 0o644)
    session_key("", tmp_path)
    assert "others on this machine" in "".join(capsys.readouterr())


def test_the_doorkeeper_takes_the_made_key(tmp_path: Path) -> None:
    Doorkeeper(None, None, key=session_key("", tmp_path), address="http://127.0.0.1:8080")  # type: ignore[arg-type]


async def test_whoever_signed_out_on_another_console_changes_nothing_here_from_then_on(
    house: House, browser: Browser
) -> None:
    await browser.sign_in()
    token = await browser.token()
    assert (await browser.post("/change", token=token)).status == 200
    await house.store.end((await house.session_of(browser)).id)  # this console is not told
    answer = await browser.post("/change", token=token)
    assert answer.status == 403 and "has ended" in answer.text
    assert answer.cookies[0].startswith('atelier=""')
    assert (await browser.ask("GET", "/mine")).status == 401, "and is known from then on also to who only looks"
