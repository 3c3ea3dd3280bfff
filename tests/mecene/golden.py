"""`python -m tests.mecene.golden` writes golden.json anew: for a change that means to change the ideas of a seed."""

import asyncio
import hashlib
import json
from pathlib import Path

from bot.domain.ports import Idea
from bot.mecene.grammar import Grammar

PATH = Path(__file__).with_name("golden.json")
COMMAND = "python -m tests.mecene.golden"
COUNT, SHOWN = 60, 3


def cases() -> list[dict[str, object]]:
    """Ideas by theme and seed: the first few of sixty as they read, and a digest of all that is in the sixty."""
    read: list[dict[str, object]] = json.loads(PATH.read_text("utf-8"))
    return read


def told(theme: str, seed: int) -> dict[str, object]:
    """The case as the grammar tells it today."""
    ideas = asyncio.run(Grammar().ideas(theme, COUNT, seed))
    return {
        "theme": theme,
        "seed": seed,
        "begin": [idea.prompt for idea in ideas[:SHOWN]],
        "digest": _digest(ideas),
    }


def _digest(ideas: list[Idea]) -> str:
    whole = [(idea.prompt, idea.negative_prompt, *idea.tags) for idea in ideas]
    return hashlib.sha256(json.dumps(whole, ensure_ascii=True).encode()).hexdigest()


if __name__ == "__main__":
    anew = [told(str(case["theme"]), int(str(case["seed"]))) for case in cases()]
    PATH.write_text(json.dumps(anew, ensure_ascii=False, indent=1) + "\n", "utf-8")
