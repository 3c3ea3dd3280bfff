"""The rules: who may draw where, and whose pictures go behind spoilers. For each of the two the first rule counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.domain.errors import Refusal
from bot.domain.job import Member

MOST_NAMED = 10


@dataclass(frozen=True)
class Rule:
    """What holds for these roles (None: for everyone) in these channels (None: in all); None says nothing."""

    roles: frozenset[int] | None = None
    channels: frozenset[int] | None = None
    draw: bool | None = None
    spoiler: bool | None = None

    def fits(self, member: Member, channel_id: int | None) -> bool:
        """Whether the rule is about the member in that channel; a channel of None is one that no rule names."""
        # On Discord the role that everyone has carries the server's id.
        concerned = self.roles is None or bool(self.roles & {*member.roles, member.guild_id})
        return concerned and (self.channels is None or channel_id in self.channels)


class Rules:
    """An operator's rules in order. What no rule speaks of is allowed, and without a spoiler."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = tuple(rules)

    def place(self, member: Member, channel_id: int) -> None:
        """Raises Refusal where the member may not draw in that channel, with where they may. Operators may anywhere."""
        if member.operator or self._may_draw(member, channel_id):
            return
        named = dict.fromkeys(channel for rule in self._rules for channel in sorted(rule.channels or ()))
        allowed = [f"<#{channel}>" for channel in named if self._may_draw(member, channel)]
        if len(allowed) > MOST_NAMED:
            allowed = [*allowed[:MOST_NAMED], f"{len(allowed) - MOST_NAMED:,} more"]
        if self._may_draw(member, None):
            allowed.append("any channel that no rule names" if allowed else "any other channel")
        raise Refusal(_sentence(channel_id, allowed))

    def spoiler(self, member: Member, channel_id: int) -> bool:
        """Whether what the member draws in that channel goes behind spoilers; operators' pictures too."""
        return any(rule.spoiler for rule in self._first(member, channel_id, "spoiler"))

    def _may_draw(self, member: Member, channel_id: int | None) -> bool:
        return all(rule.draw for rule in self._first(member, channel_id, "draw"))

    def _first(self, member: Member, channel_id: int | None, what: str) -> Sequence[Rule]:
        """The first rule that says something of that, or none."""
        fitting = (rule for rule in self._rules if getattr(rule, what) is not None and rule.fits(member, channel_id))
        return [rule for rule in fitting][:1]


def _sentence(channel_id: int, allowed: Sequence[str]) -> str:
    no = f"Your roles do not allow you to draw in <#{channel_id}>"
    if not allowed:
        return f"{no}, nor in another channel. Ask an operator of this server if that should change."
    *first, last = allowed
    return f"{no}. Draw in {', '.join(first)} or {last}." if first else f"{no}. Draw in {last}."
