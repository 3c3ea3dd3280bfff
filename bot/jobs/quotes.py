"""Quotes: what a member asks for, read, checked, counted and stored; nothing is drawn before it is accepted."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from bot.domain.errors import Refusal
from bot.domain.facetest import FaceTest, whom
from bot.domain.gate import Verdict
from bot.domain.job import Job, Layout, Member, Place
from bot.domain.ports import FaceStore, Gate, Ideas, ImageStore, Renderer
from bot.domain.stores import Incidents, JobStore, NewItem, SettingsStore
from bot.jobs.forecast import Forecast
from bot.jobs.naming import usable, written
from bot.jobs.queue import JobQueue
from bot.pictures import open_picture, to_png, within
from sweeps.document import Document
from sweeps.expand import Cell, Sweep, expand
from sweeps.parameters import CATALOGUE, Value
from sweeps.parse import parse
from sweeps.plan import Plan, plan
from sweeps.recipe import PHOTO, Recipe, draw_seed, resolve

QUOTE_PATIENCE_SECONDS = 15.0
"""How long a quote waits, just after the console's start, for the first measured times."""

BRACES = "Braces are drawn as they stand here; in a sweep file they make an axis."
FACELESS = (
    "A face changes nothing where detail is off and start_merge_step is at or above steps - 1: turn detail on, or set "
    "start_merge_step lower."
)
FACELESS_STEP = "A face changes nothing where detail is off and steps is 1: turn detail on."
FACELESS_GROUP = "Several people change nothing where detail is off: only one alone can enter the base. Turn detail on."
FACELESS_PRODUCTION = (
    "A face changes nothing here: in the operator's production recipe detail is off, and nobody enters the base. Set "
    "production_mode to false to choose that yourself."
)
FACE = "face_folder"
NEGATIVE = "negative_prompt"
OF_A_PERSON = ("weight", "face_id_weight", "start_merge_step")
A_TITLE, A_LABEL, A_NAME = "The title", "A label", "A person's name"
MOST_CELLS = 5
"""As many cells a refusal names."""
NOBODY_ELSE = "nobody: each face stays who it is"
A_PORTRAIT = "a portrait"
NO_PROMPT = f'No prompt was given or set, so the faces are drawn as "{A_PORTRAIT}".'


@dataclass(frozen=True)
class Stores:
    """What a quote is made from, and kept in."""

    jobs: JobStore
    settings: SettingsStore
    images: ImageStore
    faces: FaceStore
    incidents: Incidents


