"""Word lists are YAML that a person edits: replaced file by file, checked as a whole, and nothing but plain words."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.mecene.grammar import Grammar
from bot.mecene.lists import (
    EVERYWHERE,
    NAMES,
    NEGATIVES,
    ORDER,
    WORDS,
    Lists,
    _check,
    _check_everywhere,
    built_in,
    read_lists,
)
from bot.mecene.plain import MARKS, is_plain, plain
from bot.mecene.sources import open_ideas
from bot.settings import BadSettings
from sweeps.errors import Problems
from sweeps.parse import MOST_BYTES, MOST_NODES, parse_mapping
from tests.mecene.conftest import plain_settings

PIERS = "\n".join(f"on pier number {number}: out sea water walk rail" for number in range(1, 13))


def mistakes(folder: Path, **files: str) -> list[str]:
    """What reading a folder with these lists complains of, without the folder's name."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    with pytest.raises(BadSettings) as caught:
        read_lists(folder)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"MECENE_WORDS: {folder}/") for line in lines)
    return [line.removeprefix(f"MECENE_WORDS: {folder}/") for line in lines]


def test_the_lists_that_ship_hold_what_they_held_and_pass_each_check() -> None:
    lists = built_in()
    assert {path.stem for path in WORDS.iterdir()} == set(NAMES) and not list(WORDS.glob("*.txt"))
    least = {"places": 850, "lights": 190, "weathers": 95, "doings": 530, "clothes": 580, "moods": 70, "frames": 55}
    least |= {"media": 110, NEGATIVES: 16}
    assert {name: len(lists.phrases[name]) >= count for name, count in least.items()} == dict.fromkeys(least, True)
    problems = Problems()
    for name in NAMES:
        _check(name, lists, problems)
    for name in EVERYWHERE:
        _check_everywhere(name, lists, problems)
    assert not problems


@pytest.mark.parametrize("name", NAMES)
def test_each_list_says_at_its_head_how_it_is_written_and_has_room_to_grow(name: str) -> None:
    text = (WORDS / f"{name}.yaml").read_text("utf-8")
    assert text.startswith("# ") and max(map(len, text.splitlines())) <= 120
    assert len(text.encode()) + 100 * 80 <= MOST_BYTES  # a hundred lines more
    assert len(parse_mapping(text)) < MOST_NODES / 4


async def test_a_list_of_ones_own_replaces_that_list_alone(tmp_path: Path) -> None:
    (tmp_path / "places.yaml").write_text(PIERS, "utf-8")
    (tmp_path / "README.md").write_text("ours")
    lists = read_lists(tmp_path)
    assert len(lists.phrases["places"]) == 12
    for name in (*ORDER[1:], NEGATIVES):
        assert lists.phrases[name] == built_in().phrases[name]
    async with open_ideas(plain_settings(mecene_words=str(tmp_path))) as ideas:
        told = await ideas.ideas("noir", 40, 1)
    assert len(told) == 40 and all("pier number" in idea.prompt for idea in told)


async def test_a_word_of_ones_own_calls_for_ones_own_tag(tmp_path: Path) -> None:
    (tmp_path / "places.yaml").write_text(f"{PIERS}\non the ring of a circus: in circus day\n", "utf-8")
    (tmp_path / "themes.yaml").write_text("picture:\n  happy: fun 1920\nplaces:\n  circus: clown\n", "utf-8")
    told = await Grammar(read_lists(tmp_path)).ideas("clown", 20, 1)
    assert all("circus" in idea.prompt for idea in told)
    assert "happy" in (await Grammar(read_lists(tmp_path)).ideas("1920", 1, 1))[0].tags


def test_every_mistake_is_a_sentence_with_its_file_and_its_place(tmp_path: Path) -> None:
    assert mistakes(
        tmp_path,
        places=f"{PIERS}\non a {{red|blue}} pier: out sea\nnowhere: sea\nat sea: [sea]\nat ease: out sea;",
        doings="waving: +sea/\nresting:",
        themes="picture:\n  Night: Noon\nplace: {}\nplaces: 5",
        clashes="clashes:\n  - in out\n  - day\n  - [a, b]\nmore: 1",
        people="man:\nwoman: 1.5",
    ) == [
        'places.yaml: "on a {red|blue} pier": expected plain words, without brackets, braces or other marks, and '
        "without img",
        'places.yaml: "at sea": expected words behind the colon, got a list of 1',
        'places.yaml: "at ease": expected tags, +needed/or_this and -avoided, got "sea;"',
        "doings.yaml: expected at least 12 phrases, got 2",
        'doings.yaml: waving: expected tags, +needed/or_this and -avoided, got "+sea/"',
        'themes.yaml: picture.Night: expected words in small letters, got "Noon"',
        "themes.yaml: place: no such part; there are picture and places",
        "themes.yaml: places: expected tags, each with its words, got 5",
        "people.yaml: man: expected the words that call for it, got nothing",
        "people.yaml: woman: expected words behind the colon, got 1.5",
        "clashes.yaml: more: no such part; there is clashes",
        'clashes.yaml: clashes[1]: expected two tags or more, got "day"',
        "clashes.yaml: clashes[2]: expected two tags or more, got a list of 2",
    ]


