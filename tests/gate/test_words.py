"""A word is found however it is decorated, and never inside of a longer word; a hostile prompt takes no longer."""

import sys
import unicodedata
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.gate import Verdict
from bot.gate.words import Entry, WordList, mistake

PLAIN = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12)
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\ufe0f\U000e0041\x01"
ACCENTS = "\u0300\u0301\u0308\u0327\u0336\u20dd"
AROUND = ["", " ", "(", ":1.2)", ", ", ". ", "—", "\n", "_", "/", '"', "🩸", "\u3000", "!", "|"]
CUTS = [*'-._/,;:~*+()[]{}|"🩸·', ")(", "--", ":1.2)(", "][", "…"]
SHORT_ONES = ["a", "i", "of", "in", "to", "up", "he", "ll", "as", "re", "nu", "de", "go", "be", "an", "al", "ss"]
LONGER_ONES = ["grape", "drape", "blue", "deli", "rude", "nudge", "angora", "class", "therapist", "the", "cockpit"]
LISTED = ("nude", "rape", "gore", "anal", "hell", "asses", "ass", "cock", "reup*")
LOOKS = {"o": "0οо", "i": "1!іı", "l": "1|ł", "e": "3еé€", "a": "4@аα", "s": "5$ѕ", "t": "7", "c": "с", "p": "р"}  # noqa: RUF001


def listed(*written: str, spoiler: tuple[str, ...] = ()) -> WordList:
    return WordList(
        [*(Entry(word, Verdict.WITHHOLD) for word in written), *(Entry(word, Verdict.SPOILER) for word in spoiler)]
    )


def found(words: WordList, text: str) -> str | None:
    entry = words.find(text)
    return None if entry is None else entry.written


def wide(letter: str) -> str:
    return chr(ord(letter) + 0xFEE0)


def mathematical(letter: str) -> str:
    return chr(0x1D400 + ord(letter) - ord("a") + 26)


@st.composite
def decorated(draw: st.DrawFn, word: str) -> str:
    """The word as somebody would write it who does not want it found."""
    letters = []
    for letter in word:
        changes: list[Callable[[str], str]] = [str, str.upper, wide, mathematical]
        change = draw(st.sampled_from(changes))
        letters.append(change(letter) + draw(st.text(ACCENTS + INVISIBLE, max_size=3)))
    return draw(st.sampled_from(AROUND)) + "".join(letters) + draw(st.sampled_from(AROUND))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_word_is_found_however_it_is_decorated(data: st.DataObject) -> None:
    word = data.draw(PLAIN)
    before, after = data.draw(st.sampled_from(["", "a portrait of "])), data.draw(st.sampled_from(["", ", oil"]))
    text = before + data.draw(decorated(word)) + after
    assert found(listed("unrelated", word), text) == word


@settings(max_examples=300, deadline=None)
@given(PLAIN, st.data())
def test_a_letter_in_disguise_is_seen_through(word: str, data: st.DataObject) -> None:
    places = [at for at, letter in enumerate(word) if letter in LOOKS]
    if not places:
        return
    at = data.draw(st.sampled_from(places))
    disguised = word[:at] + data.draw(st.sampled_from(LOOKS[word[at]])) + word[at + 1 :]
    if disguised.strip("!|") != disguised:  # at a word's end these are what they look like
        return
    assert found(listed(word), f"some {disguised} here") == word


@settings(max_examples=400, deadline=None)
@given(PLAIN, st.text("abcdefghijklmnopqrstuvwxyz", max_size=4), st.text("abcdefghijklmnopqrstuvwxyz", max_size=4))
def test_a_word_is_not_found_inside_of_a_longer_one(word: str, before: str, after: str) -> None:
    longer = before + word + after
    expected = word if longer == word else None
    assert found(listed(word), f"a {longer}, {longer.upper()}") == expected
    assert found(listed(word), f"a {before}\u0301{word}\u0301{after}") == expected


