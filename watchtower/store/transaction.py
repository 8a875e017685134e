"""A transaction: what it asks of SQLite goes there in one trip, and what it writes in the last one.

What it guarantees:

- Whatever was written in a transaction is seen by whatever is asked in it later: what is written is
  collected, in order, and goes out in front of the next question.
- All that is still collected in the end goes out in one trip with the census and the COMMIT.
- A transaction in which a trip has failed commits nothing, whoever caught the error.
- What the journal is told stands in its tree in the same transaction: the tree's frontier is part
  of the census, and costs no trip of its own.
- Nothing that was read outlives the transaction, so there is nothing to be out of date: what
  another process commits between two of ours is seen by the second of them. What is known beyond
  it is which sealed census says what, and a sealing says the same for ever.

It begins with its first question. A transaction that asks nothing and writes nothing does not
exist for SQLite, and locks nobody out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec

from watchtower.errors import StoreDamagedError, StoreTamperedError
from watchtower.store.cipher import CENSUS_MODULUS, Keyring, Place
from watchtower.store.statements import (
    BEGIN,
    BEGIN_IMMEDIATE,
    COMMIT,
    Statement,
    statements_of,
)
from watchtower.store.tables import CENSUS, JOURNAL
from watchtower.store.tree import Frontier

__all__ = [
    "CENSUS_KIND",
    "NONE",
    "Census",
    "Connection",
    "Count",
    "Found",
    "KnownCensus",
    "Transaction",
    "census_of",
]

Value = TypeVar("Value")

_CENSUS_ROW: Final = b"census"
_FIND_CENSUS: Final = statements_of(CENSUS.name).everything
_FIND_LAST_ENTRY: Final = statements_of(JOURNAL.name).greatest


class Connection(Protocol):
    """The way to SQLite."""

    def trip(self, statements: Sequence[Statement]) -> Awaitable[list[list[Any]]]:
        """Run statements one after the other, and return the rows that each of them brought.

        It is finished, however often who waits for it is cancelled meanwhile. The first statement
        that fails ends it; the transaction stays open.
        """
        ...


class Count(NamedTuple):
    """What the census says of a table: how many records, and the sum of their shares."""

    records: int
    shares: bytes


NONE: Final = Count(0, bytes(32))
"""What it says of a table that it does not know."""


_IDENTITY_BYTES: Final = 16


class Census(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the store says of itself, in one record that changes with every change.

    Attributes:
        store: the store's own identity, of random bytes; none before its first change.
        tables: how many records each table has, and the sum of their shares.
        journal: the frontier of the tree over the journal; None in what an older format left, of
            which nobody has made the tree yet.
    """

    store: bytes
    tables: Mapping[str, Count]
    journal: Frontier | None


_NEW: Final = Census(b"", {}, Frontier())
"""That of a store that holds nothing yet."""

CENSUS_KIND: Final[Any] = Census | dict[str, Count]
"""What the record may be: up to format 2 it was the counts alone."""


def census_of(told: Census | Mapping[str, Count]) -> Census:
    """Return what a record of `CENSUS_KIND` says."""
    return told if isinstance(told, Census) else Census(b"", told, None)


class Found(NamedTuple):
    """A record as it is in the file: at its place, and still sealed."""

    place: Place
    sealed: bytes


@dataclass(slots=True)
class KnownCensus:
    """What the census in one certain sealing says, so that it is unsealed once."""

    found: Found | None = None
    census: Census = _NEW


