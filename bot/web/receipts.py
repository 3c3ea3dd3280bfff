"""Receipts: what a deletion took away, kept for a while so that its page can be loaded again without deleting anew."""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

KEPT = 200
"""As many are kept, in memory; the deletion itself is in the audit log."""


@dataclass(frozen=True)
class Receipt:
    """What `member_id` deleted, and what is gone with it, a sentence a line. `job` is the picture's."""

    member_id: int
    name: str
    job: str
    lines: Sequence[str]


class Receipts:
    """The last receipts of this process, each for the eyes of who deleted."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Receipt] = OrderedDict()

    def keep(self, receipt: Receipt) -> str:
        """Keep a receipt; the name it is found by, which nobody guesses."""
        name = secrets.token_urlsafe(12)
        self._kept[name] = receipt
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return name

    def find(self, name: str, member_id: int | None) -> Receipt | None:
        """The receipt of that name, if it is the member's."""
        found = self._kept.get(name)
        return found if found is not None and found.member_id == member_id else None
