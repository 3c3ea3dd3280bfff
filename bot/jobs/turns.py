"""Turns: whose image is drawn next, by deficit round robin (Shreedhar and Varghese, SIGCOMM 1995).

Each round brings every member who waits a quantum of work times their weight. Images are paid from it; what does not
suffice for the next one is kept for the next round. So over time members get work in proportion to their weights,
however large one image is beside another.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Want:
    """What a member's next image takes, above 0; not `free`: the member has as many being drawn as they may."""

    work: float
    free: bool = True


@dataclass
class Share:
    """What a member may still have drawn in this round; below 0 it is what they had out of turn."""

    weight: float
    deficit: float = 0.0


class Turns:
    """Members in their round. `want` says what a member's next image takes; None: nothing of theirs waits."""

    def __init__(self, want: Callable[[int], Want | None]) -> None:
        self._want = want
        self._shares: dict[int, Share] = {}
        self._round: deque[int] = deque()
        self._to_come = 0
        self._quantum = 0.0
        self._begun = False

    def join(self, member: int, weight: float) -> None:
        """Something of a member waits: they come last in the round, unless they stand in it. Weight is above 0."""
        if share := self._shares.get(member):
            share.weight = weight
        else:
            self._shares[member] = Share(weight)
            self._round.append(member)

    def charge(self, member: int, weight: float, work: float) -> None:
        """A member had this work out of turn, and pays with turns to come; below 0 they get it back.

        They pay also if they want nothing more for a while, but not once nobody else wanted anything meanwhile.
        """
        self.join(member, weight)
        self._shares[member].deficit -= work

    def next(self) -> int | None:
        """The member whose turn it is; they have paid for their next image. None when nothing is to be drawn now."""
        while self._to_come or self._begin_round():
            member = self._round[0]
            share, want = self._shares[member], self._want(member)
            if want is None and share.deficit >= 0:
                self._leave()
            elif want is not None and not want.free:
                share.deficit = min(share.deficit, 0.0)  # nobody saves up what they could not use
                self._pass()
            else:
                if not self._begun:
                    share.deficit += self._quantum * share.weight
                    self._begun = True
                if want is not None and want.work <= share.deficit:
                    share.deficit -= want.work
                    return member
                self._pass()
        return None

    def order(self) -> list[int]:
        """The members as they come in the round, from whose turn it is now."""
        return list(self._round)

    def _begin_round(self) -> bool:
        """Set the quantum; False if nobody can have a turn.

        It brings who weighs most the largest image that waits first, so no turn is longer than that, and in any case
        somebody their next image, so no round goes by in vain, however small the weights and deep the debts are.
        """
        wants = [(self._shares[member], want) for member in self._round if (want := self._want(member))]
        if not wants:
            self._shares.clear()
            self._round.clear()
        free = [(share, want) for share, want in wants if want.free]
        if not free:
            return False
        turn = max(want.work for _, want in free) / max(share.weight for share, _ in free)
        self._quantum = max(turn, min((want.work - share.deficit) / share.weight for share, want in free))
        self._to_come, self._begun = len(self._round), False
        return True

    def _pass(self) -> None:
        self._round.rotate(-1)
        self._to_come -= 1
        self._begun = False

    def _leave(self) -> None:
        del self._shares[self._round.popleft()]
        self._to_come -= 1
        self._begun = False
