"""Watching the folders that an operator may change by hand: people's photos, the whitelist, the pictures."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from watchfiles import Change, awatch

log = structlog.get_logger("atelier.wall")

DEBOUNCE_MS = 400
"""What happens within so many milliseconds is told together; a folder that is copied there is many changes."""


async def changes(folder: Path, name: str | None = None) -> AsyncIterator[set[Path]]:
    """The files that changed below a folder; with a `name`, that one in the folder itself.

    What changes behind a link is somebody else's, and nothing of it is told: it may be a log, which is written to
    whenever something is. Ends, with a line in the log, where the system cannot watch the folder.
    """

    folder = folder.absolute()

    def wanted(_: Change, path: str) -> bool:
        changed = Path(path)
        if not changed.is_relative_to(folder):  # some systems tell of it by another of its paths
            return name in (None, changed.name)
        above = changed.relative_to(folder).parents[:-1]
        return name in (None, changed.name) and not any((folder / each).is_symlink() for each in above)

    stop = asyncio.Event()
    try:
        watching = awatch(
            folder,
            watch_filter=wanted,
            debounce=DEBOUNCE_MS,
            recursive=name is None,
            stop_event=stop,
            ignore_permission_denied=True,
        )
        async for found in watching:
            yield {Path(path) for _, path in found}
    except (OSError, RuntimeError) as error:
        # Too many watches, or a file system that has none: the wall looks by itself every now and then.
        log.warning("a folder cannot be watched; changes are seen later", folder=str(folder), reason=str(error))
    finally:
        stop.set()
