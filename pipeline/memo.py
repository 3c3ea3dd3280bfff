"""Results by stage key, bounded in bytes; the least recently used are forgotten first."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Memo(Generic[V]):
    """A bounded map from stage key to result. Not locked: its owner locks it or keeps it on one thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._results: OrderedDict[str, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._results)

    def find(self, key: str) -> V | None:
        """The result of that key, now the most recently used; None when it is not kept."""
        if key not in self._results:
            return None
        self._results.move_to_end(key)
        return self._results[key][0]

    def keep(self, key: str, result: V, size: int) -> None:
        """Keep a result of `size` bytes, forgetting older ones until all fit; one above the limit is not kept."""
        self.forget(key)
        self._results[key] = (result, size)
        self.size += size
        while self.size > self.limit:
            self.forget(next(iter(self._results)))

    def forget(self, key: str) -> None:
        """Let go of the result of that key, if it is kept."""
        if key in self._results:
            self.size -= self._results.pop(key)[1]

    def clear(self) -> None:
        """Let go of everything."""
        self._results.clear()
        self.size = 0
