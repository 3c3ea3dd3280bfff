"""A person: whose face it is, who may use it, and what is to be said of the photos."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from bot.domain.errors import BadName
from bot.domain.job import Member
from sweeps.errors import SweepError
from sweeps.parameters import CATALOGUE
from sweeps.words import quote

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NOBODY = frozenset({"", '""', "none", "nobody"})
"""What says instead of a name that nobody is meant; none of it can be a person's name."""

CONSENT = "I may use this person's photos for pictures here."
"""What a member agrees to with each photo; kept with the photos, with who agreed and when."""

CONSENT_WALL = "I may use this person's photos for pictures here, and show both on the wall."
"""The same for whom the wall shows too."""

MOST_PHOTOS = 16
"""As many photos as `face_id_weight` can count; a folder laid by hand may hold more, and the first ones count."""
NAME_BYTES = 200
"""What a folder's name may take on every file system, with room for a temporary name's ending."""

FEW_PHOTOS = 3
SMALLEST_FACE = 112
"""Pixels a side: what face recognition looks at. A smaller face is scaled up, and its features are guessed."""
ALIKE = 0.25
"""Cosine of identity embeddings (arXiv:1801.07698): one person's photos mostly lie above it, two strangers' below."""
ONE_ANGLE = 0.2
"""Yaw runs from -1 to 1; photos that all lie within this range show the face from one angle only."""


class Scope(StrEnum):
    """What a person's pictures may be used for: drawn and posted in channels, or shown on the wall too."""

    DRAW = "draw"
    WALL = "wall"

    @property
    def statement(self) -> str:
        """What a member agrees to who records it."""
        return CONSENT_WALL if self is Scope.WALL else CONSENT


@dataclass(frozen=True)
class FaceSeen:
    """One face of a photo. `box` is x1, y1, x2, y2 in pixels; `embedding` is raw, None where none is computed."""

    box: tuple[float, float, float, float]
    score: float
    sex: str | None
    yaw: float | None
    blurred: bool
    embedding: tuple[float, ...] | None

    @property
    def sides(self) -> tuple[float, float]:
        """Width and height of the box in pixels."""
        return self.box[2] - self.box[0], self.box[3] - self.box[1]

    @property
    def area(self) -> float:
        width, height = self.sides
        return width * height


@dataclass(frozen=True)
class PhotoSeen:
    """What is seen in one upright photo of `width` x `height` pixels; faces from left to right."""

    width: int
    height: int
    faces: tuple[FaceSeen, ...]

    @property
    def largest(self) -> FaceSeen | None:
        """The face that counts."""
        return max(self.faces, key=lambda face: face.area, default=None)


@dataclass(frozen=True)
class Person:
    """Someone with photos. Without an owner the operator laid the folder by hand, and it is everybody's.

    `photos` are file names in order; `guild_id` is where the person was added, and shared when it is shared. Consent
    holds until `expires_at` (None: until it is revoked), for what `scope` says. Who is `revoked` is about to be
    deleted.
    """

    name: str
    owner_id: int | None
    owner_name: str | None
    guild_id: int | None
    shared: bool
    added_at: datetime | None
    photos: tuple[str, ...]
    scope: Scope = Scope.DRAW
    expires_at: datetime | None = None
    revoked: bool = False

    @property
    def expired(self) -> bool:
        """Whether consent held for a time that is over."""
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)

    @property
    def on_wall(self) -> bool:
        """Whether consent, as it stands now, is for the wall too."""
        return self.scope is Scope.WALL and not self.expired

    @property
    def shown_since(self) -> datetime:
        """Only what was drawn from then on may be shown as theirs: what is older is of who had the name before.

        A folder without an owner was laid by hand, and its name is the operator's own doing.
        """
        return EPOCH if self.owner_id is None or self.added_at is None else self.added_at

    def usable_by(self, member: Member) -> bool:
        """Whether the member may draw them, within consent: a person of their own, of their server, or everybody's."""
        return self.open_to(member) and not self.expired

    def open_to(self, member: Member) -> bool:
        """Whether the member might draw them while there is consent."""
        if self.owner_id is None or self.owner_id == member.id:
            return True
        return self.shared and self.guild_id is not None and self.guild_id == member.guild_id

    def called(self, photo: str) -> str:
        """How one of the photos is called: "photo 2 (50ab9881)", the second in the order in which they are read."""
        return f"photo {self.photos.index(photo) + 1} ({short_name(photo)})"

    def kept_by(self, member: Member) -> bool:
        """Whether the member may add and remove photos: the owner, or an operator of the server it was added on."""
        if self.owner_id is None:
            return False
        here = self.guild_id is not None and self.guild_id == member.guild_id
        return self.owner_id == member.id or (member.operator and here)

    def vouched_by(self, member: Member) -> bool:
        """Whether the member may say what they consent to: the owner, or any operator where there is no owner."""
        return member.operator if self.owner_id is None else self.owner_id == member.id

    def told_to(self, member: Member) -> bool:
        """Whether the member hears of them: who may draw them, change their photos or say what they consent to."""
        return self.usable_by(member) or self.kept_by(member) or self.vouched_by(member)


