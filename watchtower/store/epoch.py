"""The epochs of a store: which master key holds, and how every process notices that another does.

The file has a number, in its first page (``PRAGMA user_version``), that grows when the store gets
another master key, and again when the last record of the one before has gone. Each transaction asks
for it in the trip with which it begins, so that nothing is ever sealed by a key of before. Where it
is another one than was known, the transaction is undone before it has done anything, the slots are
opened anew, and it begins again: whoever is in it notices nothing.

The number guards nothing by itself. Who can write the file and changes it makes others look into
the slots once more; who keeps it from changing makes a process seal by the old key, and the next
one to read that says that it was tampered with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from watchtower.errors import StoreRekeyedError, StoreTamperedError, WatchtowerError
from watchtower.store.cipher import Keyring
from watchtower.store.header import PREDECESSOR, Slot, predecessor_in
from watchtower.store.statements import BEGIN, BEGIN_IMMEDIATE, COMMIT, EPOCH, ROLLBACK, Statement
from watchtower.store.transaction import Connection, Transaction
from watchtower.store.unlocking import Unlocker

__all__ = ["Guarded", "Header", "Keys", "keyring_of"]

_log = structlog.get_logger(__name__)


class Header(NamedTuple):
    """What stands in front of the records: the format, the epoch and the ways to the master key."""

    store_format: int
    epoch: int
    slots: list[Slot]


class Keys:
    """The keyring that holds now, and how the process comes by the next one."""

    def __init__(
        self,
        path: Path,
        keyring: Keyring,
        by: Unlocker | None,
        look: Callable[[], Awaitable[Header]],
    ) -> None:
        """Begin with ``keyring``; ``look`` reads the header anew, and ``by`` opens it.

        ``by`` is None where the process keeps nothing by which it could open a store again.
        """
        self.keyring = keyring
        self._path = path
        self._by = by
        self._look = look
        self._turn = asyncio.Lock()

    def for_copy(self, look: Callable[[], Awaitable[Header]]) -> Keys:
        """Return the same for a copy of the file, which may be of another epoch."""
        return Keys(self._path, self.keyring, self._by, look)

    async def renew(self) -> None:
        """Take up the keyring of the file's present epoch.

        Raises:
            StoreRekeyedError: there is another master key, and it is not come by here.
            StoreTamperedError: the key of before is not in its slot.
        """
        async with self._turn:
            header = await self._look()
            if header.epoch == self.keyring.epoch:
                return  # somebody was faster
            before, self.keyring = self.keyring, await self._opened(header)
            if self.keyring.master != before.master:
                _log.info("store_rekeyed", path=str(self._path), epoch=header.epoch)

    async def _opened(self, header: Header) -> Keyring:
        known, is_next = self.keyring, header.epoch == self.keyring.epoch + 1
        if known.predecessor is not None and is_next and not _has_predecessor(header):
            # What follows an epoch with two keys is the one in which the older of them is gone.
            return Keyring(known.master, epoch=header.epoch)
        if self._by is None:
            why = "it was opened by a passphrase that is not kept"
            raise StoreRekeyedError(path=self._path, why=why)
        try:
            master = await self._by.open(self._path, header.slots, header.store_format)
        except WatchtowerError as trouble:
            raise StoreRekeyedError(path=self._path, why=str(trouble).rstrip(".")) from None
        return keyring_of(self._path, header, master)


def keyring_of(path: Path, header: Header, master: bytes) -> Keyring:
    """Return the keyring that ``master`` and the header make.

    Raises:
        StoreTamperedError: there is a slot with the key of before, and it does not open.
    """
    if not _has_predecessor(header):
        return Keyring(master, epoch=header.epoch)
    before = predecessor_in(header.slots, master, store_format=header.store_format)
    if before is None:
        raise StoreTamperedError(path=path, what="the slot of the master key of before")
    return Keyring(master, predecessor=before, epoch=header.epoch)


def _has_predecessor(header: Header) -> bool:
    return any(slot.kind == PREDECESSOR for slot in header.slots)


class Guarded:
    """A connection for one transaction, which begins it in the present epoch."""

    __slots__ = ("_connection", "_has_begun", "_keys", "transaction")

    def __init__(self, connection: Connection, keys: Keys) -> None:
        """Pass on to ``connection`` what the transaction asks, once it has begun."""
        self.transaction: Transaction | None = None
        self._connection = connection
        self._keys = keys
        self._has_begun = False

    def trip(self, statements: Sequence[Statement]) -> Awaitable[list[list[Any]]]:
        """Run statements, the first of which begins the transaction if nothing has yet."""
        if self._has_begun or statements[0] not in {BEGIN, BEGIN_IMMEDIATE}:
            return self._connection.trip(statements)
        return self._begin(statements)

    async def _begin(self, statements: Sequence[Statement]) -> list[list[Any]]:
        self._has_begun = True
        # What would end it waits until it is sure that it was done in the present epoch.
        asked = statements[1:] if statements[-1] is not COMMIT else []
        while True:
            along = (statements[0], EPOCH, *asked)
            _, ((epoch,),), *answers = await self._connection.trip(along)
            if epoch == self._keys.keyring.epoch:
                break
            await self._connection.trip([ROLLBACK])
            await self._keys.renew()
        if self.transaction is not None:
            self.transaction.keyring = self._keys.keyring
        if len(asked) < len(statements) - 1:
            answers = await self._connection.trip(statements[1:])
        return [[], *answers]
