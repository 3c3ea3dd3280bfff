"""The word lists: YAML files that anybody can read and change, checked as a whole before the first idea is made.

Those in `words/` ship with the console. A folder of one's own (MECENE_WORDS) replaces them file by file.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bot.mecene.phrases import Clashes, Phrase
from bot.mecene.plain import is_plain
from bot.settings import BadSettings
from sweeps.errors import Problems, SweepError
from sweeps.parse import MOST_BYTES, parse_mapping
from sweeps.words import below, nearest, quote, shorten

WORDS = Path(__file__).parent / "words"
ORDER = ("places", "lights", "weathers", "doings", "clothes", "moods", "frames", "media")
"""The lists in the order in which an idea is put together: each choice has to fit those before."""
NEGATIVES, THEMES, PEOPLE, CLASHES = "negatives", "themes", "people", "clashes"
PHRASES = (*ORDER, NEGATIVES)
NAMES = (*PHRASES, THEMES, PEOPLE, CLASHES)

LEAST = {"places": 12, "doings": 12, "clothes": 12, "media": 3}
"""How many phrases a list must have at least, so that a thousand ideas can differ."""
ONE_OF = {"places": ("in", "out"), "media": ("photo", "drawn")}
"""Tags of which each phrase of a list has one."""
EVERYWHERE = ("doings", "clothes", "media")
"""The lists of which each place needs a phrase that fits it: no idea goes without."""
MOST_LETTERS = 80
MOST_NEGATIVE_LETTERS = 1_000
MOST_MARKS = 20
MARK = re.compile(r"[+-]?\w+|\+\w+(?:/\w+)+")
TAG = re.compile(r"\w+")


@dataclass(frozen=True)
class Called:
    """What a word of a theme calls for: tags that hold for the whole picture, and kinds of places."""

    tags: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()

    @property
    def about(self) -> frozenset[str]:
        return self.tags | self.kinds

    @property
    def sites(self) -> frozenset[str]:
        """What chooses among the places: the kinds alone, where there are any."""
        return self.kinds or self.tags


@dataclass(frozen=True)
class Lists:
    """All of the lists: phrases by the list's name, and what the words of themes and of people call for."""

    phrases: Mapping[str, tuple[Phrase, ...]]
    themes: Mapping[str, Called]
    people: Mapping[str, frozenset[str]]
    clashes: Clashes

    @property
    def of_people(self) -> frozenset[str]:
        """The tags that only a person brings."""
        return frozenset[str]().union(*self.people.values())

    @property
    def known(self) -> frozenset[str]:
        """Every tag that some phrase, theme or person brings to a picture."""
        brought = (phrase.tags for phrases in self.phrases.values() for phrase in phrases)
        return self.of_people.union(*brought, *(called.tags for called in self.themes.values()))


@cache
def built_in() -> Lists:
    """The lists that ship."""
    return read_lists(None)


def read_lists(folder: Path | None) -> Lists:
    """The lists that ship, those of `folder` in the place of theirs. Raises BadSettings, a line for each mistake."""
    own = _own(folder) if folder is not None else {}
    found = {name: Problems() for name in NAMES}
    paths = {name: own.get(name, WORDS / f"{name}.yaml") for name in NAMES}
    trees = {name: _tree(paths[name], found[name]) for name in NAMES}
    lists = Lists(
        {name: tuple(_phrases(name, trees[name], found[name])) for name in PHRASES},
        _themes(trees[THEMES], found[THEMES]),
        _calls(trees[PEOPLE], "", found[PEOPLE]),
        Clashes(_groups(trees[CLASHES], found[CLASHES])),
    )
    if own and not any(found.values()):
        for name in own:
            _check(name, lists, found[name])
    if own and not any(found.values()):
        for name in EVERYWHERE:
            _check_everywhere(name, lists, found[next(mine for mine in (name, "places", *own) if mine in own)])
    mistakes = [f"MECENE_WORDS: {paths[name]}: {problem}" for name in NAMES for problem in found[name]]
    if mistakes:
        raise BadSettings("\n".join(mistakes))
    return lists


def _tree(path: Path, problems: Problems) -> Mapping[str, object] | None:
    """What stands in a file; None where it cannot be read, and `problems` say why."""
    try:
        with path.open("rb") as file:
            return parse_mapping(file.read(MOST_BYTES + 1))
    except SweepError as error:
        problems.take(error)
    except OSError as error:
        problems.add("", f"cannot be read ({error.strerror})")
    return None


def _own(folder: Path) -> dict[str, Path]:
    """The lists in an operator's folder by their names."""
    if not folder.is_dir():
        raise BadSettings(f"MECENE_WORDS: {folder} is no folder; put word lists there, such as places.yaml.")
    own: dict[str, Path] = {}
    strange: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".yaml" and path.stem in NAMES:
            own[path.stem] = path
        elif path.suffix.lower() in (".yaml", ".yml") and not path.name.startswith("."):
            meant = path.stem if path.stem in NAMES else nearest(path.stem, NAMES)
            hint = f"did you mean {meant}.yaml?" if meant else f"there are {', '.join(NAMES)}, each with .yaml."
            strange.append(f"MECENE_WORDS: {path}: there is no such list; {hint}")
    if strange:
        raise BadSettings("\n".join(strange))
    return own