@dataclass(slots=True, kw_only=True)
class Transaction:
    """What the tables need while one transaction lasts.

    Attributes:
        connection: nobody else asks anything of it meanwhile.
        keyring: seals and unseals.
        path: the file, for those who have to be told.
        is_writing: whether it takes the turn of those who write (``BEGIN IMMEDIATE``).
        clock: the host's Unix time, in seconds.
        known: what this process knows of the census.
    """

    connection: Connection
    keyring: Keyring
    path: Path
    is_writing: bool = False
    clock: Callable[[], float] = time.time
    known: KnownCensus = field(default_factory=KnownCensus)
    _collected: list[Statement] = field(default_factory=list)
    _has_begun: bool = False
    _failure: BaseException | None = None
    _census: list[Any] | None = None
    _counts: dict[str, Count] | None = None
    _store: bytes = b""
    _journal: Frontier | None = None
    _census_version: int = 0
    _is_changed: bool = False
    _numbers: dict[str, int] = field(default_factory=dict)

    async def ask(self, *questions: Statement) -> list[list[Any]]:
        """Return what each question brings, behind all that was written so far."""
        if not self._has_begun:
            return await self._begin(questions)
        answers = await self._travel([*self._collected, *questions])
        return answers[len(answers) - len(questions) :]

    def write(self, statements: Iterable[Statement]) -> None:
        """Have statements run before anything that is asked later, and before the end."""
        self._collected += statements

    async def last_number(self, table: str) -> int:
        """Return the last number in a numbered table; 0 in an empty one."""
        # Asked of the table and not of the census: a row that somebody put there must stop nobody.
        if not self._has_begun and self.is_writing:
            await self.ask()
        if table not in self._numbers:
            ((row,),) = await self.ask(statements_of(table).greatest)
            self._numbers.setdefault(table, int(row[0] or 0))  # if nobody was faster meanwhile
        return self._numbers[table]

    def numbered(self, table: str, last: int) -> None:
        """Take note of the last number that is written in this transaction."""
        self._numbers[table] = last

    async def count(self, table: str, *, records: int, shares: int) -> None:
        """Add (or, negative, take away) records of ``table`` in the census."""
        counts = await self.census()
        old = counts.get(table, NONE)
        total = (int.from_bytes(old.shares) + shares) % CENSUS_MODULUS
        counts[table] = Count(old.records + records, total.to_bytes(32))
        self._is_changed = True

    async def recount(self, table: str, count: Count) -> None:
        """Have the census say ``count`` of a table, whatever it said before."""
        (await self.census())[table] = count
        self._is_changed = True

    async def census(self) -> dict[str, Count]:
        """Return the census as it stands in this transaction.

        Raises:
            StoreTamperedError: it fails its seal.
        """
        if self._counts is None:
            rows = self._census
            if rows is None:
                (rows,) = await self.ask(_FIND_CENSUS)
            if self._counts is None:  # as it still is, if nobody was faster meanwhile
                self._counts = self._read_census(rows)
        return self._counts

    async def frontier(self) -> Frontier | None:
        """Return the frontier of the journal's tree as it stands in this transaction.

        None in a store of an older format, until its tree has been made (`plant`).

        Raises:
            StoreTamperedError: the census fails its seal.
        """
        await self.census()
        return self._journal

    async def standing(self) -> tuple[int, Census]:
        """Return the census of the last change, and how often it was written until then."""
        await self.census()
        return self._census_version, Census(self._store, self._counts or {}, self._journal)

    async def grow(self, leaves: Iterable[bytes]) -> None:
        """Put leaves behind the journal's tree, by their hashes."""
        frontier = await self.frontier()
        if frontier is not None:
            self._journal = frontier.grown(leaves)
            self._is_changed = True

    async def plant(self, frontier: Frontier) -> None:
        """Take ``frontier`` for that of the journal's tree, which was made of the whole journal."""
        await self.census()
        self._journal = frontier
        self._is_changed = True

    def _read_census(self, rows: Sequence[Any]) -> dict[str, Count]:
        census = _NEW
        if rows:
            found = self.found(CENSUS.name, rows[0])
            self._census_version = found.place.version
            if found != self.known.found:
                self.known.census = census_of(self.read(found, CENSUS_KIND))
                self.known.found = found
            census = self.known.census
        self._store, self._journal = census.store, census.journal
        return dict(census.tables)

    async def commit(self) -> None:
        """Write the census, if anything changed, and end; all of it is on disk then.

        Raises:
            sqlite3.Error: it is not, and nothing of it.
        """
        if self._failure is not None:
            raise self._failure
        if self._is_changed:
            self._seal_census()
        if self._has_begun:
            await self._travel([*self._collected, COMMIT])
        elif self._collected:
            await self._travel([BEGIN_IMMEDIATE, *self._collected, COMMIT])

    def _seal_census(self) -> None:
        # Of the system's luck, whatever a simulation has for its own: two stores are never one.
        store = self._store or os.urandom(_IDENTITY_BYTES)
        census = Census(store, self._counts or {}, self._journal)
        version = self._census_version + 1
        place = Place(CENSUS.name, _CENSUS_ROW, b"", version)
        sealed = self.keyring.seal(place, msgspec.msgpack.encode(census))
        row = (_CENSUS_ROW, b"", version, sealed)
        its = statements_of(CENSUS.name)
        self.write(its.add([row]) if version == 1 else its.replace([row]))
        # True whether or not this is committed: it is what this very sealing says.
        self.known.found, self.known.census = Found(place, sealed), census

    async def _begin(self, questions: Sequence[Statement]) -> list[list[Any]]:
        """Begin, and ask along what nearly everybody who writes asks."""
        self._has_begun = True
        if not self.is_writing:
            return (await self._travel([BEGIN, *questions]))[1:]
        along = (BEGIN_IMMEDIATE, _FIND_CENSUS, _FIND_LAST_ENTRY)
        _, self._census, last, *answers = await self._travel([*along, *questions])
        self._numbers.setdefault(JOURNAL.name, int(last[0][0] or 0))
        return answers

    async def _travel(self, statements: Sequence[Statement]) -> list[list[Any]]:
        if self._failure is not None:
            # SQLite may have undone the transaction by itself: nothing may be done outside of one.
            raise self._failure
        self._collected = []
        try:
            return await self.connection.trip(statements)
        except BaseException as failure:
            self._failure = failure
            raise

    def found(self, table: str, row: Any) -> Found:
        """Return a row as the record it has to be.

        Raises:
            StoreTamperedError: its columns are of types that we never write.
        """
        key, topic, version, sealed = row
        if isinstance(key, int) and key > 0:
            key = key.to_bytes(8)
        if not (
            isinstance(key, bytes)
            and isinstance(topic, bytes)
            and isinstance(version, int)
            and version > 0
            and isinstance(sealed, bytes)
        ):
            raise StoreTamperedError(path=self.path, what=f"a record of {table}")
        return Found(Place(table, key, topic, version), sealed)

    def read(self, found: Found, kind: type[Value]) -> Value:
        """Return the record that is sealed at its place.

        Raises:
            StoreTamperedError: it fails its seal.
            StoreDamagedError: the seal holds and the content is none that we know.
        """
        text = self.keyring.unseal(found.place, found.sealed)
        if text is None:
            raise StoreTamperedError(path=self.path, what=f"a record of {found.place.table}")
        try:
            return msgspec.msgpack.decode(text, type=kind)
        except msgspec.DecodeError as error:
            why = f"a record of {found.place.table} cannot be understood ({error})"
            raise StoreDamagedError(path=self.path, why=why) from None
