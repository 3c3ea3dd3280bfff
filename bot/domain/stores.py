"""What the use cases remember, and where: settings, jobs, leases, the outbox, tokens, sessions. Each is a store."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.account import Act, Balance, Movement, Terms, WebSession
from bot.domain.erasure import Departure, Dropped, Erased, Foreseen, Withdrawal
from bot.domain.gate import Decided, Hit, Incident, Waiting
from bot.domain.job import Item, ItemState, Job, JobState, Layout, Lease, Leased, Member, Place, Progress, Quote, Start
from bot.domain.wall import Mark, Published
from sweeps.parameters import Value
from sweeps.recipe import Recipe


@dataclass(frozen=True)
class NewItem:
    """An item before its job has a number."""

    name: str
    rank: int
    recipe: Recipe
    at: Mapping[str, int] | None = None


class SettingsStore(Protocol):
    """What each member has set, what they typed lately, and their named presets."""

    async def of(self, member_id: int) -> dict[str, Value]: ...
    async def put(self, member_id: int, name: str, value: Value) -> None: ...
    async def reset(self, member_id: int, name: str | None = None) -> int: ...
    async def recent(self, member_id: int, name: str, limit: int = 10) -> list[Value]: ...
    async def replace(self, member_id: int, values: Mapping[str, Value]) -> None: ...
    async def save_preset(self, member_id: int, preset: str) -> int: ...
    async def load_preset(self, member_id: int, preset: str) -> dict[str, Value]: ...
    async def presets(self, member_id: int) -> list[str]: ...


class JobStore(Protocol):
    """Jobs and their items as they stand; quotes are made here."""

    async def create(
        self,
        *,
        kind: str,
        title: str,
        owner: Member,
        place: Place,
        items: Sequence[NewItem],
        urgent: bool = False,
        layout: Layout | None = None,
        quote: Quote | None = None,
        notes: Sequence[str] = (),
        spoiler: bool = False,
        keep: Callable[[], Awaitable[None]] | None = None,
    ) -> Job:
        """Store a quote and its items in one transaction; `keep` sees to it that a photo they begin with is there."""
        ...

    async def get(self, job_id: int) -> Job | None: ...
    async def items(self, job_id: int) -> list[Item]: ...
    async def progress(self, job_id: int) -> Progress: ...
    async def remarks(self, job_id: int) -> list[tuple[str, str]]: ...
    async def set_card(self, job_id: int, card_id: int) -> None: ...
    async def unended(self, member_id: int, limit: int = 25) -> list[Job]: ...
    async def retriable(self, member_id: int, limit: int = 25) -> list[Job]:
        """The member's own ended jobs of which images failed, the newest first."""
        ...

    async def drawn(self, member_id: int, limit: int = 25) -> list[Job]:
        """The member's own jobs of which there are pictures, the newest first."""
        ...

    async def dead(self, guild_id: int | None, limit: int = 15) -> list[Job]:
        """Jobs of that server that were set aside, the newest first."""
        ...


class Orders(Protocol):
    """What members have done with a job; each is one transaction, and the condition on its state is part of it.

    All but `accept` and `retry` may meet a job that another console holds: it learns of cancel, pause and resume at its
    next beat, of another order only when it takes the job up anew.
    """

    async def accept(self, job_id: int, terms: Terms) -> Leased:
        """A quote becomes queued, its price held, its lease this process's.

        Raises WrongState, TooFewTokens, LimitReached; the quote then stays as it was, and nothing is held.
        """
        ...

    async def retry(self, job_id: int, terms: Terms, tokens: int) -> Leased:
        """The failed items of an ended job wait again, at most `tokens` held for them. Raises as `accept` does."""
        ...

    async def cancel(self, job_id: int) -> Job:
        """A quote or job, in any state before its end: what has no outcome is cancelled, and the hold released.

        Raises WrongState.
        """
        ...

    async def pause(self, job_id: int) -> Job:
        """No further item is begun. Raises WrongState."""
        ...

    async def resume(self, job_id: int) -> Job:
        """A paused job goes on. Raises WrongState."""
        ...

    async def reorder(self, job_id: int, before: int | None) -> list[Job]:
        """Put an accepted job before another of the same owner (None: first); the owner's accepted jobs in order.

        Raises WrongState, NotFound.
        """
        ...


