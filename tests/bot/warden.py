"""The Gate port as a test wants it: without anything said, everything passes."""

from collections.abc import Callable

from bot.domain.errors import Refusal
from bot.domain.gate import Cause, Hit, Verdict
from bot.domain.job import Member


class Warden:
    """Prompts that hold one of `words` are hit; `sees` says what is in a picture; nobody draws in `closed` channels."""

    def __init__(self) -> None:
        self.words: dict[str, Verdict] = {}
        self.sees: Callable[[bytes], Hit | None] = lambda png: None
        self.closed: set[int] = set()
        self.spoiled: set[int] = set()

    def prompt(self, text: str) -> Hit | None:
        found = (Hit(Cause.PROMPT, verdict, word) for word, verdict in self.words.items() if word in text)
        return next(found, None)

    async def image(self, png: bytes) -> Hit | None:
        return self.sees(png)

    def place(self, member: Member, channel_id: int) -> None:
        if channel_id in self.closed:
            raise Refusal("You may not draw here.")

    def spoiler(self, member: Member, channel_id: int) -> bool:
        return channel_id in self.spoiled


def seen(verdict: Verdict) -> Hit:
    """What a classifier says that is nearly sure."""
    return Hit(Cause.IMAGE, verdict, "blood", 0.93)