@st.composite
def cut(draw: st.DrawFn, word: str) -> str:
    """The word in pieces of one or two letters between signs, or in single letters between signs or blanks."""
    if draw(st.booleans()):
        return "".join(letter + draw(st.sampled_from([*CUTS, " ", "  ", "\n"])) for letter in word[:-1]) + word[-1]
    pieces = []
    while word:
        size = draw(st.integers(1, 2))
        pieces.append(word[:size])
        word = word[size:]
    return "".join(piece + draw(st.sampled_from(CUTS)) for piece in pieces[:-1]) + pieces[-1]


@settings(max_examples=500, deadline=None)
@given(
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=12),
    st.sampled_from(["", "a portrait of a ", "oil, (", "I, ", "to ", "n\u200bu "]),
    st.sampled_from(["", ", a boat", " in oil", ":1.3)", " y más"]),
    st.data(),
)
def test_a_word_that_is_cut_into_pieces_is_found(word: str, before: str, after: str, data: st.DataObject) -> None:
    assert found(listed("unrelated", word), before + data.draw(cut(word)) + after) == word


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(SHORT_ONES + LONGER_ONES)),
    st.sampled_from([" ", ", ", "\n", " - ", ") (", "'", "’"]),  # noqa: RUF001
)
def test_ordinary_words_are_not_put_together(ordinary: list[str], between: str) -> None:
    assert found(listed(*LISTED), between.join(ordinary)) is None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("abcdefghij", min_size=3, max_size=5), min_size=2, max_size=4), st.data())
def test_words_of_three_letters_and_more_are_no_pieces(ordinary: list[str], data: st.DataObject) -> None:
    text = "".join(word + data.draw(st.sampled_from([*CUTS, " "])) for word in ordinary)
    assert found(listed("".join(ordinary), "".join(ordinary[:2])), text) is None


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("gore", "GORE, (gore:1.2)"),
        ("gore", "go-re"),
        ("gore", "(go)(re)"),
        ("gore", "(go:1.2)(re:0.8)"),
        ("gore", "[go:re:0.5]"),
        ("gore", "go_r.e, g\u200bo"),
        ("gore", "g.o.r.е"),  # noqa: RUF001
        ("gore", "[gore], gore:1.3"),
        ("gore", "a g.o.r.e, a boat"),
        ("severed head", "se-ve-re-d h e a d"),
        ("behead*", "be-he-ad-in-g"),
        ("gore", "g0re"),
        ("gore", "g.o.r.e"),
        ("gore", "a g o r e scene"),
        ("gore", "2gore"),
        ("gore", "gore1"),
        ("gore", "gore\u200bscene"),
        ("gore", "gore's"),
        ("severed head", "SEVERED\n--  head"),
        ("severed head", "severed_head"),
        ("severed head", "the s3vered, h€ad"),
        ("behead*", "beheading"),
        ("behead*", "b3headings"),
        ("severed head*", "severed heads"),
        ("göre", "gore"),
        ("smørrebrød", "SMORREBROD"),
        ("straße", "STRASSE"),
        ("fall", "fa1l"),
        ("fail", "fa1l"),
        ("sex", "ѕех"),  # noqa: RUF001
        ("血", "流血的人"),
        ("ガラス", "青いｶﾞﾗｽの"),
        ("हिंसा", "एक हिंसा है"),
    ],
)
def test_these_are_found(entry: str, text: str) -> None:
    assert found(listed("nothing like it", entry), text) == entry


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("ass", "a classic glass, grass assembled"),
        ("cunt", "Scunthorpe"),
        ("gore", "gorey categories"),
        ("behead*", "a forehead"),
        ("severed head", "a severed hand, a head"),
        ("severed head", "severed heads"),
        ("fail", "the fall"),
        ("sos", "50s diner"),
        ("ae", "4k"),
        ("tea", "t34 tank"),
        ("18", "f18 fighter"),
        ("wowi", "wow!"),
        ("r1de", "r!de"),
        ("мои", "мост"),
        ("pot", "открытый рот"),
        ("हिंसा", "हंस"),
        ("abc", "a b"),
        ("nude", "blue nu deli, nu de, (nu) (de)"),
        ("rape", "grape, drape, g r a p e, the G.R.A.P.E"),
        ("ass", "a s s e m b l y, as-se-mb-ly"),
        ("hell", "he'll come, I’ll go"),  # noqa: RUF001
        ("therapist", "the-rapist"),
        ("us", "u-s"),
    ],
)
def test_these_are_not_found(entry: str, text: str) -> None:
    assert found(listed(entry), text) is None


