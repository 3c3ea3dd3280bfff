"""What survives a restart: one SQLite file with the commands, the messages and the files posted with them."""

import json
import sqlite3
from pathlib import Path
from typing import Any

_TABLES = """
create table if not exists things (kind text, id text, body text, primary key (kind, id)) without rowid;
create table if not exists files (id text primary key, bytes blob);
"""


class Archive:
    """Documents by kind and id, and files by id; without a path everything stays in memory."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = off")
        self._database.executescript(_TABLES)

    def keep(self, kind: str, id: str, body: Any) -> None:
        """Store one document, replacing what stood there."""
        self._database.execute("replace into things values (?, ?, ?)", (kind, id, json.dumps(body)))

    def drop(self, kind: str, id: str) -> None:
        """Forget one document."""
        self._database.execute("delete from things where kind = ? and id = ?", (kind, id))

    def all(self, kind: str) -> list[Any]:
        """Every document of a kind, oldest first (ids are snowflakes)."""
        rows = self._database.execute("select id, body from things where kind = ?", (kind,)).fetchall()
        return [json.loads(body) for id, body in sorted(rows, key=lambda row: (len(row[0]), row[0]))]

    def keep_file(self, id: str, content: bytes) -> None:
        """Store the bytes of one file."""
        self._database.execute("replace into files values (?, ?)", (id, content))

    def file(self, id: str) -> bytes | None:
        """The bytes of one file, or None."""
        row = self._database.execute("select bytes from files where id = ?", (id,)).fetchone()
        return None if row is None else row[0]

    def drop_file(self, id: str) -> None:
        """Forget the bytes of one file."""
        self._database.execute("delete from files where id = ?", (id,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()
