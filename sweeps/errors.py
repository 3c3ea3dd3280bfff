"""What is wrong with a sweep or a value, as sentences for the person who wrote it."""

from collections.abc import Iterable
from dataclasses import dataclass

MOST_SHOWN = 40  # more than anybody mends in one go; the rest is counted, not listed


@dataclass(frozen=True)
class Problem:
    """One thing to mend: a sentence, and where it stands: `parameters.steps.values[2]`, empty for the whole."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class SweepError(ValueError):
    """Everything found wrong in one go; `str()` is one line a problem, the first forty of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"… and {len(self.problems) - MOST_SHOWN:,} more")
        super().__init__("\n".join(lines))

    @classmethod
    def at(cls, path: str, message: str) -> "SweepError":
        """The error with this one problem."""
        return cls([Problem(path, message)])


class Problems(list[Problem]):
    """Collects problems, so that all of them are told together."""

    def add(self, path: str, message: str) -> None:
        self.append(Problem(path, message))

    def take(self, error: SweepError) -> None:
        self.extend(error.problems)

    def raise_if_any(self) -> None:
        if self:
            raise SweepError(self)
