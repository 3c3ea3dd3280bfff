"""The crowd of a soak: members who ask for images, change their minds, and look around, without end."""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from bot.sandbox import File, Interaction, Member, NoAnswer, Rejected
from tests.chaos import console as real

MOST_OPEN = 5
"""Jobs that a member has going at one time; with more of them they wait for one."""

PAUSE_SECONDS = (0.2, 1.2)
SIDES = (64, 128)
NAME = re.compile(r"\b[SI]\d+\b")
FAULT = "Something failed on our side"


class Guest:
    """One member, and what they have seen."""

    def __init__(self, member: Member, seed: int) -> None:
        self.commands: Counter[str] = Counter()
        self.unanswered = 0
        self.incidents: list[str] = []
        self._member = member
        self._chance = random.Random(seed)
        self._open: list[Interaction] = []
        self._acts: tuple[tuple[Callable[[], Awaitable[None]], int], ...] = (
            (self._imagine, 30),
            (self._sweep, 8),
            (self._cancel, 4),
            (self._pause, 4),
            (self._resume, 6),
            (self._move, 2),
            (self._look, 20),
            (self._type, 16),
        )

    async def stay(self, until: float) -> None:
        """Do one thing after the other until that moment of time.monotonic."""
        acts, weights = zip(*self._acts, strict=True)
        while time.monotonic() < until:
            self._open = [each for each in self._open if not real.ended(each)]
            (act,) = self._chance.choices(acts, weights) if len(self._open) < MOST_OPEN else (self._look,)
            try:
                await act()
            except NoAnswer:  # a connection is down, or was when it mattered
                self.unanswered += 1
            except Rejected:  # the application is offline, or a button has gone meanwhile
                self.commands["rejected"] += 1
            await asyncio.sleep(self._chance.uniform(*PAUSE_SECONDS))

    async def _run(self, command: str, **values: Any) -> Interaction:
        self.commands[command.split()[0]] += 1
        asked = await self._member.run(command, **values)
        if FAULT in asked.content:
            self.incidents.append(f"{command}: {asked.content}")
        return asked

    async def _imagine(self) -> None:
        few = self._chance.choice((1, 1, 2, 4))
        values = {"seed": self._chance.randrange(10_000), "steps": self._chance.choice((1, 2, 4))}
        width, height = self._chance.choice(SIDES), self._chance.choice(SIDES)
        self._open.append(await self._run("/imagine", prompt="x", images=few, width=width, height=height, **values))

    async def _sweep(self) -> None:
        first, cells, steps = self._chance.randrange(10_000), self._chance.randint(2, 24), self._chance.choice((2, 20))
        text = f"{{base: {{prompt: x, steps: {steps}}}, parameters: {{seed: '{first}-{first + cells - 1}'}}}}"
        quoted = await self._run("/sweep", config=File("soak.yaml", text.encode()))
        await quoted.reply(30)
        self.commands["button"] += 1
        if self._chance.random() < 0.1:
            await self._member.press(quoted, "Cancel")
        else:
            await self._member.press(quoted, "Run")
            self._open.append(quoted)

    async def _cancel(self) -> None:
        if job := self._one():
            await self._run("/cancel", job=job)

    async def _pause(self) -> None:
        if job := self._one():
            await self._run("/pause", job=job)

    async def _resume(self) -> None:
        """Whatever of theirs stands still goes on."""
        for _, job in await self._complete("/resume", "job"):
            await self._run("/resume", job=job)

    async def _move(self) -> None:
        if job := self._one():
            await self._run("/move", job=job)

    async def _look(self) -> None:
        command = self._chance.choice(("/balance", "/queue", "/help", "/params show", "/set"))
        values = {"parameter": "steps", "value": str(self._chance.randint(1, 9))} if command == "/set" else {}
        await self._run(command, **values)

    async def _type(self) -> None:
        await self._complete(
            *self._chance.choice((("/sweep", "example"), ("/imagine", "face_folder"), ("/cancel", "job")))
        )

    async def _complete(self, command: str, option: str) -> list[tuple[str, Any]]:
        self.commands["autocomplete"] += 1
        return await self._member.complete(command, option, "")

    def _one(self) -> str | None:
        """One of their jobs that are going."""
        names = [found[0] for each in self._open if (found := NAME.search(str(each.embeds)))]
        return self._chance.choice(names) if names else None