class Leases(Protocol):
    """What one worker may draw. Whoever lost a lease is refused with Fenced, and has changed nothing."""

    worker: str

    def held(self) -> AbstractAsyncContextManager["Leases"]:
        """Enrolled while the context is open; on the way out every lease is released, and others may go on at once."""
        ...

    async def beat(self) -> dict[int, tuple[int, JobState]]:
        """Say that this worker lives; its accepted jobs as they stand: (fence, state) by job."""
        ...

    async def claim(self, lost: Collection[int] = ()) -> tuple[list[Leased], list[Job]]:
        """Lease the accepted jobs that nobody living holds.

        Beside them, jobs that are to be told of: those that were set aside, and ended ones that the dead had not
        brought to their channels.

        `lost` are jobs that this worker holds and does not know of: their acceptance was cut short.
        """
        ...

    async def begin(self, lease: Lease, number: int) -> Start:
        """An item is about to be drawn; whether it is to be. Raises Fenced."""
        ...

    async def settle(
        self,
        lease: Lease,
        number: int,
        state: ItemState,
        *,
        image: str | None = None,
        remark: str | None = None,
        tokens: int = 0,
        hit: Hit | None = None,
        keep: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        """Record an item's outcome once, in one transaction: its state, what it costs, and that it is to be posted.

        With a `hit` it is behind a spoiler, or withheld: then it costs nothing, is not posted, and operators see it as
        an incident, with its image where there is one. `keep` sees to it that the image's file is there, while nobody
        may delete it. False (and nothing done) when it has an outcome already: it was cancelled. Raises Fenced.
        """
        ...

    async def end(self, lease: Lease) -> Job | None:
        """Give a job its end state and release what is left of its hold, if every item has an outcome; else None."""
        ...


@dataclass(frozen=True)
class Batch:
    """Pictures that go out in one message; `nonce` and `tried` (when first) tell of an attempt that came before."""

    items: Sequence[Item]
    nonce: str | None = None
    tried: datetime | None = None


class Owed(Protocol):
    """The outbox as it is stored: which pictures and sheets the channels are still owed."""

    async def next_batch(self, job_id: int, most: int, apart: str | None = None) -> Batch:
        """What goes out next: a message that was begun as it was, else the first pictures in display order.

        All of them lie at one place of the axis `apart`, if there is one. Without items where nothing is owed.
        """
        ...

    async def trying(self, job_id: int, numbers: Sequence[int], batch: str, before: str | None = None) -> bool:
        """These items' pictures go out together, under that nonce, also when another process tries again.

        False (and nothing done) when one of them was begun in another message, but for the one with the nonce `before`.
        """
        ...

    async def posted(self, job_id: int, numbers: Sequence[int], message_id: int) -> None: ...
    async def withhold(self, job_id: int, number: int, remark: str) -> None: ...
    async def sheets(self, job_id: int) -> dict[str, int]:
        """The messages of the sheets that are settled, by part; 0 where there is none and will be none."""
        ...

    async def sheet_tried(self, job_id: int, part: str) -> tuple[datetime, bool]:
        """A sheet is about to be posted; when that was first tried, and whether it was before."""
        ...

    async def sheet_posted(self, job: Job, part: str, message_id: int | None) -> bool:
        """Remember which message carries the sheet of that part; None: there is none and will be none.

        False where another one is owed by now: a picture was released meanwhile, which is not on this one.
        Nothing is done where the job has been tried again since: that will have a sheet of its own.
        """
        ...

    async def sheet_at(self, channel_id: int, message_id: int) -> tuple[Job, str] | None:
        """The job and the part whose sheet, as it is now, stands in that message."""
        ...

    async def delivered(self, job: Job, *, given_up: bool = False) -> bool:
        """Everything of this job has reached its channel.

        False (and nothing done) where it has been tried again since, or a picture of it is owed: one that an operator
        released a moment ago. Where the channel was `given_up` nobody waits for those.
        """
        ...

    async def undelivered(self) -> list[Job]:
        """Ended jobs whose results have not all been posted, in the order they were queued."""
        ...


class Accounts(Protocol):
    """Members' tokens, as they and their operators see them."""

    async def balance(self, member_id: int) -> Balance:
        """What the member has; on first use an account is opened with the starting tokens."""
        ...

    async def history(self, member_id: int, limit: int = 10) -> list[Movement]: ...
    async def grant(self, actor: Member, member_id: int, tokens: int, note: str, key: str) -> Balance:
        """Bring tokens to a member, or take some of the free ones back (negative), with a row in the audit log.

        `key` names the grant: what was made before under the same one is not made again. Raises Refusal where there are
        fewer to take back.
        """
        ...


class SessionRepository(Protocol):
    """Browsers' sessions; each has an account of its own until it is linked to a member."""

    async def create(self, data: Mapping[str, object], tokens: int, lifetime: timedelta) -> tuple[str, WebSession]:
        """A new anonymous session with that many tokens; the secret for its cookie, and the session."""
        ...

    async def find(self, secret: str) -> WebSession | None:
        """The session of that cookie, unless it has expired."""
        ...

    async def update(self, session_id: str, data: Mapping[str, object]) -> None: ...
    async def balance(self, session_id: str) -> Balance: ...
    async def code(self, member_id: int, lifetime: timedelta) -> str:
        """A one-time code for the member, in place of an earlier one."""
        ...

    async def link(self, session_id: str, code: str) -> tuple[str, WebSession]:
        """Join a session to the member whose code it is: its tokens become theirs, in one transaction.

        The session goes on under a new secret, which comes first: an older cookie is worth nothing from then on.
        Raises NotFound (no such session), Refusal (a code that is wrong, used or too old; already linked).
        """
        ...

    async def sign_in(self, session_id: str, member_id: int) -> tuple[str, WebSession]:
        """The same for a member whom Discord itself has named. Raises NotFound, Refusal (linked to somebody else)."""
        ...

    async def end(self, session_id: str) -> None:
        """Forget a session; what tokens it has of its own are lost to it."""
        ...


class AuditLog(Protocol):
    """Every privileged act, for good."""

    async def note(self, actor: Member, act: str, target: str, **detail: object) -> int:
        """Keep one act; the number by which more of it can be told."""
        ...

    async def amend(self, noted: int, **detail: object) -> None:
        """Tell more of an act that was noted before it was done."""
        ...

    async def unname(self, person: str, since: datetime | None) -> None:
        """Take a person's name off what was done about them since then (None: ever): nobody has it any more."""
        ...

    async def latest(self, limit: int = 20) -> list[Act]: ...
    async def last(self, target: str, acts: Collection[str]) -> Act | None:
        """The last of such acts that was done to that target."""
        ...


class Publications(Protocol):
    """What is on the wall, and what members think of it. Pictures are named by job and number."""

    async def publish(self, actor: Member, job_id: int, numbers: Collection[int] | None = None) -> int:
        """Put a job's drawn pictures on the wall (None: all of them); how many are new there."""
        ...

    async def take_down(self, job_id: int, numbers: Collection[int] | None = None, *, by: Member | None = None) -> int:
        """Take them off the wall again, with their marks; how many were there.

        Where an operator did it, `by` stands in the audit log, in the same transaction.
        """
        ...

    async def hide(self, actor: Member, job_id: int, number: int, hidden: bool) -> None:
        """Let nobody but operators see a picture, or everybody again. Raises NotFound.

        It stands in the audit log, in the same transaction.
        """
        ...

    async def star(self, job_id: int, number: int, member_id: int, starred: bool) -> Published:
        """Star a picture, or no longer; the picture as it stands. Raises NotFound."""
        ...

    async def rate(self, job_id: int, number: int, member_id: int, rating: int | None) -> Published:
        """Rate a picture from 1 to 5, or (None) take that back. Raises NotFound, ValueError."""
        ...

    async def mark(self, job_id: int, number: int, member_id: int) -> Mark:
        """What a member thinks of one picture."""
        ...

    async def starred(self, member_id: int) -> frozenset[tuple[int, int]]:
        """What a member has starred, by job and number."""
        ...

    async def changed(self, since: datetime | None = None) -> list[Published]:
        """All publications that changed at that moment or later, in the order of that; None: all that are not gone."""
        ...


class Incidents(Protocol):
    """What the gate withheld."""

    async def note(self, member: Member, hit: Hit, prompt: str) -> Incident:
        """A prompt that was refused before there was a job.

        Of a member's that nobody decides on only the latest wait; those before them are superseded.
        """
        ...

    async def get(self, incident_id: int) -> Incident | None: ...
    async def withheld(self, job_id: int, number: int) -> str | None:
        """That item's picture (SHA-256) where it is withheld, and there."""
        ...

    async def open(
        self, guild_id: int | None, limit: int = 25, *, after: int | None = None, drawn: bool | None = None
    ) -> list[Incident]:
        """What no operator of that server has decided on, the newest first; `after` an incident: what is older.

        `drawn` asks for those with a picture alone, or (False) for those without.
        """
        ...

    async def count(self, guild_id: int | None) -> tuple[int, int]:
        """How many are open on that server: with a picture, and without."""
        ...

    async def by_job(self, guild_id: int | None, limit: int = 25) -> list[Waiting]:
        """Of which jobs several withheld pictures are open on that server, the newest first."""
        ...

    async def release(self, actor: Member, incident_id: int) -> Job | None:
        """The picture becomes drawn and is owed to its channel, at no cost; its job, if it has one.

        Raises NotFound, WrongState (decided already). It stands in the audit log, in the same transaction.
        """
        ...

    async def delete(self, actor: Member, incident_id: int) -> Dropped:
        """The incident is closed, and its picture to be deleted. Raises and notes as above.

        The audit log tells of its files as left, until it is amended.
        """
        ...

    async def release_all(self, actor: Member, job_id: int, last: int, but: Collection[int] = ()) -> Decided:
        """As `release` does, all that is open of a job up to the incident `last`, but the items of those numbers.

        In one transaction, and one line of the audit log.
        """
        ...

    async def delete_all(self, actor: Member, job_id: int, last: int) -> Dropped:
        """As `delete` does, all withheld pictures of a job up to the incident `last`."""
        ...


class Erasures(Protocol):
    """Pictures that are to be gone: out of the records at once, out of the channels as Discord allows."""

    async def of_person(self, name: str, since: datetime | None = None) -> list[tuple[int, int]]:
        """Job and number of each picture that shows this person: drawn since then, or not drawn yet."""
        ...

    async def erase(self, pictures: Collection[tuple[int, int]], remark: str, *, renewing: bool = False) -> Erased:
        """Forget these pictures, in one transaction: image, wall entry, marks, incident, and what is owed of them.

        What still waits to be drawn fails. Each message that carries one of them, and each sheet that shows one, is to
        be withdrawn, or (`renewing`) another sheet to stand in its place; `remark` stands on their items from then on.
        """
        ...

    async def foreseen(self, job_id: int, number: int) -> Foreseen:
        """What of one picture an erasure would take away at this moment, beside its records and its file."""
        ...

    async def withdrawals(self) -> list[Withdrawal]:
        """What is still to be taken out of the channels, and off the disk, the oldest first."""
        ...

    async def withdrawn(self, done: Withdrawal) -> None:
        """It is out of its channel, or never will be; what its message is to lose since then stays."""
        ...

    async def clear(self, noted: Withdrawal, remove: Callable[[str], Awaitable[bool]]) -> tuple[int, int]:
        """Have `remove` delete the files that were noted down, but what somebody needs by now.

        How many there were, and how many are left since it raised OSError, to be tried again.
        """
        ...

    async def orphans(self, images: Collection[str]) -> list[str]:
        """Those of the images that nothing refers to, nor are they noted down to be deleted, as it seems."""
        ...

    async def sweep(self, images: Collection[str], remove: Callable[[str], Awaitable[bool]]) -> int:
        """Have `remove` delete those of the images that nothing refers to; how many there were. Raises OSError."""
        ...

    async def depart(self, name: str, since: datetime | None) -> Departure:
        """Note down who was revoked: the name has been theirs since then (None: ever)."""
        ...

    async def departures(self) -> list[Departure]:
        """Of whom something may be left, the oldest first."""
        ...

    async def unname(self, gone: Departure) -> tuple[list[int], bool]:
        """Take the name off the jobs that were to show them; which jobs, and whether it is off all that it can be."""
        ...

    async def departed(self, gone: Departure) -> None:
        """Nothing is left of them."""
        ...
