"""The record beside a person's photos: whose they are, who may draw them, and who agreed to what, when."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from bot.domain.job import Member
from bot.domain.person import Person, Scope


@dataclass(frozen=True)
class Consent:
    """What a member agreed to for these photos; `at` is a time in ISO 8601.

    `scope` and `expires_at` (ISO 8601, None: no end) are what held for the person from then on.
    """

    statement: str
    member_id: int
    member: str
    at: str
    photos: tuple[str, ...]
    scope: str = Scope.DRAW.value
    expires_at: str | None = None


@dataclass(frozen=True)
class Record:
    """A person's owner, the server they were added (or shared) on, and every consent that was given for photos of them.

    Without an owner it goes with photos that an operator laid there by hand, and they are everybody's. What holds now
    is `scope`, until `expires_at`; `revoked` is who is about to be erased.
    """

    owner_id: int | None
    owner_name: str | None
    guild_id: int | None
    shared: bool
    added_at: str
    consents: tuple[Consent, ...] = ()
    scope: str = Scope.DRAW.value
    expires_at: str | None = None
    revoked: bool = False

    @classmethod
    def begun_by(cls, member: Member) -> "Record":
        """The record of a new person, not shared, without photos."""
        return cls(member.id, member.name, member.guild_id, False, _now())

    @classmethod
    def of_nobody(cls) -> "Record":
        """The record of a person whose photos were laid there by hand."""
        return cls(None, None, None, True, _now())

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
            for scope, until in [(record.scope, record.expires_at), *((c.scope, c.expires_at) for c in consents)]:
                Scope(scope)
                if until is not None and datetime.fromisoformat(until).tzinfo is None:
                    raise ValueError(f"{until} has no time zone")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"the record cannot be read: {error}") from error
        whole = [number for number in (record.owner_id, record.guild_id) if number is not None]
        yes_or_no = (record.shared, record.revoked)
        if any(type(number) is not int for number in whole) or any(type(each) is not bool for each in yes_or_no):
            raise ValueError("the record holds values of other kinds than were written")
        if record.owner_id is None and (record.owner_name is not None or not record.shared):
            raise ValueError("the record has no owner, and says whose it is")
        return record

    def as_json(self) -> bytes:
        """For a file that a person can read."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()

    def with_photos(self, member: Member, photos: Sequence[str], statement: str) -> "Record":
        """The record after the member agreed to the statement for these photos."""
        consent = Consent(statement, member.id, member.name, _now(), tuple(photos), self.scope, self.expires_at)
        return replace(self, consents=(*self.consents, consent))

    def with_more(self, member: Member, photos: Sequence[str], statement: str) -> "Record":
        """The record after photos were added, for which the member agreed to the statement.

        What holds for the person holds for them too, and the statement of that is what an owner agrees to. Somebody
        else cannot agree to more than drawing, so that nothing more is agreed to from then on.
        """
        if Scope(self.scope) is Scope.DRAW:
            return self.with_photos(member, photos, statement)
        if member.id == self.owner_id:
            return self.with_photos(member, photos, Scope(self.scope).statement)
        return replace(self, scope=Scope.DRAW.value).with_photos(member, photos, statement)

    def consented(
        self, member: Member, photos: Sequence[str], scope: Scope, expires_at: datetime | None, statement: str
    ) -> "Record":
        """The record after the member agreed to the statement for all of the photos, for that scope and time."""
        until = expires_at.isoformat() if expires_at else None
        return replace(self, scope=scope.value, expires_at=until).with_photos(member, photos, statement)

    def withdrawn(self) -> "Record":
        """The record of a person whose consent ends now, and who is about to be erased."""
        return replace(self, expires_at=_now(), revoked=True)

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
        return Person(
            name,
            self.owner_id,
            self.owner_name,
            self.guild_id,
            self.shared,
            datetime.fromisoformat(self.added_at),
            photos,
            Scope(self.scope),
            datetime.fromisoformat(self.expires_at) if self.expires_at else None,
            self.revoked,
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