class Quotes:
    """Turns what a member asks into a stored quote. Whom a member may not draw is in no quote of any kind."""

    def __init__(
        self,
        *,
        stores: Stores,
        queue: JobQueue,
        renderer: Renderer,
        forecast: Forecast,
        ideas: Ideas,
        gate: Gate,
        max_cells: int,
        production: Mapping[str, Value],
    ) -> None:
        self._jobs = stores.jobs
        self._settings = stores.settings
        self._images = stores.images
        self._faces = stores.faces
        self._queue = queue
        self._renderer = renderer
        self._forecast = forecast
        self._ideas = ideas
        self._gate = gate
        self._incidents = stores.incidents
        self._max_cells = max_cells
        self._production = production

    async def sweep(self, owner: Member, place: Place, text: bytes, title: str) -> Job:
        """Read a sweep file and store it as a quote. Raises SweepError, CannotDraw, Refusal."""
        self._gate.place(owner, place.channel_id)
        settings = await self._settings.of(owner.id)
        await self._renderer.measured(QUOTE_PATIENCE_SECONDS)
        document, sweep = await asyncio.to_thread(self._expand, owner, text, settings)
        names_people = FACE in document.base or any(FACE in axis.names for axis in document.axes)
        told = sweep.name or title
        from_set = "" if names_people else settings.get(FACE)
        planned = await self._checked(owner, sweep.recipes, from_set, told, _labels(document, sweep))
        axes = tuple((axis.name, tuple(axis.labels)) for axis in sweep.axes)
        return await self._jobs.create(
            kind="sweep",
            title=told,
            owner=owner,
            place=place,
            spoiler=self._gate.spoiler(owner, place.channel_id),
            items=_in_turn(planned, [(cell.id, _at(cell, sweep)) for cell in sweep.cells]),
            layout=Layout(axes, sweep.rows, sweep.columns, fixed=_whom(planned.recipes)),
            quote=self._forecast.quote(planned),
            notes=[
                *([f"{count} more cells lie beyond run_cap and are left out."] if (count := sweep.left_out) else []),
                *_faceless(planned.recipes),
                *_unnamed([axis.name for axis in sweep.axes], planned.recipes),
            ],
        )

    async def imagine(self, owner: Member, place: Place, asked: Mapping[str, Value], images: int) -> Job:
        """Store a quote for one recipe, or several that differ in their seed. Raises SweepError, Refusal."""
        self._gate.place(owner, place.channel_id)
        settings = await self._settings.of(owner.id)
        first = self._resolved({**settings, **asked})
        if not first.prompt.strip():
            raise Refusal("Say what to draw: give a prompt, or set one with /set prompt.")
        with self._queue.place():
            pass  # a full queue refuses before anything is stored or shown
        recipes = [first]
        for number in range(1, images):
            recipes.append(Recipe.from_dict({**first.as_dict(), "seed": (first.seed + number) % 2**32}))
        labels = tuple(str(recipe.seed) for recipe in recipes)
        planned = await self._checked(owner, recipes, "" if FACE in asked else settings.get(FACE))
        told = _whom(planned.recipes)
        return await self._jobs.create(
            kind="imagine",
            title=first.prompt,
            owner=owner,
            place=place,
            spoiler=self._gate.spoiler(owner, place.channel_id),
            items=_in_turn(planned, [(f"c{n:03d}", {"seed": n - 1}) for n in range(1, images + 1)]),
            urgent=True,
            layout=Layout((("seed", labels),), None, "seed", fixed=told) if images > 1 else Layout(fixed=told),
            quote=self._forecast.quote(planned),
            notes=[*([BRACES] if "{" in first.prompt else []), *_faceless(recipes)],
        )

    async def face_test(
        self, owner: Member, place: Place, people: str, theme: str, ideas: int, generations: int
    ) -> Job:
        """Store a quote for each of these people in each of `ideas` ideas, `generations` times. Raises Refusal.

        `people` are names with commas, of which each gets a part of its own; * and ? stand for several.
        """
        self._gate.place(owner, place.channel_id)
        settings = await self._settings.of(owner.id)
        named = whom(people, await asyncio.to_thread(self._faces.names, owner))
        names = list(dict.fromkeys([await usable(self._faces, owner, name) for name in named]))
        if not names:
            raise Refusal("Say whose faces to test: names with commas, or * for everybody whom you may draw.")
        total = len(names) * ideas * generations
        if total > self._max_cells:
            raise Refusal(
                f"{len(names):,} × {ideas:,} × {generations:,} are {total:,} images, and {self._max_cells:,} are the "
                "most. Ask for fewer people, ideas or generations."
            )
        await self._renderer.measured(QUOTE_PATIENCE_SECONDS)
        seed = settings.get("seed")
        first_seed = int(seed) if seed is not None else draw_seed()
        test = FaceTest(names, await self._ideas.ideas(theme, ideas, first_seed), first_seed, generations)
        cells = list(test.cells(settings))
        recipes = await asyncio.to_thread(lambda: [self._resolved(values) for values, _ in cells])
        planned = await self._checked(owner, recipes, title=theme)
        return await self._jobs.create(
            kind="test",
            title=" · ".join(["Face test", *([theme.strip()] if theme.strip() else [])]),
            owner=owner,
            place=place,
            spoiler=self._gate.spoiler(owner, place.channel_id),
            items=_in_turn(planned, [(f"c{n:03d}", at) for n, (_, at) in enumerate(cells, start=1)]),
            layout=test.layout,
            quote=self._forecast.quote(planned),
            notes=[*_reworded(theme, self._ideas.theme(theme)), *_faceless(recipes)],
        )

    async def detail(self, owner: Member, place: Place, asked: Mapping[str, Value], upload: bytes, name: str) -> Job:
        """Store a quote for drawing the faces of an uploaded photo again. Raises BadUpload, SweepError, Refusal."""
        self._gate.place(owner, place.channel_id)
        photo, uploaded_size = await asyncio.to_thread(_opened, upload, name)
        notes = []
        if photo.size != uploaded_size:
            notes.append(f"The photo was scaled down from {_size(uploaded_size)} to {_size(photo.size)} pixels.")
        own = await self._settings.of(owner.id)
        from_set = "" if FACE in asked else own.get(FACE)
        settings = {**own, **asked}
        if not str(settings.get("prompt", "")).strip():
            settings["prompt"] = A_PORTRAIT
            notes.append(NO_PROMPT)
        with self._queue.place():
            pass  # a full queue refuses before anything is stored or shown
        width, height = (_side(length) for length in photo.size)
        forced = {"width": width, "height": height, "detail": True}
        recipe = self._resolved({**settings, **forced})
        await self._checked(owner, [recipe], from_set, name)
        png = await asyncio.to_thread(to_png, photo)
        image = await self._images.put(png)
        # Once more on top: in production mode of the settings only the prompt, the seed and the face were kept.
        recipe = Recipe.from_dict({**recipe.as_dict(), **forced, PHOTO: image})
        planned = await self._checked(owner, [recipe], from_set)
        (drawn,) = planned.recipes
        return await self._jobs.create(
            kind="detail",
            title=name,
            owner=owner,
            place=place,
            spoiler=self._gate.spoiler(owner, place.channel_id),
            items=_in_turn(planned, [("c001", None)]),
            urgent=True,
            layout=Layout(fixed=((FACE, drawn.face_folder or NOBODY_ELSE), ("denoise", f"{drawn.denoise:g}"))),
            quote=self._forecast.quote(planned),
            notes=notes,
            keep=lambda: self._images.keep(image, png),
        )

    async def name(self, owner: Member, name: str) -> None:
        """Raises Refusal for a person's name that is on the operators' list, and shows it to them."""
        await self._let_through(owner, (), [(A_NAME, name)], "added")

    async def _checked(
        self,
        owner: Member,
        recipes: Sequence[Recipe],
        from_set: Value = "",
        title: str = "",
        labels: Iterable[str] = (),
    ) -> Plan:
        """The plan of recipes that can be drawn, of people whom the member may draw. Raises CannotDraw, Refusal.

        `from_set` is the member's face_folder where it is theirs that stands in the recipes; `title` and `labels` are
        shown to all.
        """
        set_names = frozenset(name.strip() for name in str(from_set or "").split(","))
        people = await written(self._faces, owner, (name for each in recipes for name in each.people), set_names)
        named = [replace(each, face_folder=", ".join(people[name] for name in each.people)) for each in recipes]

        def planned() -> Plan:
            for recipe in named:
                self._renderer.check(recipe)
            return plan(named)

        others = [(A_TITLE, title), *((A_NAME, name) for name in sorted(set(people.values())))]
        others += [(A_LABEL, label) for label in labels]
        await self._let_through(owner, [recipe.prompt for recipe in named], others)
        return await asyncio.to_thread(planned)  # a thousand recipes take longer than the event loop may wait

    async def _let_through(
        self, owner: Member, prompts: Sequence[str], others: Sequence[tuple[str, str]], done: str = "queued"
    ) -> None:
        """Refuse prompts, and other texts (what each is, and how it reads), that are on the operators' list.

        That is before anything is drawn. Operators are shown the first one. What is only to be behind a spoiler is
        drawn. Raises Refusal, which says that nothing was `done`.
        """
        texts = [*prompts, *(text for _, text in others)]
        read = await asyncio.to_thread(lambda: [self._gate.prompt(text) for text in texts])
        hits = [(n, hit) for n, hit in enumerate(read) if hit is not None and hit.verdict is Verdict.WITHHOLD]
        if not hits:
            return
        first, hit = hits[0]
        await self._incidents.note(owner, hit, texts[first])
        if first >= len(prompts):
            which = others[first - len(prompts)][0]
        else:
            cells = [number + 1 for number, _ in hits if number < len(prompts)]
            which = "The prompt" if len(prompts) == 1 else f"The prompt of {_cells(cells)}"
        raise Refusal(
            f"{which} holds something that this console's operators do not want drawn. Nothing was {done}, and they "
            "are shown what was asked."
        )

    def _resolved(self, settings: Mapping[str, Value]) -> Recipe:
        return resolve(settings, defaults=self._renderer.defaults, production=self._production)

    def _expand(self, owner: Member, text: bytes, settings: Mapping[str, Value]) -> tuple[Document, Sweep]:
        document = parse(text)
        return document, expand(
            document,
            settings=settings,
            defaults=self._renderer.defaults,
            production=self._production,
            faces=self._faces.names(owner),
            max_cells=self._max_cells,
        )


