"""The memo is bounded in bytes and forgets what was used longest ago."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.memo import Memo


def test_the_least_recently_used_result_is_forgotten_first():
    memo = Memo(limit=10)
    memo.keep("a", "A", 4)
    memo.keep("b", "B", 4)
    assert memo.find("a") == "A"
    memo.keep("c", "C", 4)
    assert (memo.find("a"), memo.find("b"), memo.find("c")) == ("A", None, "C")


def test_a_result_above_the_limit_is_not_kept_and_one_of_just_the_limit_is():
    memo = Memo(limit=10)
    memo.keep("fits", "F", 10)
    assert memo.find("fits") == "F"
    memo.forget("fits")
    memo.keep("large", "L", 11)
    assert memo.find("large") is None
    assert memo.size == 0


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 12))))
def test_the_memo_never_holds_more_than_its_limit_and_counts_right(kept):
    memo, latest = Memo(limit=20), {}
    for key, size in kept:
        memo.keep(key, size, size)
        latest[key] = size
        assert memo.size <= 20
    held = [memo.find(key) for key in latest if memo.find(key) is not None]
    assert sum(held) == memo.size
    assert len(held) == len(memo)
