"""Web sessions: a browser is known by the secret in its cookie, and joined to a member by a code from Discord."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.account import Balance, WebSession
from bot.domain.errors import NotFound, Refusal
from bot.store import accounts, ledger
from bot.store.accounts import AccountKind
from bot.store.database import Sessions, changed
from bot.store.schema import AccountRow, LinkCodeRow, WebSessionRow, now

CLEANED_EVERY = timedelta(hours=1)
"""How often one console looks for sessions and codes that have expired, to forget them."""

LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""What codes are made of: nothing that is mistaken for something else when it is read aloud or copied."""

WRONG_CODE = (
    "This code does not fit: it was mistyped, was used already, or is too old. /link in Discord gives you another one."
)


class WebSessions:
    """The SessionRepository port on a database; `starting` are the tokens of a member who was never seen before."""

    def __init__(self, sessions: Sessions, starting: int) -> None:
        self._sessions = sessions
        self._starting = starting
        self._cleaned: datetime | None = None

    async def create(self, data: Mapping[str, object], tokens: int, lifetime: timedelta) -> tuple[str, WebSession]:
        """A new anonymous session with that many tokens; the secret for its cookie, and the session.

        Without tokens it has no account: whoever loads the sign-in page again and again leaves none in the books. Now
        and then those that have expired are forgotten on the way; their accounts stay, as the books need them.
        """
        await self._clean()
        secret, moment = _secret(), now()
        row = WebSessionRow(id=_hash(secret), data=dict(data), created_at=moment, expires_at=moment + lifetime)
        async with self._sessions.begin() as session:
            session.add(row)
            if tokens:
                account_id, _ = await accounts.id_of(session, AccountKind.SESSION, row.id)
                await ledger.open_with(session, account_id, tokens)
            return secret, _web_session(row)

    async def find(self, secret: str) -> WebSession | None:
        """The session of that cookie, unless it has expired."""
        alive = select(WebSessionRow).where(WebSessionRow.id == _hash(secret), WebSessionRow.expires_at > now())
        async with self._sessions.reading() as session:
            row = await session.scalar(alive)
            return _web_session(row) if row else None

    async def update(self, session_id: str, data: Mapping[str, object]) -> None:
        """Put this in place of what the session kept. Raises NotFound where it has expired."""
        alive = update(WebSessionRow).where(WebSessionRow.id == session_id, WebSessionRow.expires_at > now())
        async with self._sessions.begin() as session:
            if not changed(await session.execute(alive.values(data=dict(data)))):
                raise _ended()

    async def balance(self, session_id: str) -> Balance:
        """What the session has, or the member to whom it is linked. Raises NotFound."""
        async with self._sessions.reading() as session:
            row = await session.get(WebSessionRow, session_id)
            if row is None or row.expires_at <= now():
                raise _ended()
            owner = (AccountKind.SESSION, row.id) if row.member_id is None else (AccountKind.MEMBER, str(row.member_id))
            return await accounts.balance_of(session, *owner) or Balance(0, 0)

    async def code(self, member_id: int, lifetime: timedelta) -> str:
        """A one-time code for the member, in place of an earlier one; what is stored of it is its hash."""
        code = "".join(secrets.choice(LETTERS) for _ in range(8))
        values = {"code": _hash(code), "expires_at": now() + lifetime}
        async with self._sessions.begin() as session:
            row = accounts.insert(session, LinkCodeRow).values(member_id=member_id, **values)
            await session.execute(row.on_conflict_do_update(index_elements=[LinkCodeRow.member_id], set_=values))
        return f"{code[:4]}-{code[4:]}"

    async def link(self, session_id: str, code: str) -> tuple[str, WebSession]:
        """Join a session to the member whose code it is, and use the code up: its tokens and its holds become theirs.

        What a session began with a member gets once: of later sessions, what is free of it goes back to the mint.
        It goes on under a new secret, and with that a new id. Raises NotFound (no such session), Refusal (a code that
        is wrong, used or too old; linked to somebody else).
        """
        async with self._sessions.begin() as session:
            row = await _locked(session, session_id)
            return await self._joined(session, row, await _redeemed(session, code))

    async def sign_in(self, session_id: str, member_id: int) -> tuple[str, WebSession]:
        """The same for a member whom Discord itself has named. Raises NotFound, Refusal (linked to somebody else)."""
        async with self._sessions.begin() as session:
            return await self._joined(session, await _locked(session, session_id), member_id)

    async def end(self, session_id: str) -> None:
        """Forget a session; one that is gone already is well. What tokens it has of its own nobody reaches any more."""
        async with self._sessions.begin() as session:
            await session.execute(delete(WebSessionRow).where(WebSessionRow.id == session_id))

    async def _joined(self, session: AsyncSession, row: WebSessionRow, member_id: int) -> tuple[str, WebSession]:
        """The session as the member's, under a secret that whoever knew the old one does not know."""
        if row.member_id not in (None, member_id):
            raise Refusal(
                "This browser is linked to another member already. Sign out on its page first, or open the page in a "
                "private window, and link it to you there."
            )
        if row.member_id is None:
            source = await accounts.found(session, AccountKind.SESSION, row.id)
            account, new = await accounts.id_of(session, AccountKind.MEMBER, str(member_id))
            if source is not None:
                await ledger.join(session, f"link:{row.id}", source, account)
            if new:
                await ledger.open_with(session, account, self._starting)
            row.member_id = member_id
        secret = _secret()
        row.id = _hash(secret)
        await session.flush()
        return secret, _web_session(row)

    async def _clean(self) -> None:
        moment = now()
        if self._cleaned is not None and moment - self._cleaned < CLEANED_EVERY:
            return
        self._cleaned = moment
        for table, key in ((WebSessionRow, WebSessionRow.id), (LinkCodeRow, LinkCodeRow.code)):
            # What another console forgets at this moment is left to it: neither waits for the other.
            old = select(key).where(table.expires_at <= moment).with_for_update(skip_locked=True)
            async with self._sessions.begin() as session:
                await session.execute(delete(table).where(key.in_(old)))


