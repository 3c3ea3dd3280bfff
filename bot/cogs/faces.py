"""/faces: people, whose photos are here and what the photos need."""

import asyncio
import io
from collections.abc import Iterable

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction

from bot.cogs.context import Cog
from bot.cogs.people import MOST_CHOICES
from bot.domain.errors import BadUpload, NotYours, Refusal
from bot.domain.job import Member
from bot.domain.person import CONSENT, Person, Scope, checked_name, same_name, short_name, verdict
from bot.domain.until import until as end_of
from bot.jobs.erasure import keep_receipt
from bot.jobs.examination import Examination, examine
from bot.jobs.removal import erase, remove, revoke
from bot.pictures import MOST_BYTES, MOST_SIZE
from bot.ui.people import (
    about,
    added_text,
    consent_text,
    lint_card,
    people_list,
    receipt_text,
    revoked_text,
    shared_text,
)
from bot.ui.portraits import Portrait, portraits
from bot.ui.words import short

SCOPES = {"pictures in channels": Scope.DRAW.value, "pictures in channels, and the wall": Scope.WALL.value}
UNTIL = "A date (2027-06-30), a number of days (90), or: no end"
ENDS = {"30 days": "30", "90 days": "90", "1 year": "365", "no end": "no end"}
AND_WALL = "Who is on the wall is shown there."
"""Beside that: photos that are added to a person with consent for the wall are for the wall too."""
A_PHOTO = f"PNG, JPEG or WebP, up to {MOST_SIZE}"