def test_what_does_not_go_together_is_found_too(tmp_path: Path) -> None:
    assert mistakes(
        tmp_path,
        places=f"{PIERS}\nnowhere: sea\nat home: in out\nat noon: out day night\non a pier: out +seaa -happyy",
        media="oil on wood: oil\n35mm photo: photo\n50mm photo: photo",
    ) == [
        "places.yaml: nowhere: expected in or out among its tags, and not both",
        'places.yaml: "at home": expected in or out among its tags, and not both',
        'places.yaml: "at home": in and out do not go together, see clashes.yaml',
        'places.yaml: "at noon": day and night do not go together, see clashes.yaml',
        'places.yaml: "on a pier": nothing brings the tag happyy to a picture; did you mean happy?',
        'places.yaml: "on a pier": nothing brings the tag seaa to a picture; did you mean sea?',
        'media.yaml: "oil on wood": expected photo or drawn among its tags, and not both',
    ]


def test_a_place_that_no_idea_can_be_made_of_is_a_mistake(tmp_path: Path) -> None:
    doings = "\n".join(f"waving flag {number}: +sea" for number in range(12))
    found = mistakes(tmp_path, places=f"{PIERS}\nat home: in home", doings=doings)
    assert found == ['doings.yaml: "at home": nothing in doings.yaml fits this place; add something that does']


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"at sea: out\nat sea: out", 'places.yaml: "at sea": stands twice, in lines 1 and 2; keep one of them'),
        (b"at sea: &a out", 'places.yaml: "at sea": anchors and aliases are not allowed, got &a'),
        (b"at sea: !!python/name:os.system x", "places.yaml: .* tags are not allowed"),
        (b"- at sea", "places.yaml: expected a mapping of names to values, got a list of 1"),
        (b"\xff\xfea", "places.yaml: expected text in UTF-8, got UTF-16; save the file as UTF-8"),
        (b"x" * (MOST_BYTES + 10), "places.yaml: expected a file of at most 64 KB, got a larger one"),
        (b"", "places.yaml: expected at least 12 phrases, got 0"),
        (b"x" * 90 + b": out", "places.yaml: .*expected at most 80 letters, got 90"),
    ],
)
def test_a_file_that_is_no_list_is_a_sentence(tmp_path: Path, content: bytes, mistake: str) -> None:
    (tmp_path / "places.yaml").write_bytes(content)
    with pytest.raises(BadSettings) as caught:
        read_lists(tmp_path)
    lines = str(caught.value).replace(f"MECENE_WORDS: {tmp_path}/", "").splitlines()
    assert any(line == mistake or re.match(mistake, line) for line in lines), lines


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("place.yaml", "there is no such list; did you mean places.yaml?"),
        ("places.yml", "there is no such list; did you mean places.yaml?"),
        ("zq.yaml", "there is no such list; there are places, lights, "),
    ],
)
def test_a_file_of_another_name_is_not_passed_over(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / name).write_text(PIERS)
    with pytest.raises(BadSettings) as caught:
        read_lists(tmp_path)
    assert str(caught.value).startswith(f"MECENE_WORDS: {tmp_path}/{name}: {sentence}")


def test_a_folder_or_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"is no folder; put word lists there, such as places\.yaml"):
        read_lists(tmp_path / "nowhere")
    (tmp_path / "moods.yaml").mkdir()
    with pytest.raises(BadSettings, match=r"moods\.yaml: cannot be read \(Is a directory\)"):
        read_lists(tmp_path)


async def test_a_few_short_lists_are_told_out_and_not_searched_for_ever(tmp_path: Path) -> None:
    (tmp_path / "places.yaml").write_text(PIERS)
    (tmp_path / "doings.yaml").write_text("\n".join(f"waving flag {number}:" for number in range(12)))
    (tmp_path / "clothes.yaml").write_text("\n".join(f"wearing coat {number}:" for number in range(12)))
    (tmp_path / "media.yaml").write_text("a photo: photo\na film photo: photo\nan old photo: photo")
    for name in ("lights", "weathers", "moods", "frames", NEGATIVES):
        (tmp_path / f"{name}.yaml").write_text("")
    told = await Grammar(read_lists(tmp_path)).ideas("noir", 1_000, 1)
    assert len({idea.prompt for idea in told}) == len(told) == 1_000
    few = read_lists(tmp_path)
    few = Lists({**few.phrases, "places": few.phrases["places"][:1]}, {}, {}, few.clashes)
    few = Lists({**few.phrases, "doings": few.phrases["doings"][:1]}, {}, {}, few.clashes)
    assert 30 <= len(await Grammar(few).ideas("", 1_000, 1)) <= 36


@given(st.text(max_size=120))
@settings(max_examples=300, deadline=None)
def test_plain_words_stay_as_they_are_and_hold_no_mark(text: str) -> None:
    once = plain(text)
    assert plain(once) == once and is_plain(once)
    assert not MARKS.search(once) and "\n" not in once and once == once.strip()


async def test_a_theme_with_braces_is_words_and_evaluated_by_nobody() -> None:
    for theme in ("{0}", "{theme}", "{}", "{0.__class__}", "%s %(x)s", "$theme ${theme}", "{{a}}", "{% x %}"):
        told = await Grammar().ideas(theme, 20, 1)
        assert Grammar().theme(theme) == plain(theme)
        assert all(plain(theme) in idea.prompt and is_plain(idea.prompt) for idea in told)