@dataclass(frozen=True)
class Added:
    """A person after photos were added: the file each upload became, and those that were there before.

    `narrowed` tells that the person is not for the wall any more: an operator cannot agree to that for new photos.
    """

    person: Person
    files: tuple[str, ...]
    known: frozenset[str]
    narrowed: bool = False


@dataclass(frozen=True)
class Receipt:
    """What was deleted of a person: these photos and what was agreed to for them; with `whole` the person's folder."""

    person: Person
    photos: tuple[str, ...]
    whole: bool


def checked_name(text: str) -> str:
    """A person's name as it is kept; the rule is that of `face_folder`, for one name. Raises BadName."""
    name = unicodedata.normalize("NFC", text.strip())
    try:
        fits = bool(name) and CATALOGUE["face_folder"].check(name) == name and "," not in name
    except SweepError:
        fits = False
    if fits and is_nobody(name):
        raise BadName(f"{quote(text)} cannot be a person's name: it says that nobody is meant.")
    if fits and len(name.encode()) > NAME_BYTES:
        raise BadName(f"{quote(text)} cannot be a person's name: it is too long for a folder's.")
    if not fits or not name.isprintable():
        raise BadName(
            f"{quote(text)} cannot be a person's name: take 1 to 64 characters in one line, none of them a comma or "
            "one of / \\ : * ?, and no dot at the beginning."
        )
    return name


def is_nobody(text: str) -> bool:
    """Whether what was typed for a person says that nobody is meant."""
    return text.strip().lower() in NOBODY


def same_name(name: str) -> str:
    """What two names share when they differ in upper and lower case alone."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def completions(typed: str, names: Iterable[str]) -> list[str]:
    """What a typed list of people ("mina, th") may become when its last name is one of `names`."""
    *before, last = (name.strip() for name in typed.split(","))
    taken = {same_name(name) for name in before}
    left = [name for name in names if same_name(name) not in taken and same_name(last) in same_name(name)]
    return [", ".join((*before, name)) for name in left]


def short_name(photo: str) -> str:
    """How a photo is called: the first 8 characters of its content's hash, or the name it was laid there with."""
    stem = photo.rpartition(".")[0]
    hashed = len(stem) == 64 and set(stem) <= set("0123456789abcdef")
    return stem[:8] if hashed else photo


class Verdict(StrEnum):
    """How useful one photo is, best first."""

    GOOD = "good"
    FLAWED = "flawed"
    USELESS = "useless"


@dataclass(frozen=True)
class Finding:
    """One thing to mend. `photo` is its name, None where it is about all of them.

    `word` is the finding in a word or two, for a caption; `text` a sentence that begins with the photo's name.
    """

    photo: str | None
    verdict: Verdict
    word: str
    text: str


def lint(photos: Sequence[tuple[str, PhotoSeen | None]]) -> tuple[Finding, ...]:
    """What is to be mended in a person's photos, by name; None is a photo that cannot be opened.

    First what is wrong with single photos in their order, then what is missing in all of them together. Empty: well.
    """
    odd = _odd([(name, face.embedding) for name, face in _faces(photos) if face.embedding])
    found: list[Finding] = []
    for name, seen in photos:
        found.extend(_of_one(name, seen))
        if odd and name in odd:
            found.append(
                Finding(
                    name,
                    Verdict.USELESS,
                    "looks like somebody else",
                    f"{name}: this face does not look like the others. If it is somebody else, remove the photo.",
                )
            )
    return (*found, *_of_all(photos, agree=odd is not None))


def verdict(findings: Iterable[Finding], photo: str) -> tuple[Verdict, str]:
    """One photo's worst verdict, and all that was found of it in a few words."""
    own = [finding for finding in findings if finding.photo == photo]
    if not own:
        return Verdict.GOOD, "good"
    return max((finding.verdict for finding in own), key=list(Verdict).index), ", ".join(each.word for each in own)


