"""The gate's file: what it may say, and each mistake as a sentence that tells where it stands."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.errors import Refusal
from bot.domain.gate import Verdict
from bot.domain.job import Member
from bot.gate.rulebook import Rulebook, Threshold, read_rulebook
from sweeps.errors import SweepError

HERE = Path("/gate")
EXAMPLE = Path(__file__).parents[2] / "bot/gate/example.yaml"


def read(text: str) -> Rulebook:
    return read_rulebook(text.encode(), HERE)


def found(book: Rulebook, text: str) -> tuple[str, Verdict] | None:
    entry = book.words.find(text)
    return None if entry is None else (entry.written, entry.verdict)


def test_the_example_works_as_it_says() -> None:
    book = read_rulebook(EXAMPLE.read_bytes(), HERE)
    for gory in ("GORE", "göre", "(gore:1.2)", "g0re", "g o r e"):
        assert found(book, gory) == ("gore", Verdict.WITHHOLD)
    assert found(book, "gorey") is found(book, "category") is None
    assert found(book, "a beheading") == ("behead*", Verdict.WITHHOLD)
    assert found(book, "severed -- head") == ("severed head", Verdict.WITHHOLD)
    assert found(book, "spiders in blood") == ("spider*", Verdict.SPOILER)
    guest, artist = Member(1, "mina"), Member(2, "theo", roles=frozenset({111111111111111111}))
    book.rules.place(artist, 5)
    book.rules.place(guest, 222222222222222222)
    assert book.rules.spoiler(guest, 222222222222222222)
    with pytest.raises(Refusal):
        book.rules.place(guest, 5)
    assert book.images is None


def test_the_commented_part_of_the_example_is_a_working_one() -> None:
    _, commented = EXAMPLE.read_text("utf-8").split("# images:")
    book = read("images:" + commented.replace("\n#", "\n"))
    assert book.images is not None and book.images.model == HERE / "classifier"
    assert book.images.labels == {"nsfw": Threshold(0.5, 0.8), "gore": Threshold(None, 0.7)}


def test_an_empty_file_says_nothing() -> None:
    book = read("# nothing\n")
    assert (found(book, "gore"), book.images) == (None, None)
    book.rules.place(Member(1, "mina"), 5)


def test_a_plain_list_withholds_and_an_absolute_model_stays_where_it_is() -> None:
    book = read("words: [gore]\nimages: {model: /models/x, labels: {nsfw: {spoiler: 1}}}")
    assert found(book, "gore") == ("gore", Verdict.WITHHOLD)
    assert book.images is not None and book.images.model == Path("/models/x")


@pytest.mark.parametrize(
    ("threshold", "score", "verdict"),
    [
        (Threshold(0.5, 0.8), 0.49, Verdict.PASS),
        (Threshold(0.5, 0.8), 0.5, Verdict.SPOILER),
        (Threshold(0.5, 0.8), 0.8, Verdict.WITHHOLD),
        (Threshold(None, 0.8), 0.79, Verdict.PASS),
        (Threshold(0.5, None), 1.0, Verdict.SPOILER),
    ],
)
def test_a_score_counts_from_its_threshold_on(threshold: Threshold, score: float, verdict: Verdict) -> None:
    assert threshold.verdict(score) is verdict


def test_rules_hold_for_everyone_in_all_channels_where_they_name_none_and_ids_may_be_quoted() -> None:
    book = read("rules: [{roles: ['7'], channels: all, draw: true}, {channels: [5], draw: false}]")
    book.rules.place(Member(1, "mina", roles=frozenset({7})), 5)
    with pytest.raises(Refusal):
        book.rules.place(Member(1, "mina"), 5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- gore", "expected a mapping of names to values, got a list of 1"),
        ("wrods: [gore]", "wrods: no such key; did you mean words?"),
        ("words: gore", 'words: expected a list of words, or withhold and spoiler with one each, got "gore"'),
        ("words: {withold: [gore]}", "words.withold: no such key; did you mean withhold?"),
        ("words: {spoiler: gore}", 'words.spoiler: expected a list of words and phrases, got "gore"'),
        ("words: [gore, 69]", "words[1]: expected a word or phrase, got 69 (put it in quotes)"),
        ("words: [gore, [x]]", "words[1]: expected a word or phrase, got a list of 1"),
        (
            "words: {withhold: [a*b]}",
            'words.withhold[0]: expected a word or phrase with a * at its end at most, got "a*b"',
        ),
        (
            "words: [c++]",
            "words[0]: expected letters, digits and blanks without + (write the word itself; $ for s and the like are "
            'seen through), got "c++"',
        ),
        ("images: nsfw", 'images: expected model and labels, got "nsfw"'),
        (
            "images: {labels: {nsfw: {withhold: 0.8}}}",
            "images.model: expected the folder of a classifier, got nothing",
        ),
        (
            "images: {model: x}",
            "images.labels: expected labels with what they lead to, such as nsfw: {withhold: 0.8}, got nothing",
        ),
        (
            "images: {model: x, labels: {nsfw: 0.8}}",
            "images.labels.nsfw: expected from which score on it counts, such as {withhold: 0.8}, got 0.8",
        ),
        (
            "images: {model: x, labels: {nsfw: {withhold: 80}}}",
            "images.labels.nsfw.withhold: expected a score above 0 and at most 1, got 80",
        ),
        (
            "images: {model: x, labels: {nsfw: {withhold: true}}}",
            "images.labels.nsfw.withhold: expected a score above 0 and at most 1, got true",
        ),
        (
            "images: {model: x, labels: {nsfw: {withhold: 0.5, spoiler: 0.8}}}",
            "images.labels.nsfw.spoiler: expected less than withhold (0.5), got 0.8, which never counts",
        ),
        ("rules: {draw: false}", "rules: expected a list of rules, got a mapping ({draw})"),
        ("rules: [everyone]", 'rules[0]: expected a rule, such as {roles: everyone, draw: false}, got "everyone"'),
        ("rules: [{roles: [1]}]", "rules[0]: expected draw or spoiler in it, got neither, so that it says nothing"),
        (
            "rules: [{roles: artists, draw: true}]",
            'rules[0].roles: expected everyone or a list of ids, such as [1234567890], got "artists"',
        ),
        (
            "rules: [{channels: [], draw: true}]",
            "rules[0].channels: expected all or a list of ids, such as [1234567890], got an empty list",
        ),
        (
            "rules: [{channels: ['#art'], draw: true}]",
            'rules[0].channels[0]: expected an id, such as 1234567890, got "#art"',
        ),
        ("rules: [{draw: never}]", 'rules[0].draw: expected true or false, got "never"'),
        ("rules: [{chanels: all, draw: no}]", "rules[0].chanels: no such key; did you mean channels?"),
    ],
)
def test_a_mistake_is_told_with_its_path(text: str, sentence: str) -> None:
    with pytest.raises(SweepError) as caught:
        read(text)
    assert str(caught.value) == sentence


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(SweepError) as caught:
        read("words: [1]\nimages: 2\nrules: 3")
    assert len(caught.value.problems) == 3


def test_thousands_of_words_are_taken() -> None:
    book = read("words:\n" + "\n".join(f"- w{number}" for number in range(4_900)))
    assert found(book, "some w4899 here") == ("w4899", Verdict.WITHHOLD)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["all", "everyone", "x", "-1", "9" * 30]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["words", "withhold", "spoiler", "images", "model", "labels", "rules", "roles", "channels", "draw"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["words", "images", "rules"]), VALUES, max_size=3))
def test_no_file_whatever_is_more_than_sentences_or_a_rulebook(tree: dict[str, object]) -> None:
    text = json.dumps(tree).replace("NaN", ".nan").replace("Infinity", ".inf")
    try:
        assert isinstance(read(text), Rulebook)
    except SweepError as error:
        assert str(error)
