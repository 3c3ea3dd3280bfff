"""A thousand mutated sweep files: each expands, or is answered with sentences that say where; none crashes.

How long the slowest takes is told at the end of the run, and not asserted: machines differ.
"""

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweeps.errors import SweepError
from sweeps.expand import expand
from sweeps.parse import parse
from sweeps.plan import plan
from sweeps.recipe import Recipe
from tests.sweeps.samples import EVERYTHING, EXAMPLES, WANDB_GRID, WANDB_RANDOM

FILES = 1000

TEXTS = [EVERYTHING, WANDB_GRID, WANDB_RANDOM, *(path.read_text("utf-8") for path in EXAMPLES)]
SNIPPETS = [
    "&a ", "*a", "!!str ", "!x ", "<<: ", "? ", "- ", ": ", "{", "}", "[", "]", "|", ">", "\t", '"', "'", "#", "%", "@",
    "---\n", "...\n", "\x00", "\x85", "\ufeff", "\ud800", "1e-3", "1e999", ".nan", "-.inf", "0x1f", "010", "1:30", "~",
    "null", "on", "2024-01-01", "9" * 400, "-1", "1-1e9 (+0.0001)", "10-1 (-3)", "1, 2, .., 10", "{a|b}" * 12,
    "{2$$a|b|c}", "__x__", "${x}", "{9$$a}", "  ", "\n", "\r\n", "\n  ", "repeats: 1000\n", "run_cap: 3\n",
    "method: random\n", "seed: [1, 2]\n", "seed: per_cell\n", "values", "min: 1, max: 9", "q: 0.001", "labels: [a]",
    "probabilities: [1]", "glob: '*'", "é", "🎨", "a: [" + "1," * 300 + "]\n", "[" * 40, "{" * 40, "x" * 2000,
]  # fmt: skip
NASTY: list[Any] = [
    None, True, False, 0, 1, -1, 0.1, 1e300, 10**40, float("nan"), float("inf"), "", "x", "on", "1-4", "1-4 (+0.1)",
    "1-9999999", "5, 10, .., 25", "{a|b}", "{a|b}" * 15, "__w__", "euler", "ddim", "karras", "shared", "per_cell",
    "random", "steps", "repeat", [], {}, [1], [1, 1], ["a", "b"], [None], [[1]], {"values": [1, 2]}, {"value": 1},
    {"min": 1, "max": 3}, {"min": 0.5, "max": 1.5}, {"min": 1, "max": 10**9}, {"min": 1, "max": 2, "q": 1e-9},
    {"mu": 1, "sigma": 1}, {"glob": "*"}, {"a": None, "b": None}, {"values": "1-3", "labels": ["a", "b", "c"]}, 2**32,
]  # fmt: skip
KEYS = [
    "steps", "weight", "prompt", "seed", "sampler", "schedule", "denoise", "detail", "width", "base", "parameters",
    "zip", "include", "exclude", "rows", "columns", "repeats", "run_cap", "method", "version", "name", "values", "min",
    "max", "q", "labels", "probabilities", "distribution", "glob", "stepz", "", "1", "on",
]  # fmt: skip


