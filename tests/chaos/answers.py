"""How fast members get their first answer while the engine has more to do than it can (see tests/bench)."""

from collections.abc import Sequence

from bot.sandbox import Sandbox
from tests.bench.first_answer import idle_and_saturated
from tests.chaos import console as real
from tests.chaos.scenario import Options, Outcome, Place

FULL_COMMANDS = 200
GOAL_SECONDS = 1.0


class Answers:
    """A mix of commands, idle and beside a sweep of 900 images."""

    name = "answers"
    promise = "p99 of the first answer under 1 s while the engine is saturated (Discord waits 3 s)"

    async def run(self, place: Place, options: Options) -> Outcome:
        """The engine draws on a thread of its own."""
        return await self._measured(place, options.scaled(FULL_COMMANDS, 20), real.PROGRAM)

    async def control(self, place: Place, options: Options) -> Outcome:
        """The engine draws on the event loop."""
        return await self._measured(place, options.scaled(FULL_COMMANDS // 4, 20), real.careless("loop"))

    async def _measured(self, place: Place, commands: int, program: Sequence[str]) -> Outcome:
        async with Sandbox() as sandbox, real.console(sandbox, place, program) as process:
            await real.ready(sandbox, process)
            idle, busy = await idle_and_saturated(sandbox, commands)
        figures = f"{commands} commands, saturated: {busy.told}; idle: {idle.told}"
        return Outcome(figures, busy.at(0.99) < GOAL_SECONDS and not busy.silent and not sandbox.violations)


SCENARIO = Answers()
