"""The statements that sealed tables are asked with: SQL with parameters, and nothing that runs it.

What it guarantees: of the same table there are few different texts, however many records are asked
for or written, so that SQLite has each of them compiled already. Where the number of records is
part of a text it is a power of two: what is looked for is filled up with its last, and what is
written is cut.

Rows are as the columns are: row, topic, version, sealed. Names of tables are ours, and stand in no
text that anybody else has a say in.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar

__all__ = [
    "BEGIN",
    "BEGIN_IMMEDIATE",
    "COMMIT",
    "DATA_VERSION",
    "EPOCH",
    "PAGE",
    "ROLLBACK",
    "Row",
    "Statement",
    "Statements",
    "statements_of",
]

_T = TypeVar("_T")

Row = tuple[int | bytes, bytes, int, bytes]
"""A record as it is written: row, topic, version, sealed."""

PAGE: Final = 500
"""Records that are unsealed between two looks at the event loop: some 5 ms."""

_MOST_WRITTEN: Final = 128
"""Records in one statement: with four columns half of the 999 parameters that every SQLite takes
(https://www.sqlite.org/limits.html, SQLITE_MAX_VARIABLE_NUMBER)."""


class Statement(NamedTuple):
    """A text of SQL, and what stands in it for each ``?``."""

    sql: str
    parameters: tuple[Any, ...] = ()


BEGIN: Final = Statement("BEGIN")
BEGIN_IMMEDIATE: Final = Statement("BEGIN IMMEDIATE")
COMMIT: Final = Statement("COMMIT")
ROLLBACK: Final = Statement("ROLLBACK")
DATA_VERSION: Final = Statement("PRAGMA data_version")
EPOCH: Final = Statement("PRAGMA user_version")
"""The number in the file that changes with the master key."""


class Statements:
    """The statements for one table."""

    def __init__(self, table: str) -> None:
        """Make those whose text is always the same."""
        self._table = table
        self._select = f"SELECT row, topic, version, sealed FROM {table}"  # noqa: S608 - our name
        self._from_the_first = f"{self._select} ORDER BY row LIMIT ?"
        self._from_the_last = f"{self._select} ORDER BY row DESC LIMIT ?"
        self._behind = f"{self._select} WHERE row > ? ORDER BY row LIMIT ?"
        self._about_behind = f"{self._select} WHERE topic = ? AND row > ? ORDER BY row LIMIT ?"
        self._about_below = f"{self._select} WHERE topic = ? AND row < ? ORDER BY row DESC LIMIT ?"
        self.everything = Statement(self._select)
        self.greatest = Statement(f"SELECT max(row) FROM {table}")  # noqa: S608 - our name
        self._find = cache(self._text_to_find)
        self._about = cache(self._text_about)
        self._remove = cache(self._text_to_remove)
        self._add = cache(self._text_to_add)

    def find(self, rows: Sequence[int | bytes]) -> Statement:
        """Ask for the records at ``rows``, a page of them at most: those that are there."""
        filled = _filled(rows)
        return Statement(self._find(len(filled)), filled)

    def page(self, behind: int | bytes | None, limit: int = PAGE) -> Statement:
        """Ask for the first records behind one, or for the very first, in the order of rows."""
        if behind is None:
            return Statement(self._from_the_first, (limit,))
        return Statement(self._behind, (behind, limit))

    def last(self, limit: int) -> Statement:
        """Ask for the last records, the last one first."""
        return Statement(self._from_the_last, (limit,))

    def about(self, *topics: bytes) -> Statement:
        """Ask for the records that have one of these topics, in the order of rows."""
        return Statement(self._about(len(topics)), topics)

    def about_behind(self, topic: bytes, row: int | bytes, limit: int) -> Statement:
        """Ask for the next records of one topic behind ``row``, in the order of rows."""
        return Statement(self._about_behind, (topic, row, limit))

    def about_below(self, topic: bytes, row: int | bytes, limit: int) -> Statement:
        """Ask for the last records of one topic before ``row``, the last one first."""
        return Statement(self._about_below, (topic, row, limit))

    def add(self, rows: Sequence[Row]) -> Iterator[Statement]:
        """Write records that are not there; one that is there fails."""
        return self._write(rows, "")

    def replace(self, rows: Sequence[Row]) -> Iterator[Statement]:
        """Write records over those that are there."""
        # Found by their rows, as an UPDATE would find them; but many in one statement.
        return self._write(
            rows,
            " ON CONFLICT (row) DO UPDATE SET"
            " topic = excluded.topic, version = excluded.version, sealed = excluded.sealed",
        )

    def remove(self, rows: Sequence[int | bytes]) -> Iterator[Statement]:
        """Delete the records at ``rows``."""
        for part in _parts(rows, _MOST_WRITTEN):
            filled = _filled(part)
            yield Statement(self._remove(len(filled)), filled)

    def _write(self, rows: Sequence[Row], otherwise: str) -> Iterator[Statement]:
        for part in _halves(rows, _MOST_WRITTEN):
            values = tuple([value for row in part for value in row])
            yield Statement(self._add(len(part)) + otherwise, values)

    def _text_to_find(self, size: int) -> str:
        return f"{self._select} WHERE row IN ({_places(size)})"

    def _text_about(self, size: int) -> str:
        return f"{self._select} WHERE topic IN ({_places(size)}) ORDER BY row"

    def _text_to_remove(self, size: int) -> str:
        return f"DELETE FROM {self._table} WHERE row IN ({_places(size)})"  # noqa: S608 - our name

    def _text_to_add(self, size: int) -> str:
        records = ", ".join(["(?, ?, ?, ?)"] * size)
        return f"INSERT INTO {self._table} (row, topic, version, sealed) VALUES {records}"  # noqa: S608 - our name


@cache
def statements_of(table: str) -> Statements:
    """Return the statements for the table of that name."""
    return Statements(table)


def _places(size: int) -> str:
    return ", ".join("?" * size)


def _parts(rows: Sequence[_T], size: int) -> Iterable[Sequence[_T]]:
    return (rows[first : first + size] for first in range(0, len(rows), size))


def _filled(rows: Sequence[int | bytes]) -> tuple[int | bytes, ...]:
    """Return as many as the next power of two is, the last one as often as it takes."""
    size = 1 << (len(rows) - 1).bit_length()
    return (*rows, *([rows[-1]] * (size - len(rows))))


def _halves(rows: Sequence[_T], most: int) -> Iterator[Sequence[_T]]:
    """Cut into parts, each of which has a power of two, and ``most`` of them if there are."""
    first = 0
    while left := len(rows) - first:
        size = min(most, 1 << (left.bit_length() - 1))
        yield rows[first : first + size]
        first += size
