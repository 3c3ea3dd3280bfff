"""Members as a program drives them: run a command, complete an option, press a button, select."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import options as opts
from .body import FILE_LIMIT
from .cdn import Cdn
from .components import BUTTON, SELECT, walk
from .interactions import Interaction, Interactions, NoAnswer
from .message import Message
from .options import Rejected
from .posting import Desk
from .refusal import Refusal
from .world import GUILD, STUDIO, Profile, World


@dataclass(frozen=True)
class File:
    """A file a member uploads."""

    name: str
    content: bytes


class Acts:
    """What any member can do; the browser page and the driver both come here."""

    def __init__(
        self,
        world: World,
        cdn: Cdn,
        desk: Desk,
        interactions: Interactions,
        online: Callable[[], bool],
    ) -> None:
        self._world = world
        self._cdn = cdn
        self._desk = desk
        self._interactions = interactions
        self._online = online

    def run(self, member: Profile, channel: str, path: str, values: Mapping[str, Any]) -> Interaction:
        """Run a command; Rejected with a sentence when the Discord client would not send it."""
        path = path.removeprefix("/")
        command, way, options = opts.find(self._world.all_commands(), path)
        self._ready(channel)
        plain = {name: value.name if isinstance(value, File) else value for name, value in values.items()}
        filled = opts.fill(options, plain)
        resolved = self._upload(channel, filled, values) | self._mention(filled)
        data = self._data(command, opts.nest(way, filled))
        if resolved:
            data["resolved"] = resolved
        return self._interactions.command(member, channel, path, data)

    def complete(
        self, member: Profile, channel: str, path: str, focused: str, values: Mapping[str, Any]
    ) -> Interaction:
        """Ask for the choices of the option being typed."""
        path = path.removeprefix("/")
        command, way, options = opts.find(self._world.all_commands(), path)
        self._ready(channel)
        option = next((each for each in options if each["name"] == focused), None)
        if option is None or not option.get("autocomplete"):
            raise Rejected(f"/{path} offers no choices for {focused}.")
        plain = {name: value for name, value in values.items() if not isinstance(value, File)}
        data = self._data(command, opts.nest(way, opts.fill(options, plain, focused=focused)))
        return self._interactions.command(member, channel, path, data, autocomplete=True)

    def use(self, member: Profile, message: Message, custom_id: str, values: Sequence[str] | None) -> Interaction:
        """Press a button, or choose `values` from a select."""
        if not message.seen_by(member.id):
            raise Rejected("This message is not there for you.")
        component = next((each for each in walk(message.components) if each.get("custom_id") == custom_id), None)
        if component is None:
            raise Rejected("This message has no such button any more.")
        if component.get("disabled"):
            raise Rejected(f"{name_of(component)} is disabled.")
        self._ready(message.channel)
        data: dict[str, Any] = {"custom_id": custom_id, "component_type": component["type"]}
        if component["type"] == SELECT:
            data["values"] = _chosen(component, values or ())
        return self._interactions.component(member, message, data)

    def say(self, member: Profile, channel: str, content: str) -> Message:
        """Post a plain message."""
        self._world.channel(channel)
        if not content.strip():
            raise Rejected("An empty message cannot be sent.")
        if len(content) > 2000:
            raise Rejected(f"A message has at most 2000 characters, this one has {len(content)}.")
        return self._desk.post({"content": content}, [], channel=channel, author=member.user())

    def _ready(self, channel: str) -> None:
        self._world.channel(channel)
        if not self._online():
            raise Rejected("The application is offline.")

    def _data(self, command: dict[str, Any], filled: list[dict[str, Any]]) -> dict[str, Any]:
        data = {"id": command["id"], "name": command["name"], "type": command["type"], "options": filled}
        return data | {"guild_id": GUILD} if "guild_id" in command else data

    def _upload(self, channel: str, filled: list[dict[str, Any]], values: Mapping[str, Any]) -> dict[str, Any]:
        """Put uploaded files on the CDN; each option then carries its file's id."""
        resolved: dict[str, dict[str, object]] = {}
        for entry in filled:
            if entry["type"] != opts.ATTACHMENT:
                continue
            file = values[entry["name"]]
            if not isinstance(file, File):
                raise Rejected(f"{entry['name']}: expected a file.")
            if len(file.content) > FILE_LIMIT:
                raise Rejected(f"{file.name} is too large: files may have at most 10 MiB.")
            kept = self._cdn.keep(channel, file.name, file.content, ephemeral=True)
            entry["value"] = kept.id
            resolved[kept.id] = self._cdn.as_discord(kept)
        return {"attachments": resolved} if resolved else {}

    def _mention(self, filled: list[dict[str, Any]]) -> dict[str, Any]:
        """Tell who the members are whom options name, by id or name; each option then carries an id."""
        named: dict[str, Profile] = {}
        for entry in filled:
            if entry["type"] == opts.USER:
                try:
                    profile = self._world.profile(entry["value"])
                except Refusal as error:
                    raise Rejected(f"{entry['name']}: there is no member {entry['value']!r}.") from error
                entry["value"] = profile.id
                named[profile.id] = profile
        if not named:
            return {}
        # Discord leaves out of a resolved member what it does not know of them here.
        apart = ("user", "deaf", "mute")
        return {
            "users": {id: profile.user() for id, profile in named.items()},
            "members": {
                id: {name: value for name, value in profile.member().items() if name not in apart}
                | {"permissions": profile.permissions}
                for id, profile in named.items()
            },
        }


