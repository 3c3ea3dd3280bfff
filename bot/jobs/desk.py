"""The desk: where a job is quoted, accepted, and called off."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from bot.domain.errors import NotFound, NotYours, Refusal, WrongState
from bot.domain.job import ItemState, Job, JobState, Layout, Member, Place
from bot.domain.ports import JobStore, NewItem, Renderer, SettingsStore
from bot.jobs.forecast import Forecast
from bot.jobs.queue import JobQueue
from bot.jobs.worker import Worker
from sweeps.expand import Cell, Sweep, expand
from sweeps.parameters import Value
from sweeps.parse import parse
from sweeps.plan import Plan, plan
from sweeps.recipe import Recipe, resolve

QUOTE_PATIENCE_SECONDS = 15.0
"""How long a quote waits, just after the console's start, for the first measured times."""

BRACES = "Braces are drawn as they stand here; in a sweep file they make an axis."


class Desk:
    """Turns what a member asks into a stored quote, and a quote into queued work."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        settings: SettingsStore,
        queue: JobQueue,
        worker: Worker,
        renderer: Renderer,
        forecast: Forecast,
        max_cells: int,
        production: Mapping[str, Value],
        faces: Callable[[], Sequence[str]],
    ) -> None:
        self._jobs = jobs
        self._settings = settings
        self._queue = queue
        self._worker = worker
        self._renderer = renderer
        self._forecast = forecast
        self._max_cells = max_cells
        self._production = production
        self._faces = faces

    async def quote_sweep(self, owner: Member, place: Place, text: bytes, title: str) -> Job:
        """Read a sweep file and store it as a quote. Raises SweepError, CannotDraw."""
        settings = await self._settings.of(owner.id)
        await self._renderer.measured(QUOTE_PATIENCE_SECONDS)
        sweep, planned = await asyncio.to_thread(self._expand, text, settings)
        axes = tuple((axis.name, tuple(axis.labels)) for axis in sweep.axes)
        return await self._jobs.create(
            kind="sweep",
            title=sweep.name or title,
            owner=owner,
            place=place,
            state=JobState.QUOTED,
            items=_in_turn(planned, [(cell.id, _at(cell, sweep)) for cell in sweep.cells]),
            layout=Layout(axes, sweep.rows, sweep.columns),
            quote=self._forecast.quote(planned),
            notes=[f"{count} more cells lie beyond run_cap and are left out."] if (count := sweep.left_out) else [],
        )

    async def quote_imagine(self, owner: Member, place: Place, asked: Mapping[str, Value], images: int) -> Job:
        """Store a quote for one recipe, or several that differ in their seed. Raises SweepError, Refusal."""
        settings = {**await self._settings.of(owner.id), **asked}
        first = resolve(settings, defaults=self._renderer.defaults, production=self._production)
        if not first.prompt.strip():
            raise Refusal("Say what to draw: give a prompt, or set one with /set prompt.")
        self._renderer.check(first)
        with self._queue.place():
            pass  # a full queue refuses before anything is stored or shown
        recipes = [first]
        for number in range(1, images):
            recipes.append(Recipe.from_dict({**first.as_dict(), "seed": (first.seed + number) % 2**32}))
        labels = tuple(str(recipe.seed) for recipe in recipes)
        planned = plan(recipes)
        return await self._jobs.create(
            kind="imagine",
            title=first.prompt,
            owner=owner,
            place=place,
            state=JobState.QUOTED,
            items=_in_turn(planned, [(f"c{n:03d}", {"seed": n - 1}) for n in range(1, images + 1)]),
            urgent=True,
            layout=Layout((("seed", labels),), None, "seed") if images > 1 else Layout(),
            quote=self._forecast.quote(planned),
            notes=[BRACES] if "{" in first.prompt else [],
        )

    async def run(self, job_id: int, actor: Member) -> Job:
        """Accept a quote. Raises QueueFull (and the quote stays), NotYours, WrongState."""
        job = await self._theirs(job_id, actor)
        with self._queue.place():
            items = await self._jobs.items(job.id)
            queued = await self._jobs.move(job.id, to=JobState.QUEUED, only_from=[JobState.QUOTED])
            if queued is None:
                raise WrongState(f"{job.name} cannot be run: it is {(await self.find(job_id)).state.value}.")
            self._queue.admit(queued, [item for item in items if item.state is ItemState.WAITING])
        self._worker.changed(queued)
        return queued

    async def cancel(self, job_id: int, actor: Member) -> Job:
        """Call off a quote or a job at any point before its end. Raises NotYours, WrongState."""
        job = await self._theirs(job_id, actor)
        if quote := await self._jobs.move(job.id, to=JobState.CANCELLED, only_from=[JobState.QUOTED]):
            self._worker.changed(quote)
            return quote
        job = await self.find(job_id)
        if job.state.ended:
            raise WrongState(f"{job.name} has already ended ({job.state.value}); there is nothing to cancel.")
        await self._worker.cancel(job)
        return await self.find(job_id)

    async def find(self, job_id: int) -> Job:
        """The job. Raises NotFound."""
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}. /queue shows what is waiting.")
        return job

    async def _theirs(self, job_id: int, actor: Member) -> Job:
        """The job if it is the actor's, or the actor is an operator on the job's own server."""
        job = await self.find(job_id)
        if job.owner.id != actor.id and not (actor.operator and actor.guild_id == job.place.guild_id):
            raise NotYours(f"{job.name} belongs to {job.owner.name}; only they or an operator may do that.")
        return job

    def _expand(self, text: bytes, settings: Mapping[str, Value]) -> tuple[Sweep, Plan]:
        sweep = expand(
            parse(text),
            settings=settings,
            defaults=self._renderer.defaults,
            production=self._production,
            faces=self._faces(),
            max_cells=self._max_cells,
        )
        for recipe in sweep.recipes:
            self._renderer.check(recipe)
        return sweep, plan(sweep.recipes)


def _in_turn(planned: Plan, cells: Sequence[tuple[str, Mapping[str, int] | None]]) -> list[NewItem]:
    """Items in display order, each with its turn in execution order."""
    turn = {index: rank for rank, index in enumerate(planned.order)}
    return [
        NewItem(name, turn[index], recipe, at)
        for index, ((name, at), recipe) in enumerate(zip(cells, planned.recipes, strict=True))
    ]


def _at(cell: Cell, sweep: Sweep) -> dict[str, int]:
    """A cell's index by axis, without the axes it does not lie on."""
    return {axis.name: index for axis, index in zip(sweep.axes, cell.at, strict=True) if index is not None}
