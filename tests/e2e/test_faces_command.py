"""/faces as members meet it: photos come as attachments, belong to who added them, and are looked over."""

import io
import re
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from bot.sandbox import File
from bot.sandbox.driver import Member
from bot.ui.people import PICTURES_SHOW, PICTURES_STAY, USE_REVOKE
from bot.ui.portraits import MARKS
from tests.e2e.conftest import Open, Running

pytestmark = pytest.mark.asyncio(loop_scope="session")


def png(array: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def astronaut(scale: float = 2.0) -> NDArray[np.uint8]:
    """scikit-image's photo of an astronaut; at twice its size the face has about 190 pixels a side."""
    return cv2.resize(data.astronaut(), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


PLAIN = File("wall.png", png(np.full((128, 128, 3), 200, np.uint8)))


async def add(member: Member, person: str, *photos: File, consent: bool = True, **options: object) -> str:
    """Run /faces add; the answer's text, which only the member sees."""
    attached = {f"photo{number}": photo for number, photo in enumerate(photos, start=1)}
    asked = await member.run("/faces add", person=person, consent=consent, **attached, **options)
    await asked.reply()
    assert asked.ephemeral
    return asked.content


async def offered(member: Member, command: str, typed: str = "") -> list[str]:
    return [value for _, value in await member.complete(command, "person", typed)]


async def lint(member: Member, person: str) -> dict[str, Any]:
    """Run /faces lint; the answer's embed, which only the member sees."""
    asked = await member.run("/faces lint", person=person)
    (embed,) = (await asked.reply())["embeds"]
    assert asked.ephemeral
    return embed


async def test_photos_are_added_looked_over_shown_and_deleted(atelier: Running) -> None:
    theo = atelier.sandbox.members["theo"]
    good = File("portrait.jpg", png(astronaut()))  # a PNG whatever it is called
    blurred = File("blurred.png", png(cv2.GaussianBlur(astronaut(), (0, 0), 4)))
    text = await add(theo, "Eileen", good, blurred, PLAIN)
    head, *lines = text.splitlines()
    assert head == "Added 3 photos to **Eileen**, who has 3 now. Only you may draw Eileen. " + PICTURES_SHOW
    assert not [line for line in lines if "portrait.jpg" in line]
    assert [line for line in lines if "blurred.png" in line and "the face is blurred. Take a sharper photo." in line]
    assert [line for line in lines if re.match(r"- wall\.png, photo [123] \([0-9a-f]{8}\): no face was found\.", line)]
    assert lines[-1].startswith("- Likeness and angles were not checked")

    listed = await theo.run("/faces list")
    assert listed.ephemeral
    assert listed.embeds[0]["title"] == "You may draw 1 person"
    assert listed.embeds[0]["description"] == "**Eileen** · 3 photos · yours · not shared"

    embed = await lint(theo, "eileen")
    assert embed["title"] == "Eileen · 3 photos"
    assert re.search(r"^- photo [123] \([0-9a-f]{8}\): the face is blurred", str(embed["description"]), re.MULTILINE)
    async with aiohttp.ClientSession(raise_for_status=True) as browser, browser.get(embed["image"]["url"]) as response:
        picture = Image.open(io.BytesIO(await response.read())).convert("RGB")
    inks = set(picture.get_flattened_data())
    assert set(MARKS.values()) <= inks  # one photo is good, one to improve, one of no use

    choices = await theo.complete("/faces remove", "photo", "", person="Eileen")
    photos = [value for _, value in choices]
    assert choices == [(f"photo {number} ({photo})", photo) for number, photo in enumerate(photos, start=1)]
    assert len(photos) == 3
    removed = await theo.run("/faces remove", person="Eileen", photo=photos[0])
    assert removed.content == (
        f"Deleted photo 1 ({photos[0]}) of **Eileen**, and what was remembered of it; 2 photos are left. "
        + PICTURES_STAY
    )
    receipt = await theo.run("/faces remove", person="Eileen")
    assert receipt.ephemeral
    assert receipt.content == (
        f"Deleted **Eileen**: 2 photos (`{photos[1]}`, `{photos[2]}`), the record of consent, and what was remembered "
        f"of them. {PICTURES_STAY} {USE_REVOKE}"
    )
    listed = await theo.run("/faces list")
    assert "Nobody yet." in listed.embeds[0]["description"]


async def test_a_person_is_offered_and_shown_only_to_those_who_may_draw_them(atelier: Running) -> None:
    mina, theo, ada = (atelier.sandbox.members[name] for name in ("mina", "theo", "ada"))
    await add(ada, "Private Ada", PLAIN)
    await add(ada, "Shared Ada", PLAIN, shared=True)
    assert await offered(ada, "/faces lint", "ada") == ["Private Ada", "Shared Ada"]
    assert await offered(theo, "/faces lint") == ["Shared Ada"]
    assert await offered(theo, "/faces add") == await offered(theo, "/faces remove") == []
    assert await offered(mina, "/faces lint") == ["Shared Ada"]  # an operator may delete photos, not look at them
    assert await offered(mina, "/faces remove") == ["Private Ada", "Shared Ada"]
    names = [value for _, value in await theo.complete("/set", "value", "", parameter="face_folder")]
    assert names == ["Shared Ada", "nobody"]
    refused = await theo.run("/set", parameter="face_folder", value="shared ada, Private Ada")
    assert refused.content == 'You have no person named "Private Ada"; /faces list shows whom you may draw.'
    taken = await theo.run("/set", parameter="face_folder", value="shared ada")
    assert taken.content == "`face_folder` is now `Shared Ada` (was `empty`)."
    for word in ("none", "Nobody", '""'):
        assert (await theo.run("/set", parameter="face_folder", value=word)).content.startswith(
            "`face_folder` is now `empty`"
        )
    await theo.run("/params reset")
    names = [value for _, value in await ada.complete("/set", "value", "Shared Ada, pr", parameter="face_folder")]
    assert names == ["Shared Ada, Private Ada"]
    listed = await theo.run("/faces list")
    assert listed.embeds[0]["description"] == "**Shared Ada** · 1 photo · of Ada · shared on this server"

    hidden = "You have no person named"
    for command in ("/faces lint", "/faces remove"):
        assert (await theo.run(command, person="Private Ada")).content.startswith(hidden)
    assert await theo.complete("/faces remove", "photo", "", person="Private Ada") == []
    assert await add(theo, "private ada", PLAIN) == 'The name "private ada" is taken. Choose another one.'
    refused = "Shared Ada belongs to Ada; only they or an operator may change it."
    assert await add(theo, "Shared Ada", PLAIN) == refused
    assert (await theo.run("/faces remove", person="Shared Ada")).content == refused
    assert (await mina.run("/faces lint", person="Private Ada")).content == (
        "Private Ada belongs to Ada; only they may look at the photos."
    )
    assert (await mina.run("/faces remove", person="Private Ada")).content == (
        "Private Ada belongs to Ada, and the whole person would be deleted. "
        "If that is meant, run it again with confirm: true."
    )
    gone = await mina.run("/faces remove", person="Private Ada", confirm=True)
    assert gone.content.startswith("Deleted **Private Ada**, a person of Ada: 1 photo (")
    gone = await ada.run("/faces remove", person="Shared Ada")
    assert gone.content.startswith("Deleted **Shared Ada**: 1 photo (")
    assert await offered(ada, "/faces lint") == []


async def test_a_person_is_shared_and_shared_no_longer_without_another_photo(atelier: Running) -> None:
    mina, theo, ada = (atelier.sandbox.members[name] for name in ("mina", "theo", "ada"))
    await add(ada, "Lovelace", PLAIN)
    assert await offered(ada, "/faces share", "love") == ["Lovelace"]
    assert await offered(theo, "/faces share") == await offered(theo, "/faces lint") == []
    assert (await theo.run("/faces share", person="Lovelace", shared=True)).content.startswith(
        "You have no person named"
    )
    refused = "Lovelace belongs to Ada; only they may share it."
    assert (await mina.run("/faces share", person="Lovelace", shared=True)).content == refused
    shared = await ada.run("/faces share", person="lovelace", shared=True)
    assert (shared.content, shared.ephemeral) == (
        "**Lovelace** is shared: everybody on this server may draw them.",
        True,
    )
    assert await offered(theo, "/faces lint") == ["Lovelace"]
    quoted = await theo.run("/test_face_mecene", face_folders="Lovelace", ideas=1, generations_per_input=1)
    await quoted.reply()
    stopped = await mina.run("/faces share", person="Lovelace", shared=False)  # an operator may
    assert stopped.content == (
        "**Lovelace** is not shared: nobody but Ada may draw them, and what others have waiting with them fails."
    )
    assert await offered(theo, "/faces lint") == []
    pressed = await theo.press(quoted, "Run")
    assert (await atelier.told(pressed)).startswith('You have no person named "Lovelace", or no longer: ')
    assert quoted.message is not None and len(quoted.message["components"][0]["components"]) == 2  # the quote stays
    await theo.press(quoted, "Cancel")
    await ada.run("/faces remove", person="Lovelace")


TINY, HUGE = png(np.zeros((8, 8, 3), np.uint8)), png(np.zeros((5001, 5000, 3), np.uint8))


@pytest.mark.parametrize(
    ("photo", "person", "consent", "sentence"),
    [
        (PLAIN, "x", False, "Nothing was added. Photos are taken only with consent set to true, which says: I may"),
        (PLAIN, "../x", True, '"../x" cannot be a person\'s name: take 1 to 64 characters in one line, none'),
        (File("me.png", b"<svg/>"), "x", True, "me.png is no picture that can be read here; send a PNG, JPEG or"),
        (File("me.png", TINY), "x", True, "me.png has 8 × 8 pixels; at least 64 a side are needed. Nothing was added."),
        (File("me.png", HUGE), "x", True, "me.png has 5,000 × 5,001 pixels; at most 25 million are allowed. Nothing"),
    ],
)
async def test_what_cannot_be_taken_is_refused_in_private_with_a_sentence(
    atelier: Running, photo: File, person: str, consent: bool, sentence: str
) -> None:
    ada = atelier.sandbox.members["ada"]
    assert (await add(ada, person, photo, consent=consent)).startswith(sentence)
    assert await offered(ada, "/faces lint") == []


async def test_people_outlast_a_restart_and_what_a_crash_left_does_not(open_console: Open, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with open_console(folder) as running:
        await add(running.sandbox.members["theo"], "Grace", PLAIN)
    left = folder / "faces" / ".part-crashed"
    left.mkdir()
    (left / "secret.png").write_bytes(PLAIN.content)
    by_hand = folder / "faces" / "Everybody"
    by_hand.mkdir()
    (by_hand / "wall.png").write_bytes(PLAIN.content)
    async with open_console(folder) as running:
        assert await offered(running.sandbox.members["theo"], "/faces lint") == ["Everybody", "Grace"]
        assert await offered(running.sandbox.members["ada"], "/faces lint") == ["Everybody"]
    assert not left.exists()
