"""What lies behind addresses is found by what it was made of, not by going through all of them."""

from pathlib import Path
from typing import Any

from bot.domain.wall import Blob, Media
from bot.wall.holdings import Behind, Holdings, Kind
from bot.wall.index import Entry
from tests.web.exhibition import Exhibition, drawn


class Made:
    """Prints of which all is made; every two images that begin alike have one thumbnail."""

    def has(self, image: str) -> bool:
        return True

    def thumb(self, image: str) -> Media:
        return Media(f"{image[:1]}.webp", 1, 1)

    def full(self, image: str) -> Media:
        return Media(f"{image}.png", 1, 1)

    def photo(self, source: str) -> Media:
        raise KeyError(source)


def holdings(*images: str) -> tuple[Holdings, list[Entry]]:
    made: Any = Made()
    held, shown = Holdings(made, 10**6), Exhibition()
    entries = []
    for image in images:
        picture = shown.hang(drawn(len(entries)))
        object.__setattr__(picture, "image", image)
        entries.append(Entry(picture))
    held.admit(entries)
    return held, entries


def test_an_address_that_two_pictures_share_stays_while_one_of_them_does() -> None:
    held, (one, two) = holdings("ab", "ac")
    held.keep("a.webp", Blob(b"small", "image/webp"))
    assert held.drop([one.key]) == {"ab"}
    assert held.behind("a.webp") == (Behind(Kind.THUMB, "ac"),) and held.bytes.get("a.webp")
    assert held.behind("ab.png") == ()
    held.set_aside("ac", "it is broken")
    assert held.behind("a.webp") == held.behind("ac.png") == () and held.bytes.get("a.webp") is None
    assert held.waiting("ac") == [two.picture] and held.missing() == []
    held.mend("ac")
    assert held.missing() == ["ac"]
    held.admit([two])
    assert held.waiting("ac") == [] and held.behind("a.webp") == (Behind(Kind.THUMB, "ac"),)
    held.drop_images(["ac"])
    assert held.behind("a.webp") == () and not held.keys()


def test_what_waits_keeps_its_image_until_it_goes_too() -> None:
    held, (one,) = holdings("ab")
    held.hold_back(one.picture)
    assert held.waiting("ab") == [one.picture] and held.keys() == {one.key}
    assert held.drop([one.key]) == {"ab"} and held.waiting("ab") == [] and not held.keys()


def test_to_forget_one_of_many_looks_at_its_own_addresses_alone(tmp_path: Path) -> None:
    held, entries = holdings(*(f"{number:04x}" for number in range(500)))
    looked: list[str] = []

    class Watched(dict[str, tuple[Behind, ...]]):
        def __getitem__(self, name: str) -> tuple[Behind, ...]:
            looked.append(name)
            return super().__getitem__(name)

        def get(self, name: str, *otherwise: Any) -> Any:
            looked.append(name)
            return super().get(name, *otherwise)

        def __iter__(self) -> Any:
            raise AssertionError("all addresses were gone through")

    held._behind = Watched(held._behind)
    held.drop([entries[7].key])
    held.set_aside("0009", "it is broken")
    assert set(looked) == {"0.webp", "0007.png", "0009.png"}
