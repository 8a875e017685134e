"""Sealed tables: the only code that writes records, reads them, and checks that none is missing.

A seal proves that a record is ours and at its place. It cannot prove that a record is *there*:
who may write the file can delete one, or put an older version of one back. So every table has a
census, a count and a sum of keyed shares of all its records, itself a sealed record that changes
in the transaction that changes them. Reading a whole table compares the two. (To put the whole
file back to an earlier day is beyond what a file can know of itself.)

Nothing here commits: that is the transaction's business (``database.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import (
    BindParameter,
    CursorResult,
    Executable,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import NullType

from watchtower.errors import StoreDamagedError, StoreTamperedError
from watchtower.store.cipher import CENSUS_MODULUS, Keyring, Place
from watchtower.store.tables import CENSUS
from watchtower.store.uninterrupted import uninterrupted

__all__ = ["Record", "SealedTable", "Transaction"]

Value = TypeVar("Value")

_CENSUS_ROW: Final = b"census"
_PAGE: Final = 500  # records that are unsealed between two looks at the event loop: some 10 ms


class _Count(NamedTuple):
    records: int
    shares: bytes


class _Found(NamedTuple):
    place: Place
    sealed: bytes


class Record(NamedTuple, Generic[Value]):
    """A value, and what it is about, if records are to be found by that."""

    value: Value
    topic: str = ""


_NONE: Final = _Count(0, bytes(32))


@dataclass(slots=True, kw_only=True)
class Transaction:
    """What the tables need while one transaction lasts."""

    connection: AsyncConnection
    keyring: Keyring
    path: Path
    clock: Callable[[], float] = time.time
    counts: dict[str, _Count] | None = None
    census_version: int = 0
    is_changed: bool = False

    async def execute(
        self, statement: Executable, rows: Sequence[dict[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a statement to its end, once or for each of ``rows``."""
        return await uninterrupted(self.connection.execute(statement, rows))

    async def count(self, table: str, *, records: int, shares: int) -> None:
        """Add (or, negative, take away) records of ``table`` in the census."""
        counts = await self.census()
        old = counts.get(table, _NONE)
        total = (int.from_bytes(old.shares) + shares) % CENSUS_MODULUS
        counts[table] = _Count(old.records + records, total.to_bytes(32))
        self.is_changed = True

    async def census(self) -> dict[str, _Count]:
        """Return the census as it stands in this transaction.

        Raises:
            StoreTamperedError: it fails its seal.
        """
        if self.counts is None:
            row = (await self.execute(select(CENSUS))).first()
            if row is None:
                self.counts = {}
            else:
                found = self.found(CENSUS.name, row)
                self.census_version = found.place.version
                self.counts = self.read(found, dict[str, _Count])
        return self.counts

    async def seal_census(self) -> None:
        """Write the census, if anything changed; the last thing before a commit."""
        if not self.is_changed:
            return
        place = Place(CENSUS.name, _CENSUS_ROW, b"", self.census_version + 1)
        sealed = self.keyring.seal(place, msgspec.msgpack.encode(self.counts))
        values = {"topic": b"", "version": place.version, "sealed": sealed}
        if self.census_version == 0:
            await self.execute(insert(CENSUS).values(row=_CENSUS_ROW, **values))
        else:
            await self.execute(update(CENSUS).values(**values))

    def found(self, table: str, row: Row[Any]) -> _Found:
        """Return a row as the record it has to be.

        Raises:
            StoreTamperedError: its columns are of types that we never write.
        """
        key, topic, version, sealed = row.row, row.topic, row.version, row.sealed
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
        return _Found(Place(table, key, topic, version), sealed)

    def read(self, found: _Found, kind: type[Value]) -> Value:
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


