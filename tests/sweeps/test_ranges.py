"""Ranges are decimal-exact and inclusive, and are counted without being built."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sweeps.errors import SweepError
from sweeps.parameters import CATALOGUE, Value
from sweeps.ranges import Numbers, read_range

STEPS, GUIDANCE, SEED = CATALOGUE["steps"], CATALOGUE["guidance_scale"], CATALOGUE["seed"]


def values(name: str, text: str) -> list[Value]:
    return list(read_range(CATALOGUE[name], text, name))


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("steps", "1-4", [1, 2, 3, 4]),
        ("steps", "4-1", [4, 3, 2, 1]),
        ("steps", "1-10 (+3)", [1, 4, 7, 10]),
        ("steps", "1-11 (+3)", [1, 4, 7, 10]),
        ("steps", "10-1 (-3)", [10, 7, 4, 1]),  # A1111 drops the 1
        ("steps", "1-10 [4]", [1, 4, 7, 10]),
        ("steps", "1-10 [5]", [1, 3, 6, 8, 10]),  # A1111 truncates to 1, 3, 5, 7, 10
        ("steps", "5, 10, .., 25", [5, 10, 15, 20, 25]),
        ("steps", "5,10,15,..,25", [5, 10, 15, 20, 25]),
        ("steps", "3, 5, 8", [3, 5, 8]),
        ("steps", "7", [7]),
        ("guidance_scale", "4-7 (+1.5)", [4.0, 5.5, 7.0]),
        ("guidance_scale", "1-2 (+0.3)", [1.0, 1.3, 1.6, 1.9]),  # A1111 overshoots to 2.2
        ("guidance_scale", "1-2 (+0.1)", [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0]),
        ("guidance_scale", "1-10 [5]", [1.0, 3.25, 5.5, 7.75, 10.0]),
        ("guidance_scale", "1, 2, .., 10", [float(n) for n in range(1, 11)]),
        ("guidance_scale", "  1.5 -2.5(+.5) ", [1.5, 2.0, 2.5]),
        ("width", "512-1024 [4]", [512, 680, 856, 1024]),  # to the nearest multiple of 8
        ("steps", "“1–4”", [1, 2, 3, 4]),
        ("steps", "5, 10, …, 20", [5, 10, 15, 20]),
    ],
)
def test_a_range_means_these_values(name: str, text: str, meant: list[Value]) -> None:
    assert values(name, text) == meant
    assert {type(value) for value in values(name, text)} == {type(meant[0])}


tenths = st.integers(10, 300).map(lambda n: Fraction(n, 10))
paces = st.integers(1, 100).map(lambda n: Fraction(n, 100))


@given(tenths, tenths, paces)
def test_a_stepped_range_is_exact_inclusive_and_never_beyond_its_end(a: Fraction, b: Fraction, pace: Fraction) -> None:
    step = pace if a <= b else -pace
    got = values("guidance_scale", f"{float(a)}-{float(b)} ({float(step):+})")
    assert got == [float(a + step * i) for i in range(int((b - a) / step) + 1)]
    assert float(a) == got[0]
    assert abs(Fraction(repr(got[-1])) - b) < pace


@given(tenths, tenths, st.integers(2, 60))
def test_n_values_are_spread_evenly_from_end_to_end(a: Fraction, b: Fraction, n: int) -> None:
    got = values("guidance_scale", f"{float(a)}-{float(b)} [{n}]")
    assert got == [float(a + (b - a) * i / (n - 1)) for i in range(n)]
    assert (got[0], got[-1]) == (float(a), float(b))


@given(st.integers(1, 150), st.integers(1, 150), st.integers(2, 150))
def test_n_whole_values_are_distinct_rounded_and_end_to_end(a: int, b: int, n: int) -> None:
    assume(abs(b - a) >= n - 1)
    got = values("steps", f"{a}-{b} [{n}]")
    assert (got[0], got[-1], len(set(got))) == (a, b, n)
    for i, value in enumerate(got):
        assert abs(Fraction(int(str(value))) - (a + Fraction(b - a) * i / (n - 1))) <= Fraction(1, 2)


@given(tenths, paces, st.integers(2, 20), st.integers(2, 5))
def test_an_ellipsis_goes_on_as_it_began(a: Fraction, step: Fraction, more: int, given_: int) -> None:
    last = a + step * (given_ + more)
    assume(last <= 30)
    begun = ", ".join(str(float(a + step * i)) for i in range(given_))
    assert values("guidance_scale", f"{begun}, .., {float(last)}") == [
        float(a + step * i) for i in range(given_ + more + 1)
    ]


def test_a_huge_range_is_counted_without_being_built() -> None:
    numbers = read_range(GUIDANCE, "1-30 (+1e-20)", "x")
    assert isinstance(numbers, Numbers)
    assert numbers.count == 29 * 10**20 + 1
    assert numbers[10**20] == 2.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1-10 (+0)", 'expected a step that is not 0, got "1-10 (+0)"'),
        ("10-1 (+3)", '"10-1 (+3)" goes down, so its step must be (-3)'),
        ("1-10 [0]", 'expected at least 2 values from 1 to 10, got "1-10 [0]"'),
        ("1-10 [1]", 'expected at least 2 values from 1 to 10, got "1-10 [1]"'),
        ("5, .., 25", 'expected two numbers before "..", as in "5, 10, .., 25", got "5, .., 25"'),
        ("5, 10, ..", 'expected two numbers, "..", and the last one ("5, 10, .., 25"), got "5, 10, .."'),
        ("5, 10, 16, .., 25", 'expected numbers with one step between them before "..", got "5, 10, 16, .., 25"'),
        ("1-200", 'expected a whole number from 1 to 150, got 200 in "1-200"'),
        ("3, 5, 8.5", 'expected a whole number from 1 to 150, got 8.5 in "3, 5, 8.5"'),
        ("1-" * 4000, "expected a range of at most 4,000 characters, got 8,000"),
    ],
)
def test_a_broken_range_is_explained(text: str, sentence: str) -> None:
    with pytest.raises(SweepError) as caught:
        read_range(STEPS, text, "parameters.steps")
    assert str(caught.value) == f"parameters.steps: {sentence}"


@given(st.text("0123456789.,-+()[] e…x", max_size=24))
def test_any_string_is_a_range_or_a_sentence(text: str) -> None:
    try:
        found = read_range(SEED, text, "seed")
    except SweepError as error:
        assert [problem.path for problem in error.problems] == ["seed"]
    else:
        first = found[0]
        assert SEED.check(first) == first