def _faces(photos: Sequence[tuple[str, PhotoSeen | None]]) -> list[tuple[str, FaceSeen]]:
    """The face that counts of each photo that has one."""
    return [(name, seen.largest) for name, seen in photos if seen is not None and seen.largest is not None]


def _of_one(name: str, seen: PhotoSeen | None) -> list[Finding]:
    if seen is None:
        text = f"{name}: this file cannot be opened as a picture. Remove it."
        return [Finding(name, Verdict.USELESS, "cannot be opened", text)]
    face = seen.largest
    if face is None:
        text = f"{name}: no face was found. Take a photo with a larger face, turned towards the camera."
        return [Finding(name, Verdict.USELESS, "no face", text)]
    found = []
    if len(seen.faces) > 1:
        text = f"{name}: {len(seen.faces)} faces were found, and the largest counts. Crop it to the person you mean."
        found.append(Finding(name, Verdict.FLAWED, f"{len(seen.faces)} faces", text))
    if min(face.sides) < SMALLEST_FACE:
        width, height = (math.floor(side) for side in face.sides)
        text = (
            f"{name}: the face is only {width} × {height} pixels; it should have {SMALLEST_FACE} a side. "
            "Take a closer or larger photo."
        )
        found.append(Finding(name, Verdict.FLAWED, "small face", text))
    if face.blurred:
        text = f"{name}: the face is blurred. Take a sharper photo."
        found.append(Finding(name, Verdict.FLAWED, "blurred", text))
    return found


def _of_all(photos: Sequence[tuple[str, PhotoSeen | None]], *, agree: bool) -> list[Finding]:
    faces = [face for _, face in _faces(photos)]
    yaws = [face.yaw for face in faces if face.yaw is not None]
    found = []
    if len(faces) < FEW_PHOTOS:
        more = FEW_PHOTOS - len(faces)
        text = f"{_how_few(len(faces), len(photos))}: a likeness takes {FEW_PHOTOS} or more. Add {more} more."
        found.append(Finding(None, Verdict.FLAWED, "few photos", text))
    if not agree:
        text = "The photos do not agree on one person. Keep those of the one you mean and remove the others."
        found.append(Finding(None, Verdict.FLAWED, "different people", text))
    if len(yaws) >= FEW_PHOTOS and max(yaws) - min(yaws) < ONE_ANGLE:
        text = "All photos show the face from about the same angle. Add one turned to the left and one to the right."
        found.append(Finding(None, Verdict.FLAWED, "one angle", text))
    unchecked = [
        *([] if any(face.embedding for face in faces) else ["likeness"]),
        *([] if yaws else ["angles"]),
    ]
    if faces and unchecked:
        were = f"{' and '.join(unchecked).capitalize()} {'was' if unchecked == ['likeness'] else 'were'} not checked"
        text = f"{were}: the face model on this machine finds faces and measures no more."
        found.append(Finding(None, Verdict.GOOD, "not checked", text))
    return found


def _how_few(faces: int, photos: int) -> str:
    if not faces:
        return "No photo shows a face"
    if faces < photos:
        return f"Only {faces} of {photos} photos {'shows' if faces == 1 else 'show'} a face"
    return f"Only {faces} photo{'' if faces == 1 else 's'}"


def _odd(embeddings: Sequence[tuple[str, tuple[float, ...]]]) -> frozenset[str] | None:
    """The photos whose face differs from the one that most photos agree on; None when no majority agrees."""
    if len(embeddings) < FEW_PHOTOS:
        return frozenset()
    units = [_unit(embedding) for _, embedding in embeddings]
    alike = [[number for number, other in enumerate(units) if _dot(unit, other) >= ALIKE] for unit in units]
    majority = max(alike, key=len)
    if 2 * len(majority) <= len(units):
        return None
    odd = []
    for number, (name, _) in enumerate(embeddings):
        others = [units[other] for other in majority if other != number]
        mean = _unit([sum(axis) for axis in zip(*others, strict=True)])
        if _dot(units[number], mean) < ALIKE:
            odd.append(name)
    return frozenset(odd)


def _unit(vector: Sequence[float]) -> tuple[float, ...]:
    length = math.hypot(*vector)
    return tuple(value / length for value in vector) if length else tuple(vector)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(left * right for left, right in zip(one, other, strict=True))
