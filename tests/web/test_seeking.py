"""What is sought, in an address and back."""

from urllib.parse import parse_qsl

import pytest

from bot.domain.errors import Refusal
from bot.domain.wall import Choices, Order, Query
from bot.web.seeking import NOBODY, chips, narrowed, read, written

FULL = Query(
    ("red", "hat"), "mina", "S42", 2**60, {"steps": "20", "sampler": "ddim"}, 4, True, Order.BEST
)  # fmt: skip


def address(query: Query) -> dict[str, str]:
    return dict(parse_qsl(written(query).removeprefix("?")))


def test_what_is_sought_survives_its_address() -> None:
    assert read(address(FULL)) == FULL


def test_nothing_sought_is_no_query_at_all() -> None:
    assert written(Query()) == ""
    assert read({}) == Query()
    assert read({"person": "", "rating": "", "order": "", "steps": ""}) == Query()


def test_words_of_any_script_and_signs_survive_the_address() -> None:
    odd = Query(words=("žluťoučký", "100%", "a&b=c", "#1", "?"))
    assert read(address(odd)) == odd


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"rating": "6"}, 'rating: expected a whole number from 1 to 5, got "6".'),
        ({"rating": "²"}, "rating: expected a whole number"),
        ({"order": "worst"}, 'order: expected newest, best or starred, got "worst".'),
        ({"steps": "abc"}, 'steps: expected a whole number from 1 to 150, or a range like 5..10, got "abc".'),
        ({"steps": "151"}, "steps: expected a whole number from 1 to 150"),
        ({"guidance_scale": "2..4..6"}, "guidance_scale: expected a number from 1 to 30, or a range like 5..10"),
        ({"seed": "random"}, "seed: expected a whole number from 0 to 4294967295"),
        ({"detail": "maybe"}, 'detail: expected true or false, got "maybe"'),
        ({"sampler": "eular"}, "sampler: expected euler, dpmpp_2m"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(asked: dict[str, str], sentence: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(asked)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ({"guidance_scale": "2.0", "weight": ".6"}, {"guidance_scale": "2", "weight": "0.6"}),
        ({"detail": "true", "production_mode": "No"}, {"detail": "on", "production_mode": "off"}),
        ({"sampler": "DDIM", "face_folder": "mina,theo"}, {"sampler": "ddim", "face_folder": "mina, theo"}),
        ({"seed": "0042"}, {"seed": "42"}),
        ({"guidance_scale": "2-4", "weight": ".5 .. 1.50"}, {"guidance_scale": "2..4", "weight": "0.5..1.5"}),
        ({"steps": "30–5", "width": "500..1000"}, {"steps": "5..30", "width": "500..1000"}),
        ({"prompt": "1-2"}, {"prompt": "1-2"}),
    ],
)
def test_a_parameters_value_is_read_as_members_type_it(typed: dict[str, str], meant: dict[str, str]) -> None:
    query = read(typed)
    assert query.parameters == meant
    assert read(address(query)) == query


def test_a_range_is_told_in_words() -> None:
    (chip,) = chips(read({"guidance_scale": "2-4.5"}), Choices())
    assert (chip.words, chip.without) == ("guidance_scale 2 to 4.5", "")


def test_an_order_alone_leaves_nothing_out() -> None:
    assert not narrowed(Query(order=Order.BEST))
    assert narrowed(Query(job="S1"))


def test_each_chip_takes_one_thing_away() -> None:
    choices = Choices((("mina", "Mina M.", 3),), (("S42", "hats", 4),), ((2**60, "Theo", 5),))
    found = list(chips(FULL, choices))
    words = ["“red hat”", "Mina M.", "S42 · hats", "asked by Theo", "steps 20", "sampler ddim", "rated 4 or more of 5"]
    assert [chip.words for chip in found] == [*words, "your stars"]
    for chip in found:
        left = read(dict(parse_qsl(chip.without.removeprefix("?"))))
        assert len(list(chips(left, choices))) == len(found) - 1


def test_a_member_is_sought_by_id_or_as_they_are_called() -> None:
    members = ((2**60, "Théo", 5), (7, "Mina", 2))
    assert read({"member": str(2**60)}).member_id == 2**60
    assert read({"member": " THÉO "}, members).member_id == 2**60
    nobody = read({"member": "Otto"}, members)
    assert nobody.member_id == NOBODY and narrowed(nobody)
    (chip,) = chips(nobody, Choices(members=members))
    assert (chip.words, chip.without) == ("asked by nobody seen here", "")
