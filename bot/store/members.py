"""Members' settings, recent values and presets."""

import json
from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from bot.domain.errors import NotFound, Refusal
from bot.store.database import Sessions, changed
from bot.store.schema import PresetRow, RecentRow, SettingRow, now
from sweeps.parameters import CATALOGUE, Value

MAX_PRESETS = 50
KEPT_RECENT = 25


class MemberSettings:
    """The SettingsStore port on a database."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def of(self, member_id: int) -> dict[str, Value]:
        """What the member has set, by parameter."""
        async with self._sessions.reading() as session:
            rows = await session.scalars(select(SettingRow).where(SettingRow.member_id == member_id))
            return {row.name: row.value for row in rows if row.name in CATALOGUE}

    async def put(self, member_id: int, name: str, value: Value) -> None:
        """Set one value and remember it among the recent ones."""
        try:
            await self._put(member_id, name, value)
        except IntegrityError:  # the same member set the same one at the same moment; now it is there to update
            await self._put(member_id, name, value)

    async def _put(self, member_id: int, name: str, value: Value) -> None:
        async with self._sessions.begin() as session:
            await session.merge(SettingRow(member_id=member_id, name=name, value=value))
            text = json.dumps(value, ensure_ascii=False)[:200]
            await session.merge(RecentRow(member_id=member_id, name=name, text=text, value=value, used_at=now()))
            await session.flush()
            aged = (
                select(RecentRow.text)
                .where(RecentRow.member_id == member_id, RecentRow.name == name)
                .order_by(RecentRow.used_at.desc())
                .offset(KEPT_RECENT)
            )
            stale = list(await session.scalars(aged))
            if stale:
                await session.execute(
                    delete(RecentRow).where(
                        RecentRow.member_id == member_id, RecentRow.name == name, RecentRow.text.in_(stale)
                    )
                )

    async def reset(self, member_id: int, name: str | None = None) -> int:
        """Forget one setting, or all; how many there were."""
        statement = delete(SettingRow).where(SettingRow.member_id == member_id)
        if name is not None:
            statement = statement.where(SettingRow.name == name)
        async with self._sessions.begin() as session:
            return changed(await session.execute(statement))

    async def recent(self, member_id: int, name: str, limit: int = 10) -> list[Value]:
        """The member's last values of a parameter, the newest first."""
        statement = (
            select(RecentRow.value)
            .where(RecentRow.member_id == member_id, RecentRow.name == name)
            .order_by(RecentRow.used_at.desc())
            .limit(limit)
        )
        async with self._sessions.reading() as session:
            return list(await session.scalars(statement))

    async def save_preset(self, member_id: int, preset: str) -> int:
        """Keep the present settings under a name; how many values. Raises Refusal when there is nothing to keep."""
        values = await self.of(member_id)
        if not values:
            raise Refusal("You have set nothing yet, so there is nothing to save. Begin with /set.")
        known = await self.presets(member_id)
        if preset not in known and len(known) >= MAX_PRESETS:
            raise Refusal(f"You have {MAX_PRESETS} presets, which is the most. Save over one of them.")
        async with self._sessions.begin() as session:
            await session.merge(PresetRow(member_id=member_id, name=preset, values=values))
        return len(values)

    async def load_preset(self, member_id: int, preset: str) -> dict[str, Value]:
        """Put a preset in place of the present settings. Raises NotFound."""
        async with self._sessions.begin() as session:
            row = await session.get(PresetRow, (member_id, preset))
            if row is None:
                raise NotFound(f'You have no preset named "{preset}". /params save makes one.')
            await session.execute(delete(SettingRow).where(SettingRow.member_id == member_id))
            values = {name: value for name, value in row.values.items() if name in CATALOGUE}
            session.add_all(SettingRow(member_id=member_id, name=name, value=value) for name, value in values.items())
            return values

    async def replace(self, member_id: int, values: Mapping[str, Value]) -> None:
        """Put these values in place of the present settings."""
        async with self._sessions.begin() as session:
            await session.execute(delete(SettingRow).where(SettingRow.member_id == member_id))
            session.add_all(SettingRow(member_id=member_id, name=name, value=value) for name, value in values.items())

    async def presets(self, member_id: int) -> list[str]:
        """The names of the member's presets."""
        async with self._sessions.reading() as session:
            statement = select(PresetRow.name).where(PresetRow.member_id == member_id).order_by(PresetRow.name)
            return list(await session.scalars(statement))
