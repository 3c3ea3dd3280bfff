"""The rulebook: what the gate's file says, checked. Its format is explained in `example.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.gate import Verdict
from bot.gate.rules import Rule, Rules
from bot.gate.words import Entry, WordList, mistake
from sweeps.errors import Problems
from sweeps.parse import parse_mapping
from sweeps.words import Misread, below, quote, unknown

KEYS = ("words", "images", "rules")
VERDICTS = {"withhold": Verdict.WITHHOLD, "spoiler": Verdict.SPOILER}
IMAGES = ("model", "labels")
RULE = ("roles", "channels", "draw", "spoiler")
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Threshold:
    """From which score on (0 to 1) a label hides a picture, and from which it withholds it; None: never."""

    spoiler: float | None
    withhold: float | None

    def verdict(self, score: float) -> Verdict:
        """What becomes of a picture with that score."""
        if self.withhold is not None and score >= self.withhold:
            return Verdict.WITHHOLD
        if self.spoiler is not None and score >= self.spoiler:
            return Verdict.SPOILER
        return Verdict.PASS


@dataclass(frozen=True)
class ImageRules:
    """The folder of a classifier, and what its labels lead to."""

    model: Path
    labels: Mapping[str, Threshold]


@dataclass(frozen=True)
class Rulebook:
    """All that the gate's file says; an empty one lets everything pass."""

    words: WordList = field(default_factory=WordList)
    images: ImageRules | None = None
    rules: Rules = field(default_factory=Rules)


def read_rulebook(text: bytes, folder: Path) -> Rulebook:
    """What the file says; a model's path is meant from `folder`. Raises SweepError with a sentence for each mistake."""
    tree = parse_mapping(text)
    problems = Problems()
    _known(tree, "", KEYS, problems)
    book = Rulebook(
        _words(tree.get("words"), problems),
        _images(tree.get("images"), folder, problems),
        _rules(tree.get("rules"), problems),
    )
    problems.raise_if_any()
    return book


def _known(mapping: Mapping[str, object], path: str, keys: tuple[str, ...], problems: Problems) -> None:
    for key in mapping:
        if key not in keys:
            problems.add(below(path, key), unknown("key", key, keys))


def _words(value: object, problems: Problems) -> WordList:
    entries: list[Entry] = []
    match value:
        case None:
            lists: dict[str, object] = {}
        case list():
            lists = {"": value}
        case Mapping():
            _known(value, "words", tuple(VERDICTS), problems)
            lists = {key: value[key] for key in VERDICTS if key in value}
        case _:
            problems.add(
                "words", f"expected a list of words, or withhold and spoiler with one each, got {quote(value)}"
            )
            lists = {}
    for key, listed in lists.items():
        path = below("words", key) if key else "words"
        if not isinstance(listed, list):
            if listed is not None:
                problems.add(path, f"expected a list of words and phrases, got {quote(listed)}")
            continue
        for number, written in enumerate(listed):
            at = f"{path}[{number}]"
            if not isinstance(written, str):
                hint = " (put it in quotes)" if isinstance(written, int | float | Misread) else ""
                problems.add(at, f"expected a word or phrase, got {quote(written)}{hint}")
            elif (wanted := mistake(written.strip())) is not None:
                problems.add(at, f"expected {wanted}, got {quote(written)}")
            else:
                entries.append(Entry(written.strip(), VERDICTS.get(key, Verdict.WITHHOLD)))
    # None of them, where one is wrong: nobody reads a list that is refused.
    return WordList(entries) if not problems else WordList()


def _images(value: object, folder: Path, problems: Problems) -> ImageRules | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        problems.add("images", f"expected model and labels, got {quote(value)}")
        return None
    _known(value, "images", IMAGES, problems)
    model, labels = value.get("model"), value.get("labels")
    if not isinstance(model, str) or not model.strip():
        problems.add("images.model", f"expected the folder of a classifier, got {quote(model)}")
        model = ""
    if not isinstance(labels, Mapping) or not labels:
        problems.add(
            "images.labels",
            f"expected labels with what they lead to, such as nsfw: {{withhold: 0.8}}, got {quote(labels)}",
        )
        labels = {}
    thresholds = {name: _threshold(said, below("images.labels", name), problems) for name, said in labels.items()}
    return ImageRules(folder / model.strip(), thresholds)


def _threshold(value: object, path: str, problems: Problems) -> Threshold:
    if not isinstance(value, Mapping) or not value:
        problems.add(path, f"expected from which score on it counts, such as {{withhold: 0.8}}, got {quote(value)}")
        return Threshold(None, None)
    _known(value, path, tuple(VERDICTS), problems)
    spoiler, withhold = (_score(value, key, path, problems) for key in ("spoiler", "withhold"))
    if spoiler is not None and withhold is not None and spoiler >= withhold:
        problems.add(
            below(path, "spoiler"),
            f"expected less than withhold ({withhold:g}), got {quote(spoiler)}, which never counts",
        )
    return Threshold(spoiler, withhold)


def _score(mapping: Mapping[str, object], key: str, path: str, problems: Problems) -> float | None:
    if key not in mapping:
        return None
    value = mapping[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        problems.add(below(path, key), f"expected a score above 0 and at most 1, got {quote(value)}")
        return None
    return float(value)


def _rules(value: object, problems: Problems) -> Rules:
    if value is not None and not isinstance(value, list):
        problems.add("rules", f"expected a list of rules, got {quote(value)}")
        return Rules()
    return Rules([_rule(said, f"rules[{number}]", problems) for number, said in enumerate(value or ())])


def _rule(value: object, path: str, problems: Problems) -> Rule:
    if not isinstance(value, Mapping) or not value:
        problems.add(path, f"expected a rule, such as {{roles: everyone, draw: false}}, got {quote(value)}")
        return Rule()
    _known(value, path, RULE, problems)
    if "draw" not in value and "spoiler" not in value:
        problems.add(path, "expected draw or spoiler in it, got neither, so that it says nothing")
    return Rule(
        _ids(value, "roles", "everyone", path, problems),
        _ids(value, "channels", "all", path, problems),
        _switch(value, "draw", path, problems),
        _switch(value, "spoiler", path, problems),
    )


def _ids(
    mapping: Mapping[str, object], key: str, all_of_them: str, path: str, problems: Problems
) -> frozenset[int] | None:
    """The ids that stand there; None for the word that means all of them, and where nothing stands."""
    where, value = below(path, key), mapping.get(key, all_of_them)
    if value == all_of_them:
        return None
    if not isinstance(value, list) or not value:
        problems.add(where, f"expected {all_of_them} or a list of ids, such as [1234567890], got {quote(value)}")
        return frozenset()
    ids = set()
    for number, said in enumerate(value):
        if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) <= 20:
            said = int(said)
        if isinstance(said, bool) or not isinstance(said, int) or not 0 < said <= LARGEST_ID:
            problems.add(f"{where}[{number}]", f"expected an id, such as 1234567890, got {quote(said)}")
        else:
            ids.add(said)
    return frozenset(ids)


def _switch(mapping: Mapping[str, object], key: str, path: str, problems: Problems) -> bool | None:
    if key not in mapping:
        return None
    value = mapping[key]
    if not isinstance(value, bool):
        problems.add(below(path, key), f"expected true or false, got {quote(value)}")
        return None
    return value
