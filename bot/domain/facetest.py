"""A face test: every person in every idea, several times over, as cells on three axes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.domain.errors import NotFound
from bot.domain.job import Layout
from bot.domain.person import same_name
from bot.domain.ports import Idea
from sweeps.parameters import LARGEST_SEED, Value
from sweeps.words import quote, shorten

PEOPLE, IDEAS, GENERATIONS = "face_folder", "idea", "generation"


@dataclass(frozen=True)
class FaceTest:
    """People × ideas × generations. A generation has the same seed for everybody, so that people compare."""

    people: Sequence[str]
    ideas: Sequence[Idea]
    first_seed: int
    generations: int

    @property
    def seeds(self) -> list[int]:
        """One a generation; behind the largest they go on from 0."""
        return [(self.first_seed + number) % (LARGEST_SEED + 1) for number in range(self.generations)]

    @property
    def layout(self) -> Layout:
        """Ideas run down and generations across; each person's pictures stay apart."""
        axes = (
            (PEOPLE, tuple(self.people)),
            (IDEAS, tuple(idea.prompt for idea in self.ideas)),
            (GENERATIONS, tuple(f"#{number}" for number in range(1, self.generations + 1))),
        )
        return Layout(axes, rows=IDEAS, columns=GENERATIONS, apart=PEOPLE, fixed=(("seed", str(self.first_seed)),))

    def cells(self, settings: Mapping[str, Value]) -> Iterator[tuple[dict[str, Value], dict[str, int]]]:
        """The values of each cell and its place on the axes, person by person.

        An idea's prompt stands over the member's, its negative prompt stands in where the member has set none.
        """
        for person, name in enumerate(self.people):
            for row, idea in enumerate(self.ideas):
                for column, seed in enumerate(self.seeds):
                    values = {"negative_prompt": idea.negative_prompt, **settings}
                    values |= {"prompt": idea.prompt, "face_folder": name, "seed": seed}
                    yield values, {PEOPLE: person, IDEAS: row, GENERATIONS: column}


def whom(text: str, names: Sequence[str]) -> list[str]:
    """The people that a list names ("mina, th*"), in its order, each once; * and ? stand for some of `names`.

    A name without them is handed back as it is, known or not. Raises NotFound for a pattern that nobody fits.
    """
    people: dict[str, None] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        if not {"*", "?"} & set(part):
            people.setdefault(part)
            continue
        pattern = same_name(part).replace("[", "[[]")
        found = [name for name in names if fnmatchcase(same_name(name), pattern)]
        if not found:
            there = f"there are {shorten(', '.join(names), 200)}" if names else "there is nobody yet, see /faces add"
            raise NotFound(f"{quote(part)} fits nobody whom you may draw; {there}.")
        people |= dict.fromkeys(found)
    return list(people)
