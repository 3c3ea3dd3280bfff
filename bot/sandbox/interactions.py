"""Interactions: a member's act becomes an event; the application has 3 s to answer and 15 min to go on."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from .body import FILE_LIMIT, Upload
from .cdn import Cdn
from .form import Form
from .message import EPHEMERAL, LOADING, Message
from .posting import Desk
from .refusal import Refusal, unknown
from .world import APPLICATION, BOT, EVERYTHING, GUILD, Profile, World

COMMAND, COMPONENT, AUTOCOMPLETE = 2, 3, 4
ANSWER, DEFER, DEFER_UPDATE, UPDATE, CHOICES = 4, 5, 6, 7, 8


class NoAnswer(TimeoutError):
    """The application did not answer; the sentence Discord shows."""


class Interaction:
    """One act of a member and what the application answers to it."""

    def __init__(self, world: World, cdn: Cdn, kind: int, member: Profile, channel: str, command: str) -> None:
        self.id = world.snowflakes.next()
        self.token = secrets.token_urlsafe(48)
        self.kind = kind
        self.member = member
        self.channel = channel
        self.command = command
        self.started = asyncio.get_running_loop().time()
        self.first_answer_s: float | None = None
        self.callback: int | None = None
        self.ephemeral = False
        self.failed = False
        self.choices: list[dict[str, Any]] = []
        self.source: Message | None = None
        self.original: Message | None = None
        self.followups: list[Message] = []
        self.first = asyncio.Event()
        self.answered = asyncio.Event()
        self._cdn = cdn

    @property
    def message(self) -> dict[str, Any] | None:
        """The answer as it stands now, a Discord message object; None before there is one."""
        return None if self.original is None else self.original.as_discord(self._cdn)

    @property
    def content(self) -> str:
        """The text of the answer as it stands now."""
        return "" if self.original is None else self.original.content

    @property
    def embeds(self) -> list[dict[str, Any]]:
        """The embeds of the answer as it stands now."""
        return [] if self.original is None else self.original.embeds

    @property
    def deferred(self) -> bool:
        """Whether the first answer only said that one will come."""
        return self.callback in (DEFER, DEFER_UPDATE)

    async def reply(self, timeout: float = 30.0) -> dict[str, Any]:
        """Wait for the real answer, after a defer too, and return it; NoAnswer when none comes."""
        try:
            await asyncio.wait_for(self.answered.wait(), timeout)
        except TimeoutError as error:
            raise NoAnswer(f"{self.command} had no answer after {timeout:g} s.") from error
        if self.failed:
            raise NoAnswer(self.sentence)
        return self.message or {}

    @property
    def sentence(self) -> str:
        """What a member reads when the application stays silent."""
        return "The application did not respond"

    def asked(self) -> dict[str, Any]:
        """What a message that answers this interaction says about it."""
        return {
            "id": self.id,
            "type": self.kind,
            "command": self.command,
            "member": self.member.id,
            "user": self.member.user(),
            "guild": GUILD,
            "message": None if self.source is None else self.source.id,
        }


class Interactions:
    """Every open interaction, and the rules of answering one."""

    def __init__(
        self,
        world: World,
        cdn: Cdn,
        desk: Desk,
        dispatch: Callable[[str, Any], None],
        publish: Callable[..., None],
        *,
        answer_s: float,
        token_s: float,
    ) -> None:
        self._world = world
        self._cdn = cdn
        self._desk = desk
        self._dispatch = dispatch
        self._publish = publish
        self._answer_s = answer_s
        self._token_s = token_s
        self._by_id: dict[str, Interaction] = {}
        self._by_token: dict[str, Interaction] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def command(
        self, member: Profile, channel: str, name: str, data: dict[str, Any], *, autocomplete: bool = False
    ) -> Interaction:
        """A member ran a command, or is typing one of its options."""
        kind = AUTOCOMPLETE if autocomplete else COMMAND
        return self._open(Interaction(self._world, self._cdn, kind, member, channel, name), data)

    def component(self, member: Profile, message: Message, data: dict[str, Any]) -> Interaction:
        """A member used a button or a select of a message."""
        interaction = Interaction(self._world, self._cdn, COMPONENT, member, message.channel, data["custom_id"])
        interaction.source = message
        return self._open(interaction, data)

    def _open(self, interaction: Interaction, data: dict[str, Any]) -> Interaction:
        self._by_id[interaction.id] = self._by_token[interaction.token] = interaction
        loop = asyncio.get_running_loop()
        self._timers[interaction.id] = loop.call_later(self._answer_s, self._silent, interaction)
        self._dispatch("INTERACTION_CREATE", self._event(interaction, data))
        return interaction

    def _event(self, interaction: Interaction, data: dict[str, Any]) -> dict[str, Any]:
        member = interaction.member
        channel = self._world.channel(interaction.channel)
        event = {
            "id": interaction.id,
            "application_id": APPLICATION,
            "type": interaction.kind,
            "token": interaction.token,
            "version": 1,
            "locale": "en-US",
            "guild_locale": "en-US",
            "guild_id": GUILD,
            "guild": {"id": GUILD, "locale": "en-US", "features": []},
            "channel_id": channel["id"],
            "channel": channel | {"permissions": member.permissions},
            "member": member.member() | {"permissions": member.permissions},
            "app_permissions": str(EVERYTHING),
            "entitlements": [],
            "authorizing_integration_owners": {"0": GUILD},
            "context": 0,
            "attachment_size_limit": FILE_LIMIT,
            "data": data,
        }
        if interaction.source is not None:
            event["message"] = interaction.source.as_discord(self._cdn)
        return event

    def _silent(self, interaction: Interaction) -> None:
        """The application let the time pass."""
        self._expire(interaction)
        interaction.failed = True
        interaction.first.set()
        interaction.answered.set()
        failed = {
            "interaction": interaction.id,
            "sentence": interaction.sentence,
            "by": {"id": interaction.member.id, "name": interaction.member.display},
            "command": interaction.command,
            "ephemeral": True,
        }
        if interaction.kind != AUTOCOMPLETE:
            self._publish("failed", failed, audience=interaction.member.id)

    def _end(self, interaction: Interaction) -> None:
        """The token dies; an answer that was only promised has failed."""
        if interaction.original is not None and interaction.original.flags & LOADING:
            self._silent(interaction)
        self._expire(interaction)

    def _expire(self, interaction: Interaction) -> None:
        self._by_id.pop(interaction.id, None)
        self._by_token.pop(interaction.token, None)
        self._timers.pop(interaction.id, None)

    def callback(self, id: str, token: str, body: dict[str, Any], uploads: list[Upload]) -> Interaction:
        """The application's first answer; Refusal 10062 when it is late, 40060 when it is the second."""
        interaction = self._by_id.get(id)
        if interaction is None or interaction.token != token:
            raise unknown("interaction", 10062)
        if interaction.callback is not None:
            raise Refusal(400, 40060, "Interaction has already been acknowledged.")
        kind, data = int(body["type"]), body.get("data") or {}
        self._allowed(interaction, kind)
        interaction.ephemeral = bool(int(data.get("flags") or 0) & EPHEMERAL)
        if kind == CHOICES:
            interaction.choices = data.get("choices") or []
        elif kind == ANSWER:
            interaction.original = self._post(interaction, data, uploads, ephemeral=interaction.ephemeral)
        elif kind == DEFER:
            interaction.original = self._thinking(interaction)
        else:
            interaction.original = interaction.source
            if kind == UPDATE and interaction.source is not None:
                self._desk.edit(interaction.source, data, uploads)
        self._first_answer(interaction, kind)
        return interaction

    def _allowed(self, interaction: Interaction, kind: int) -> None:
        allowed = {
            COMMAND: (ANSWER, DEFER),
            COMPONENT: (ANSWER, DEFER, DEFER_UPDATE, UPDATE),
            AUTOCOMPLETE: (CHOICES,),
        }[interaction.kind]
        form = Form()
        form.choice(("type",), kind, allowed)
        form.close()

    def _first_answer(self, interaction: Interaction, kind: int) -> None:
        loop = asyncio.get_running_loop()
        self._timers[interaction.id].cancel()
        self._timers[interaction.id] = loop.call_later(self._token_s, self._end, interaction)
        interaction.callback = kind
        interaction.first_answer_s = loop.time() - interaction.started
        interaction.first.set()
        if not interaction.deferred:
            interaction.answered.set()

    def _post(
        self,
        interaction: Interaction,
        body: dict[str, Any],
        uploads: list[Upload],
        *,
        ephemeral: bool,
        reference: str | None = None,
    ) -> Message:
        return self._desk.post(
            body,
            uploads,
            channel=interaction.channel,
            author=BOT.user(),
            audience=interaction.member.id if ephemeral else None,
            interaction=interaction.asked(),
            webhook=APPLICATION,
            reference=reference,
        )

    def _thinking(self, interaction: Interaction) -> Message:
        message = Message(
            self._world.snowflakes.next(),
            interaction.channel,
            BOT.user(),
            flags=LOADING | (EPHEMERAL if interaction.ephemeral else 0),
            audience=interaction.member.id if interaction.ephemeral else None,
            interaction=interaction.asked(),
            webhook=APPLICATION,
        )
        return self._world.add(message)

    def by_token(self, application: str, token: str) -> Interaction:
        """The interaction whose token this is; Refusal 10015 when it is unknown, unanswered or expired."""
        interaction = self._by_token.get(token)
        if interaction is None or interaction.callback is None or application != APPLICATION:
            raise unknown("Webhook", 10015)
        return interaction

    def follow_up(self, interaction: Interaction, body: dict[str, Any], uploads: list[Upload]) -> Message:
        """One more message; while the answer is only deferred it becomes that answer, whatever its flags."""
        original = interaction.original
        if original is not None and original.flags & LOADING:
            return self.edit(interaction, original, body, uploads)
        ephemeral = bool(int(body.get("flags") or 0) & EPHEMERAL)
        reference = None if original is None else original.id
        message = self._post(interaction, body, uploads, ephemeral=ephemeral, reference=reference)
        interaction.followups.append(message)
        return message

    def find(self, interaction: Interaction, id: str) -> Message:
        """The original answer ("@original") or one of the follow-ups; Refusal 10008 when it is neither."""
        if id == "@original" and interaction.original is not None:
            return self._world.message(interaction.original.id)
        for message in (*interaction.followups, interaction.original):
            if message is not None and message.id == id:
                return self._world.message(id)
        raise unknown("Message", 10008)

    def edit(self, interaction: Interaction, message: Message, body: dict[str, Any], uploads: list[Upload]) -> Message:
        """Rewrite an answer."""
        self._desk.edit(message, body, uploads)
        if message is interaction.original:
            interaction.answered.set()
        return message

    def delete(self, interaction: Interaction, message: Message) -> None:
        """Take an answer back."""
        self._world.remove(message)
        if message is interaction.original:
            interaction.answered.set()

    def close(self) -> None:
        """Stop the clocks."""
        for timer in self._timers.values():
            timer.cancel()
