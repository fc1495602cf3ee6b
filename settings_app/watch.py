"""What was written to the database, by whichever process, told in microseconds.

SQLite counts the commits of other connections (`PRAGMA data_version`, 4 µs). It is read on a connection that never
writes, so that no commit of this process escapes it.
"""

import sqlite3
import threading
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from settings_app import moves


class Watch:
    def __init__(self, path: str) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._lock = threading.Lock()

    def version(self) -> int:
        """Moves with every commit, of the request log too."""
        return int(self._told("PRAGMA data_version"))

    def moves(self) -> int:
        """Moves when a setting is written."""
        return int(self._told(f"SELECT times FROM {moves.TABLE}"))

    def any(self, table: str, condition: str) -> bool:
        """Whether the table has a row of which the condition holds: SQL, of the caller's own making."""
        return bool(self._told(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {condition})"))

    def _told(self, query: str) -> Any:
        with self._lock:
            return self._connection.execute(query).fetchone()[0]


_watch: Watch | None = None


def watch() -> Watch:
    """The one of Django's database. Another one if that is another, as in tests."""
    global _watch
    # Asking `connection` makes one for each request.
    path = str(connections.settings[DEFAULT_DB_ALIAS]["NAME"])
    if _watch is None or _watch.path != path:
        _watch = Watch(path)
    return _watch
