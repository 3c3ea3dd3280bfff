"""A sandbox that is strict to the end, and what was held against Discord's schemas in all of them."""

import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.sandbox import Sandbox

SPECIFICATION = Path(os.environ.get("DISCORD_SPEC_DIR") or Path(__file__).parents[2] / "../shared/discord").resolve()
checked: Counter[str] = Counter()


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[Sandbox]:
    """A sandbox; at its end no rule may have been broken by either side."""
    async with Sandbox(spec_dir=SPECIFICATION, **settings) as sandbox:
        yield sandbox
    checked.update(sandbox.checked)
    assert not sandbox.violations, "\n".join(sandbox.violations)
