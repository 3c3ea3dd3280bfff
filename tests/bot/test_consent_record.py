"""Consent: recorded with who said what when, over when it says so, and once revoked never renewed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import ConsentEnded, NotFound, NotYours
from bot.domain.job import Member
from bot.domain.person import CONSENT, CONSENT_WALL, Person, Scope
from bot.jobs.sitters import Sitters
from bot.store.consent import Record
from bot.store.faces import Faces
from tests.bot.album import ADA, ELSEWHERE, MINA, OPERATOR, THEO, add, files, picture, revoked

PAST, AHEAD = datetime(2026, 6, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=9)


async def consent(
    faces: Faces, member: Member = MINA, scope: Scope = Scope.DRAW, end: datetime | None = None, name: str = "mina"
) -> Person:
    return await faces.consent(member, name, scope, end, scope.statement)


def record(folder: Path, name: str = "mina") -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / name / "person.json").read_bytes())
    return found


def by_hand(folder: Path, name: str = "grace") -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "a.png").write_bytes(picture())


async def test_a_new_person_may_be_drawn_without_an_end_and_is_not_for_the_wall(faces: Faces) -> None:
    person = (await add(faces)).person
    assert (person.scope, person.expires_at, person.on_wall, person.expired) == (Scope.DRAW, None, False, False)


async def test_a_record_of_before_there_were_scopes_is_to_draw_without_an_end(faces: Faces, folder: Path) -> None:
    await add(faces)
    older = record(folder)
    for name in ("scope", "expires_at", "revoked"):
        del older[name]
    for each in older["consents"]:  # type: ignore[attr-defined]
        del each["scope"], each["expires_at"]
    (folder / "mina" / "person.json").write_text(json.dumps(older))
    (person,) = await faces.people(MINA)
    assert (person.scope, person.expires_at) == (Scope.DRAW, None)


async def test_each_consent_is_kept_with_who_said_what_for_which_photos_and_when(faces: Faces, folder: Path) -> None:
    first = (await add(faces, MINA, "mina", picture(1))).files
    before = datetime.now(UTC).replace(microsecond=0)
    person = await consent(faces, MINA, Scope.WALL, AHEAD)
    assert (person.scope, person.expires_at, person.on_wall) == (Scope.WALL, AHEAD, True)
    second = (await add(faces, MINA, "mina", picture(2))).files
    await consent(faces, MINA, Scope.DRAW, None)
    kept = Record.from_json((folder / "mina" / "person.json").read_bytes())
    assert [(each.statement, each.scope, each.expires_at) for each in kept.consents] == [
        (CONSENT, "draw", None),
        (CONSENT_WALL, "wall", AHEAD.isoformat()),
        (CONSENT_WALL, "wall", AHEAD.isoformat()),
        (CONSENT, "draw", None),
    ]
    assert [each.photos for each in kept.consents] == [first, first, second, tuple(sorted((*first, *second)))]
    assert {(each.member_id, each.member) for each in kept.consents} == {(MINA.id, "Mina")}
    assert all(before <= datetime.fromisoformat(each.at) <= datetime.now(UTC) for each in kept.consents)
    assert (kept.scope, kept.expires_at) == ("draw", None)


async def test_photos_that_an_operator_adds_end_the_consent_for_the_wall(faces: Faces, folder: Path) -> None:
    await add(faces, MINA, "mina", picture(1), shared=True)
    await consent(faces, MINA, Scope.WALL, AHEAD)
    assert not (await add(faces, OPERATOR, "mina", picture(1))).narrowed  # nothing new
    added = await add(faces, OPERATOR, "mina", picture(2))
    assert (added.narrowed, added.person.scope, added.person.expires_at) == (True, Scope.DRAW, AHEAD)
    kept = Record.from_json((folder / "mina" / "person.json").read_bytes())
    assert (kept.consents[-1].statement, kept.consents[-1].scope, kept.consents[-1].member) == (CONSENT, "draw", "Olga")
    assert not (await add(faces, OPERATOR, "mina", picture(3))).narrowed


async def test_only_the_owner_says_what_their_person_consents_to(faces: Faces, folder: Path) -> None:
    await add(faces, shared=True)
    for member in (THEO, OPERATOR):
        with pytest.raises(NotYours) as caught:
            await consent(faces, member)
        assert str(caught.value) == "mina belongs to Mina; only they may say what they consent to."
    with pytest.raises(NotFound):
        await consent(faces, ADA)
    assert len(record(folder)["consents"]) == 1  # type: ignore[arg-type]


async def test_for_whom_was_laid_by_hand_an_operator_says_it_and_they_stay_everybodys(
    faces: Faces, folder: Path
) -> None:
    by_hand(folder)
    with pytest.raises(NotYours) as caught:
        await consent(faces, THEO, name="grace")
    assert str(caught.value) == "grace is everybody's; an operator may say what they consent to."
    person = await consent(faces, OPERATOR, Scope.WALL, AHEAD, "grace")
    assert (person.owner_id, person.shared, person.on_wall, person.guild_id) == (None, True, True, None)
    assert faces.names(ADA) == faces.names(ELSEWHERE) == ["grace"]
    assert record(folder, "grace")["owner_id"] is None
    with pytest.raises(NotYours, match="laid in the faces folder by hand"):
        await faces.remove(OPERATOR, "grace")


async def test_once_it_has_expired_nobody_draws_them_and_the_sentence_says_so(faces: Faces, folder: Path) -> None:
    await add(faces, shared=True)
    by_hand(folder)
    for member, name, who in ((MINA, "mina", "Who added them"), (OPERATOR, "grace", "An operator")):
        await consent(faces, member, end=PAST, name=name)
        sentence = (
            f"The consent for {name} ended on 2026-05-31 (UTC), so nobody may draw them. "
            f"{who} can renew it with /faces consent."
        )
        for asking in (
            faces.drawable(name, THEO),
            faces.drawable(name, None),
            faces.photos(name, THEO),
            faces.photos(name, None),
            faces.person(THEO, name),
            faces.album(name, member),
        ):
            with pytest.raises(ConsentEnded) as caught:
                await asking
            assert str(caught.value) == sentence
    assert faces.names(None) == faces.names(THEO) == faces.names(MINA) == []
    assert await faces.people(THEO) == []
    assert [person.name for person in await faces.everybody()] == ["grace", "mina"]
    assert not any(person.on_wall for person in await faces.everybody())


async def test_whose_person_has_expired_is_told_nobody_who_could_not_draw_them(faces: Faces) -> None:
    await add(faces, shared=False)
    await consent(faces, end=PAST)
    for asking in (faces.drawable("mina", THEO), faces.person(THEO, "mina"), faces.photos("mina", ADA)):
        with pytest.raises(NotFound):
            await asking


async def test_the_owner_still_sees_who_has_expired_and_can_renew_or_remove_but_not_add_or_share(
    faces: Faces, folder: Path
) -> None:
    added = await add(faces, MINA, "mina", picture(1), picture(2))
    await consent(faces, end=PAST)
    (person,) = await faces.people(MINA)
    assert person.expired and person == await faces.person(MINA, "Mina")
    with pytest.raises(ConsentEnded):
        await add(faces, MINA, "mina", picture(3))
    with pytest.raises(ConsentEnded):
        await faces.share(MINA, "mina", True)
    assert not (await faces.share(MINA, "mina", False)).shared
    assert (await faces.remove(MINA, "mina", "photo 1")).photos == (sorted(added.files)[0],)
    assert len(files(folder / "mina")) == 2
    renewed = await consent(faces, end=AHEAD)
    assert not renewed.expired
    assert (await faces.drawable("mina", MINA)) == renewed


async def test_whose_consent_ends_while_a_job_is_drawn_is_not_drawn_again(faces: Faces) -> None:
    await add(faces)
    sitters = Sitters(faces, MINA)
    assert await sitters.photos(["mina"])
    await consent(faces, end=datetime.now(UTC))
    with pytest.raises(ConsentEnded):
        await sitters.photos(["mina"])


# --- revoked


async def test_who_is_revoked_is_drawn_by_nobody_at_once_and_gone_when_they_are_deleted(
    faces: Faces, folder: Path
) -> None:
    await add(faces, shared=True)
    person = await faces.revoke(MINA, "mina")
    assert person.expired
    with pytest.raises(ConsentEnded):
        await faces.drawable("mina", THEO)
    assert await revoked(faces) == [person]
    with pytest.raises(ConsentEnded) as caught:
        await consent(faces, end=AHEAD)
    assert str(caught.value) == "The consent for mina was revoked, and what is left of them is being deleted."
    assert await faces.revoke(MINA, "mina") == person  # begun again after it failed
    await faces.delete("mina")
    await faces.delete("mina")
    assert (await revoked(faces), files(folder)) == ([], [])


async def test_nobody_is_deleted_who_is_not_revoked(faces: Faces) -> None:
    await add(faces)
    await faces.delete("mina")
    await faces.delete("../mina")
    await faces.delete("nobody")
    assert faces.names(None) == ["mina"]


async def test_the_owner_revokes_or_an_operator_of_their_server(faces: Faces, folder: Path) -> None:
    by_hand(folder)
    await add(faces, shared=True)
    for member, name, sentence in (
        (THEO, "mina", "mina belongs to Mina; only they or an operator may revoke the consent."),
        (THEO, "grace", "grace is everybody's; only an operator may revoke the consent."),
    ):
        with pytest.raises(NotYours) as caught:
            await faces.revoke(member, name)
        assert str(caught.value) == sentence
    with pytest.raises(NotFound):  # of another server
        await faces.revoke(ELSEWHERE, "mina")
    await faces.revoke(OPERATOR, "mina")
    await faces.revoke(ELSEWHERE, "grace")
    assert [person.name for person in await revoked(faces)] == ["grace", "mina"]


# --- damaged records


@pytest.mark.parametrize(
    "damage",
    [
        {"scope": "everything"},
        {"scope": None},
        {"expires_at": "soon"},
        {"expires_at": 5},
        {"expires_at": "2027-01-01T00:00:00"},  # in no time zone
        {"revoked": "no"},
        {"owner_id": None},  # but a name
        {"owner_id": None, "owner_name": None, "shared": False},
        {"consents": [{"statement": "x"}]},
        {"something": "else"},
    ],
)
async def test_beside_a_damaged_record_photos_are_nobodys(
    faces: Faces, folder: Path, damage: dict[str, object]
) -> None:
    await add(faces)
    (folder / "mina" / "person.json").write_text(json.dumps(record(folder) | damage))
    assert await faces.everybody() == []
    with pytest.raises(NotFound):
        await faces.drawable("mina", None)


@given(
    scope=st.sampled_from(Scope),
    end=st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    statement=st.text(max_size=50),
    name=st.text(max_size=20),
    number=st.integers(0, 2**63),
)
def test_a_record_says_after_the_disk_what_it_said_before(
    scope: Scope, end: datetime | None, statement: str, name: str, number: int
) -> None:
    member = Member(number, name.encode("utf-8", "replace").decode(), guild_id=number)
    kept = Record.begun_by(member).consented(
        member, ["a.png"], scope, end, statement.encode("utf-8", "replace").decode()
    )
    assert Record.from_json(kept.as_json()) == kept
    person = kept.person("mina", ("a.png",))
    assert (person.scope, person.expires_at) == (scope, end)
    assert person.expired is (end is not None and end <= datetime.now(UTC))
    assert Record.from_json(kept.withdrawn().as_json()).person("mina", ()).expired