def _cells(numbers: Sequence[int]) -> str:
    """Which cells, in a few words."""
    named = ", ".join(f"c{number:03d}" for number in numbers[:MOST_CELLS])
    more = len(numbers) - MOST_CELLS
    return f"{named} and {more:,} more" if more > 0 else named


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


def _labels(document: Document, sweep: Sweep) -> Iterable[str]:
    """What stands beside pictures of a sweep, but for negative prompts as they are: these may name what is avoided."""
    chosen = [label for axis in document.axes for label in axis.labels]
    shown = [label for axis in sweep.axes if NEGATIVE not in axis.name.split("+") for label in axis.labels]
    return dict.fromkeys([*chosen, *shown])


def _whom(recipes: Sequence[Recipe]) -> tuple[tuple[str, str], ...]:
    """Whom all recipes draw, as a fixed value of a layout; empty where they differ, or draw nobody."""
    named = {recipe.face_folder for recipe in recipes}
    return tuple((FACE, people) for people in named if people and len(named) == 1)


def _unnamed(axes: Sequence[str], recipes: Sequence[Recipe]) -> list[str]:
    """A note where what decides how a person enters is moved, and there is no person."""
    moved = [name for axis in axes for name in axis.split("+") if name in OF_A_PERSON]
    if not moved or any(recipe.people for recipe in recipes):
        return []
    verb = "decides" if len(moved) == 1 else "decide"
    return [f"Nobody is named, so {' and '.join(moved)} {verb} nothing: set face_folder."]


