"""What members do with jobs that wait, are drawn or have ended: look, pause, resume, move, retry."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from bot.sandbox import File, Interaction
from bot.sandbox.driver import Member
from tests.e2e.conftest import Open, Running, may_cancel
from tests.e2e.test_face_test import lay

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "{base: {prompt: long, steps: 100}, parameters: {seed: '1-60'}}"
SHORT = "{base: {prompt: short, steps: 2, width: 64, height: 64}, parameters: {seed: '1-3'}}"


async def quote(member: Member, text: str = SHORT, name: str = "a.yaml") -> tuple[Interaction, str]:
    """A quoted sweep, and the name of its job."""
    quoted = await member.run("/sweep", config=File(name, text.encode()))
    return quoted, (await quoted.reply())["embeds"][0]["title"].split(" · ")[0]


async def start(member: Member, text: str = SHORT, name: str = "a.yaml") -> tuple[Interaction, str]:
    """A sweep that was run, and the name of its job."""
    quoted, job = await quote(member, text, name)
    await member.press(quoted, "Run")
    return quoted, job


async def shows(atelier: Running, card: Interaction, text: str) -> None:
    """Wait until the card tells this."""
    await atelier.sandbox.until(lambda: text in (card.message or {})["embeds"][0]["description"], timeout=60)


async def queued(atelier: Running, member: Member) -> str:
    """A sweep that waits behind others, by the name of its job."""
    card, job = await start(member)
    await shows(atelier, card, "in the queue")
    return job


async def lines(member: Member) -> list[str]:
    """What /queue shows."""
    return str((await member.run("/queue")).embeds[0]["description"]).splitlines()


async def offered(member: Member, command: str, option: str = "job", **values: object) -> set[str]:
    return {value for _, value in await member.complete(command, option, "", **values)}


def labels(card: Interaction) -> list[str]:
    return [button["label"] for row in (card.message or {})["components"] for button in row["components"]]


async def test_the_queue_tells_whose_each_job_is_what_it_costs_and_how_it_stands(open_console: Open) -> None:
    async with open_console() as atelier:
        theo, ada = atelier.sandbox.members["theo"], atelier.sandbox.members["ada"]
        drawn, first = await start(theo, LONG, "slow.yaml")
        await shows(atelier, drawn, "of 60")
        held, second = await start(ada, LONG, "held.yaml")
        await atelier.sandbox.until(lambda: labels(held) == ["Pause", "Cancel"])
        paused = await ada.run("/pause", job=second)
        assert paused.ephemeral and paused.content.startswith(f"{second} is paused: ")
        waiting, third = await start(theo, SHORT, "behind.yaml")
        await shows(atelier, waiting, "in the queue")
        assert " · 3 tokens" in (waiting.message or {})["embeds"][0]["description"]

        for_theo, for_ada = await lines(theo), await lines(ada)
        assert for_theo[0].startswith(f"1. **{first}** slow · **yours** · drawing, ")
        assert for_theo[0].endswith(" · 60 tokens")
        assert for_theo[1].startswith(f"2. **{third}** behind · **yours** · waiting, 0 of 3 images")
        assert for_theo[2].startswith(f"3. **{second}** held · Ada · paused, ") and "done in" not in for_theo[2]
        assert [" · Theo · " in line for line in for_ada] == [True, True, False]
        assert for_ada[2].startswith(f"3. **{second}** held · **yours** · paused, ")
        for card, member in ((drawn, theo), (waiting, theo), (held, ada)):
            await member.press(card, "Cancel")
            await atelier.ended(card)
        assert (await lines(theo))[0].startswith("Nothing waits.")


async def test_a_paused_job_is_held_and_goes_on_where_it_stopped(open_console: Open) -> None:
    async with open_console() as atelier:
        theo = atelier.sandbox.members["theo"]
        card, job = await start(theo, "{base: {prompt: x, steps: 30}, parameters: {seed: '1-40'}}")
        await shows(atelier, card, "of 40")
        assert labels(card) == ["Pause", "Cancel"]
        assert await offered(theo, "/resume") == set()
        assert await offered(theo, "/pause") == {job}
        await theo.press(card, "Pause")
        await shows(atelier, card, "paused")
        assert labels(card) == ["Resume", "Cancel"]
        assert await offered(theo, "/pause") == set()
        refused = await theo.run("/pause", job=job)
        assert refused.ephemeral and refused.content == f"{job} cannot be paused: it is paused."

        # Another job of the member's gets its turn now, with whatever the engine had begun of this one.
        other, _ = await start(theo)
        await atelier.ended(other)
        assert may_cancel(card.message or {})
        resumed = await theo.run("/resume", job=job)
        assert (resumed.content, resumed.ephemeral) == (f"{job} goes on.", True)
        await atelier.ended(card)
        await atelier.sandbox.until(lambda: any(each["filename"] == f"{job}-sheet.png" for each in atelier.results()))
        names = Counter(each["filename"] for each in atelier.results() if each["filename"].startswith(job))
        assert names == Counter([*(f"{job}-c{number:03d}.png" for number in range(1, 41)), f"{job}-sheet.png"])


async def test_a_member_puts_their_own_jobs_in_another_order(open_console: Open) -> None:
    async with open_console() as atelier:
        theo, ada = atelier.sandbox.members["theo"], atelier.sandbox.members["ada"]
        first, a = await start(theo, LONG)
        await shows(atelier, first, "of 60")
        b, c, d = [await queued(atelier, theo) for _ in range(3)]
        others = await queued(atelier, ada)

        async def order() -> list[str]:
            return [job for line in await lines(theo) if (job := line.split("**")[1]) in (b, c, d)]

        assert await order() == [b, c, d]
        assert await offered(theo, "/move") == {a, b, c, d}
        assert await offered(theo, "/move", "before", job=d) == {a, b, c}
        assert (await theo.run("/move", job=d, before=c)).content == f"{d} comes before {c} now."
        assert await order() == [b, d, c]
        assert (await theo.run("/move", job=c)).content == f"{c} comes first of your jobs now."
        assert await order() == [c, b, d]
        refused = await theo.run("/move", job=b, before=others)
        assert refused.ephemeral and "is not another of the same member's" in refused.content
        refused = await theo.run("/move", job=others)
        assert refused.ephemeral and refused.content.startswith(f"{others} belongs to Ada;")
        assert await order() == [c, b, d]


async def test_only_what_failed_is_drawn_again(open_console: Open, tmp_path: Path) -> None:
    folder = lay(tmp_path / "data", "mina", "tom")
    text = "{base: {prompt: x, steps: 2, detail: true}, parameters: {face_folder: {values: [mina, tom]}, seed: '1-2'}}"
    async with open_console(folder) as atelier:
        theo, ada = atelier.sandbox.members["theo"], atelier.sandbox.members["ada"]
        before, _ = await start(theo, LONG)
        await shows(atelier, before, "of 60")
        card, job = await start(theo, text)
        await shows(atelier, card, "in the queue")
        assert await offered(theo, "/retry") == set()
        (folder / "faces" / "mina").rename(tmp_path / "mina")
        await theo.press(before, "Cancel")
        embed = (await atelier.ended(card))["embeds"][0]
        assert embed["description"].startswith("**2 images**, 2 failures in ")
        assert labels(card) == ["Retry 2 failed"]

        gone = await atelier.told(await theo.press(card, "Retry"))
        assert gone.startswith('You have no person named "mina"')
        assert "belongs to Theo" in await atelier.told(await ada.press(card, "Retry"))
        assert labels(card) == ["Retry 2 failed"]
        (tmp_path / "mina").rename(folder / "faces" / "mina")
        assert await offered(theo, "/retry") == {job}
        assert await offered(ada, "/retry") == set()
        await theo.press(card, "Retry")
        await atelier.sandbox.until(lambda: labels(card) == [], timeout=60)
        embed = (card.message or {})["embeds"][0]
        assert embed["description"].startswith("**4 images** in ")
        assert "What went wrong" not in str(embed["fields"])
        names = Counter(each["filename"] for each in atelier.results() if each["filename"].startswith(job))
        assert names.total() - names[f"{job}-sheet.png"] == 4
        assert set(names) == {*(f"{job}-c00{number}.png" for number in range(1, 5)), f"{job}-sheet.png"}
        refused = await theo.run("/retry", job=job)
        assert refused.ephemeral and refused.content.startswith(f"No image of {job} failed")


async def test_what_was_set_aside_is_listed_with_the_reason(open_console: Open, tmp_path: Path) -> None:
    async with open_console(tmp_path / "data") as atelier:
        theo, ada = atelier.sandbox.members["theo"], atelier.sandbox.members["ada"]
        shown = await theo.run("/queue", show="set aside")
        assert (shown.ephemeral, shown.embeds[0]["title"]) == (True, "Set aside")
        assert shown.embeds[0]["description"].startswith("Nothing is set aside.")
        _, job = await quote(theo, SHORT, "poison.yaml")
        with closing(sqlite3.connect(tmp_path / "data" / "atelier.db")) as database, database:
            database.execute("UPDATE jobs SET state = 'dead', reason = 'The console died at *it*.'")
        mine, others = await theo.run("/queue", show="set aside"), await ada.run("/queue", show="set aside")
        reason = "The console died at \\*it\\*."
        assert mine.embeds[0]["description"].splitlines() == [f"**{job}** poison · **yours**", reason]
        assert others.embeds[0]["description"].splitlines() == [f"**{job}** poison · Theo", reason]
        assert (await theo.run("/queue", show="waiting")).embeds[0]["description"].startswith("Nothing waits.")


async def test_nobody_pauses_or_moves_what_is_not_theirs_but_an_operator(open_console: Open) -> None:
    async with open_console() as atelier:
        mina, theo, ada = (atelier.sandbox.members[name] for name in ("mina", "theo", "ada"))
        card, job = await start(ada, LONG)
        await shows(atelier, card, "of 60")
        for command in ("/pause", "/resume", "/move", "/retry", "/cancel"):
            refused = await theo.run(command, job=job)
            assert refused.ephemeral and refused.content.startswith(f"{job} belongs to Ada;"), command
            assert await offered(theo, command) == set(), command
        assert "belongs to Ada" in await atelier.told(await theo.press(card, "Pause"))
        assert labels(card) == ["Pause", "Cancel"]
        await mina.press(card, "Pause")
        await shows(atelier, card, "paused")
        await mina.run("/cancel", job=job)
        await atelier.ended(card)
        assert [act.split(" · ")[1] for act in (await mina.run("/audit")).embeds[0]["description"].splitlines()] == [
            f"cancel {job}",
            f"pause {job}",
        ]


async def test_while_somebody_else_writes_a_member_is_told_to_wait_and_then_answered_alone(
    open_console: Open, tmp_path: Path
) -> None:
    async with open_console(tmp_path / "data") as atelier:
        mina, theo, ada = (atelier.sandbox.members[name] for name in ("mina", "theo", "ada"))
        _, job = await quote(ada)
        asked: list[tuple[Member, str, dict[str, object], str]] = [
            (ada, "/pause", {"job": job}, f"{job} cannot be paused: it "),
            (ada, "/resume", {"job": job}, f"{job} cannot be resumed: it "),
            (ada, "/move", {"job": job}, f"{job} does not wait in the queue: it "),
            (ada, "/retry", {"job": job}, f"{job} is still quoted; "),
            (ada, "/cancel", {"job": job}, f"{job} is cancelled."),
            (theo, "/link", {}, "`"),
            (theo, "/balance", {}, "**1,000** free"),
            (
                mina,
                "/grant",
                {"member": "theo", "tokens": 5, "reason": "x"},
                "Granted 5 tokens to **Theo**; they have ",
            ),
            (ada, "/set", {"parameter": "steps", "value": "9"}, "`steps` is now `9`"),
            (ada, "/params save", {"name": "mine"}, "Saved 1 parameter as **mine**."),
            (ada, "/params load", {"name": "mine"}, "Loaded **mine**: steps `9`."),
            (ada, "/params reset", {}, "1 parameter is back to the default."),
        ]
        file = tmp_path / "data" / "atelier.db"
        with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
            for member, command, values, words in asked:
                await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
                shown = await member.run(command, **values)
                assert (shown.deferred, shown.ephemeral, shown.content) == (True, True, ""), command
                other.execute("ROLLBACK")
                message = await shown.reply()
                told = shown.content or message["embeds"][0]["description"]
                assert told.startswith(words), told
                assert message["flags"] & 64, command


@pytest.mark.parametrize("typed", ["soon", "S", "999999999999", "S12 3"])
async def test_what_is_no_job_is_answered_with_what_one_looks_like(atelier: Running, typed: str) -> None:
    for command in ("/cancel", "/pause", "/resume", "/move", "/retry"):
        refused = await atelier.sandbox.members["ada"].run(command, job=typed)
        assert refused.content == f"`{typed}` is not a job; jobs are named like S42. /queue shows them."
    refused = await atelier.sandbox.members["ada"].run("/pause", job="S999999")
    assert refused.content == "There is no job 999999. /queue shows what is waiting."
