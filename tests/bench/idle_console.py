"""The console with no engine in it: its weights never come, so torch is not imported. For the bench of memory."""

import threading

from bot.__main__ import main
from bot.renderer import LocalRenderer


def never(self: LocalRenderer, measure: bool) -> None:
    """In place of opening the engine."""
    threading.Event().wait()


LocalRenderer._open = never  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    main()
