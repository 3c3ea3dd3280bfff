"""The lint says of each photo, and of all together, what to do; the rules of who may use whom."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadName
from bot.domain.job import Member
from bot.domain.person import (
    ALIKE,
    ONE_ANGLE,
    SMALLEST_FACE,
    FaceSeen,
    Person,
    PhotoSeen,
    Verdict,
    checked_name,
    completions,
    lint,
    short_name,
    verdict,
)
from sweeps.errors import SweepError
from sweeps.parameters import CATALOGUE

FACE = FaceSeen((100, 100, 300, 300), 0.9, "F", 0.0, False, (1.0, 0.0, 0.0))
UNCHECKED = "Likeness and angles were not checked: the face model on this machine finds faces and measures no more."


def photo(*faces: FaceSeen) -> PhotoSeen:
    return PhotoSeen(640, 480, faces)


def turned(yaw: float, embedding: tuple[float, ...] | None = FACE.embedding) -> PhotoSeen:
    return photo(replace(FACE, yaw=yaw, embedding=embedding))


WELL = [("a", turned(-0.3)), ("b", turned(0.0)), ("c", turned(0.3))]


def said(photos: list[tuple[str, PhotoSeen | None]]) -> list[str]:
    return [finding.text for finding in lint(photos)]


def test_good_photos_leave_nothing_to_say() -> None:
    assert said(WELL) == []
    assert verdict(lint(WELL), "a") == (Verdict.GOOD, "good")


@pytest.mark.parametrize(
    ("seen", "sentence", "worst", "words"),
    [
        (None, "x.png: this file cannot be opened as a picture. Remove it.", Verdict.USELESS, "cannot be opened"),
        (
            photo(),
            "x.png: no face was found. Take a photo with a larger face, turned towards the camera.",
            Verdict.USELESS,
            "no face",
        ),
        (
            photo(FACE, replace(FACE, box=(0, 0, 40, 40), blurred=True, embedding=(0.0, 1.0, 0.0))),
            "x.png: 2 faces were found, and the largest counts. Crop it to the person you mean.",
            Verdict.FLAWED,
            "2 faces",
        ),
        (
            photo(replace(FACE, box=(10, 10, 10 + SMALLEST_FACE - 0.5, 200))),
            "x.png: the face is only 111 × 190 pixels; it should have 112 a side. Take a closer or larger photo.",
            Verdict.FLAWED,
            "small face",
        ),
        (
            photo(replace(FACE, blurred=True)),
            "x.png: the face is blurred. Take a sharper photo.",
            Verdict.FLAWED,
            "blurred",
        ),
    ],
)
def test_each_fault_of_a_photo_is_one_sentence_with_its_name(
    seen: PhotoSeen | None, sentence: str, worst: Verdict, words: str
) -> None:
    photos = [*WELL, ("x.png", seen)]
    assert said(photos) == [sentence]
    assert verdict(lint(photos), "x.png") == (worst, words)
    assert verdict(lint(photos), "a") == (Verdict.GOOD, "good")


def test_what_just_suffices_is_no_fault() -> None:
    edge = replace(FACE, box=(0, 0, SMALLEST_FACE, SMALLEST_FACE))
    assert said([*WELL, ("x", photo(edge))]) == []


def test_all_faults_of_a_photo_are_told_and_the_worst_decides() -> None:
    face = replace(FACE, box=(0, 0, 50, 50), blurred=True, embedding=(0.0, 1.0, 0.0))
    photos = [*WELL, ("x", photo(face))]
    assert verdict(lint(photos), "x") == (Verdict.USELESS, "small face, blurred, looks like somebody else")


def test_the_odd_one_out_is_named_and_only_that_one() -> None:
    photos = [*WELL, ("d", turned(0.1, (0.1, 1.0, 0.0)))]
    assert said(photos) == ["d: this face does not look like the others. If it is somebody else, remove the photo."]


def test_two_strangers_among_many_are_both_named_also_when_they_are_one_person() -> None:
    photos = [*WELL, ("d", turned(0.1, (0.9, 0.2, 0.0))), ("e", turned(0.1, (0.0, 1.0, 0.0)))]
    photos.append(("f", turned(0.1, (0.0, 2.0, 0.0))))
    assert [finding.photo for finding in lint(photos)] == ["e", "f"]


def test_the_length_of_an_embedding_says_nothing() -> None:
    photos = [
        (name, turned(yaw, (length, 0.0, 0.0))) for name, yaw, length in (("a", -1, 9), ("b", 0, 20), ("c", 1, 1))
    ]
    assert said(photos) == []


@pytest.mark.parametrize(("cosine", "found"), [(ALIKE + 0.01, 0), (ALIKE - 0.01, 1)])
def test_a_photo_counts_as_the_same_person_from_a_cosine_of_a_quarter(cosine: float, found: int) -> None:
    other = (cosine, (1 - cosine**2) ** 0.5, 0.0)
    assert len(lint([*WELL, ("d", turned(0.0, other))])) == found


def test_without_a_majority_nobody_is_called_odd() -> None:
    photos = [(name, turned(yaw, axis)) for name, yaw, axis in zip("abc", (-1, 0, 1), AXES, strict=True)]
    assert said(photos) == [
        "The photos do not agree on one person. Keep those of the one you mean and remove the others."
    ]


AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def test_two_photos_are_too_few_to_call_one_of_them_odd() -> None:
    photos = [("a", turned(0, AXES[0])), ("b", turned(1, AXES[1]))]
    assert said(photos) == ["Only 2 photos: a likeness takes 3 or more. Add 1 more."]


@pytest.mark.parametrize(
    ("faces", "others", "sentence"),
    [
        (1, 0, "Only 1 photo: a likeness takes 3 or more. Add 2 more."),
        (1, 3, "Only 1 of 4 photos shows a face: a likeness takes 3 or more. Add 2 more."),
        (2, 1, "Only 2 of 3 photos show a face: a likeness takes 3 or more. Add 1 more."),
        (0, 2, "No photo shows a face: a likeness takes 3 or more. Add 3 more."),
    ],
)
def test_too_few_faces_are_counted(faces: int, others: int, sentence: str) -> None:
    photos = WELL[:faces] + [(f"x{number}", photo()) for number in range(others)]
    assert said(photos)[-1] == sentence


@pytest.mark.parametrize(("spread", "found"), [(ONE_ANGLE - 0.01, True), (ONE_ANGLE + 0.01, False)])
def test_one_angle_only_is_told(spread: float, found: bool) -> None:
    text = "All photos show the face from about the same angle. Add one turned to the left and one to the right."
    assert (text in said([("a", turned(0)), ("b", turned(spread / 2)), ("c", turned(spread))])) is found


def test_what_this_machine_cannot_check_is_said_and_is_no_fault() -> None:
    plain = photo(replace(FACE, yaw=None, embedding=None, sex=None))
    found = lint([("a", plain), ("b", plain), ("c", plain)])
    assert [finding.text for finding in found] == [UNCHECKED]
    assert found[0].verdict is Verdict.GOOD
    only_boxes_and_points = [(name, turned(yaw, None)) for name, yaw in (("a", -0.3), ("b", 0.0), ("c", 0.3))]
    assert said(only_boxes_and_points)[0].startswith("Likeness was not checked: ")
    assert said([(name, photo(replace(FACE, yaw=None))) for name in "abc"])[0].startswith("Angles were not checked: ")


MINA, THEO, ADA = Member(1, "Mina", guild_id=7), Member(2, "Theo", guild_id=7), Member(3, "Ada", guild_id=8)
PERSON = Person("mina", 1, "Mina", 7, False, None, ("a.png",))


@pytest.mark.parametrize(
    ("person", "member", "usable", "kept"),
    [
        (PERSON, MINA, True, True),
        (PERSON, replace(MINA, guild_id=8), True, True),
        (PERSON, THEO, False, False),
        (PERSON, replace(THEO, operator=True), False, True),
        (PERSON, replace(ADA, operator=True), False, False),
        (replace(PERSON, shared=True), THEO, True, False),
        (replace(PERSON, shared=True), ADA, False, False),
        (replace(PERSON, shared=True, guild_id=None), replace(THEO, guild_id=None), False, False),
        (replace(PERSON, guild_id=None), replace(THEO, guild_id=None, operator=True), False, False),
        (replace(PERSON, owner_id=None, guild_id=None, shared=True), ADA, True, False),
        (replace(PERSON, owner_id=None, guild_id=None, shared=True), replace(ADA, operator=True), True, False),
    ],
)
def test_who_may_draw_a_person_and_who_keeps_their_photos(
    person: Person, member: Member, usable: bool, kept: bool
) -> None:
    assert (person.usable_by(member), person.kept_by(member)) == (usable, kept)


@pytest.mark.parametrize("name", ["mina", "Team Ada", "Zoë 2.0", "李雷", "a-b_c", "x" * 64])
def test_a_name_is_kept_as_it_is(name: str) -> None:
    assert checked_name(f" {name} ") == name


BAD_NAMES = [
    "",
    " ",
    ".",
    "..",
    ".hidden",
    "a/b",
    "a\\b",
    "a:b",
    "a*",
    "a?",
    "a,b",
    "a\nb",
    "a\0b",
    "x" * 65,
    "a\u202eb",
]


@pytest.mark.parametrize("name", [*BAD_NAMES, "😀" * 64, "None", "nobody", "a\u200bb", "a\ud800"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(BadName, match="cannot be a person's name: "):
        checked_name(name)


def test_the_sentence_of_a_bad_name_is_exact() -> None:
    with pytest.raises(BadName) as caught:
        checked_name("../etc")
    assert str(caught.value) == (
        '"../etc" cannot be a person\'s name: take 1 to 64 characters in one line, none of them '
        "a comma or one of / \\ : * ?, and no dot at the beginning."
    )


@given(st.text(max_size=80))
def test_every_accepted_name_is_a_face_folder_of_one_person_and_stays_itself(text: str) -> None:
    try:
        name = checked_name(text)
    except BadName:
        return
    assert checked_name(name) == name
    assert CATALOGUE["face_folder"].check(name) == name
    assert len(name.encode()) <= 200
    assert not set(name) & set("/\\:*?,\0\n\t")


@given(st.text(alphabet="ab ./\\:*?,é", max_size=12))
def test_what_face_folder_refuses_is_no_name(text: str) -> None:
    try:
        CATALOGUE["face_folder"].check(text)
    except SweepError:
        with pytest.raises(BadName):
            checked_name(text)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["ada", "mina", "Team"]),
        ("m", ["mina", "Team"]),
        ("mina, ", ["mina, ada", "mina, Team"]),
        ("MINA,t", ["MINA, Team"]),
        ("nobody", []),
    ],
)
def test_a_list_of_people_is_completed_at_its_last_name(typed: str, offered: list[str]) -> None:
    assert completions(typed, ["ada", "mina", "Team"]) == offered


def test_a_photo_is_called_by_the_beginning_of_its_hash_or_by_its_own_name() -> None:
    assert short_name("0123abcd" * 8 + ".png") == "0123abcd"
    assert short_name("holiday.jpg") == "holiday.jpg"


def test_a_photo_is_called_by_its_place_too_as_the_pipeline_counts_them() -> None:
    person = replace(PERSON, photos=("0123abcd" * 8 + ".png", "holiday.jpg"))
    assert [person.called(photo) for photo in person.photos] == ["photo 1 (0123abcd)", "photo 2 (holiday.jpg)"]