class FacesCog(Cog):
    """Thin: receives photos, hands them to the store, shows what was found. All answers are private."""

    @commands.slash_command(name="faces")
    async def faces(self, inter: ApplicationCommandInteraction) -> None:
        """People: list, add, share, remove, look over their photos, or say what they consent to"""

    @faces.sub_command(name="list")
    async def _list(self, inter: ApplicationCommandInteraction) -> None:
        """Show whom you may draw"""
        member = self.services.member(inter)

        async def listed() -> disnake.Embed:
            people = [
                person
                for person in await self.services.faces.people(member)
                if person.usable_by(member) or (person.expired and person.vouched_by(member))
            ]
            return people_list(people, member)

        await self._tell(inter, listed())

    @faces.sub_command(name="add")
    async def _add(
        self,
        inter: ApplicationCommandInteraction,
        person: str = commands.Param(description="A name: a new one, or a person of yours", max_length=64),
        photo1: disnake.Attachment = commands.Param(description=A_PHOTO),
        consent: bool = commands.Param(description=f"True says: {CONSENT} {AND_WALL}"),
        photo2: disnake.Attachment | None = commands.Param(None, description=A_PHOTO),
        photo3: disnake.Attachment | None = commands.Param(None, description=A_PHOTO),
        photo4: disnake.Attachment | None = commands.Param(None, description=A_PHOTO),
        photo5: disnake.Attachment | None = commands.Param(None, description=A_PHOTO),
        shared: bool | None = commands.Param(None, description="True: everybody on this server may draw this person"),
    ) -> None:
        """Add photos of a person; without their consent nothing is taken"""
        if not consent:
            raise Refusal(f"Nothing was added. Photos are taken only with consent set to true, which says: {CONSENT}")
        name = checked_name(person)
        await inter.response.defer(ephemeral=True)
        attached = [photo for photo in (photo1, photo2, photo3, photo4, photo5) if photo is not None]
        member = self.services.member(inter)
        await self.services.quotes.name(member, name)
        try:
            photos = [
                (each.filename, await self.services.uploads.read(each, MOST_BYTES, MOST_SIZE)) for each in attached
            ]
            added = await self.services.faces.add(member, name, photos, shared, CONSENT)
        except BadUpload as error:
            raise BadUpload(f"{error} Nothing was added.") from error
        uploads = {file: upload for (upload, _), file in zip(photos, added.files, strict=True)}
        await self._noted(member, "faces add", added.person, person=added.person.name, photos=len(added.files))
        examination = await examine(self.services.faces, self.services.renderer, member, added.person, uploads)
        new = [each.name for each in examination.photos if each.file in uploads]
        text = added_text(added, member, examination.findings, new)
        await inter.edit_original_response(text, allowed_mentions=disnake.AllowedMentions.none())

    @faces.sub_command(name="share")
    async def _share(
        self,
        inter: ApplicationCommandInteraction,
        person: str = commands.Param(description="Whom", max_length=64),
        shared: bool = commands.Param(description="True: everybody on this server may draw them; false: stop that"),
    ) -> None:
        """Let everybody on this server draw a person of yours, or stop that"""
        member = self.services.member(inter)

        async def share() -> str:
            found = await self.services.faces.share(member, person, shared)
            await self._noted(member, "faces share", found, person=found.name, shared=shared)
            await self.services.people_changed()
            return shared_text(found)

        await self._tell(inter, share())

    @faces.sub_command(name="remove")
    async def _remove(
        self,
        inter: ApplicationCommandInteraction,
        person: str = commands.Param(description="Whose photos", max_length=64),
        photo: str = commands.Param("", description="Only this one; leave it out to delete them all", max_length=100),
        confirm: bool = commands.Param(
            False, description="For operators: true deletes a whole person of somebody else"
        ),
    ) -> None:
        """Delete a person, or one photo, and get a receipt; /faces revoke deletes the pictures too"""
        member = self.services.member(inter)
        faces, renderer = self.services.faces, self.services.renderer

        async def removed() -> str:
            receipt = await remove(faces, renderer, member, person, photo or None, confirmed=confirm)
            await self._noted(member, "faces remove", receipt.person, photos=len(receipt.photos), whole=receipt.whole)
            if receipt.whole:
                await self.services.audit.unname(receipt.person.name, receipt.person.added_at)
            await self.services.people_changed()
            return receipt_text(receipt, member)

        await self._tell(inter, removed())

    @faces.sub_command(name="consent")
    async def _consent(
        self,
        inter: ApplicationCommandInteraction,
        person: str = commands.Param(description="Whose", max_length=64),
        scope: str = commands.Param(description="What pictures of them are for", choices=SCOPES),
        until: str = commands.Param(description=UNTIL, max_length=40),
    ) -> None:
        """Record what a person agrees to: what their pictures are for, and until when"""
        member, wanted, expires_at = self.services.member(inter), Scope(scope), end_of(until)

        async def consented() -> str:
            found = await self.services.faces.consent(member, person, wanted, expires_at, wanted.statement)
            end = None if expires_at is None else expires_at.isoformat()
            terms = {"person": found.name, "scope": wanted.value, "expires_at": end}
            await self._noted(member, "faces consent", found, always=True, **terms)
            await self.services.people_changed()
            return consent_text(found)

        await self._tell(inter, consented())

    @faces.sub_command(name="revoke")
    async def _revoke(
        self,
        inter: ApplicationCommandInteraction,
        person: str = commands.Param(description="Whose", max_length=64),
        confirm: bool = commands.Param(False, description="True: delete all of it, which cannot be undone"),
    ) -> None:
        """Delete a person with every picture of them, wherever it is, and get a receipt"""
        member, services = self.services.member(inter), self.services

        async def revoked() -> str:
            found = await revoke(services.faces, member, person, confirmed=confirm)
            noted = await services.audit.note(member, "faces revoke", _whose(found), photos=len(found.photos))
            receipt, erased = await erase(services.faces, services.renderer, services.erasure, found)
            await keep_receipt(services.audit, noted, erased)
            return revoked_text(receipt, erased, member)

        await self._tell(inter, revoked())

    @faces.sub_command(name="lint")
    async def _lint(
        self,
        inter: ApplicationCommandInteraction,
        person: str = commands.Param(description="Whose photos", max_length=64),
    ) -> None:
        """Look over a person's photos: faces, sharpness, likeness, angles"""
        member = self.services.member(inter)
        found = await self.services.faces.person(member, person)
        if not found.open_to(member):
            raise NotYours(f"{found.name} belongs to {found.owner_name}; only they may look at the photos.")
        await self.services.faces.drawable(found.name, member)  # else their consent is over
        await inter.response.defer(ephemeral=True)
        examination = await examine(self.services.faces, self.services.renderer, member, found)
        embed = lint_card(found, examination.findings)
        picture = await asyncio.to_thread(portraits, found.name, _portraits(examination))
        embed.set_image(file=disnake.File(io.BytesIO(picture), "portraits.png"))
        await inter.edit_original_response(embed=embed, allowed_mentions=disnake.AllowedMentions.none())

    @_lint.autocomplete("person")
    async def _complete_drawn(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        member = self.services.member(inter)
        people = [person for person in await self.services.faces.people(member) if person.usable_by(member)]
        return self._choices(inter, people, typed)

    @_consent.autocomplete("person")
    async def _complete_vouched(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        member = self.services.member(inter)
        people = [person for person in await self.services.faces.people(member) if person.vouched_by(member)]
        return self._choices(inter, people, typed)

    @_revoke.autocomplete("person")
    async def _complete_revoked(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        member = self.services.member(inter)
        people = await self.services.faces.people(member)
        theirs = [person for person in people if person.kept_by(member) or person.vouched_by(member)]
        return self._choices(inter, theirs, typed)

    @_consent.autocomplete("until")
    async def _complete_until(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        return [
            disnake.OptionChoice(name, value) for name, value in ENDS.items() if typed.strip().lower() in name.lower()
        ]

    @_add.autocomplete("person")
    @_share.autocomplete("person")
    @_remove.autocomplete("person")
    async def _complete_kept(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        member = self.services.member(inter)
        people = [person for person in await self.services.faces.people(member) if person.kept_by(member)]
        return self._choices(inter, people, typed)

    @_remove.autocomplete("photo")
    async def _complete_photo(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        member = self.services.member(inter)
        wanted = same_name(str(inter.filled_options.get("person", "")).strip())
        photos = [
            (person.called(photo), short_name(photo))
            for person in await self.services.faces.people(member)
            if person.kept_by(member) and same_name(person.name) == wanted
            for photo in person.photos
        ]
        fitting = [(called, name) for called, name in photos if typed.lower() in called.lower() and len(name) <= 100]
        return [disnake.OptionChoice(short(called, 100), name) for called, name in fitting[:MOST_CHOICES]]

    async def _noted(self, member: Member, act: str, whom: Person, *, always: bool = False, **detail: object) -> None:
        """What an operator does with somebody else's person stands in the audit log; a deleted name does not.

        What concerns consent does `always`, whoever does it. A `person` in it is blanked when they are gone.
        """
        if always or whom.owner_id != member.id:
            await self.services.audit.note(member, act, _whose(whom), **detail)

    def _choices(
        self, inter: ApplicationCommandInteraction, people: Iterable[Person], typed: str
    ) -> list[disnake.OptionChoice]:
        """Names that begin with what is typed, then those that hold it."""
        member, wanted = self.services.member(inter), same_name(typed.strip())
        fitting = [person for person in people if wanted in same_name(person.name)]
        fitting.sort(key=lambda person: not same_name(person.name).startswith(wanted))
        return [
            disnake.OptionChoice(short(f"{person.name} · {about(person, member)}", 100), person.name)
            for person in fitting[:MOST_CHOICES]
        ]


def _whose(person: Person) -> str:
    """Whose person it is, as the audit log calls them."""
    return "everybody's" if person.owner_id is None else f"member {person.owner_id}"


def _portraits(examination: Examination) -> list[Portrait]:
    return [
        Portrait(each.name, each.photo, each.seen, *verdict(examination.findings, each.name))
        for each in examination.photos
    ]
