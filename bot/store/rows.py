"""From rows to the values that the rest of the console works with."""

from collections.abc import Mapping
from typing import Any

from bot.domain.job import Item, ItemState, Job, JobState, Layout, Member, Place, Quote
from bot.store.schema import ItemRow, JobRow, OutboxRow
from sweeps.parameters import CATALOGUE
from sweeps.recipe import PHOTO, Recipe


def job(row: JobRow) -> Job:
    """A job as it is stored."""
    layout = Layout(
        axes=tuple((name, tuple(labels)) for name, labels in row.layout["axes"]),
        rows=row.layout["rows"],
        columns=row.layout["columns"],
        apart=row.layout.get("apart"),  # older jobs lack it, and what is fixed
        fixed=tuple((name, value) for name, value in row.layout.get("fixed", ())),
    )
    quote = None
    if row.quote is not None:
        seconds = row.quote["seconds"]
        quote = Quote(**{**row.quote, "seconds": tuple(seconds) if seconds else None})
    return Job(
        id=row.id,
        kind=row.kind,
        title=row.title,
        owner=Member(row.owner_id, row.owner_name),
        place=Place(row.channel_id, row.guild_id, row.card_id),
        state=JobState(row.state),
        created_at=row.created_at,
        queued_at=row.queued_at,
        urgent=row.urgent,
        layout=layout,
        quote=quote,
        notes=tuple(row.notes),
        delivered=row.delivered_at is not None,
        weight=row.weight,
        turn=row.turn,
        attempt=row.attempt,
        deaths=row.deaths,
        reason=row.reason,
        spoiler=row.spoiler,
    )


def item(row: ItemRow, owed: OutboxRow | None = None) -> Item:
    """An item as it is stored, and how far its picture is on its way to the channel."""
    return Item(
        job_id=row.job_id,
        number=row.number,
        name=row.name,
        rank=row.rank,
        recipe=recipe(row.recipe),
        at=row.at,
        state=ItemState(row.state),
        image=row.image,
        remark=row.remark,
        batch=owed.batch if owed else None,
        message_id=owed.message_id if owed else None,
        deaths=row.deaths,
        spoiler=row.spoiler,
        settled_at=row.settled_at,
    )


def recipe(stored: Mapping[str, Any]) -> Recipe:
    """A recipe that an older or newer version may have stored: new parameters at their default, lost ones dropped."""
    known = {name: stored.get(name, parameter.default) for name, parameter in CATALOGUE.items()}
    return Recipe.from_dict(known | {PHOTO: stored.get(PHOTO, "")})
