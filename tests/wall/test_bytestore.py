"""Memory is bounded: bytes are counted, the budget is never passed, and thumbnails stay longest."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.wall import Blob
from bot.wall.bytestore import OVERHEAD, ByteStore

ACTS = ("thumb", "full", "drop")


def blob(size: int) -> Blob:
    return Blob(bytes(size), "image/webp")


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    store = ByteStore(5 * (1000 + OVERHEAD))
    for name in "abcde":
        store.put(name, blob(1000), thumb=False)
    assert store.get("a") is not None
    store.put("f", blob(1000), thumb=False)
    assert [name for name in "abcdef" if store.get(name)] == ["a", "c", "d", "e", "f"]


def test_a_large_picture_never_pushes_out_a_thumbnail() -> None:
    store = ByteStore(5 * (1000 + OVERHEAD))
    for name in "abcd":
        store.put(name, blob(1000), thumb=True)
    store.put("large", blob(1000), thumb=False)
    store.put("e", blob(1000), thumb=True)
    assert store.get("large") is None and store.thumbs == 5
    store.put("large", blob(1000), thumb=False)
    assert store.get("large") is None and store.thumbs == 5
    store.put("f", blob(1000), thumb=True)
    assert store.thumbs == 5 and store.get("a") is None


def test_what_is_reserved_for_other_things_is_taken_from_files() -> None:
    store = ByteStore(5 * (1000 + OVERHEAD))
    for name in "abcde":
        store.put(name, blob(1000), thumb=True)
    store.reserve(2000)
    assert [name for name in "abcde" if store.get(name)] == ["c", "d", "e"]
    assert store.used == 3 * (1000 + OVERHEAD) + 2000
    store.reserve(10**6)
    store.put("f", blob(1000), thumb=True)
    assert store.thumbs == 0 and not store.fits(0)
    store.reserve(0)
    store.put("f", blob(1000), thumb=True)
    assert store.thumbs == 1 and store.used == 1000 + OVERHEAD


@settings(max_examples=200, deadline=None)
@given(
    budget=st.integers(0, 20_000),
    acts=st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 6000), st.sampled_from(("thumb", "full", "drop")))
    ),
)
def test_the_budget_holds_whatever_is_put_in(budget: int, acts: list[tuple[str, int, str]]) -> None:
    store, names = ByteStore(budget), "abcdefgh"
    for name, size, act in acts:
        if act == "drop":
            store.drop(name)
        else:
            store.put(name, blob(size), thumb=act == "thumb")
        held = [found for name in names if (found := store.get(name))]
        assert store.used == sum(len(each.data) + OVERHEAD for each in held) <= max(budget, 0)
    for name in names:
        store.drop(name)
    assert (store.used, store.thumbs) == (0, 0)
