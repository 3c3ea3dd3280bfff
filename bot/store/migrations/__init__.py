"""The steps from each earlier shape of the tables to the present one; an interrupted upgrade changes nothing."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

ONE_AT_A_TIME = 0x61746C72
"""The lock under which PostgreSQL upgrades, so that of two consoles that start together one waits for the other."""


class NewerDatabase(Exception):
    """The tables were made by a later version than this one."""


def upgrade(connection: Connection, to: str = "head") -> None:
    """Bring the tables up to date, or `to` a step, within the transaction of the connection. Raises NewerDatabase.

    Tables that were made before there were migrations are those of the first step, which passes over what is there.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))  # another console may upgrade for as long as it takes
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    try:
        with EnvironmentContext(config, scripts, fn=lambda now, _: scripts._upgrade_revs(to, now)) as environment:
            environment.configure(connection=connection)
            environment.run_migrations()
    except CommandError as error:
        raise NewerDatabase("was written by a later version of Atelier; run that one, or name another.") from error
