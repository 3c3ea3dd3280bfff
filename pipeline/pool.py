"""A pool of threads that does urgent work first."""

import itertools
import threading
from collections.abc import Callable
from queue import PriorityQueue

Work = Callable[[], None]


class Pool:
    """Threads beside the engine's own. What is handed over must not raise; of equal urgency it is begun in order."""

    def __init__(self, threads: int, name: str) -> None:
        self._work: PriorityQueue[tuple[int, int, Work | None]] = PriorityQueue()
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._closed = False
        self._threads = [threading.Thread(target=self._run, name=f"{name}-{i}", daemon=True) for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work, *, urgent: bool) -> bool:
        """Have it done; False, and it is not, once the pool is closed."""
        with self._lock:
            if not self._closed:
                self._work.put((0 if urgent else 1, next(self._count), work))
            return not self._closed

    def close(self) -> None:
        """Take nothing more, and return when all that was taken is done."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._work.put((2, next(self._count), None))
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (work := self._work.get()[2]) is not None:
            work()
