"""People are completed by one rule wherever they are typed."""

from types import SimpleNamespace
from typing import Any

import pytest

from bot.cogs.people import MOST_CHOICES, people_choices


async def offered(typed: str, names: list[str], *recent: str) -> list[tuple[str, str]]:
    async def lately(member_id: int, name: str) -> list[str]:
        assert (member_id, name) == (1, "face_folder")
        return list(recent)

    services: Any = SimpleNamespace(
        faces=SimpleNamespace(names=lambda member: list(names)),
        settings=SimpleNamespace(recent=lately),
        member=lambda inter: inter.author,
    )
    inter: Any = SimpleNamespace(author=SimpleNamespace(id=1))
    return [(choice.name, str(choice.value)) for choice in await people_choices(services, inter, typed)]


@pytest.mark.parametrize(
    ("typed", "recent", "values"),
    [
        ("", (), ["Ada", "mina", "tom"]),
        ("m", (), ["mina", "tom"]),  # who begins so, then who holds it
        ("mina, ", (), ["mina, Ada", "mina, tom"]),
        ("TOM", (), ["tom", "TOM, Ada", "TOM, mina"]),  # and where a name is whole, one more
        ("", ("tom, Ada", "mina"), ["tom, Ada", "mina", "Ada", "tom"]),
        ("AD", ("tom, Ada", "mina"), ["tom, Ada", "Ada"]),
        ("", ("tom, gone", ""), ["Ada", "mina", "tom"]),  # whom the member may draw no longer
    ],
)
async def test_lately_used_come_first_then_the_last_name_completed(
    typed: str, recent: tuple[str, ...], values: list[str]
) -> None:
    assert [value for _, value in await offered(typed, ["Ada", "mina", "tom"], *recent)] == values


async def test_a_choice_stays_within_discords_limits_and_says_that_it_was_used_lately() -> None:
    names = [f"{number:03d}" + "x" * 60 for number in range(40)]
    found = await offered("", names, ", ".join(names[:2]), names[5])
    assert found[0] == (f"{names[5]} (recent)", names[5])  # two of them are longer than a choice may be
    assert len(found) == MOST_CHOICES
    assert all(len(label) <= 100 and len(value) <= 100 for label, value in found)
