"""A sandbox, and a small real disnake bot that talks to it over sockets."""

import os
from pathlib import Path

SPECIFICATION = Path(os.environ.get("DISCORD_SPEC_DIR", Path(__file__).parents[2] / "../shared/discord"))
