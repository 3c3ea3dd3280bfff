"""/balance, /grant, /link and /audit: tokens, and what operators do with them."""

from datetime import timedelta

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction

from bot.cogs.context import Cog
from bot.domain.errors import NotYours, Refusal
from bot.domain.job import Member
from bot.ui.tokens import MOVEMENTS, audit_card, balance_card, granted_text, link_text

MOST_TOKENS = 1_000_000
LINK_MINUTES = 10
OPERATORS = disnake.Permissions(administrator=True)
"""Who is offered the operators' commands where the server has not said otherwise; who may use them is judged by us."""


class TokensCog(Cog):
    """Thin: the accounts decide. All answers are private."""

    @commands.slash_command(name="balance")
    async def balance(
        self,
        inter: ApplicationCommandInteraction,
        member: disnake.User | None = commands.Param(None, description="For operators: somebody else's"),
    ) -> None:
        """Your tokens: what is free, and where the rest went"""
        actor = self.services.member(inter)
        others = member is not None and member.id != actor.id
        if others:
            _operators_only(actor, "look at somebody else's tokens")
        whose = member.id if member is not None else actor.id

        async def card() -> disnake.Embed:
            balance = await self.services.accounts.balance(whose)
            return balance_card(
                balance,
                await self.services.accounts.history(whose, MOVEMENTS),
                whose=member.display_name if member is not None and others else None,
                terms=None if others else self.services.rules.terms(actor.roles),
            )

        await self._tell(inter, card())

    @commands.slash_command(name="grant", default_member_permissions=OPERATORS)
    async def grant(
        self,
        inter: ApplicationCommandInteraction,
        member: disnake.User = commands.Param(description="To whom"),
        tokens: int = commands.Param(
            description="How many; below 0 takes some back", min_value=-MOST_TOKENS, max_value=MOST_TOKENS
        ),
        reason: str = commands.Param(description="Why; they see it in /balance", min_length=1, max_length=200),
    ) -> None:
        """For operators: bring tokens to a member, or take some back"""
        actor = self.services.member(inter)
        _operators_only(actor, "grant tokens")
        if not tokens:
            raise Refusal("0 tokens change nothing. Say how many to grant, or how many to take back, as in -50.")

        async def granted() -> str:
            # While one console takes over from another both may be sent the command.
            balance = await self.services.accounts.grant(actor, member.id, tokens, reason.strip(), str(inter.id))
            return granted_text(member.display_name, tokens, balance)

        await self._tell(inter, granted())

    @commands.slash_command(name="link")
    async def link(self, inter: ApplicationCommandInteraction) -> None:
        """A one-time code that makes a browser's session yours"""

        async def told() -> str:
            code = await self.services.web_sessions.code(inter.author.id, timedelta(minutes=LINK_MINUTES))
            return link_text(code, LINK_MINUTES, self.services.wall_address)

        await self._tell(inter, told())

    @commands.slash_command(name="audit", default_member_permissions=OPERATORS)
    async def audit(self, inter: ApplicationCommandInteraction) -> None:
        """For operators: the last things that operators did"""
        _operators_only(self.services.member(inter), "read the audit log")

        async def card() -> disnake.Embed:
            return audit_card(await self.services.audit.latest())

        await self._tell(inter, card())


def _operators_only(actor: Member, act: str) -> None:
    """Raises NotYours for everybody else."""
    if not actor.operator:
        raise NotYours(f"Only an operator may {act}.")
