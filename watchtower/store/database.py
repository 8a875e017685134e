"""The store: one encrypted SQLite file, several processes, and transactions that are durable.

What it guarantees:

- Everything done in one ``write`` block is on disk, fsynced, when the block has ended without an
  exception; if it ended with one, nothing of it is (WAL, ``synchronous=FULL``).
- A ``read`` block sees one moment, whatever others write meanwhile.
- Writers take their turn, in this process and between processes (``BEGIN IMMEDIATE``): what was
  read inside a ``write`` block still holds when the block commits.
- Nothing in the file can be read or changed without the passphrase (``cipher.py``).

A session::

    async with await Store.create(path, passphrase) as store:
        async with store.write() as work:
            await work.claims.raise_best(claim)
        async with store.read() as work:
            best = await work.claims.best(claim.channel)
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from watchtower.errors import (
    StoreDamagedError,
    StoreFullError,
    StoreReadOnlyError,
    StoreTamperedError,
)
from watchtower.store.cipher import Keyring, Randomness, new_master_key
from watchtower.store.connections import PATIENCE, Connections, Driver
from watchtower.store.driver import Driven
from watchtower.store.epoch import Guarded, Keys
from watchtower.store.faults import sqlite_faults
from watchtower.store.files import new_file, refuse_log_beside
from watchtower.store.header import DEFAULT_COST, PREDECESSOR, Cost, Slot
from watchtower.store.opening import absolute, header_in, look_at, unlock
from watchtower.store.rekey import Rekeying
from watchtower.store.schema import Known, create_schema, put_slots, read_header
from watchtower.store.statements import DATA_VERSION, Statement
from watchtower.store.tables import FORMAT
from watchtower.store.transaction import KnownCensus, Transaction
from watchtower.store.uninterrupted import uninterrupted
from watchtower.store.unlocking import Unlocker, unlocker
from watchtower.store.work import Work

__all__ = ["Driver", "Store"]

_T = TypeVar("_T")


class Store:
    """An open store. Make one with ``create`` or ``open``."""

    def __init__(
        self,
        path: Path,
        connections: Connections,
        keys: Keys,
        clock: Callable[[], float],
    ) -> None:
        """Take over what ``open`` has prepared."""
        self.path = path
        self.network: int | None = None
        self._connections = connections
        self._keys = keys
        self._clock = clock
        self._known = KnownCensus()
        self.when_full: Callable[[], object] = lambda: None
        """Called when a write finds no room, before whoever writes is told (``reserve.py``)."""
        self.when_committed: Callable[[float], object] | None = None
        """Called with the seconds that the disk took to take a transaction; it must not fail."""

    @classmethod
    async def create(
        cls,
        path: Path,
        passphrase: str,
        *,
        cost: Cost = DEFAULT_COST,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.time,
        driver: Driver | None = None,
        random: Randomness = os.urandom,
    ) -> Self:
        """Create a store, readable by its owner only, and open it.

        ``cost`` is what guessing the passphrase costs; only tests have a reason for less, and
        only a simulation for another ``driver``, or for a ``random`` that can be repeated.

        Raises:
            StoreExistsError: there is something at ``path``, or the log of a store that was moved
                away without it; it stays as it is.
            StoreFullError: the file cannot be written.
        """
        path = absolute(path)
        await asyncio.to_thread(refuse_log_beside, path)
        with new_file(path) as draft, sqlite_faults(path):
            async with Connections(draft, patience, driver).engine().connect() as connection:
                await create_schema(connection, new_master_key(random), passphrase, cost)
        return await cls.open(path, passphrase, patience=patience, clock=clock, driver=driver)

    @classmethod
    async def open(
        cls,
        path: Path,
        secret: str | Unlocker,
        *,
        cost: Cost = DEFAULT_COST,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.time,
        driver: Driver | None = None,
        keeps_old: bool = True,
        must_be_whole: bool = True,
    ) -> Self:
        """Open a store, bringing an older format up to the present.

        ``secret`` is the passphrase, or who opens the store otherwise. ``patience`` is how many
        seconds a write waits for another process; ``cost`` is used only where an older format has
        to be wrapped anew; ``driver`` reaches SQLite, by default in a thread of its own for each
        connection. Before an older format is changed it is copied, unless not ``keeps_old``
        (``migrating.py``). If it need not be whole, what its census says is for the caller to look
        at (``audit.py``).

        Raises:
            StoreMissingError: there is none.
            StoreDamagedError: the file is truncated, or no database of ours.
            StoreVersionError: it was written by a newer watchtower.
            PassphraseError: the passphrase is wrong.
            StoreNeedsHsmError: an HSM opens it, and is not at hand.
            WayInError: something else opens it, and is not at hand.
            StoreTamperedError: its census fails its seal, or the network it is pinned to.
        """
        path = absolute(path)
        await asyncio.to_thread(look_at, path)
        connections = Connections(path, patience, driver)
        with sqlite_faults(path):
            async with connections.engine().connect() as connection:
                keyring = await unlock(
                    connection, path, unlocker(secret, cost), clock(), keeps_old=keeps_old
                )
            # A passphrase that was handed over is not kept. Who knows where it is can look again.
            by = None if isinstance(secret, str) else secret
            keys = Keys(path, keyring, by, lambda: header_in(connections, path))
            store = cls(path, connections, keys, clock)
            try:
                async with store.read() as work:
                    # The census is sealed by every commit: a way in that somebody else has put
                    # beside ours opens to a key that does not unseal it.
                    await work.claims.count_pending()
                    store.network = await work.network.get()
                    is_planted = await work.journal_tree.is_planted()
                if not is_planted:
                    async with store.write() as work:
                        await work.journal_tree.plant()
            except (StoreTamperedError, StoreDamagedError):
                if must_be_whole:
                    await store.close()
                    raise
            except BaseException:
                await store.close()
                raise
        return store

    async def close(self) -> None:
        """Let go of the file, after the write that may be under way."""
        await self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Work]:
        """Begin a transaction that commits, durably, when the block ends without an exception.

        Others in this process wait for the block to end; other processes are locked out from its
        first question to the store on. One that asks nothing locks nobody out.

        Raises:
            StoreBusyError: another process writes for longer than we wait.
            StoreFullError: nothing can be written; everything is as it was.
            StoreTamperedError: what had to be read fails its seal.
        """
        with self._noticing_full(), sqlite_faults(self.path):
            async with self._connections.writing() as connection:
                transaction = self._transaction(connection, is_writing=True)
                yield Work(transaction)
                begun = time.perf_counter()
                await transaction.commit()
                if self.when_committed is not None:
                    self.when_committed(time.perf_counter() - begun)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Work]:
        """Look at one moment of the store.

        Raises:
            StoreTamperedError: what was read fails its seal.
            StoreDamagedError: it cannot be read at all.
        """
        with sqlite_faults(self.path):
            async with self._connections.reading() as connection:
                yield Work(self._transaction(connection))

    async def pin_network(self, network: int) -> None:
        """Bind the store to one network for ever; the same again changes nothing.

        Raises:
            StoreNetworkError: it is bound to another one.
        """
        async with self.write() as work:
            await work.network.pin(network)
        self.network = network

    async def rewrap(
        self,
        secret: str | Unlocker,
        *,
        cost: Cost = DEFAULT_COST,
        known: Sequence[Slot] | None = None,
    ) -> None:
        """Let ``secret`` open the store from now on, and nothing else; see `replace_slots`."""
        by = unlocker(secret, cost)

        async def make(master: bytes) -> Sequence[Slot]:
            return await by.renew(self.path, master, FORMAT)

        await self.replace_slots(make, known=known)

    async def slots(self) -> list[Slot]:
        """Return what opens the store, sealed as it stands in the file."""
        with sqlite_faults(self.path):
            found = (await header_in(self._connections, self.path)).slots
        return [slot for slot in found if slot.kind != PREDECESSOR]

    async def replace_slots(
        self,
        make: Callable[[bytes], Awaitable[Sequence[Slot]]],
        *,
        known: Sequence[Slot] | None = None,
    ) -> None:
        """Let what ``make`` makes of the master key open the store from now on, and nothing else.

        The master key stays what it is. Either all that was made is on disk when this returns, or
        what was there before: killed at any moment, one of the two opens the store. ``known`` is
        what `slots` gave to whoever decided by it; without it, what opens the store now.

        Raises:
            StoreBusyError: somebody else has changed what opens the store since; nothing was
                changed. It would undo his change, or lose the master key that he put in place.
        """
        async with self.read() as work:
            await work.cursor.get()  # so that the master key is that of the present epoch
        keyring = self._keys.keyring
        ways = await self.slots() if known is None else known
        slots = await make(keyring.master)
        if not slots:
            raise ValueError("nothing would open the store any more")
        with sqlite_faults(self.path):
            async with (
                self._connections.writing(),  # whoever writes in this process has ended
                self._connections.engine().connect() as connection,
            ):
                try:
                    was = Known(keyring.epoch, ways)
                    await uninterrupted(put_slots(connection, self.path, slots, known=was))
                finally:
                    await uninterrupted(connection.rollback())

    def rekeying(self, *, spare: int = 0) -> Rekeying:
        """Return what gives the store another master key, while it is used.

        ``spare`` are bytes of its disk that are not taken for that (the reserve).
        """
        return Rekeying(self, self._connections, self._keys, spare=spare)

    async def copy_into(self, empty: Path) -> dict[str, int]:
        """Fill an empty file with this moment of the store, and verify every seal of the copy.

        Writers are not held up meanwhile. Returns how many records each table of the copy has.

        Raises:
            StoreFullError: the copy cannot be written.
            StoreTamperedError: a record of the store, and so of its copy, fails its seal.
        """
        with sqlite_faults(empty):
            async with self._connections.reading() as connection:
                await connection.trip([Statement("VACUUM INTO ?", (str(empty),))])
            copy = Connections(empty, PATIENCE)
            # The copy may be of an epoch before or behind that in which it was asked for.
            keys = self._keys.for_copy(lambda: header_in(copy, empty))
            try:
                async with copy.engine().connect() as connection:
                    await read_header(connection, empty)
                async with copy.reading() as connection:
                    return await Work(_guarded(connection, keys, empty)).verify()
            finally:
                await copy.close()

    async def with_keys(self, look: Callable[[Path, Keyring], _T]) -> _T:
        """Have ``look`` look at the file with the keys to its seals, in a thread of its own.

        The keys are those of a moment ago: ``look`` has to see that the epoch is still theirs.

        Raises:
            StoreRekeyedError: there is another master key, and it is not come by here.
        """
        async with self.read() as work:
            await work.network.get()  # with the first question the keys are those of the file
        with sqlite_faults(self.path):
            return await asyncio.to_thread(look, self.path, self._keys.keyring)

    async def data_version(self) -> tuple[int, int]:
        """Return what changes when another process has committed, and costs next to nothing.

        Our own commits do not change it: it is asked of the connection that makes them. One that
        was opened anew counts from the beginning, so that it is told apart.
        """
        with sqlite_faults(self.path):
            async with self._connections.writing() as connection:
                ((row,),) = await connection.trip([DATA_VERSION])
                return self._connections.writers, int(row[0])

    @contextmanager
    def _noticing_full(self) -> Iterator[None]:
        try:
            yield
        except StoreReadOnlyError:
            raise
        except StoreFullError:
            self.when_full()
            raise

    def _transaction(self, connection: Driven, *, is_writing: bool = False) -> Transaction:
        return _guarded(
            connection,
            self._keys,
            self.path,
            is_writing=is_writing,
            clock=self._clock,
            known=self._known,
        )


def _guarded(connection: Driven, keys: Keys, path: Path, **others: Any) -> Transaction:
    """Return a transaction that begins in the present epoch."""
    guarded = Guarded(connection, keys)
    transaction = Transaction(connection=guarded, keyring=keys.keyring, path=path, **others)
    guarded.transaction = transaction
    return transaction