class Member:
    """One member of the guild, at the keyboard."""

    def __init__(self, profile: Profile, world: World, acts: Acts) -> None:
        self.profile = profile
        self.id = profile.id
        self.name = profile.name
        self._world = world
        self._acts = acts

    async def run(self, path: str, /, *, to: str = STUDIO, **values: Any) -> Interaction:
        """Run "/set" or "/params save" and wait for the first answer; NoAnswer when there is none in 3 s."""
        return await _answered(self._acts.run(self.profile, to, path, values))

    async def complete(
        self, path: str, option: str, typed: str, /, *, to: str = STUDIO, **values: Any
    ) -> list[tuple[str, Any]]:
        """The choices offered while typing an option, as (name, value)."""
        values = {name: value for name, value in values.items() if name != option} | {option: typed}
        interaction = await _answered(self._acts.complete(self.profile, to, path, option, values))
        return [(choice["name"], choice["value"]) for choice in interaction.choices]

    async def press(self, message: Mapping[str, Any] | Interaction, label: str) -> Interaction:
        """Press the button whose label begins with `label`."""
        shown = self._message(message)
        buttons = [each for each in walk(shown.components) if each["type"] == BUTTON]
        button = next((each for each in buttons if (each.get("label") or "").startswith(label)), None)
        if button is None:
            labels = ", ".join(repr(name_of(each)) for each in buttons) or "none"
            raise Rejected(f"No button begins with {label!r}. Buttons: {labels}.")
        return await _answered(self._acts.use(self.profile, shown, button.get("custom_id", ""), None))

    async def select(
        self, message: Mapping[str, Any] | Interaction, values: Sequence[str], *, custom_id: str | None = None
    ) -> Interaction:
        """Choose from a select, the first one unless its custom_id is given."""
        shown = self._message(message)
        selects = [each for each in walk(shown.components) if each["type"] == SELECT]
        chosen = next((each for each in selects if custom_id in (None, each["custom_id"])), None)
        if chosen is None:
            raise Rejected("This message has no such select.")
        return await _answered(self._acts.use(self.profile, shown, chosen["custom_id"], values))

    def say(self, content: str, *, to: str = STUDIO) -> dict[str, Any]:
        """Post a plain message."""
        message = self._acts.say(self.profile, to, content)
        return {"id": message.id, "channel_id": message.channel, "content": message.content}

    def _message(self, message: Mapping[str, Any] | Interaction) -> Message:
        if isinstance(message, Interaction):
            if message.original is None:
                raise Rejected(f"{message.command} has no answer yet.")
            message = {"id": message.original.id}
        shown = self._world.message(str(message["id"]))
        if not shown.seen_by(self.id):
            raise Rejected("This message is not there for you.")
        return shown


def name_of(component: dict[str, Any]) -> str:
    """What a member reads on a component."""
    emoji = (component.get("emoji") or {}).get("name")
    return str(component.get("label") or component.get("placeholder") or emoji or component.get("custom_id"))


def _chosen(component: dict[str, Any], values: Sequence[str]) -> list[str]:
    known = [option["value"] for option in component.get("options", [])]
    for value in values:
        if value not in known:
            raise Rejected(f"{value!r} is not offered. Offered: {', '.join(known)}.")
    low, high = component.get("min_values", 1), component.get("max_values", 1)
    if not low <= len(values) <= high:
        raise Rejected(f"Choose {low} to {high} of them, not {len(values)}.")
    return list(values)


async def _answered(interaction: Interaction) -> Interaction:
    await interaction.first.wait()
    if interaction.failed:
        raise NoAnswer(f"{interaction.sentence} to {interaction.command} within 3 s.")
    return interaction


async def until(predicate: Callable[[], Any], pulse: Callable[[], asyncio.Event], timeout: float) -> Any:
    """Wait until something is true, looking again at every change; TimeoutError after `timeout` seconds."""
    async with asyncio.timeout(timeout):
        while not (found := predicate()):
            await pulse().wait()
    return found
