"""Bytes in memory, within a budget: what was asked for longest ago goes first, and small pictures stay longest."""

from collections import OrderedDict

from bot.domain.wall import Blob

OVERHEAD = 400
"""What a file takes in memory besides its bytes: its name, the Blob, its place in the order."""
LARGEST_SHARE = 4
"""A file that takes more than this part of the budget would push out everything else, and is not kept."""


class ByteStore:
    """Files by name. `thumbs` are kept in preference to others; the budget is in bytes and holds for all together.

    `used` counts what is kept here and what is `reserved` of the budget for other things.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self.reserved = 0
        self._thumbs: OrderedDict[str, Blob] = OrderedDict()
        self._others: OrderedDict[str, Blob] = OrderedDict()

    @property
    def thumbs(self) -> int:
        """How many thumbnails are in memory."""
        return len(self._thumbs)

    def get(self, name: str) -> Blob | None:
        """A file, which from now on is the one that was asked for last."""
        for kind in (self._thumbs, self._others):
            if (blob := kind.get(name)) is not None:
                kind.move_to_end(name)
                return blob
        return None

    def put(self, name: str, blob: Blob, *, thumb: bool) -> None:
        """Keep a file, if need be in the place of others; a thumbnail is never pushed out by a larger picture."""
        self.drop(name)
        cost = _cost(blob)
        if cost * LARGEST_SHARE > self.budget:
            return
        while self.used + cost > self.budget and (self._others or (thumb and self._thumbs)):
            self._forget_oldest()
        if self.used + cost <= self.budget:
            (self._thumbs if thumb else self._others)[name] = blob
            self.used += cost

    def reserve(self, size: int) -> None:
        """Leave so many bytes of the budget to other things, if need be in the place of files."""
        self.used += size - self.reserved
        self.reserved = size
        while self.used > self.budget and (self._others or self._thumbs):
            self._forget_oldest()

    def fits(self, size: int) -> bool:
        """Whether there is room for a file of that many bytes without pushing out another one."""
        return self.used + size + OVERHEAD <= self.budget

    def drop(self, name: str) -> None:
        """Forget a file, if it is there."""
        for kind in (self._thumbs, self._others):
            if (blob := kind.pop(name, None)) is not None:
                self.used -= _cost(blob)

    def _forget_oldest(self) -> None:
        _, blob = (self._others or self._thumbs).popitem(last=False)
        self.used -= _cost(blob)


def _cost(blob: Blob) -> int:
    return len(blob.data) + OVERHEAD
