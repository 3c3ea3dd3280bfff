"""What operators read in Discord of what was withheld, and what a press of a button does."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import disnake
import pytest

from bot.cogs.moderation import BUTTON, ModerationCog
from bot.cogs.queue import BUTTON as JOBS
from bot.console import COGS
from bot.domain.erasure import ErasureReceipt
from bot.domain.errors import NotYours, WrongState
from bot.domain.gate import Cause, Incident, IncidentState
from bot.domain.job import Member
from bot.ui import moderation as ui
from bot.ui.moderation import MOST_SHOWN, deleted_text, dropped_text, hidden_text, incident_list, released_text

WALL = "https://wall.example"
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
OLGA, MINA = Member(4, "Olga", True, 7), Member(1, "Mina", False, 7)


def incident(number: int = 1, **more: Any) -> Incident:
    found = Incident(
        id=number, at=NOON, cause=Cause.IMAGE, what="nude", score=0.934, prompt="a beach", member_id=1, member="Mina",
        guild_id=7, job_id=42, number=3, image="ab" * 32, state=IncidentState.OPEN,
    )  # fmt: skip
    return replace(found, **more)


def prompt(number: int = 2) -> Incident:
    return incident(number, cause=Cause.PROMPT, what="blood", score=None, image=None, job_id=None, prompt="a war")


def labels(rows: list[Any]) -> list[list[tuple[str, str]]]:
    return [[(button.label, button.custom_id) for button in row.children] for row in rows]


def told(*incidents: Incident, pictures: dict[int, bytes] | None = None, more: int = 0) -> str:
    embed, _, _ = incident_list(incidents, pictures or {}, WALL, more=more)
    return f"{embed.title}\n{embed.description}"


# --- words


def test_each_incident_tells_what_was_met_whose_it_is_and_the_prompt() -> None:
    text = told(incident(), prompt(), pictures={1: b"png"})
    assert text.startswith(
        "Withheld · 2\n**Incident 1** · the picture shows “nude”, 93 % sure\nMina · <t:1782907200:R>"
    )
    assert "job 42 · `incident-1.png`\n> a beach" in text
    assert "**Incident 2** · the prompt says “blood”\n" in text
    assert text.endswith("nothing was drawn\n> a war")


def test_a_picture_is_shown_behind_a_spoiler_alone() -> None:
    embed, files, _ = incident_list([incident(1), incident(2), prompt(3)], {1: b"one", 2: b"two"}, WALL)
    assert [(file.filename, file.fp.read()) for file in files] == [
        ("SPOILER_incident-1.png", b"one"),
        ("SPOILER_incident-2.png", b"two"),
    ]
    assert embed.image.url is None and embed.thumbnail.url is None


def test_a_picture_can_be_released_or_deleted_and_a_prompt_only_closed() -> None:
    _, _, rows = incident_list([incident(12), prompt(11)], {}, WALL)
    assert labels(rows) == [[("Release 12", "release:12"), ("Delete 12", "drop:12")], [("Close 11", "drop:11")]]
    for row in labels(rows):
        for _, custom_id in row:
            assert BUTTON.fullmatch(custom_id) and not JOBS.fullmatch(custom_id)


def test_more_than_a_message_holds_are_counted_and_led_to_the_wall() -> None:
    many = [incident(number) for number in range(25)]
    embed, files, rows = incident_list(many[:5], {number: b"png" for number in range(25)}, WALL, more=1200)
    assert (len(files), len(rows)) == (MOST_SHOWN, MOST_SHOWN)
    assert embed.title == "Withheld · 1,205"
    assert embed.description is not None
    assert embed.description.endswith(f"… and 1,200 more. All of them are at {WALL}/moderation")
    assert told(*many[:6]).endswith(f"… and 1 more. All of them are at {WALL}/moderation")


def test_what_is_too_large_to_attach_is_led_to_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "BYTES_A_FILE", 6)
    monkeypatch.setattr(ui, "BYTES_A_MESSAGE", 10)
    pictures = {1: b"12345", 2: b"1234567", 3: b"123456", 4: b"12345"}
    embed, files, rows = incident_list([incident(number) for number in pictures], pictures, WALL)
    assert [file.filename for file in files] == ["SPOILER_incident-1.png", "SPOILER_incident-4.png"]
    assert (embed.description or "").count(f"its picture is at {WALL}/moderation") == 2
    assert len(rows) == 4


def test_the_longest_words_fit_into_discords_limits_and_format_nothing() -> None:
    worst = incident(
        999_999_999, what="*" * 120, prompt="**@everyone**\n# " * 800, member="_" * 100, score=1.0, job_id=999_999_999
    )
    embed, _, _ = incident_list([replace(worst, id=worst.id - n) for n in range(25)], {}, "https://" + "w" * 200)
    assert embed.description is not None and len(embed.description) <= 4000
    assert "**@everyone" not in embed.description and "\n#" not in embed.description


def test_nothing_withheld_is_said_so() -> None:
    embed, files, rows = incident_list([], {}, WALL)
    assert (embed.title, files, rows) == ("Nothing is withheld", [], [])
    assert (embed.description or "").startswith("Nothing waits for you.")


def test_what_was_decided_is_said_in_a_sentence() -> None:
    assert released_text(incident(5, member="M*na")) == (
        "Incident 5 is released: the picture goes to its channel, at no cost to M\\*na."
    )
    assert dropped_text(incident(5)) == "Incident 5 is closed, and what was drawn for it is deleted."
    assert dropped_text(prompt(6)) == "Incident 6 is closed."
    assert hidden_text("S42-c017", True).startswith("**S42-c017** is hidden: nobody but operators")
    assert hidden_text("S42-c017", False) == "**S42-c017** is shown again to everybody who may see the wall."


def test_the_receipt_counts_what_is_gone_and_what_is_not() -> None:
    assert deleted_text("S42-c017", ErasureReceipt(1, 1, 1, 2, 1)) == (
        "**S42-c017** is deleted for good:\n"
        "- 1 picture from the records\n"
        "- 1 file off the disk\n"
        "- 1 picture off the wall\n"
        "- 2 messages in Discord, or the picture in them\n"
        "1 message in Discord was not reached yet. The console goes on by itself until it is gone."
    )
    stuck = deleted_text("S42-c017", ErasureReceipt(1, 1, 1, 0, 0, stuck=("LINK",)))
    assert stuck.endswith("which does not let the console; delete it by hand: LINK")
    assert "- no file: another picture is the very same" in deleted_text("S42-c017", ErasureReceipt(1, 0, 0, 1, 0))


# --- the command


class Bench:
    """Moderation as far as the command asks for it."""

    def __init__(self, *waiting: Incident) -> None:
        self.withheld = list(waiting)
        self.done: list[tuple[str, str]] = []

    def _allow(self, actor: Member) -> None:
        if not actor.operator:
            raise NotYours("Only an operator of this server may moderate its pictures.")

    async def incidents(self, actor: Member, limit: int = 25, *, drawn: bool) -> list[Incident]:
        self._allow(actor)
        return [each for each in self.withheld if (each.image is not None) == drawn][:limit]

    async def waiting(self, actor: Member) -> tuple[int, int]:
        drawn = sum(each.image is not None for each in self.withheld)
        return drawn, len(self.withheld) - drawn

    async def picture(self, actor: Member, incident_id: int) -> bytes | None:
        self._allow(actor)
        return b"png"

    async def release(self, actor: Member, incident_id: int) -> Incident:
        return self._decide("release", actor, incident_id)

    async def drop(self, actor: Member, incident_id: int) -> Incident:
        return self._decide("drop", actor, incident_id)

    def _decide(self, act: str, actor: Member, incident_id: int) -> Incident:
        self._allow(actor)
        for each in self.withheld:
            if each.id == incident_id:
                self.withheld.remove(each)
                self.done.append((act, actor.name))
                return each
        raise WrongState(f"Incident {incident_id} is decided already: it is released.")

    async def find(self, actor: Member, name: str) -> tuple[str, int, int]:
        self._allow(actor)
        return name, 42, 17

    async def hide(self, actor: Member, job_id: int, number: int, hidden: bool) -> None:
        self.done.append(("hide" if hidden else "show", f"{job_id}/{number}"))

    async def delete(self, actor: Member, job_id: int, number: int) -> ErasureReceipt:
        self.done.append(("delete", f"{job_id}/{number}"))
        return ErasureReceipt(1, 1, 1, 1)


class Pressed:
    """An interaction, as far as it is answered."""

    def __init__(self, custom_id: str = "") -> None:
        self.component = SimpleNamespace(custom_id=custom_id)
        self.told: list[dict[str, Any]] = []
        self.response = SimpleNamespace(is_done=lambda: bool(self.told), defer=self.defer, send_message=self.send)

    async def defer(self, **more: Any) -> None:
        self.told.append({"deferred": True} | more)

    async def send(self, text: str | None = None, **more: Any) -> None:
        assert more["ephemeral"] is True
        self.told.append({"text": text} | more)

    async def edit_original_response(self, text: str | None = None, **more: Any) -> None:
        self.told.append({"text": text} | more)


class Giving:
    """Answers, that keep what failed."""

    def __init__(self) -> None:
        self.failed: list[Exception] = []

    async def give(self, inter: Any, answer: Callable[[], Awaitable[None]]) -> None:
        try:
            await answer()
        except Exception as error:
            self.failed.append(error)


def cog(bench: Bench, actor: Member = OLGA) -> tuple[ModerationCog, Giving]:
    giving = Giving()
    services: Any = SimpleNamespace(member=lambda _: actor, moderation=bench, answers=giving, wall_address=WALL)
    return ModerationCog(services), giving


async def run(command: Any, on: ModerationCog, inter: Pressed, *values: Any) -> None:
    await command.callback(on, inter, *values)


def test_the_console_offers_the_command_to_administrators_where_the_server_has_not_said_otherwise() -> None:
    assert ModerationCog in COGS
    assert ModerationCog.moderation.default_member_permissions == disnake.Permissions(administrator=True)


async def test_the_list_is_private_and_has_its_pictures_and_buttons() -> None:
    inter = Pressed()
    await run(ModerationCog._list, cog(Bench(incident(1), prompt(2)))[0], inter)
    (answer,) = inter.told
    assert [file.filename for file in answer["files"]] == ["SPOILER_incident-1.png"]
    assert len(answer["components"]) == 2
    assert answer["allowed_mentions"].to_dict() == {"parse": []}


@pytest.mark.parametrize("values", [(), ("S42-c017",)])
async def test_members_get_a_sentence(values: tuple[str, ...]) -> None:
    bench = Bench(incident(1))
    on, _ = cog(bench, MINA)
    parts = [ModerationCog._hide, ModerationCog._show, ModerationCog._delete] if values else [ModerationCog._list]
    for command in parts:
        inter = Pressed()
        with pytest.raises(NotYours, match="Only an operator"):
            await run(command, on, inter, *values)
        assert inter.told == []
    assert bench.done == []


async def test_pictures_are_hidden_shown_and_deleted_by_name() -> None:
    bench = Bench()
    on, _ = cog(bench)
    said = []
    for command in (ModerationCog._hide, ModerationCog._show, ModerationCog._delete):
        inter = Pressed()
        await run(command, on, inter, "S42-c017")
        said.append(inter.told[0]["text"])
    assert bench.done == [("hide", "42/17"), ("show", "42/17"), ("delete", "42/17")]
    assert "is hidden" in said[0] and "is shown again" in said[1] and "is deleted for good" in said[2]


@pytest.mark.parametrize(("custom_id", "act"), [("release:1", "release"), ("drop:1", "drop")])
async def test_a_press_decides_and_the_list_goes_on_without_it(custom_id: str, act: str) -> None:
    bench = Bench(incident(1), incident(2))
    on, giving = cog(bench)
    inter = Pressed(custom_id)
    await on.on_button_click(inter)  # type: ignore[arg-type]
    assert (bench.done, giving.failed) == ([(act, "Olga")], [])
    answer = inter.told[-1]
    assert answer["text"].startswith("Incident 1 is ")
    assert answer["attachments"] == []  # those of before go
    assert [file.filename for file in answer["files"]] == ["SPOILER_incident-2.png"]
    assert labels(answer["components"]) == [[("Release 2", "release:2"), ("Delete 2", "drop:2")]]


async def test_who_comes_second_is_told_and_sees_the_list_as_it_is() -> None:
    on, giving = cog(Bench(incident(2)))
    inter = Pressed("release:1")
    await on.on_button_click(inter)  # type: ignore[arg-type]
    assert giving.failed == []
    assert inter.told[-1]["text"] == "Incident 1 is decided already: it is released."
    assert len(inter.told[-1]["components"]) == 1


async def test_who_is_no_operator_any_more_decides_nothing_by_an_old_button() -> None:
    bench = Bench(incident(1))
    on, giving = cog(bench, MINA)
    inter = Pressed("drop:1")
    await on.on_button_click(inter)  # type: ignore[arg-type]
    assert [type(each) for each in giving.failed] == [NotYours]
    assert (bench.done, inter.told) == ([], [{"deferred": True}])


async def test_buttons_of_other_cards_are_left_to_them() -> None:
    on, giving = cog(Bench(incident(1)))
    for custom_id in ("run:1", "cancel:1", "release:", "release:1x", "release:1234567890"):
        inter = Pressed(custom_id)
        await on.on_button_click(inter)  # type: ignore[arg-type]
        assert inter.told == []
    assert giving.failed == []
