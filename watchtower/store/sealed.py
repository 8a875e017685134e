"""Sealed tables: the only code that writes records, reads them, and checks that none is missing.

A seal proves that a record is ours and at its place. It cannot prove that a record is *there*:
who may write the file can delete one, or put an older version of one back. So every table has a
census, a count and a sum of keyed shares of all its records, itself a sealed record that changes
in the transaction that changes them. Reading a whole table compares the two. (To put the whole
file back to an earlier day is beyond what a file can know of itself.)

Nothing here commits: that is the transaction's business (``transaction.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from sqlalchemy import Table

from watchtower.errors import StoreTamperedError
from watchtower.store.cipher import CENSUS_MODULUS, Keyring, Place
from watchtower.store.statements import PAGE, Row, Statement, statements_of
from watchtower.store.transaction import NONE, Found, Transaction

__all__ = ["Naming", "Record", "SealedTable", "look"]

Value = TypeVar("Value")

_SLICE: Final = 100
"""Records that are unsealed at a time for somebody who can wait: some 1 ms."""


class Naming(Protocol):
    """How the records of a table are called, which stands in none of them as it is."""

    def name(self, found: Found, value: Any) -> str | None:
        """Return the name of a record; None in a numbered table."""
        ...

    def topic(self, value: Any) -> str:
        """Return what a record is about, empty if nothing is found by that."""
        ...


class Record(NamedTuple, Generic[Value]):
    """A value, and what it is about, if records are to be found by that."""

    value: Value
    topic: str = ""


class SealedTable(Generic[Value]):
    """The records of one table, each found by its name, of one type.

    ``name`` is the record's natural key in text; it is never written. In a numbered table names
    are given by ``append``.
    """

    def __init__(self, transaction: Transaction, table: Table, kind: type[Value]) -> None:
        """Look at ``table`` through ``transaction``; its records are of type ``kind``."""
        self.transaction = transaction
        self._table = table.name
        self._statements = statements_of(table.name)
        self._kind = kind
        # What was found stays true while the transaction lasts, as does what is written in it.
        self._seen: dict[str, Found | None] = {}
        self._values: dict[str, Value] = {}

    @property
    def _keyring(self) -> Keyring:
        # Never kept: a transaction may learn with its first question that there is another one.
        return self.transaction.keyring

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
        """Write records by their names, over those that may be there."""
        found = await self._find(records)
        await self.add_all({name: each for name, each in records.items() if name not in found})
        await self._replace_all({name: records[name] for name in found}, found)

    async def add_all(self, records: Mapping[str, Record[Value]]) -> None:
        """Write records by their names, of which the caller knows that none is there."""
        if not records:
            return
        await self.transaction.census()  # nothing is sealed before the transaction has begun
        new: list[Row] = []
        shares = 0
        for name, record in records.items():
            found, share = self._sealed(self._row(name), record, version=1)
            new.append(_as_row(found))
            shares += share
            self._written(name, found)
        self.transaction.write(self._statements.add(new))
        await self.transaction.count(self._table, records=len(new), shares=shares)

    async def _replace_all(
        self, records: Mapping[str, Record[Value]], before: Mapping[str, Found]
    ) -> None:
        if not records:
            return
        changed: list[Row] = []
        moved: list[bytes] = []
        shares = 0
        for name, record in records.items():
            old, row = before[name], self._row(name)
            found, share = self._sealed(row, record, version=old.place.version + 1)
            changed.append(_as_row(found))
            if old.place.row != row:  # it was found where the predecessor's records are
                moved.append(old.place.row)
            shares += share - self._keyring.share(old.place, old.sealed)
            self._written(name, found)
        self.transaction.write(self._statements.remove(moved))
        self.transaction.write(self._statements.replace(changed))
        await self.transaction.count(self._table, records=0, shares=shares)

    def _sealed(self, row: bytes, record: Record[Value], *, version: int) -> tuple[Found, int]:
        """Return a record as it will be in the file, and its share in the census."""
        place = Place(self._table, row, self._topic(record.topic), version)
        sealed = self._keyring.seal(place, msgspec.msgpack.encode(record.value))
        return Found(place, sealed), self._keyring.share(place, sealed)

    def _written(self, name: str, found: Found | None) -> None:
        self._seen[name] = found
        self._values.pop(name, None)

    async def append(self, value: Value, *, topic: str = "") -> int:
        """Write a record under the next number, and return the number."""
        return await self.append_all([Record(value, topic)])

    async def append_all(self, records: Sequence[Record[Value]]) -> int:
        """Write records under the next numbers, and return the last number."""
        last = await self.transaction.last_number(self._table)
        new: list[Row] = []
        shares = 0
        for number, record in enumerate(records, start=last + 1):
            found, share = self._sealed(number.to_bytes(8), record, version=1)
            new.append((number, found.place.topic, 1, found.sealed))
            shares += share
        last += len(new)
        self.transaction.numbered(self._table, last)
        self.transaction.write(self._statements.add(new))
        await self.transaction.count(self._table, records=len(new), shares=shares)
        return last

    async def remove(self, name: str) -> bool:
        """Delete the record called ``name``; say whether there was one."""
        return await self.remove_all([name]) > 0

    async def remove_all(self, names: Collection[str]) -> int:
        """Delete the records called ``names``; return how many of them there were."""
        found = await self._find(names)
        if not found:
            return 0
        for name in found:
            self._written(name, None)
        rows = [each.place.row for each in found.values()]
        self.transaction.write(self._statements.remove(rows))
        shares = -sum(self._keyring.share(each.place, each.sealed) for each in found.values())
        await self.transaction.count(self._table, records=-len(rows), shares=shares)
        return len(rows)

    async def rehearse(self, naming: Naming) -> None:
        """See that a name can be made of every record, as `reseal` will have to.

        Raises:
            StoreTamperedError: a record fails its seal, or is not where its name would put it.
        """
        (rows,) = await self.transaction.ask(self._statements.page(None))
        while rows:
            for row in rows:
                found = self._of(row)
                name = naming.name(found, self._read(found))
                if name is not None:
                    self._refuse_elsewhere(found, self._keyring.rows(self._table, name))
            (rows,) = await self.transaction.ask(self._statements.page(rows[-1][0]))

    def _refuse_elsewhere(self, found: Found, rows: Sequence[bytes]) -> None:
        if found.place.row not in rows:
            what = f"a record of {self._table} that is not where its name would put it"
            raise StoreTamperedError(path=self.transaction.path, what=what)

    async def reseal(
        self, behind: int | bytes | None, limit: int, naming: Naming
    ) -> tuple[int | bytes | None, int]:
        """Seal the next records by the present key, those that its predecessor still seals.

        Returns:
            The last row that was looked at, None behind the last of all; and how many were sealed.

        Raises:
            StoreTamperedError: a record fails its seal, or is not where its name would put it.
        """
        (rows,) = await self.transaction.ask(self._statements.page(behind, limit))
        keyring = self._keyring
        moved = [
            (row[0], old, self._moved(old, text, naming))
            for row in rows
            if (text := keyring.unseal_former((old := self._of(row)).place, old.sealed)) is not None
        ]
        # A numbered record stays where it is: its number is no secret.
        numbered = [(row, *_as_row(new)[1:]) for row, _, new in moved if isinstance(row, int)]
        self.transaction.write(self._statements.replace(numbered))
        named = [(old, new) for row, old, new in moved if not isinstance(row, int)]
        self.transaction.write(self._statements.remove([old.place.row for old, _ in named]))
        self.transaction.write(self._statements.add([_as_row(new) for _, new in named]))
        if moved:
            shares = sum(
                keyring.share(new.place, new.sealed) - keyring.share(old.place, old.sealed)
                for _, old, new in moved
            )
            await self.transaction.count(self._table, records=0, shares=shares)
        return (rows[-1][0] if len(rows) == limit else None), len(moved)

    def _moved(self, old: Found, text: bytes, naming: Naming) -> Found:
        """Return a record of the predecessor as the present key seals it."""
        value = msgspec.msgpack.decode(text, type=self._kind)
        name, topic = naming.name(old, value), naming.topic(value)
        row = old.place.row
        if name is not None:
            self._refuse_elsewhere(old, self._keyring.rows(self._table, name)[1:])
            row = self._row(name)
        new = Place(self._table, row, self._topic(topic), old.place.version)
        return Found(new, self._keyring.seal(new, text))

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
        (rows,) = await self.transaction.ask(self._statements.page(None))
        while rows:
            for each in rows:
                found = self._of(each)
                visit(self._read(found))
                records += 1
                shares += self._keyring.share(found.place, found.sealed)
            (rows,) = await self.transaction.ask(self._statements.page(rows[-1][0]))
        counted = (await self.transaction.census()).get(self._table, NONE)
        if counted != (records, (shares % CENSUS_MODULUS).to_bytes(32)):
            what = f"the census of {self._table} ({counted.records} records, {records} found)"
            raise StoreTamperedError(path=self.transaction.path, what=what)
        return records

    async def count(self) -> int:
        """Return how many records there are, by the census."""
        return (await self.transaction.census()).get(self._table, NONE).records

    async def about(self, topic: str) -> list[tuple[int | bytes, Value]]:
        """Return the records about ``topic``, each with its row, in the order of rows."""
        keyring = None
        found: list[tuple[int | bytes, Value]] = []
        while keyring is not self._keyring:
            keyring = self._keyring
            marks = keyring.topics(self._table, topic) if topic else (b"",)
            found = await self._read_all(self._statements.about(*marks))
        return found

    async def about_below(
        self, topic: str, row: int, limit: int
    ) -> list[tuple[int | bytes, Value]]:
        """Return the last records of a numbered table about ``topic`` before ``row``, newest first.

        As many are read as are returned, however many there are.
        """
        keyring = None
        rows: list[Any] = []
        while keyring is not self._keyring:
            keyring = self._keyring
            marks = keyring.topics(self._table, topic)
            asked = (self._statements.about_below(mark, row, limit) for mark in marks)
            rows = [each for found in await self.transaction.ask(*asked) for each in found]
        rows.sort(key=lambda each: -int(each[0]))
        return [(each[0], self._read(self._of(each))) for each in rows[:limit]]

    async def walk_about(self, topic: str, visit: Callable[[Value], object]) -> None:
        """Visit the records about ``topic``, a few between two looks at the event loop."""
        # Like any question the first one may show that there is another key.
        await self.transaction.census()
        for mark in self._keyring.topics(self._table, topic):
            behind: int | bytes = b""
            while True:
                question = self._statements.about_behind(mark, behind, _SLICE)
                (rows,) = await self.transaction.ask(question)
                for row in rows:
                    visit(self._read(self._of(row)))
                if len(rows) < _SLICE:
                    break
                behind = rows[-1][0]

    async def last(self, limit: int) -> list[tuple[int | bytes, Value]]:
        """Return the last ``limit`` records, each with its row, in the order of rows."""
        return (await self._read_all(self._statements.last(limit)))[::-1]

    async def after(self, row: int, limit: int) -> list[tuple[int | bytes, Value]]:
        """Return the next records of a numbered table behind ``row``, in the order of rows."""
        return await self._read_all(self._statements.page(row, limit))

    async def _read_all(self, question: Statement) -> list[tuple[int | bytes, Value]]:
        (rows,) = await self.transaction.ask(question)
        return [(row[0], self._read(self._of(row))) for row in rows]

    def _row(self, name: str) -> bytes:
        return self._keyring.row(self._table, name)

    def _topic(self, topic: str) -> bytes:
        return self._keyring.topic(self._table, topic) if topic else b""

    def _read(self, found: Found) -> Value:
        return self.transaction.read(found, self._kind)

    def _of(self, row: Any) -> Found:
        return self.transaction.found(self._table, row)

    async def _find(self, names: Collection[str]) -> dict[str, Found]:
        """Return what is there under names, still sealed; nobody is asked twice."""
        await look([self], names)
        return {name: found for name in names if (found := self._seen[name]) is not None}

    def questions(self, names: Iterable[str]) -> Iterator[tuple[Mapping[bytes, str], Statement]]:
        """Ask for records that were not seen yet; each question comes with what it is about."""
        asked = [name for name in dict.fromkeys(names) if name not in self._seen]
        keyring = self._keyring
        size = PAGE if keyring.predecessor is None else PAGE // 2
        for first in range(0, len(asked), size):
            part = asked[first : first + size]
            about = {row: name for name in part for row in keyring.rows(self._table, name)}
            yield about, self._statements.find(list(about))

    def learn(self, names: Mapping[bytes, str], rows: Iterable[Any]) -> None:
        """Take up what a question has brought."""
        there: dict[str, Found | None] = dict.fromkeys(names.values())
        for row in rows:
            name = names[row[0]]
            if there[name] is None or row[0] == self._row(name):
                there[name] = self._of(row)
        self._seen |= there


async def look(tables: Sequence[SealedTable[Any]], names: Collection[str]) -> None:
    """Have ``tables``, all of one transaction, see what they have under ``names``, in one trip."""
    while asked := [(table, *each) for table in tables for each in table.questions(names)]:
        transaction = tables[0].transaction
        keyring = transaction.keyring
        answers = await transaction.ask(*(question for _, _, question in asked))
        if transaction.keyring is not keyring:
            continue  # asked by the rows of a key of before: what was found there is not all
        for (table, about, _), rows in zip(asked, answers, strict=True):
            table.learn(about, rows)


def _as_row(found: Found) -> Row:
    place = found.place
    return place.row, place.topic, place.version, found.sealed