def mutated_text(draw: Callable[[st.SearchStrategy[Any]], Any]) -> str | bytes:
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text)))
        to = min(len(text), at + draw(st.integers(0, 30)))
        match draw(st.sampled_from(["insert", "cut", "double", "swap", "truncate", "lines", "random"])):
            case "insert":
                text = text[:at] + draw(st.sampled_from(SNIPPETS)) + text[at:]
            case "cut":
                text = text[:at] + text[to:]
            case "double":
                text = text[:to] + text[at:to] + text[to:]
            case "swap":
                text = text[:at] + draw(st.sampled_from(SNIPPETS)) + text[to:]
            case "truncate":
                text = text[:at]
            case "lines":
                text = "\n".join(draw(st.permutations(text.split("\n")[:12])))
            case "random":
                text = text[:at] + draw(st.text(max_size=12)) + text[to:]
    if draw(st.booleans()):
        return text
    data = text.encode("utf-8", "surrogatepass")
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.binary(max_size=3)) + data[at:]


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container of a tree with each of its keys."""
    if isinstance(tree, dict):
        own = [(tree, key) for key in tree]
    elif isinstance(tree, list):
        own = [(tree, at) for at in range(len(tree))]
    else:
        return []
    return own + [place for container, key in own for place in places(container[key])]


def mutated_tree(draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    tree = yaml.safe_load(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(1, 5))):
        container, key = draw(st.sampled_from(places(tree) or [({}, None)]))
        value = yaml.safe_load(yaml.safe_dump(draw(st.sampled_from(NASTY))))
        match draw(st.sampled_from(["replace", "delete", "wrap", "add", "rename"])):
            case "replace":
                container[key] = value
            case "delete":
                container.pop(key, None) if isinstance(container, dict) else container.pop(key)
            case "wrap":
                container[key] = draw(st.sampled_from([[container.get(key) if isinstance(container, dict) else 1]]))
            case "add" if isinstance(container, dict):
                container[draw(st.sampled_from(KEYS))] = value
            case "rename" if isinstance(container, dict):
                container[draw(st.sampled_from(KEYS))] = container.pop(key, value)
            case _:
                container.append(value) if isinstance(container, list) else None
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=draw(st.booleans()))


@st.composite
def mutated_files(draw: Callable[[st.SearchStrategy[Any]], Any]) -> str | bytes:
    return draw(st.sampled_from([mutated_text, mutated_tree]))(draw)


def judge(text: str | bytes) -> tuple[bool, float]:
    """Whether a file expands, and the CPU seconds that this took to say; fails on a crash or a poor sentence."""
    before = time.thread_time()
    try:
        sweep = expand(parse(text), faces=("team-ada", "mina"), settings={"prompt": "a {red|blue} hat"}, seed=7)
        quoted = plan(sweep.recipes)
    except SweepError as error:
        seconds = time.thread_time() - before
        assert error.problems
        for problem in error.problems:
            assert problem.message.strip(), problem
            assert "\n" not in str(problem), problem
            assert len(problem.message) < 700, problem
            assert len(problem.path) < 400, problem
            assert not {"Traceback", "<class", "object at 0x"} & set(problem.message.split()), problem
        return False, seconds
    seconds = time.thread_time() - before
    assert 0 < len(sweep.cells) <= 1000
    assert quoted.cells == len({cell.id for cell in sweep.cells})
    assert all(len(cell.at) == len(sweep.axes) for cell in sweep.cells)
    assert all(len(axis.labels) == len(axis.values) for axis in sweep.axes)
    assert {sweep.rows, sweep.columns} <= {None, *(axis.name for axis in sweep.axes)}
    assert Recipe.from_dict(sweep.cells[-1].recipe.as_dict()) == sweep.cells[-1].recipe
    return True, seconds


def test_a_thousand_mutated_files_expand_or_are_answered_with_sentences(
    report_line: Callable[[str], None],
) -> None:
    took: list[float] = []
    expanded: list[bool] = []

    @settings(
        max_examples=FILES, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(mutated_files())
    def each(text: str | bytes) -> None:
        fine, seconds = judge(text)
        took.append(seconds)
        expanded.append(fine)

    gc.disable()  # else the slowest file is the one in which what other tests left behind is collected
    try:
        each()
    finally:
        gc.enable()
    report_line(
        f"{len(took):,} mutated sweep files: {sum(expanded):,} expand, {len(took) - sum(expanded):,} are answered with "
        f"sentences; the slowest took {max(took) * 1000:.0f} ms (goal: under 200 ms)"
    )
    assert len(took) >= FILES
    assert 50 < sum(expanded) < len(took) - 50, "the mutations are too tame or too wild to show anything"


def test_the_judge_of_mutated_files_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyError("steps")

    monkeypatch.setattr("tests.sweeps.test_mutations.expand", crash)
    with pytest.raises(KeyError):
        judge("base: {steps: 3}")