def test_what_withholds_counts_before_what_hides_and_then_the_first_in_the_text() -> None:
    words = listed("gore", "knife*", spoiler=("blood", "spider", "gor*", "knives"))
    assert found(words, "blood and spiders, gore") == "gore"
    assert found(words, "a spider in blood") == "spider"
    assert found(words, "gory") == "gor*"
    both = WordList([Entry("knife", Verdict.WITHHOLD), Entry("Knife", Verdict.SPOILER)]).find("knife")
    assert both is not None and both.verdict is Verdict.WITHHOLD


def test_an_empty_list_finds_nothing() -> None:
    assert found(listed(), "gore") is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(max_size=200))
def test_any_entry_that_is_taken_is_found_as_it_is_written(entry: str, around: str) -> None:
    written = entry.strip()
    if mistake(written) is None and "*" not in written:
        assert found(listed(written), f"{around}\n{written}\n{around}") == written


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 3_000,
        "a " * 1_500,
        "a" + "\u0301\u0316" * 1_500,
        "\u05b0\u0591\u0f71\u0f72" * 800,
        "\ufdfa" * 3_000,
        "g0" * 1_500,
        "a b c d " * 800,
        "\u200b" * 3_000,
        "@$!|" * 800,
        "go-" * 1_000,
        "a-bc d e " * 400,
    ],
)
def test_a_hostile_prompt_takes_work_in_proportion_to_its_length(hostile: str) -> None:
    words = listed("a a a a b", "gogogo", *(f"wo{n}rd end{n}" for n in range(3000)), *(f"aa{n}a*" for n in range(500)))
    words.find(hostile)  # what is folded once is remembered
    half, whole = (steps(partial(words.find, part)) for part in (hostile[: len(hostile) // 2], hostile))
    assert whole < 2.2 * half + 2_000


def steps(work: Callable[[], object]) -> int:
    """How many calls of Python and of C some work makes; no clock is asked."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("*", "a word or phrase with a letter or a digit in it"),
        ("--", "a word or phrase with a letter or a digit in it"),
        ("a*b", "a word or phrase with a * at its end at most"),
        ("x" * 201, "a word or phrase of at most 200 characters"),
        (
            "a$$",
            "letters, digits and blanks without $ (write the word itself; $ for s and the like are seen through)",
        ),
        ("c++", "letters, digits and blanks without + (write the word itself; $ for s and the like are seen through)"),
        ("don't", None),
        ("severed-head*", None),
    ],
)
def test_an_entry_that_would_match_something_else_is_refused(written: str, wanted: str | None) -> None:
    assert mistake(written) == wanted


def test_the_accents_of_these_tests_are_marks() -> None:
    assert {unicodedata.category(mark)[0] for mark in ACCENTS} == {"M"}


@pytest.mark.parametrize("text", ["a (blood:1.2) bath", "((blood):1) bath", "[blood:0.5] bath", "(blood:1.2) (bath:2)"])
def test_weights_do_not_part_a_phrase(text: str) -> None:
    listed = WordList([Entry("blood bath", Verdict.WITHHOLD)])
    assert listed.find(text) is not None
    assert listed.find("blood in a bath") is None