async def account_of_session(session: AsyncSession, session_id: str, starting: int) -> AccountRow:
    """The account that pays for what a web session asks for, locked: its own, or the member's to whom it is linked.

    Nobody links the session before the transaction ends. Raises NotFound where it has expired.
    """
    row = await _locked(session, session_id)
    if row.member_id is not None:
        return await ledger.account_of(session, row.member_id, starting)
    account_id, _ = await accounts.id_of(session, AccountKind.SESSION, row.id)
    return await accounts.locked(session, account_id)


async def _locked(session: AsyncSession, session_id: str) -> WebSessionRow:
    row = await session.get(WebSessionRow, session_id, with_for_update=True, populate_existing=True)
    if row is None or row.expires_at <= now():
        raise _ended()
    return row


async def _redeemed(session: AsyncSession, code: str) -> int:
    """The member whose code it is; the code is gone when the transaction ends well. Raises Refusal."""
    typed = "".join(letter for letter in code.upper() if letter.isalnum())
    valid = (LinkCodeRow.code == _hash(typed)) & (LinkCodeRow.expires_at > now())
    # One statement: of two browsers with the same code, the second finds nothing to delete.
    member_id = await session.scalar(delete(LinkCodeRow).where(valid).returning(LinkCodeRow.member_id))
    if member_id is None:
        raise Refusal(WRONG_CODE)
    return member_id


def _web_session(row: WebSessionRow) -> WebSession:
    return WebSession(row.id, row.member_id, row.data, row.created_at, row.expires_at)


def _ended() -> NotFound:
    return NotFound("This session has ended. Load the page again to begin another one.")


def _secret() -> str:
    return secrets.token_urlsafe(32)


def _hash(text: str) -> str:
    # A cookie may hold anything, also what is no text.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
