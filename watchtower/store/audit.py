"""Looking through the whole store: every seal, every count, the tree, and what has to fit together.

Who reads in the course of work stops at the first thing that is wrong. Here nothing stops before
all was looked at, and what is wrong is named as well as it can be: by the channel, where one that
is known would stand at that place, or by the line's number.

Channels can be rebuilt: what is broken is let go, what is left is counted anew, and the daemon
reads every open one from the ledger, as it does after a restore. A closed one is in no ledger any
more; nothing is owed on it, and what the journal tells of it stays, so it may be let go too.
Claims, keys and what was signed ahead are in no ledger, and nothing here makes up any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Table

from watchtower.errors import StoreDamagedError, StoreTamperedError
from watchtower.response.attempt import Attempt
from watchtower.store.cipher import CENSUS_MODULUS
from watchtower.store.journal import Entry
from watchtower.store.statements import Statement, statements_of
from watchtower.store.tables import (
    CENSUS,
    CLAIMS,
    CLOSED_CHANNELS,
    JOURNAL,
    OPEN_ATTEMPTS,
    OPEN_CHANNELS,
    SEALED_TABLES,
    SETTLED_ATTEMPTS,
    STUMPS,
)
from watchtower.store.transaction import NONE, Count, Found, Transaction
from watchtower.store.tree import Frontier, Piece, laid_out, leaf_hash
from watchtower.units import ChannelId

__all__ = ["REBUILT", "Audit", "Auditor", "Problem"]

REBUILT: Final = (OPEN_CHANNELS, CLOSED_CHANNELS)
"""The tables whose records may be let go: the ledger has the open channels as well."""

_LOST: Final = (CLOSED_CHANNELS,)
"""Of these the ledger has none: it deletes a channel when it closes it."""

_CHECK_FILE: Final = Statement("PRAGMA integrity_check(20)")
_MEND_INDEXES: Final = Statement("REINDEX")
_INDEX: Final = " index "
_BY_CHANNEL: Final = (CLAIMS, *REBUILT)
_KEPT: Final = "claim_kept"


class Problem(Struct, frozen=True, kw_only=True):
    """Something that is not as it was written.

    Attributes:
        table: where.
        what: which record, and what is the matter with it.
        is_rebuilt: whether the store can be made whole without a backup.
        is_lost: whether what was there is let go of for good then, being in no ledger.
    """

    table: str
    what: str
    is_rebuilt: bool
    is_lost: bool = False


class Audit(Struct, kw_only=True):
    """What was found.

    Attributes:
        records: how many whole records each table has.
        problems: all that is wrong.
        frontier: of the tree over the journal, as its entries make it.
        open_attempts: those that have no outcome.
    """

    records: dict[str, int]
    problems: list[Problem]
    frontier: Frontier
    open_attempts: list[Attempt]


class Auditor:
    """Looks through the store once, in one transaction."""

    def __init__(self, transaction: Transaction, kinds: Mapping[str, Any]) -> None:
        """Look at nothing yet; ``kinds`` says what the records of each table are."""
        self._transaction = transaction
        self._kinds = kinds
        self._problems: list[Problem] = []
        self._counts: Mapping[str, Count] | None = None
        self._broken: dict[str, list[Any]] = {}
        self._whole: dict[str, Count] = {}
        self._leaves: list[bytes] = []
        self._stumps: list[Piece] = []
        self._channels: set[ChannelId] = set()
        self._best: dict[ChannelId, int] = {}
        self._promised: dict[ChannelId, int] = {}
        self._open: list[Attempt] = []

    async def look(self) -> Audit:
        """Look at everything.

        Raises:
            StoreDamagedError: SQLite cannot read the file.
        """
        await self._look_at_file()
        try:
            self._counts = await self._transaction.census()
        except (StoreTamperedError, StoreDamagedError):
            self._say(CENSUS.name, "the census fails its seal, so that nothing can be counted")
        for table in SEALED_TABLES:
            await self._look_at_table(table)
        self._name_the_broken()
        frontier = self._made_tree()
        if self._counts is not None and frontier != await self._transaction.frontier():
            self._say(JOURNAL.name, "its tree is not that of its lines")
        self._look_at_claims()
        return Audit(
            records={f"{name}": count.records for name, count in self._whole.items()},
            problems=self._problems,
            frontier=frontier or Frontier(),
            open_attempts=self._open,
        )

    async def rebuild(self) -> dict[str, int]:
        """Let go of what is broken and may be; return how many records of each table.

        Everything else must be whole: call it behind `look`, in a transaction that writes.
        """
        gone: dict[str, int] = {}
        for table in REBUILT:
            broken = self._broken.get(table.name, [])
            whole = self._whole[table.name]
            if not broken and self._counts is not None:
                counted = self._counts.get(table.name, NONE)
                if counted == whole:
                    continue
                gone[f"{table.name}"] = max(0, counted.records - whole.records)
            else:
                gone[f"{table.name}"] = len(broken)
            its = statements_of(table.name)
            for row in broken:
                self._transaction.write(its.remove([row]))
            await self._transaction.recount(table.name, whole)
        self._transaction.write([_MEND_INDEXES])
        return gone

    async def _look_at_file(self) -> None:
        (rows,) = await self._transaction.ask(_CHECK_FILE)
        for (said,) in rows:
            if said != "ok":
                self._say("sqlite", str(said), is_rebuilt=_INDEX in f" {said} ")

    async def _look_at_table(self, table: Table) -> None:
        name, its = table.name, statements_of(table.name)
        records = shares = 0
        (rows,) = await self._transaction.ask(its.page(None))
        while rows:
            for row in rows:
                found = self._look_at_record(name, row)
                if found is None:
                    self._broken.setdefault(name, []).append(row[0])
                    continue
                records += 1
                shares += self._transaction.keyring.share(found.place, found.sealed)
            (rows,) = await self._transaction.ask(its.page(rows[-1][0]))
        self._whole[name] = Count(records, (shares % CENSUS_MODULUS).to_bytes(32))
        counted = None if self._counts is None else self._counts.get(name, NONE)
        if counted is None or counted == self._whole[name]:
            return
        broken = len(self._broken.get(name, ()))
        if counted.records != records + broken:
            difference = counted.records - records - broken
            what = f"{difference} are missing" if difference > 0 else f"{-difference} are too many"
            self._say(name, f"{counted.records} records were written, and {what}")
        elif not broken:
            self._say(name, "a record is an older one than was written last")

    def _look_at_record(self, table: str, row: Any) -> Found | None:
        """Return a record that is whole; None for one that is not."""
        try:
            found = self._transaction.found(table, row)
            text = self._transaction.read(found, msgspec.Raw)
            value = msgspec.msgpack.decode(text, type=self._kinds[table])
        except (StoreTamperedError, StoreDamagedError, msgspec.DecodeError):
            return None
        about = _topic_of(table, value)
        # While the store is given another master key, some are found by the one before.
        marks = self._transaction.keyring.topics(table, about) if about else (b"",)
        if found.place.topic not in marks:
            self._say(table, f"{_place(table, row[0])} is not found by what it is about")
        self._take(table, value, text)
        return found

    def _take(self, table: str, value: Any, text: bytes) -> None:
        """Take note of what has to fit together."""
        if table == JOURNAL.name:
            self._leaves.append(leaf_hash(text))
            if value.channel is not None:
                self._channels.add(value.channel)
                if value.kind == _KEPT:
                    amount = int(value.facts.get("amount", 0))
                    known = self._promised.get(value.channel, 0)
                    self._promised[value.channel] = max(known, amount)
        elif table == CLAIMS.name:
            self._channels.add(value.channel)
            self._best[value.channel] = value.amount
        elif table in {each.name for each in REBUILT}:
            self._channels.add(value.entry.channel)
        elif table == STUMPS.name:
            self._stumps.append(value)
        elif table == OPEN_ATTEMPTS.name:
            self._open.append(value)

    def _made_tree(self) -> Frontier | None:
        return Frontier().joined(laid_out(self._leaves, self._stumps))

    def _name_the_broken(self) -> None:
        keyring = self._transaction.keyring
        for table, rows in self._broken.items():
            names: dict[bytes, str] = {}
            if table in {each.name for each in _BY_CHANNEL}:
                names = {row: each for each in self._channels for row in keyring.rows(table, each)}
            for row in rows:
                channel = names.get(row) if isinstance(row, bytes) else None
                which = _place(table, row) if channel is None else f"that of channel {channel}"
                self._say(table, f"{which} fails its seal")

    def _look_at_claims(self) -> None:
        """The best claim only grows (rule 7): what the journal has kept must be there, or more."""
        for channel, promised in sorted(self._promised.items()):
            best = self._best.get(channel, 0)
            if best < promised:
                self._say(
                    CLAIMS.name,
                    f"the best claim of channel {channel} is of {best} drops, and by the journal "
                    f"{promised} were kept",
                )

    def _say(self, table: str, what: str, *, is_rebuilt: bool | None = None) -> None:
        can = table in {each.name for each in REBUILT} if is_rebuilt is None else is_rebuilt
        # The table's name is of a type of SQLAlchemy's own.
        lost = table in {each.name for each in _LOST}
        self._problems.append(Problem(table=f"{table}", what=what, is_rebuilt=can, is_lost=lost))


def _topic_of(table: str, value: Any) -> str:
    """Return what a record has to be about."""
    if table == JOURNAL.name:
        entry: Entry = value
        return entry.channel or ""
    if table in {OPEN_ATTEMPTS.name, SETTLED_ATTEMPTS.name}:
        attempt: Attempt = value
        return attempt.channel or attempt.account
    return ""


def _place(table: str, row: Any) -> str:
    if table == JOURNAL.name:
        return f"line {row}"
    return f"the record {row.hex()[:16]}" if isinstance(row, bytes) else f"the record {row!r}"