class SealedTable(Generic[Value]):
    """The records of one table, each found by its name, of one type.

    ``name`` is the record's natural key in text; it is never written. In a numbered table names
    are given by ``append``.
    """

    def __init__(self, transaction: Transaction, table: Table, kind: type[Value]) -> None:
        """Look at ``table`` through ``transaction``; its records are of type ``kind``."""
        self._transaction = transaction
        self._keyring = transaction.keyring
        self._table = table
        self._kind = kind
        # What was found stays true while the transaction lasts, but for what is written in it.
        self._seen: dict[str, _Found | None] = {}
        self._values: dict[str, Value] = {}

    async def get(self, name: str) -> Value | None:
        """Return the record called ``name``, if there is one."""
        return (await self.find([name])).get(name)

    async def find(self, names: Collection[str]) -> dict[str, Value]:
        """Return the records called ``names``, by name; one that is not there is left out."""
        found = await self._find(names)
        for name in found.keys() - self._values.keys():
            self._values[name] = self._read(found[name])
        return {name: self._values[name] for name in found}

    async def put(self, name: str, value: Value, *, topic: str = "") -> None:
        """Write the record called ``name``, over the one that may be there."""
        await self.put_all({name: Record(value, topic)})

    async def put_all(self, records: Mapping[str, Record[Value]]) -> None:
        """Write records by their names, over those that may be there; as fast for many as can be.

        Statements take their time one by one, so that there are two of them, however many records.
        """
        found = await self._find(records)
        await self.add_all({name: each for name, each in records.items() if name not in found})
        await self._replace_all({name: records[name] for name in found}, found)

    async def add_all(self, records: Mapping[str, Record[Value]]) -> None:
        """Write records by their names, of which the caller knows that none is there."""
        if not records:
            return
        new: list[dict[str, Any]] = []
        shares = 0
        for name, record in records.items():
            row = self._row(name)
            values, share = self._sealed(row, record, version=1)
            new.append({"row": row, **values})
            shares += share
        self._forget(records)
        await self._insert(new)
        await self._transaction.count(self._table.name, records=len(new), shares=shares)

    async def _replace_all(
        self, records: Mapping[str, Record[Value]], before: Mapping[str, _Found]
    ) -> None:
        if not records:
            return
        changed: list[dict[str, Any]] = []
        shares = 0
        for name, record in records.items():
            old = before[name]
            row, version = old.place.row, old.place.version + 1
            values, share = self._sealed(row, record, version=version)
            changed.append({"at": row, **values})
            shares += share - self._keyring.share(old.place, old.sealed)
        self._forget(records)
        where = self._table.c.row == _as_they_are("at")
        await self._transaction.execute(update(self._table).where(where), changed)
        await self._transaction.count(self._table.name, records=0, shares=shares)

    def _sealed(
        self, row: bytes, record: Record[Value], *, version: int
    ) -> tuple[dict[str, Any], int]:
        """Return what a record's row holds beside its name, and its share in the census."""
        place = Place(self._table.name, row, self._topic(record.topic), version)
        sealed = self._seal(place, record.value)
        values = {"topic": place.topic, "version": version, "sealed": sealed}
        return values, self._keyring.share(place, sealed)

    async def append(self, value: Value, *, topic: str = "") -> int:
        """Write a record under the next number, and return the number."""
        return await self.append_all([Record(value, topic)])

    async def append_all(self, records: Sequence[Record[Value]]) -> int:
        """Write records under the next numbers, and return the last number."""
        # Asked of the table and not of the census: a row that somebody put there must stop nobody.
        last = (await self._transaction.execute(select(func.max(self._table.c.row)))).scalar()
        before, shares = int(last or 0), 0
        new: list[dict[str, Any]] = []
        for number, record in enumerate(records, start=before + 1):
            place = Place(self._table.name, number.to_bytes(8), self._topic(record.topic), 1)
            sealed = self._seal(place, record.value)
            new.append({"row": number, "topic": place.topic, "version": 1, "sealed": sealed})
            shares += self._keyring.share(place, sealed)
        await self._insert(new)
        await self._transaction.count(self._table.name, records=len(new), shares=shares)
        return before + len(new)

    async def remove(self, name: str) -> bool:
        """Delete the record called ``name``; say whether there was one."""
        return await self.remove_all([name]) > 0

    async def remove_all(self, names: Collection[str]) -> int:
        """Delete the records called ``names``; return how many of them there were."""
        found = await self._find(names)
        if not found:
            return 0
        self._forget(found)
        rows = [{"at": each.place.row} for each in found.values()]
        await self._transaction.execute(
            delete(self._table).where(self._table.c.row == _as_they_are("at")), rows
        )
        shares = -sum(self._keyring.share(each.place, each.sealed) for each in found.values())
        await self._transaction.count(self._table.name, records=-len(rows), shares=shares)
        return len(rows)

    async def all(self) -> list[Value]:
        """Return every record, in the order of rows.

        Raises:
            StoreTamperedError: a record fails its seal, or records are missing, or old.
        """
        values: list[Value] = []
        await self.walk(values.append)
        return values

    async def walk(self, visit: Callable[[Value], object]) -> int:
        """Visit every record, compare them with the census, and return how many there are.

        Raises:
            StoreTamperedError: a record fails its seal, or records are missing, or old.
        """
        records = shares = 0
        row = self._table.c.row
        page = select(self._table).order_by(row).limit(_PAGE)
        rows = (await self._transaction.execute(page)).all()
        while rows:
            for each in rows:
                found = self._of(each)
                visit(self._read(found))
                records += 1
                shares += self._keyring.share(found.place, found.sealed)
            rows = (await self._transaction.execute(page.where(row > rows[-1].row))).all()
        counted = (await self._transaction.census()).get(self._table.name, _NONE)
        if counted != (records, (shares % CENSUS_MODULUS).to_bytes(32)):
            what = f"the census of {self._table.name} ({counted.records} records, {records} found)"
            raise StoreTamperedError(path=self._transaction.path, what=what)
        return records

    async def count(self) -> int:
        """Return how many records there are, by the census."""
        return (await self._transaction.census()).get(self._table.name, _NONE).records

    async def about(self, topic: str) -> list[tuple[int | bytes, Value]]:
        """Return the records about ``topic``, each with its row, in the order of rows."""
        where = self._table.c.topic == self._topic(topic)
        query = select(self._table).where(where).order_by(self._table.c.row)
        rows = (await self._transaction.execute(query)).all()
        return [(row.row, self._read(self._of(row))) for row in rows]

    async def last(self, limit: int) -> list[tuple[int | bytes, Value]]:
        """Return the last ``limit`` records, each with its row, in the order of rows."""
        query = select(self._table).order_by(self._table.c.row.desc()).limit(limit)
        rows = (await self._transaction.execute(query)).all()
        return [(row.row, self._read(self._of(row))) for row in reversed(rows)]

    async def after(self, row: int, limit: int) -> list[tuple[int | bytes, Value]]:
        """Return the next records of a numbered table behind ``row``, in the order of rows."""
        query = select(self._table).where(self._table.c.row > row).order_by(self._table.c.row)
        rows = (await self._transaction.execute(query.limit(limit))).all()
        return [(found.row, self._read(self._of(found))) for found in rows]

    def _row(self, name: str) -> bytes:
        return self._keyring.row(self._table.name, name)

    def _topic(self, topic: str) -> bytes:
        return self._keyring.topic(self._table.name, topic) if topic else b""

    def _read(self, found: _Found) -> Value:
        return self._transaction.read(found, self._kind)

    def _of(self, row: Row[Any]) -> _Found:
        return self._transaction.found(self._table.name, row)

    def _seal(self, place: Place, value: Value) -> bytes:
        return self._keyring.seal(place, msgspec.msgpack.encode(value))

    async def _insert(self, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            await self._transaction.execute(insert(self._table), rows)

    async def _find(self, names: Collection[str]) -> dict[str, _Found]:
        """Return what is there under names, still sealed; nobody is asked twice."""
        rows = {self._row(name): name for name in names if name not in self._seen}
        for part in _parts(list(rows), _PAGE):
            query = select(self._table).where(self._table.c.row.in_(_as_they_are("rows", part)))
            there: dict[str, _Found | None] = {rows[row]: None for row in part}
            for row in (await self._transaction.execute(query)).all():
                there[rows[row.row]] = self._of(row)
            self._seen |= there
        return {name: found for name in names if (found := self._seen[name]) is not None}

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._seen.pop(name, None)
            self._values.pop(name, None)


def _as_they_are(name: str, rows: Sequence[bytes] | None = None) -> BindParameter[Any]:
    """Return a place for one row in a statement, or for ``rows``: bytes that nothing converts."""
    if rows is None:
        return bindparam(name, type_=NullType())
    return bindparam(name, rows, expanding=True, type_=NullType())


def _parts(rows: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    return (rows[first : first + size] for first in range(0, len(rows), size))
