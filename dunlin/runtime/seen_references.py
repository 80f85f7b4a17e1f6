"""Which references have stood in a file already, however many: on disk, in memory only a small cache of it."""

import sqlite3
from types import TracebackType
from typing import Self


class SeenReferences:
    """A scratch file without a name, gone when it is closed."""

    def __enter__(self) -> Self:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE seen (reference TEXT PRIMARY KEY, row_number INTEGER) WITHOUT ROWID; BEGIN"
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, reference: str, row_number: int) -> int | None:
        """Note where a reference stands; return the row where it stood before, None if it is new."""
        try:
            self._connection.execute("INSERT INTO seen VALUES (?, ?)", (reference, row_number))
        except sqlite3.IntegrityError:
            found = self._connection.execute("SELECT row_number FROM seen WHERE reference = ?", (reference,))
            earlier: int = found.fetchone()[0]
            return earlier
        return None
