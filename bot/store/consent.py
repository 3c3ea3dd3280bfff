"""The record beside a person's photos: whose they are, who may draw them, and who agreed to what, when."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from bot.domain.job import Member
from bot.domain.person import Person


@dataclass(frozen=True)
class Consent:
    """What a member agreed to when they added these photos; `at` is a time in ISO 8601."""

    statement: str
    member_id: int
    member: str
    at: str
    photos: tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """A person's owner, the server they were added (or shared) on, and every consent that is still in use."""

    owner_id: int
    owner_name: str
    guild_id: int | None
    shared: bool
    added_at: str
    consents: tuple[Consent, ...] = ()

    @classmethod
    def begun_by(cls, member: Member) -> "Record":
        """The record of a new person, not shared, without photos."""
        return cls(member.id, member.name, member.guild_id, False, _now())

    @classmethod
    def from_json(cls, text: bytes) -> "Record":
        """The reverse of `as_json`. Raises ValueError: it is damaged, or somebody wrote it by hand."""
        try:
            fields = json.loads(text)
            consents = tuple(
                Consent(**{**consent, "photos": tuple(consent["photos"])}) for consent in fields.pop("consents")
            )
            record = cls(**fields, consents=consents)
            datetime.fromisoformat(record.added_at)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"the record cannot be read: {error}") from error
        whole = [record.owner_id, *([] if record.guild_id is None else [record.guild_id])]
        if any(type(number) is not int for number in whole) or type(record.shared) is not bool:
            raise ValueError("the record holds values of other kinds than were written")
        return record

    def as_json(self) -> bytes:
        """For a file that a person can read."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()

    def with_photos(self, member: Member, photos: Sequence[str], statement: str) -> "Record":
        """The record after the member agreed to the statement for these photos."""
        consent = Consent(statement, member.id, member.name, _now(), tuple(photos))
        return replace(self, consents=(*self.consents, consent))

    def without_photo(self, photo: str) -> "Record":
        """The record after that photo was deleted; a consent for no photo goes too."""
        left = (
            replace(consent, photos=tuple(each for each in consent.photos if each != photo))
            for consent in self.consents
        )
        return replace(self, consents=tuple(consent for consent in left if consent.photos))

    def shared_on(self, guild_id: int | None, shared: bool) -> "Record":
        """The record of a person who is shared on that server now, or no longer."""
        return replace(self, shared=shared, guild_id=guild_id if shared else self.guild_id)

    def person(self, name: str, photos: tuple[str, ...]) -> Person:
        """The person that this record and these photos make."""
        added_at = datetime.fromisoformat(self.added_at)
        return Person(name, self.owner_id, self.owner_name, self.guild_id, self.shared, added_at, photos)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
