"""What operators are answered in Discord, what is asked before a picture goes, and what a press of a button does."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import disnake
import pytest

from bot.cogs.moderation import BUTTON, PICTURE, WHOLE, ModerationCog
from bot.cogs.queue import BUTTON as JOBS
from bot.console import COGS
from bot.domain.erasure import Doomed, Entry, ErasureReceipt, Foreseen
from bot.domain.errors import NotFound, NotYours, WrongState
from bot.domain.gate import Cause, Decided, Incident, IncidentState, Waiting
from bot.domain.job import Member

WALL = "https://wall.example"
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
GONE = Foreseen("MESSAGE", ("SHEET",), Entry(1, 2))
OLGA, MINA = Member(4, "Olga", True, 7), Member(1, "Mina", False, 7)


def incident(number: int = 1, **more: Any) -> Incident:
    found = Incident(
        id=number, at=NOON, cause=Cause.IMAGE, what="nude", score=0.934, prompt="a beach", member_id=1, member="Mina",
        guild_id=7, job_id=42, number=3, image="ab" * 32, state=IncidentState.OPEN,
        picture=f"S42-c{number:03d}",
    )  # fmt: skip
    return replace(found, **more)


def prompt(number: int = 2) -> Incident:
    return incident(
        number, cause=Cause.PROMPT, what="blood", score=None, image=None, job_id=None, picture="", prompt="a war"
    )


def labels(rows: list[Any]) -> list[list[tuple[str, str]]]:
    return [[(button.label, button.custom_id) for button in row.children] for row in rows]


class Bench:
    """Moderation as far as the command asks for it."""

    def __init__(self, *waiting: Incident) -> None:
        self.withheld = list(waiting)
        self.mistakes: list[str] = []
        self.deleted = False
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

    async def incident(self, actor: Member, incident_id: int) -> Incident:
        self._allow(actor)
        found = next((each for each in self.withheld if each.id == incident_id), None)
        return found or incident(incident_id, image=None, state=IncidentState.RELEASED)

    def gate_mistake(self, actor: Member) -> list[str]:
        self._allow(actor)
        return self.mistakes

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

    async def by_job(self, actor: Member) -> list[Waiting]:
        self._allow(actor)
        ids = [each.id for each in self.withheld if each.image]
        return [Waiting(42, "S42", len(ids), max(ids))] if len(ids) > 1 else []

    async def release_all(self, actor: Member, job_id: int, last: int) -> Decided:
        return self._decide_all("release", actor, last)

    async def drop_all(self, actor: Member, job_id: int, last: int) -> Decided:
        return self._decide_all("drop", actor, last)

    def _decide_all(self, act: str, actor: Member, last: int) -> Decided:
        those = [each.id for each in self.withheld if each.image and each.id <= last]
        if not those:
            raise WrongState("Nothing that was withheld of S42 waits any more: it is decided already.")
        for each in those:
            self._decide(act, actor, each)
        return Decided("S42", len(those))

    async def find(self, actor: Member, name: str) -> tuple[str, int, int]:
        self._allow(actor)
        return name, 42, 17

    async def hide(self, actor: Member, job_id: int, number: int, hidden: bool) -> None:
        self.done.append(("hide" if hidden else "show", f"{job_id}/{number}"))

    async def doomed(self, actor: Member, job_id: int, number: int) -> Doomed:
        self._allow(actor)
        return Doomed(f"S{job_id}-c{number:03d}", "Mina", "a beach", b"png", GONE)

    async def delete(self, actor: Member, job_id: int, number: int) -> ErasureReceipt:
        self._allow(actor)
        if self.deleted:
            raise NotFound("There is no picture S42-c017: it was not drawn, or it is deleted.")
        self.deleted = True
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
    assert [file.filename for file in answer["files"]] == ["SPOILER_S42-c001.png"]
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


async def test_pictures_are_hidden_and_shown_by_name() -> None:
    bench = Bench()
    on, _ = cog(bench)
    said = []
    for command in (ModerationCog._hide, ModerationCog._show):
        inter = Pressed()
        await run(command, on, inter, "S42-c017")
        said.append(inter.told[0]["text"])
    assert bench.done == [("hide", "42/17"), ("show", "42/17")]
    assert "is hidden" in said[0] and "is shown again" in said[1]


async def test_what_would_be_deleted_is_shown_first_and_nothing_is_deleted_yet() -> None:
    bench, inter = Bench(), Pressed()
    await run(ModerationCog._delete, cog(bench)[0], inter, "S42-c017")
    (asked,) = inter.told
    assert asked["embed"].title == "Delete S42-c017 for good?"
    assert [file.filename for file in asked["files"]] == ["SPOILER_S42-c017.png"]
    assert labels(asked["components"]) == [[("Delete", "delete:S42-c017"), ("Keep", "keep:S42-c017")]]
    for _, custom_id in labels(asked["components"])[0]:  # all that a press needs is in the button, also after a restart
        assert PICTURE.fullmatch(custom_id) and not BUTTON.fullmatch(custom_id) and not JOBS.fullmatch(custom_id)
    assert bench.done == []


@pytest.mark.parametrize(
    ("act", "done", "text"),
    [
        ("delete", [("delete", "42/17")], "**S42-c017** is deleted for good:"),
        ("keep", [], "Nothing was deleted: **S42-c017** stays as it is."),
    ],
)
async def test_the_question_gives_way_to_what_became_of_the_picture(
    act: str, done: list[tuple[str, str]], text: str
) -> None:
    bench, inter = Bench(), Pressed(f"{act}:S42-c017")
    on, giving = cog(bench)
    await on.on_button_click(inter)  # type: ignore[arg-type]
    assert (bench.done, giving.failed) == (done, [])
    answer = inter.told[-1]
    assert answer["text"].startswith(text)
    assert (answer["embed"], answer["attachments"], answer["components"]) == (None, [], [])


async def test_who_presses_delete_second_is_told_that_it_is_gone() -> None:
    bench = Bench()
    on, giving = cog(bench)
    for _ in range(2):
        inter = Pressed("delete:S42-c017")
        await on.on_button_click(inter)  # type: ignore[arg-type]
    assert (len(bench.done), giving.failed) == (1, [])
    assert inter.told[-1]["text"] == "There is no picture S42-c017: it was not drawn, or it is deleted."
    assert inter.told[-1]["components"] == []


@pytest.mark.parametrize("custom_id", ["delete:S42-c017", "erase:1", "drop:1", "erase-all:42:1", "drop-all:42:1"])
async def test_who_is_no_operator_any_more_deletes_nothing_by_an_old_question(custom_id: str) -> None:
    bench = Bench(incident(1))
    on, giving = cog(bench, MINA)
    inter = Pressed(custom_id)
    await on.on_button_click(inter)  # type: ignore[arg-type]
    assert [type(each) for each in giving.failed] == [NotYours]
    assert (bench.done, inter.told) == ([], [{"deferred": True}])


async def test_the_list_asks_before_a_withheld_picture_is_deleted_and_comes_back_where_it_is_kept() -> None:
    bench = Bench(incident(1), incident(2))
    on, giving = cog(bench)
    inter = Pressed("drop:1")
    await on.on_button_click(inter)  # type: ignore[arg-type]
    asked = inter.told[-1]
    assert asked["embed"].title == "Delete S42-c003 for good?"
    assert asked["attachments"] == []  # those of the list go
    assert labels(asked["components"]) == [[("Delete", "erase:1"), ("Keep", "keep:1")]]
    inter = Pressed("keep:1")
    await on.on_button_click(inter)  # type: ignore[arg-type]
    assert inter.told[-1]["text"] == "Nothing was deleted: **S42-c001** still waits for a decision."
    assert len(inter.told[-1]["components"]) == 2
    assert (bench.done, giving.failed) == ([], [])


async def test_the_list_tells_of_a_mistake_in_the_gates_file() -> None:
    bench, inter = Bench(incident(1)), Pressed()
    bench.mistakes = ["gate.yaml: rules: expected a list of rules, got 1"]
    await run(ModerationCog._list, cog(bench)[0], inter)
    assert "- gate.yaml: rules: expected a list of rules, got 1\n" in inter.told[0]["embed"].description


@pytest.mark.parametrize(
    ("custom_id", "act"), [("release:1", "release"), ("erase:1", "drop"), ("drop:3", "drop")], ids=lambda each: each
)
async def test_a_press_decides_and_the_list_goes_on_without_it(custom_id: str, act: str) -> None:
    bench = Bench(incident(1), incident(2), prompt(3))
    number = int(custom_id[-1])
    on, giving = cog(bench)
    inter = Pressed(custom_id)
    await on.on_button_click(inter)  # type: ignore[arg-type]
    assert (bench.done, giving.failed) == ([(act, "Olga")], [])
    answer = inter.told[-1]
    assert answer["text"].startswith("**Incident 3** is " if number == 3 else "**S42-c001** is ")
    assert answer["attachments"] == []  # those of before go
    pressable = [label for row in labels(answer["components"]) for label, _ in row if "all" not in label]
    assert [label for label in pressable if not label.startswith("Release")] == [
        f"{'Delete' if each.image else 'Close'} {each.name}" for each in bench.withheld
    ]
    assert number not in [each.id for each in bench.withheld]


async def test_all_of_a_job_is_decided_by_one_press_and_asked_about_before_it_is_deleted() -> None:
    bench = Bench(incident(1), incident(2), prompt(3))
    on, giving = cog(bench)

    async def press(custom_id: str) -> dict[str, Any]:
        assert WHOLE.fullmatch(custom_id) and not any(each.fullmatch(custom_id) for each in (BUTTON, PICTURE, JOBS))
        inter = Pressed(custom_id)
        await on.on_button_click(inter)  # type: ignore[arg-type]
        assert giving.failed == []
        return inter.told[-1]

    asked = await press("drop-all:42:2")
    assert asked["embed"].title == "Delete all that is withheld of S42 for good?"
    assert "2 pictures, from the records and off the disk" in asked["embed"].description
    assert asked["attachments"] == []
    (((_, erase), (_, keep)),) = labels(asked["components"])
    kept = await press(keep)
    assert kept["text"].startswith("Nothing was deleted.") and len(kept["components"]) == 3 and bench.done == []
    bench.withheld.insert(0, incident(4))  # which came after the question
    assert (await press(erase))["text"].startswith("Deleted for good: **2 pictures** of S42.")
    assert [each.id for each in bench.withheld] == [4, 3] and bench.done == [("drop", "Olga")] * 2
    assert (await press(erase))["text"].startswith("Nothing that was withheld of S42 waits")
    assert (await press("release-all:42:9"))["text"] == "Released, at no cost: **1 picture** of S42."


async def test_who_comes_second_is_told_and_sees_the_list_as_it_is() -> None:
    on, giving = cog(Bench(incident(2)))
    inter = Pressed("release:1")
    await on.on_button_click(inter)  # type: ignore[arg-type]
    assert giving.failed == []
    assert inter.told[-1]["text"] == "Incident 1 is decided already: it is released."
    assert len(inter.told[-1]["components"]) == 1


async def test_buttons_of_other_cards_are_left_to_them() -> None:
    on, giving = cog(Bench(incident(1)))
    for custom_id in (
        "run:1",
        "cancel:1",
        "release:",
        "release:1x",
        "release:1234567890",
        "delete:",
        "keep:x",
        "drop-all:1",
    ):
        inter = Pressed(custom_id)
        await on.on_button_click(inter)  # type: ignore[arg-type]
        assert inter.told == []
    assert giving.failed == []
