"""Breaks things on purpose, on SQLite and on PostgreSQL, and tells which promises held.

    python -m tests.chaos [--rounds 200] [--only kills poison] [--databases sqlite,postgresql] [--out RESULTS.md]

The exit code is 1 if a promise did not hold, or a control did not fail.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.chaos.scenario import DATABASES, FULL_ROUNDS, SCENARIOS, Options

# The processes that the scenarios kill import this file anew: what else it needs is imported where it is needed.


def main() -> int:
    """Read the command line, perform, print. Returns the exit code."""
    defaults = Options()
    arguments = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=FULL_ROUNDS, help="kills; other counts keep their proportion")
    arguments.add_argument(
        "--only", nargs="+", choices=SCENARIOS, default=SCENARIOS, metavar="NAME", help="of %(choices)s"
    )
    arguments.add_argument("--databases", default=",".join(DATABASES), help="default: %(default)s")
    arguments.add_argument("--out", type=Path, help="a Markdown file for the table")
    arguments.add_argument("--soak-minutes", type=float, default=defaults.soak_minutes)
    arguments.add_argument("--outage-minutes", type=float, default=defaults.outage_minutes)
    arguments.add_argument("--seed", type=int, default=defaults.seed, help="decides the random moments")
    given = arguments.parse_args()
    databases = given.databases.split(",")
    if unknown := set(databases) - set(DATABASES):
        arguments.error(f"--databases: there are {', '.join(DATABASES)}; got {', '.join(sorted(unknown))}")
    options = Options(given.rounds, given.soak_minutes, given.outage_minutes, given.seed)
    from tests.chaos.performance import perform_all
    from tests.chaos.report import markdown, table

    rows, postgres = asyncio.run(perform_all(given.only, databases, options))
    print(table(rows))
    if given.out:
        given.out.write_text(markdown(rows, options, postgres))
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