def _faceless(recipes: Sequence[Recipe]) -> list[str]:
    """A note for each reason why recipes name somebody whom none of their stages looks at."""
    faceless = (each for each in recipes if each.people and not each.detail and not each.identity_in_base)
    return list(dict.fromkeys(_why_faceless(recipe) for recipe in faceless))


def _why_faceless(recipe: Recipe) -> str:
    if recipe.production_mode:
        return FACELESS_PRODUCTION
    if len(recipe.people) > 1:
        return FACELESS_GROUP
    return FACELESS_STEP if recipe.steps == 1 else FACELESS


def _reworded(typed: str, theme: str) -> list[str]:
    """A note where ideas hold less of a theme than was typed."""
    if theme == " ".join(typed.split()).strip(" ,;"):
        return []
    if not theme:
        return ["No word of the theme can be used, so the ideas are about anything."]
    return [f'The theme was shortened: in the ideas it reads "{theme}".']


def _opened(upload: bytes, name: str) -> tuple[Image.Image, tuple[int, int]]:
    """A photo as it can be drawn on, and the size that it had. Takes a while. Raises BadUpload."""
    opened = open_picture(upload, name)
    return within(opened, int(CATALOGUE["width"].maximum or 0)), opened.size


def _side(length: int) -> int:
    """A photo's width or height as a recipe may have it: the nearest multiple of 8 within its range."""
    entry = CATALOGUE["width"]
    least, most = int(entry.minimum or 0), int(entry.maximum or 0)
    return min(max(round(length / entry.multiple_of) * entry.multiple_of, least), most)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]:,} × {size[1]:,}"