def _phrases(name: str, tree: Mapping[str, object] | None, problems: Problems) -> Iterator[Phrase]:
    """The phrases of a list, in their order: `words: tag +needed/or_this -avoided`."""
    if tree is None:
        return
    if len(tree) < (least := LEAST.get(name, 0)):
        problems.add("", f"expected at least {least} phrases, got {len(tree)}")
    for text, marks in tree.items():
        path = below("", text)
        if not is_plain(text):
            problems.add(path, "expected plain words, without brackets, braces or other marks, and without img")
        elif len(text) > MOST_LETTERS:
            problems.add(path, f"expected at most {MOST_LETTERS} letters, got {len(text)}")
        words = _words(marks, path, problems)
        if len(words) > MOST_MARKS:
            problems.add(path, f"expected at most {MOST_MARKS} tags, got {len(words)}")
        wrong = [word for word in words if not MARK.fullmatch(word) or len(word) > MOST_LETTERS]
        for word in wrong:
            problems.add(path, f"expected tags, +needed/or_this and -avoided, got {quote(word)}")
        if not wrong:
            yield Phrase.read(text, " ".join(words))


def _themes(tree: Mapping[str, object] | None, problems: Problems) -> dict[str, Called]:
    """What each word calls for. `picture` holds tags for the whole of it, `places` the kinds of places."""
    sections: dict[str, Mapping[str, frozenset[str]]] = {"picture": {}, "places": {}}
    for section, content in (tree or {}).items():
        if section not in sections:
            problems.add(below("", section), "no such part; there are picture and places")
        elif isinstance(content, dict):
            sections[section] = _calls(content, section, problems)
        elif content is not None:
            problems.add(section, f"expected tags, each with its words, got {quote(content)}")
    picture, places = sections["picture"], sections["places"]
    return {
        word: Called(picture.get(word, frozenset()), places.get(word, frozenset())) for word in {**picture, **places}
    }


def _calls(tree: Mapping[str, object] | None, path: str, problems: Problems) -> dict[str, frozenset[str]]:
    """The lines `tag: word word` turned round: which tags each word calls for."""
    calls: dict[str, set[str]] = {}
    for tag, content in (tree or {}).items():
        where = below(path, tag)
        if not TAG.fullmatch(tag):
            problems.add(where, "expected one word as a tag before the colon")
        words = _words(content, where, problems)
        if content is None:
            problems.add(where, "expected the words that call for it, got nothing")
        for word in words:
            if word != word.casefold():
                problems.add(where, f"expected words in small letters, got {quote(word)}")
            calls.setdefault(word, set()).add(tag)
    return {word: frozenset(tags) for word, tags in calls.items()}


def _groups(tree: Mapping[str, object] | None, problems: Problems) -> list[str]:
    """The lines of `clashes:`, each of two tags or more."""
    tree = tree or {}
    for key in tree:
        if key != CLASHES:
            problems.add(below("", key), "no such part; there is clashes")
    lines = tree.get(CLASHES) or []
    if not isinstance(lines, list):
        problems.add(CLASHES, f"expected a list of lines, each with a dash, got {quote(lines)}")
        return []
    groups = []
    for at, line in enumerate(lines):
        if isinstance(line, str) and len(line.split()) > 1 and all(map(TAG.fullmatch, line.split())):
            groups.append(line)
        else:
            problems.add(f"{CLASHES}[{at}]", f"expected two tags or more, got {quote(line)}")
    return groups


def _words(content: object, path: str, problems: Problems) -> list[str]:
    """What stands behind a colon, word by word; a lone number is a word too."""
    if content is None:
        return []
    if isinstance(content, str):
        return content.split()
    if isinstance(content, int) and not isinstance(content, bool):
        return [str(content)]
    problems.add(path, f"expected words behind the colon, got {quote(content)}")
    return []


def _check(name: str, lists: Lists, problems: Problems) -> None:
    """What in one list does not go with itself, or with the others."""
    there = lists.known | lists.clashes.tags
    if (
        name == NEGATIVES
        and (length := len(", ".join(each.text for each in lists.phrases[name]))) > MOST_NEGATIVE_LETTERS
    ):
        problems.add("", f"expected at most {MOST_NEGATIVE_LETTERS:,} letters in all, got {length:,}")
    for phrase in lists.phrases.get(name, ()):
        path = below("", phrase.text)
        if (either := ONE_OF.get(name)) and len(phrase.tags & set(either)) != 1:
            problems.add(path, f"expected {either[0]} or {either[1]} among its tags, and not both")
        if clash := lists.clashes.among(phrase.tags, phrase.tags):
            problems.add(path, f"{' and '.join(sorted(clash))} do not go together, see clashes.yaml")
        for tag in sorted(phrase.avoids.union(*phrase.needs) - there):
            meant = nearest(tag, there)
            hint = f"; did you mean {meant}?" if meant else ""
            problems.add(path, f"nothing brings the tag {shorten(tag)} to a picture{hint}")


def _check_everywhere(name: str, lists: Lists, problems: Problems) -> None:
    """Whether something in a list fits each of the places."""
    for place in lists.phrases["places"]:
        scene = place.tags | {"photo"}
        if not any(lists.clashes.allow(phrase, scene) for phrase in lists.phrases[name]):
            problems.add(below("", place.text), f"nothing in {name}.yaml fits this place; add something that does")
