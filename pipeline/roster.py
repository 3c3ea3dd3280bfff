"""The roster: every flight that is not finished, who goes next, and who had better wait for another.

A flight is waiting (for room), running (it takes steps) or aside (another thread finds, cuts or pastes for it).
"""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from pipeline.brief import Brief
from pipeline.errors import Stopped
from pipeline.faults import translate
from pipeline.flight import Asker, Flight

UNFINISHED = "The engine was closed before the picture was finished."


class Roster:
    """Flights by key. `flights` and `waiting` are read and changed under `lock`; `running` is the engine's own."""

    def __init__(self, scale: int) -> None:
        self.lock = threading.Condition()
        self.flights: dict[str, Flight] = {}
        self.waiting: list[Flight] = []
        self.running: list[Flight] = []
        self.closed = False
        self._scale = scale
        self._ticks = itertools.count(1)
        self._served: dict[str, int] = {}

    def join(self, asker: Asker, brief: Brief) -> Flight | None:
        """Let somebody wait for a picture; the flight if it is a new one, to be sent on its way (the lock is held)."""
        flight = self.flights.get(brief.key)
        if flight is not None:
            flight.askers.append(asker)
            return None
        flight = self.flights[brief.key] = Flight(brief.key, brief, self._scale, self.tick(), [asker])
        return flight

    def wait(self, flight: Flight) -> None:
        """It waits for room; one that everybody left meanwhile does not."""
        with self.lock:
            if self.flights.get(flight.key) is flight:
                self.waiting.append(flight)
                self.lock.notify_all()

    def anybody(self) -> bool:
        """Whether there is something to do: a step to take, or a flight to begin (the lock is held)."""
        return bool(self.running) or any(not self._waits_for_another(flight) for flight in self.waiting)

    def next(self, budget: int) -> Flight | None:
        """Take the waiting flight whose turn it is; None when there is none, or no room for it.

        Urgent ones come first and have room unless other urgent ones fill it: the rest step aside for a while. Then
        come those that are on their way already, then the owner with the fewest running, among equals the one served
        longest ago. One that needs what another is about to have waits for that.
        """
        with self.lock:
            ready = [flight for flight in self.waiting if not self._waits_for_another(flight)]
            if not ready:
                return None
            busy = Counter(flight.owner for flight in self.running)
            flight = min(
                ready,
                key=lambda f: (not f.urgent, not f.admitted, busy[f.owner], self._served.get(f.owner, 0), f.arrival),
            )
            crowd = [other for other in self.running if other.urgent or not flight.urgent]
            if crowd and sum(other.area for other in crowd) + flight.area > budget:
                return None
            self.waiting.remove(flight)
            self._served[flight.owner] = self.tick()
            present = {other.owner for other in self.flights.values()}
            self._served = {owner: tick for owner, tick in self._served.items() if owner in present}
            return flight

    def land(self, flight: Flight) -> None:
        """Its trajectory has ended: it steps aside."""
        self.running.remove(flight)

    def release(self, flight: Flight, canvas: NDArray[np.uint8]) -> list[Flight]:
        """The flight has its base picture; take out those who wait for the same one (the lock is held)."""
        flight.canvas = canvas
        key = flight.brief.base_key
        taken = [other for other in self.waiting if other.canvas is None and other.brief.base_key == key]
        self.waiting = [other for other in self.waiting if other not in taken]
        self.lock.notify_all()
        return taken

    def drop(self) -> None:
        """Let go of askers who left, and of flights that nobody waits for any more."""
        with self.lock:
            present = [*self.waiting, *self.running]
        for flight in present:
            leaving = [asker for asker in tuple(flight.askers) if asker.left()]
            if leaving or not flight.askers:  # they may have left while it was aside
                with self.lock:
                    flight.askers = [asker for asker in flight.askers if asker not in leaving]
                    if not flight.askers and (flight in self.waiting or flight in self.running):
                        self.forget(flight)
            for asker in leaving:
                asker.fail(Stopped("Stopped before the picture was finished."))

    def forget(self, flight: Flight) -> None:
        """Take the flight out of every list."""
        with self.lock:
            for flights in (self.waiting, self.running):
                if flight in flights:
                    flights.remove(flight)
            if self.flights.get(flight.key) is flight:
                del self.flights[flight.key]
            self.lock.notify_all()  # somebody may have waited for it

    def fail(self, flight: Flight, error: BaseException) -> None:
        """Take the flight out, and tell everybody who waits for it why."""
        self.forget(flight)
        for asker in flight.askers:
            asker.fail(translate(error, asker.recipe))

    @contextmanager
    def blame(self, flight: Flight) -> Iterator[None]:
        """Whatever goes wrong inside concerns this flight alone."""
        try:
            yield
        except Exception as error:
            self.fail(flight, error)

    def close(self) -> None:
        """Nobody more is taken, and those who are here are not begun."""
        with self.lock:
            self.closed = True
            self.lock.notify_all()

    def tick(self) -> int:
        """A number larger than any before."""
        return next(self._ticks)

    def _waits_for_another(self, flight: Flight) -> bool:
        """Whether another flight is about to have the base picture, or the step to fork from, that this one needs."""
        if flight.canvas is not None:
            return False
        on_their_way = (other for other in self.flights.values() if other.admitted and other.canvas is None)
        return any(other is not flight and _is_ahead(other, flight) for other in on_their_way)


def _is_ahead(other: Flight, flight: Flight) -> bool:
    """Whether the base stage of `other` will come by something of the base stage of `flight`."""
    if other.brief.base_key == flight.brief.base_key:
        return True
    if other.brief.prefix_key != flight.brief.prefix_key or other.trajectory is None:
        return False
    shared = min(other.brief.recipe.text_steps, flight.brief.recipe.text_steps)
    return other.trajectory.done_steps < shared
